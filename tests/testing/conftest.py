"""Tests of the same case (a fault on a bench) run in one process, so that it is measured once."""

import pytest

from trainwright.core import Case


@pytest.hookimpl(tryfirst=True)  # before the workers read the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        case = parameters.get("case")
        if isinstance(case, Case):
            item.add_marker(pytest.mark.xdist_group(f"{case.healthy.__name__}-{case.fault.__name__}"))
