"""torchmortem: an Autopsy at its defaults for every model that is trained; a step after each step of its optimizer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from bench.detection.contenders.base import Contender
from bench.detection.contenders.harness import Finding, Tool, main
from torch import nn

NAMES = {
    "Dead units": ("dead-relu", "dead-at-init"),
    "Vanishing gradients": ("vanishing-gradient",),
    "Exploding gradients": ("exploding-gradient", "rate-too-high"),
    "Gradient stalling": ("no-gradient", "vanishing-gradient", "dead-relu"),
    "High gradient noise": ("noisy-gradient", "batch-too-small"),
    "Training divergence": ("diverging", "rate-too-high", "non-finite"),
    "Loss plateau": ("plateau", "not-learning"),
    "Rank collapse": ("rank-collapse", "bottleneck"),
    "Activation saturation": ("saturated-unit", "saturated-at-init"),
    "Update ratio too low": ("update-ratio", "rate-too-low", "weights-not-moving"),
    "Update ratio too high": ("update-ratio", "rate-too-high"),
    "Weight norm explosion": ("weight-growth", "rate-too-high", "diverging"),
    "Stagnant weight norms": ("weights-not-moving", "rate-too-low", "not-in-optimizer", "no-gradient"),
    "Inter-layer weight norm": ("init-scale",),
}
CONTENDER = Contender(
    "torchmortem",
    ("{python}", "-m", "bench.detection.contenders.torchmortem", "{script}", "{findings}"),
    NAMES,
)
SEVERITY = {"CRITICAL": "error", "WARNING": "warning", "INFO": "advice"}


@dataclass
class TorchMortem(Tool):
    autopsies: list[tuple[Any, torch.optim.Optimizer | None]] = field(default_factory=list)

    def on_model(self, model: nn.Module, optimizer: torch.optim.Optimizer | None) -> None:
        import torchmortem

        autopsy = torchmortem.Autopsy(model, optimizer=optimizer)
        autopsy.attach()
        self.autopsies.append((autopsy, optimizer))

    def after_step(self, optimizer: torch.optim.Optimizer, loss: float) -> None:
        for autopsy, mine in self.autopsies:
            if mine is optimizer:
                autopsy.step(loss=loss)

    def on_end(self) -> None:
        for autopsy, _ in self.autopsies:
            autopsy.detach()
            report = autopsy.get_report()
            for finding in report.findings if report else ():
                rule = next((known for known in NAMES if finding.title.startswith(known)), finding.title)
                self.findings.append(Finding(rule, SEVERITY[finding.severity.name], finding.title))


if __name__ == "__main__":
    main(TorchMortem())
