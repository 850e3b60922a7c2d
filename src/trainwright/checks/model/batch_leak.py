"""TW305 batch-leak."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from trainwright.clinic import own_target_benches, training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.trials import BatchDependence

LIMIT = 1e-5
"""Effect of another sample as a share of the effect of the own one. Exactly 0 on every healthy bench, in eval mode and
with normalisation layers frozen; a mean over the batch of 8 gives 0.14."""


class BatchLeak(Check):
    """The prediction for one sample depends on which other samples are in its batch.

    What it finds:
        Samples that mix: a mean or a softmax over the batch axis, a reshape or view that should have been a transpose,
        a recurrent layer with ``batch_first`` set wrong.

    Why it hurts:
        Predictions change with the company a sample is in, and labels can leak through it: validation looks good, use
        in the field does not. Shapes fit, so nothing else notices.

    How it is measured:
        By backprop: the gradient of every sample's output with respect to every other sample's input, for 8 samples, in
        eval mode and in train mode with dropout off and normalisation layers frozen; batch normalisation mixes samples
        by design in train mode only and is left out. Integer inputs are exchanged instead. Healthy benches give exactly
        0.

    How to fix:
        Look for operations along axis 0, and for ``view`` or ``reshape`` that cross it.

    References:
        Karpathy, A Recipe for Training Neural Networks (2019), "use backprop to chart dependencies".
    """

    code = "TW305"
    name = "batch-leak"
    severity = Severity.ERROR
    after = ("TW401", "TW327", "TW330", "TW342")
    cases = (
        Case(training_benches.alloys_mlp, training_faults.mixed_batch),
        Case(training_benches.digits_cnn, training_faults.mixed_batch),
        Case(own_target_benches.contrast, training_faults.mixed_batch),
    )

    def run(self, found: BatchDependence) -> Iterator[Finding]:
        if found.n_samples < 2:
            raise CannotEvaluate(f"{found.n_samples} sample has no other to depend on")
        if math.isnan(found.eval_leak) or math.isnan(found.train_leak):
            raise CannotEvaluate("the gradients are not finite")
        if found.eval_leak > LIMIT:
            yield self._finding(found, found.eval_leak, "in eval mode", Severity.ERROR)
        elif found.train_leak > LIMIT:
            yield self._finding(found, found.train_leak, "in train mode", Severity.ADVICE)

    def _finding(self, found: BatchDependence, leak: float, mode: str, severity: Severity) -> Finding:
        in_eval = severity is Severity.ERROR
        pair = _worst_pair(found) if in_eval else ""
        return self.finding(
            happened=f"Other samples of a batch of {found.n_samples} change a sample's output {mode}, by up to "
            f"{leak:.2g} of what the sample's own input does{pair} (by {found.method}).",
            expected=f"No effect of other samples (0, at most {LIMIT:g}), normalisation layers left aside.",
            todo="Look for an operation along the batch axis: mean(0), softmax(0), a view that crosses axis 0, or a "
            "recurrent layer without batch_first=True."
            if in_eval
            else "If this is not a normalisation of your own, look for an operation along the batch axis.",
            evidence=(Evidence("effect of another sample", leak, limit=LIMIT, where=mode),),
            fixes=(
                Fix(
                    "Keep samples apart",
                    instruction="Replace the operation along axis 0 by one along the features, and view by transpose "
                    "where axes are swapped.",
                ),
            ),
            confidence=1.0 if in_eval else 0.6,
            why_confident="Gradients between different samples are exactly 0 in a sound model."
            if in_eval
            else "A hand-written batch normalisation does the same on purpose.",
            severity=severity,
        )


def _worst_pair(found: BatchDependence) -> str:
    n = found.n_samples
    if found.effects.shape != (n, n) or not np.isfinite(found.effects).all():
        return ""
    others = found.effects * (1 - np.eye(n))
    row, column = np.unravel_index(int(np.argmax(others)), others.shape)
    return f"; most of all sample {column} that of sample {row}"
