"""TW110 class-imbalance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import data_faults, images, tables
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.labels import ClassCounts

RATIO = 10.0
"""Largest to smallest class. Over 40 seeds healthy benches reach 2.0 (wine) and, where made uneven, 5.4."""
MIN_SAMPLES = 50
"""With fewer samples a ratio of 10 is the difference of a handful."""


class ClassImbalance(Check):
    """One class has more than ten times the training samples of another.

    What it finds:
        The ratio of the largest to the smallest class, and the classes that are rarer than a tenth of the largest.

    Why it hurts:
        A network that never names the rare class loses hardly any accuracy by it. The accuracy looks good, and the
        class one often cares about most is not learnt.

    How it is measured:
        Counts of the training samples. The limit of 10 is that of SageMaker Debugger's ClassImbalance rule; the
        healthy benches stay below 6.

    How to fix:
        Judge by the accuracy per class, not by the overall one; collect more of the rare class, or weight its samples
        in the loss.

    References:
        Karpathy, A Recipe for Training Neural Networks, step 1; Jonathan Hui, part 2.
    """

    code = "TW110"
    name = "class-imbalance"
    severity = Severity.WARNING
    cases = (Case(tables.wine, data_faults.imbalanced_classes), Case(images.digits, data_faults.imbalanced_classes))

    def run(self, classes: ClassCounts) -> Iterator[Finding]:
        counts, total = classes.counts, float(np.sum(classes.counts))
        if len(counts) < 2 or len(counts) != len(classes.class_names) or not total >= MIN_SAMPLES:
            raise CannotEvaluate(f"{total:.0f} samples of {len(counts)} classes are too few to speak of balance")
        largest, smallest = int(counts.argmax()), int(counts.argmin())
        ratio = float(counts[largest] / max(counts[smallest], 0.5))  # an absent class counts as half a sample
        if not ratio > RATIO:
            return
        rare = [
            f"'{classes.class_names[i]}' ({counts[i]})" for i in np.argsort(counts) if counts[i] * RATIO < counts.max()
        ]
        more = f" and {len(rare) - 5} more" if len(rare) > 5 else ""
        yield self.finding(
            happened=f"Class '{classes.class_names[largest]}' has {counts[largest]} of {total:.0f} {classes.split} "
            f"samples; much rarer are {', '.join(rare[:5])}{more}.",
            expected=f"The largest class has at most {RATIO:g} times as many as the smallest, not {ratio:.1f} times.",
            todo="Judge the model by each class's own accuracy; collect more of the rare class or weight it.",
            evidence=(
                Evidence(
                    "largest to smallest class",
                    ratio,
                    limit=RATIO,
                    where=classes.class_names[smallest],
                    series=(Series("samples", tuple(map(float, range(len(counts)))), tuple(map(float, counts))),),
                ),
            ),
            fixes=(
                Fix("Weight the classes", instruction="Give the loss weights in inverse proportion to class counts."),
            ),
            confidence=0.8,
            why_confident="The counts are facts; how much it costs depends on how hard the rare class is.",
            where=classes.class_names[smallest],
        )
