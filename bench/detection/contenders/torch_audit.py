"""torch-audit: `autopatch` (its zero-touch mode) at its defaults on every model that is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from bench.detection.contenders.base import Contender
from bench.detection.contenders.harness import Finding, Tool, main
from torch import nn

NAMES = {
    "TA100": ("non-finite", "non-finite-value", "missing-value"),
    "TA102": ("exploding-gradient", "rate-too-high"),
    "TA103": ("dead-relu", "dead-at-init", "no-gradient", "zero-init"),
    "TA104": ("no-gradient", "weights-not-moving", "detached-loss", "gradient-zeroed-before-step"),
    "TA105": ("dead-relu", "dead-at-init"),
    "TA301": ("pixel-range", "unscaled-feature"),
    "TA302": ("constant-feature",),
    "TA303": ("swapped-axis",),
    "TA304": ("tiny-batch-norm", "batch-too-small"),
    "TA305": ("non-finite-value", "missing-value", "target-out-of-range"),
    "TA400": ("bias-before-norm",),
    "TA405": ("zero-init", "dead-at-init"),
    "TA500": ("unused-layer", "no-gradient"),
}
CONTENDER = Contender(
    "torch-audit",
    ("{python}", "-m", "bench.detection.contenders.torch_audit", "{script}", "{findings}"),
    NAMES,
)
SEVERITY = {"FATAL": "error", "ERROR": "error", "WARN": "warning", "INFO": "advice"}


@dataclass
class TorchAudit(Tool):
    auditors: list[Any] = field(default_factory=list)

    def on_model(self, model: nn.Module, optimizer: torch.optim.Optimizer | None) -> None:
        from torch_audit import autopatch

        self.auditors.append(autopatch(model, optimizer=optimizer))

    def on_end(self) -> None:
        for auditor in self.auditors:
            result = auditor.finish(report=False)
            self.findings += [Finding(f.rule_id, SEVERITY[f.severity.value], f.message) for f in result.findings]


if __name__ == "__main__":
    main(TorchAudit())
