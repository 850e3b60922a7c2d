"""How bad it is that a batch was not fitted: by how much was left, and by what cured it."""

from __future__ import annotations

import numpy as np
import pytest

from trainwright.checks.model.cannot_overfit_batch import CannotOverfitBatch
from trainwright.core import Severity
from trainwright.measures.trials import OverfitAttempt, OverfitTrial


def _trial(remaining: float, cure: str) -> OverfitTrial:
    def attempt(change: str, left: float) -> OverfitAttempt:
        losses = 0.7 * np.array([1.0, left])
        return OverfitAttempt(
            change=change,
            description=change,
            losses=losses,
            remaining=left,
            accuracy=float("nan"),
            overfits=left < 0.1,
            setting={"data.scaling": "standardise"},
        )

    return OverfitTrial(
        task="regression",
        n_samples=16,
        own=attempt("nothing", remaining),
        bisection=(attempt(cure, 0.05),),
        floor=0.0,
        baseline=0.7,
        learning_rate=1e-3,
        rows=tuple(range(16)),
        predictions=np.zeros(16),
        targets=np.zeros(16),
        frozen=(),
        conflicting=(),
        seconds=1.0,
    )


@pytest.mark.parametrize(
    ("remaining", "severities"),
    [(0.05, []), (0.13, [Severity.ADVICE]), (0.28, [Severity.ADVICE]), (0.6, [Severity.ERROR])],
)
def test_what_was_nearly_fitted_is_advice(remaining: float, severities: list[Severity]) -> None:
    found = CannotOverfitBatch().run(_trial(remaining, "scaled inputs"))
    assert [finding.severity for finding in found] == severities
