"""gradsnitch: a monitor at its defaults for every model that is trained, with the validation loss where there is one.

The loss of a step is logged right after its backward pass, as its manual says (the gradients are still there), which
here is before the optimizer's step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from bench.detection.contenders.base import Contender
from bench.detection.contenders.harness import Finding, Tool, main
from torch import nn

NAMES = {
    "GS001": ("non-finite", "non-finite-value", "missing-value"),
    "GS002": ("exploding-gradient", "non-finite"),
    "GS003": ("exploding-gradient", "loss-spike"),
    "GS004": ("overfitting", "trained-too-long", "memorised-labels"),
    "GS005": ("plateau", "not-learning", "rate-too-low"),
    "GS006": ("diverging", "rate-too-high"),
    "GS007": ("vanishing-gradient", "no-gradient"),
    "GS008": ("update-ratio", "rate-too-high", "rate-too-low", "weights-not-moving"),
    "GS009": ("oscillating", "rate-too-high"),
    "GS010": ("schedule-mismatch", "rate-too-low"),
}
CONTENDER = Contender(
    "gradsnitch",
    ("{python}", "-m", "bench.detection.contenders.gradsnitch", "{script}", "{findings}"),
    NAMES,
)


@dataclass
class GradSnitch(Tool):
    monitors: list[tuple[Any, torch.optim.Optimizer | None]] = field(default_factory=list)

    def on_model(self, model: nn.Module, optimizer: torch.optim.Optimizer | None) -> None:
        import gradsnitch

        self.monitors.append((gradsnitch.watch(model, optimizer), optimizer))

    def before_step(self, optimizer: torch.optim.Optimizer, loss: float, validation_loss: float | None, /) -> None:
        for monitor, mine in self.monitors:
            if mine is optimizer:
                monitor.log(len(monitor.rows), loss, val_loss=validation_loss)

    def on_end(self) -> None:
        for monitor, _ in self.monitors:
            found = monitor.report() if monitor.rows else ()
            self.findings += [Finding(one.code, one.severity, one.name) for one in found]


if __name__ == "__main__":
    main(GradSnitch())
