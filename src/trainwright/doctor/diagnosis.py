"""Diagnosis of logs that other programs wrote: the checks of learning curves, without training and without torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainwright.core import Catalogue, Check, Measurements, UsageError, Verdict, discover, judge
from trainwright.logbook.importers import ImportedLog, log_of_columns, read_logs
from trainwright.measures.curves import LearningCurve


@dataclass(frozen=True)
class Diagnosis:
    """What one log says: ``log`` is what was recognised in it, ``verdict`` what the checks found."""

    log: ImportedLog
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; of the curves only their lengths."""
        curve = self.log.curve
        return {
            "source": self.log.source,
            "kind": self.log.kind,
            "recognised": dict(self.log.recognised),
            "unused": list(self.log.unused),
            "notes": list(self.log.notes),
            "x_unit": curve.x_unit,
            "points": {name: len(getattr(curve, name)) for name in asdict(curve) if hasattr(getattr(curve, name), "x")},
            "verdict": self.verdict.to_dict(),
        }


def diagnose(
    source: str | os.PathLike[str] | Mapping[str, Any],
    *,
    columns: Mapping[str, str] | None = None,
    baseline: float | None = None,
) -> tuple[Diagnosis, ...]:
    """Judge the learning curves in a log that any program wrote; one diagnosis for each log found.

    ``source``: a CSV, JSON, JSON Lines or TensorBoard event file, Hugging Face's ``trainer_state.json``, Lightning's
    ``metrics.csv``, a folder with any of them, or the columns themselves (``{"loss": [...], "val_loss": [...]}``).
    ``columns``: quantity → column where the names do not tell (``{"train_loss": "my_column"}``). ``baseline``: the loss
    of the best constant prediction (log of the number of equally frequent classes, variance of the target), without
    which it cannot be told whether anything was learnt.

    Raises ``UsageError`` for a log that is missing, damaged or holds no loss and no metric.
    """
    if baseline is not None and not 0 < baseline < float("inf"):
        raise UsageError(
            f"The baseline is {baseline}.",
            expected="A positive number: the loss of the best constant prediction, such as 2.303 for ten classes.",
        )
    logs: list[ImportedLog]
    if isinstance(source, Mapping):
        logs = [log_of_columns(source, columns, baseline)]
    else:
        logs = read_logs(Path(source), columns, baseline)
    checks = list(checks_of_curves(discover()))
    return tuple(Diagnosis(log, judge(checks, Measurements([log.curve]))) for log in logs)


def checks_of_curves(catalogue: Catalogue) -> list[Check]:
    """The checks whose subject is a learning curve; every other need of theirs is optional."""
    return [
        check
        for check in catalogue
        if check.needs[0].kind is LearningCurve and all(need.optional for need in check.needs[1:])
    ]
