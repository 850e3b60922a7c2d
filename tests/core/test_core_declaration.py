"""A check that is declared wrongly fails when its class is created, and names its file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trainwright.core import Check, Finding, Measurement, Severity
from trainwright.core.documentation import SECTIONS, read_documentation
from trainwright.core.errors import DeclarationError

CheckFactory = Callable[..., type[Check]]


def test_documentation_is_split_at_its_headings() -> None:
    text = "Summary.\n\n" + "\n\n".join(f"{name}:\n    Text of {name}.\n      indented" for name in SECTIONS)
    documentation = read_documentation(text)
    assert documentation.summary == "Summary."
    assert list(documentation.sections) == list(SECTIONS)
    assert documentation.sections["How to fix"] == "Text of How to fix.\n  indented"


@pytest.mark.parametrize("missing", SECTIONS)
def test_every_section_is_required(missing: str) -> None:
    text = "Summary.\n\n" + "\n\n".join(f"{name}:\n    Text." for name in SECTIONS if name != missing)
    with pytest.raises(ValueError, match=missing):
        read_documentation(text)


def test_an_empty_section_is_missing() -> None:
    text = "Summary.\n\n" + "\n\n".join(f"{name}:\n" for name in SECTIONS)
    with pytest.raises(ValueError, match="What it finds"):
        read_documentation(text)


@pytest.mark.parametrize("docstring", [None, "", "What it finds:\n    Something."])
def test_the_summary_is_required(docstring: str | None) -> None:
    with pytest.raises(ValueError, match="summary"):
        read_documentation(docstring)


def _no_argument(self: Check) -> Iterator[Finding]:
    yield from ()


def _framework_argument(self: Check, model: int) -> Iterator[Finding]:
    yield from ()


def _optional_subject(self: Check, m: Measurement | None) -> Iterator[Finding]:
    yield from ()


def _unannotated(self, m) -> Iterator[Finding]:  # type: ignore[no-untyped-def]
    yield from ()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"code": ...}, "'code' is missing"),
        ({"severity": ...}, "'severity' is missing"),
        ({"cases": ...}, "'cases' is missing"),
        ({"code": "tw301"}, "code 'tw301'"),
        ({"code": "TW3011"}, "code 'TW3011'"),
        ({"name": "DeadRelu"}, "name 'DeadRelu'"),
        ({"severity": "error"}, "severity 'error'"),
        ({"cases": ()}, "at least one Case"),
        ({"cases": ("healthy",)}, "at least one Case"),
        ({"documentation": "Only a summary."}, "What it finds"),
        ({"run": _no_argument}, "first parameter"),
        ({"run": _optional_subject}, "first parameter"),
        ({"run": _framework_argument}, "parameter 'model'"),
        ({"run": _unannotated}, "parameter 'm'"),
    ],
)
def test_a_wrong_declaration_names_the_problem_and_the_file(
    make_check: CheckFactory, wrong: dict[str, object], named: str
) -> None:
    with pytest.raises(DeclarationError) as caught:
        make_check(**wrong)
    assert named in caught.value.happened
    assert str(Path(__file__).with_name("conftest.py")) in caught.value.happened
    assert "CONTRIBUTING.md" in caught.value.todo


def test_needs_come_from_the_annotations(
    make_check: CheckFactory, reading: type[Measurement], remark: type[Measurement]
) -> None:
    def run(self: Check, subject: object, other: object, many: object) -> Iterator[Finding]:
        yield from ()

    run.__annotations__ = {"subject": reading, "other": remark | None, "many": tuple[remark, ...]}  # type: ignore[valid-type]
    needs = make_check(run=run).needs
    assert [(n.parameter, n.kind, n.optional, n.many) for n in needs] == [
        ("subject", reading, False, False),
        ("other", remark, True, False),
        ("many", remark, False, True),
    ]


def test_a_finding_carries_what_the_check_declares(make_check: CheckFactory) -> None:
    check = make_check()()
    plain = check.finding(happened="a", expected="b", todo="c")
    softened = check.finding(happened="a", expected="b", todo="c", severity=Severity.ADVICE)
    assert (plain.code, plain.name, plain.severity) == ("TW901", "too-high", Severity.WARNING)
    assert softened.severity is Severity.ADVICE
