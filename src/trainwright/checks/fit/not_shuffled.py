"""TW511 not-shuffled."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.batches import BatchStream

CLASSES = 0.7
"""Different classes in a batch as a share of what random draws of its size have, mean over the batches. Shuffled
benches give 0.97 to 1.03, sorted ones 0.2 to 0.5."""

DRIFT = 3.0
"""Root mean square of the batches' mean targets, in standard errors of a random draw. Shuffled benches give 0.8 to 1.2,
sorted ones 5 and more."""

FEWEST_BATCHES = 8


class NotShuffled(Check):
    """Batches come in stored order, and that order follows the targets.

    What it finds:
        A training loader that does not shuffle, over samples that are sorted by class or by value.

    Why it hurts:
        Each batch pulls the network towards the few targets it holds, and the next one back; batch normalisation sees
        one class at a time. It learns slowly or not at all.

    How it is measured:
        How many different classes the batches have beside random draws of their size from all targets seen, or how far
        their mean targets lie from the mean of all, for batches of a loader that visits samples in stored order. An
        order that says nothing about the targets is harmless and passes.

    How to fix:
        Let the training loader shuffle: ``DataLoader(..., shuffle=True)``.

    References:
        Bengio, Practical recommendations for gradient-based training (2012), section 2: shuffling of examples.
    """

    code = "TW511"
    name = "not-shuffled"
    severity = Severity.WARNING
    after = ("TW510",)
    cases = (
        Case(training_benches.alloys_mlp, loop_faults.unshuffled),
        Case(training_benches.digits_cnn, loop_faults.unshuffled),
        Case(training_benches.yield_mlp, loop_faults.unshuffled),
    )

    def run(self, stream: BatchStream) -> Iterator[Finding]:
        if stream.full_batch or stream.loader_shuffles is not False:
            return
        shares = _finite_shares(stream)
        drift = stream.drift[np.isfinite(stream.drift)]
        if max(len(shares), len(drift)) < FEWEST_BATCHES:
            raise CannotEvaluate(f"the targets of fewer than {FEWEST_BATCHES} batches are known")
        if len(shares) >= FEWEST_BATCHES:
            value, limit, is_ill = float(shares.mean()), CLASSES, bool(shares.mean() < CLASSES)
            found = f"hold {value:.0%} of the {stream.n_classes} classes' number that random draws would have"
            quantity, line = "different classes in a batch beside random draws", shares
        else:
            value = float(np.sqrt((drift**2).mean()))
            limit, is_ill = DRIFT, value > DRIFT
            found = f"have mean targets {value:.1f} standard errors away from the mean of all"
            quantity, line = "drift of the batches' mean target, standard errors", drift
        if not is_ill:
            return
        series = Series(quantity, tuple(map(float, range(len(line)))), tuple(map(float, line)))
        yield self.finding(
            happened=f"The training loader does not shuffle, and its batches follow the order of the targets: "
            f"{len(line)} batches {found}.",
            expected=f"Batches like random draws: {'at least' if limit == CLASSES else 'at most'} {limit:g}.",
            todo="Let the training loader shuffle.",
            evidence=(Evidence(quantity, value, limit=limit, series=(series,)),),
            fixes=(Fix("Shuffle", instruction="Make the training loader with DataLoader(..., shuffle=True)."),),
            confidence=0.95,
            why_confident=f"The loader visits samples in stored order, and {len(line)} batches are not like random "
            "draws.",
        )


def _finite_shares(stream: BatchStream) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Different classes of each batch as a share of the expected number."""
    if len(stream.distinct_classes) != len(stream.expected_classes):
        return np.empty(0)
    known = np.isfinite(stream.distinct_classes) & (stream.expected_classes > 1.5)
    return np.asarray(stream.distinct_classes[known] / stream.expected_classes[known], dtype=np.float64)
