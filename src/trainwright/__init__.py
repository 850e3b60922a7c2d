"""From a pile of data to a neural network you can trust.

The names below are the public interface; they are loaded when first used, so that ``import trainwright`` stays quick
and needs no deep-learning framework.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainwright.doctor.diagnosis import diagnose
    from trainwright.report.preflight import check
    from trainwright.report.watch import watch
    from trainwright.workbench.config import Config
    from trainwright.workbench.experiment import Experiment
    from trainwright.workbench.loop import train

__version__ = "0.1.0"

_HOMES = {
    "Config": "trainwright.workbench.config",
    "Experiment": "trainwright.workbench.experiment",
    "check": "trainwright.report.preflight",
    "diagnose": "trainwright.doctor.diagnosis",
    "train": "trainwright.workbench.loop",
    "watch": "trainwright.report.watch",
}

__all__ = ["Config", "Experiment", "__version__", "check", "diagnose", "train", "watch"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'trainwright' has no attribute '{name}'; it has {', '.join(sorted(__all__))}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
