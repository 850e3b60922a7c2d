"""Finding checks: packages, entry points, names and look-alikes."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from importlib.metadata import EntryPoint

import pytest

import trainwright.core.catalogue as catalogue_module
from trainwright.core import Catalogue, Check, UsageError, discover
from trainwright.core.catalogue import checks_in
from trainwright.core.errors import DeclarationError, TrainwrightError, nearest

CheckFactory = Callable[..., type[Check]]


def test_checks_are_found_by_code_and_by_name_in_any_case(make_check: CheckFactory) -> None:
    catalogue = Catalogue([make_check("TW902", "second"), make_check("TW901", "first")])
    assert [check.code for check in catalogue] == ["TW901", "TW902"]
    assert catalogue["tw902"] is catalogue["SECOND"] is catalogue["second"]


def test_an_unknown_check_gets_the_nearest_name(make_check: CheckFactory) -> None:
    catalogue = Catalogue([make_check("TW901", "initial-loss"), make_check("TW902", "dead-relu")])
    with pytest.raises(UsageError, match=r"'initail-loss'.*Did you mean 'initial-loss'"):
        catalogue["initail-loss"]


@pytest.mark.parametrize(("code", "name"), [("TW901", "other"), ("TW902", "too-high")])
def test_a_second_check_of_the_same_code_or_name_is_refused(make_check: CheckFactory, code: str, name: str) -> None:
    with pytest.raises(DeclarationError, match="Two checks are called") as caught:
        Catalogue([make_check(), make_check(code, name)])
    assert caught.value.happened.count("conftest.py") == 2


def test_checks_can_be_left_out_by_code_or_name(make_check: CheckFactory) -> None:
    catalogue = Catalogue([make_check(f"TW90{n}", f"check-{n}") for n in range(3)])
    assert [check.code for check in catalogue.without(["TW900", "check-2"])] == ["TW901"]
    assert len(catalogue) == 3
    with pytest.raises(UsageError, match="check-9"):
        catalogue.without(["check-9"])


def test_a_module_gives_only_the_checks_it_defines(make_check: CheckFactory) -> None:
    module = types.ModuleType("own_checks")
    own, foreign = make_check(), make_check("TW902", "imported")
    own.__module__ = "own_checks"
    vars(module).update(Own=own, Foreign=foreign, Check=Check, number=3)
    assert list(checks_in(module)) == [own]


def test_checks_of_installed_packages_join_through_their_entry_point(
    make_check: CheckFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("somebodys_checks")
    check = make_check("ZZ901", "from-elsewhere")
    check.__module__ = "somebodys_checks"
    vars(module)["Theirs"] = check
    monkeypatch.setitem(sys.modules, "somebodys_checks", module)
    _declare(monkeypatch, "somebodys_checks")
    assert discover()["from-elsewhere"].code == "ZZ901"


def test_a_package_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _declare(monkeypatch, "no_such_package_of_checks")
    with pytest.raises(DeclarationError, match=r"'theirs' \(no_such_package_of_checks\)"):
        discover()


def _declare(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    entry = EntryPoint("theirs", module, catalogue_module.ENTRY_POINT_GROUP)
    monkeypatch.setattr(catalogue_module, "entry_points", lambda group: [entry])


def test_nearest_offers_only_what_is_close() -> None:
    assert nearest("optimiser", ["optimizer", "model"]) == " Did you mean 'optimizer'?"
    assert nearest("zzz", ["optimizer", "model"]) == ""
    assert nearest("anything", []) == ""


def test_errors_say_what_happened_what_was_expected_and_what_to_do() -> None:
    error = TrainwrightError("It broke.", expected="It holds.", todo="Mend it.")
    assert str(error) == "It broke. It holds. Mend it."
    assert str(TrainwrightError("It broke.")) == "It broke."
