"""TW120 sorted-order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import data_faults, images, tables
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.order import TargetOrder

ASSOCIATION = 0.5
"""0 is random, 1 is sorted. Over 40 seeds healthy benches stay within ±0.22 (wine, 124 samples), and breast
cancer in the order in which it was collected reaches 0.2."""
MIN_SAMPLES = 30
"""With fewer samples chance alone reaches 0.5 now and then: three standard deviations are 3 / sqrt(30) = 0.55."""


class SortedOrder(Check):
    """Neighbouring samples have alike targets, and training does not shuffle.

    What it finds:
        Training samples that are stored sorted or in blocks by target, when ``training.shuffle`` is off. With
        shuffling on, which is the default, the order does no harm and the check is silent.

    Why it hurts:
        Every batch then holds one class or one level only. The network swings from one answer to the next and forgets
        what it learnt a few batches before.

    How it is measured:
        For classes, how often neighbours agree, from 0 (as often as by chance) to 1 (sorted); for values, the rank
        correlation of neighbours. The limit of 0.5 clears data in the order of collection, which reach 0.2.

    How to fix:
        Shuffle the samples each epoch.

    References:
        Jonathan Hui, part 2; the CNN hyper-parameter guide on shuffling.
    """

    code = "TW120"
    name = "sorted-order"
    severity = Severity.WARNING
    cases = (
        Case(tables.wine, data_faults.sorted_unshuffled),
        Case(tables.diabetes, data_faults.sorted_unshuffled),
        Case(images.digits, data_faults.sorted_unshuffled),
    )

    def run(self, order: TargetOrder) -> Iterator[Finding]:
        if order.shuffle is None:
            raise CannotEvaluate("it is not known whether training shuffles")
        if order.shuffle:
            return
        if order.n_samples < MIN_SAMPLES or not np.isfinite(order.association):
            raise CannotEvaluate(f"{order.n_samples} training samples are too few: {MIN_SAMPLES} are needed")
        if not order.association > ASSOCIATION:
            return
        course = tuple(float(value) for value in order.course)
        yield self.finding(
            happened=f"The {order.n_samples} training samples are stored in the order of their targets (association of "
            f"neighbours {order.association:.2f}), and training does not shuffle them.",
            expected=f"Neighbours that are independent: an association near 0, below {ASSOCIATION:g}.",
            todo="Shuffle the samples each epoch.",
            evidence=(
                Evidence(
                    "association of neighbours",
                    order.association,
                    limit=ASSOCIATION,
                    series=(Series("target along the order", tuple(map(float, range(len(course)))), course),),
                ),
            ),
            fixes=(Fix("Shuffle each epoch", changes={"training.shuffle": True}),),
            confidence=0.95,
            why_confident="Random order gives an association near 0 at this number of samples.",
        )
