"""TW510 same-batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.batches import BatchStream

FEWEST_BATCHES = 8
"""Batches that must all be the same one; two equal neighbours happen in sound loops, too (samplers, repeated steps)."""


class SameBatch(Check):
    """Every step trains on the same batch.

    What it finds:
        A loop that takes one batch from its loader and uses it for every step, as ``next(iter(loader))`` does.

    Why it hurts:
        The loss falls beautifully and the model knows a few dozen samples by heart.

    How it is measured:
        A fingerprint of the inputs of each training batch that was looked at: all equal, though the loader has more
        than one batch. Training on all data at once is no fault; nor is it judged where no loader was seen.

    How to fix:
        Iterate over the loader: ``for inputs, targets in loader``. Overfitting one batch on purpose is a good test;
        then ignore this.

    References:
        Karpathy, A Recipe for Training Neural Networks (overfit a single batch, then go on).
    """

    code = "TW510"
    name = "same-batch"
    severity = Severity.WARNING
    cases = (
        Case(training_benches.digits_cnn, loop_faults.same_batch),
        Case(training_benches.yield_mlp, loop_faults.same_batch),
    )

    def run(self, stream: BatchStream) -> Iterator[Finding]:
        n = len(stream.fingerprints)
        if n < FEWEST_BATCHES or not np.isfinite(stream.fingerprints).all():
            raise CannotEvaluate(f"{n} batches are too few; {FEWEST_BATCHES} known ones are needed")
        if stream.full_batch or not stream.steps_per_epoch > 1:
            raise CannotEvaluate("all data may be one batch")
        if len(np.unique(stream.fingerprints)) > 1:
            return
        size = int(stream.sizes[0]) if len(stream.sizes) else 0
        yield self.finding(
            happened=f"All {n} training batches that were looked at are one and the same batch of {size} samples; the "
            f"loader has {stream.steps_per_epoch:g} of them.",
            expected="Another batch at every step, until the loader has been gone through.",
            todo="Iterate over the loader instead of taking one batch from it.",
            evidence=(Evidence("different batches", 1, limit=stream.steps_per_epoch, unit="batches"),),
            fixes=(Fix("Use the whole loader", instruction="Write 'for inputs, targets in loader:' around the step."),),
            confidence=0.95,
            why_confident="The inputs of all batches looked at are equal; it may be on purpose, as a test.",
        )
