from __future__ import annotations

import subprocess
import sys

import pytest

import trainwright


def test_the_public_names_are_exactly_these() -> None:
    assert trainwright.__all__ == ["Config", "Experiment", "__version__", "check", "diagnose", "train", "watch"]
    assert dir(trainwright) == sorted(trainwright.__all__)
    for name in trainwright.__all__:
        assert getattr(trainwright, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'experiment'; it has Config"):
        _ = trainwright.experiment


def test_importing_the_package_and_its_settings_needs_no_torch() -> None:
    code = (
        "import sys, trainwright, trainwright.logbook.index; trainwright.Config, trainwright.diagnose; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
