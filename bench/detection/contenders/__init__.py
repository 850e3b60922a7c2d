"""The contenders: one module each, which holds CONTENDER."""

from __future__ import annotations

from importlib import import_module

from bench.detection.contenders.base import Contender

MODULES = (
    "bare",
    "trainwright_check",
    "trainwright_watch",
    "torchtest2",
    "preflight_ml",
    "neural_net_checklist",
    "torchmortem",
    "gradsnitch",
    "torch_audit",
    "losslint",
)


def load() -> dict[str, Contender]:
    """Every contender by its name."""
    found = [import_module(f"{__name__}.{module}").CONTENDER for module in MODULES]
    return {contender.name: contender for contender in found}
