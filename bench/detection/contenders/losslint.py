"""losslint: a JSON-lines log of every step's loss and every validation loss, linted at the end with all defaults."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import torch
from bench.detection.contenders.base import Contender
from bench.detection.contenders.harness import Finding, Tool, main

NAMES = {
    "nan_inf": ("non-finite", "non-finite-value", "missing-value"),
    "loss_spike": ("loss-spike", "rate-too-high"),
    "divergence": ("diverging", "rate-too-high", "negated-loss"),
    "overfit_onset": ("overfitting", "trained-too-long", "memorised-labels"),
    "stagnation": ("plateau", "not-learning", "rate-too-low"),
}
CONTENDER = Contender(
    "losslint",
    ("{python}", "-m", "bench.detection.contenders.losslint", "{script}", "{findings}"),
    NAMES,
)
SEVERITY = {"error": "error", "warning": "warning", "info": "advice"}


@dataclass
class LossLint(Tool):
    rows: list[dict[str, float]] = field(default_factory=list)

    def before_step(self, _: torch.optim.Optimizer, loss: float, validation_loss: float | None, /) -> None:
        self.unsupported = ""
        row = {"step": len(self.rows), "loss": loss}
        self.rows.append(row if validation_loss is None else {**row, "eval_loss": validation_loss})

    def on_end(self) -> None:
        from losslint.checks import run_all_checks
        from losslint.parsing import load_run

        if not self.rows:
            return
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log.jsonl"
            log.write_text("\n".join(map(json.dumps, self.rows)) + "\n", encoding="utf-8")
            found = run_all_checks(load_run(log))
        self.findings += [Finding(one.check, SEVERITY[one.severity], one.message) for one in found]


if __name__ == "__main__":
    main(LossLint())
