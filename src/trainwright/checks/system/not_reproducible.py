"""TW808 not-reproducible."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import system_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.reproducibility import Repetition

ROUNDING = 1e-5
"""Difference between losses, as a share of the largest of them, below which it may be the order of sums (for outputs in
half precision: below the spacing of their numbers). On a CPU all healthy benches and set-ups give exactly 0; the same
steps with the samples of each batch in another order give at most 3e-7 over eight benches and three seeds; noise of a
twentieth of the features' spread gives 5e-4 to 2e-2 over nine benches and five seeds. Not measured on a GPU."""
FEW_STEPS = 10
"""Steps on a GPU over which rounding does not grow beyond that. In more of them a training, being chaotic, makes a
large difference of a small one; on a CPU there is none to begin with."""


class NotReproducible(Check):
    """The same steps from the same start, with the same seeds, do not give the same numbers.

    What it finds:
        Randomness that no seed governs: ``np.random.default_rng()`` or ``random.Random()`` made anew in a forward pass
        or a loss, ``os.urandom``, ``random.SystemRandom``, the clock; in whole trainings also a generator of one's own
        that is made without a seed, or once for all trainings, and weights that start from one. On a GPU also kernels
        that add up in changing order.

    Why it hurts:
        Two runs cannot be compared, a bug cannot be shown again, and a change of a tenth of a percent may be luck.

    How it is measured:
        Pre-flight: three of your own steps, twice over, from the same weights, batches and states of all random
        generators, those included that your code keeps in attributes, closures and global names. In the recipe: two
        trainings of one epoch with the same seed. What differs by no more than rounding is advice. Within one process
        the order of a set of strings does not change, so that is not seen; nor is a generator without a seed that
        pre-flight found already made.

    How to fix:
        Draw from the global generators of torch, NumPy or Python, or give your own generator a seed; for kernels see
        ``torch.use_deterministic_algorithms``.

    References:
        PyTorch, Reproducibility (notes/randomness). Karpathy, A Recipe for Training Neural Networks (fix random seed).
    """

    code = "TW808"
    name = "not-reproducible"
    severity = Severity.WARNING
    cases = (
        Case(training_benches.alloys_mlp, system_faults.unseeded_noise),
        Case(training_benches.digits_cnn, system_faults.unseeded_noise),
        Case(training_benches.yield_mlp, system_faults.unseeded_targets),
    )

    def run(self, found: Repetition) -> Iterator[Finding]:
        first, second = found.first, found.second
        if len(first) != len(second) or not (np.isfinite(first).all() and np.isfinite(second).all()):
            raise CannotEvaluate("the losses are not finite")
        if not found.differing:
            return
        size = max(map(abs, (*first.tolist(), *second.tolist())), default=0.0) or 1.0
        difference = float(np.abs(first - second).max(initial=0.0)) / size
        limit = max(ROUNDING, found.precision)
        is_rounding = difference <= limit or (found.device != "cpu" and found.steps > FEW_STEPS)
        yield self.finding(
            happened=f"{found.subject}, twice from the same start with the same seeds, give losses that differ by up "
            f"to {100 * difference:.2g} %: {_listed(first)} and {_listed(second)}. The first to differ: "
            f"{found.differing}.",
            expected="A difference of 0: equal to the bit.",
            todo=_advice(found)
            if is_rounding
            else "Look where the first difference was seen for a generator that is made without a seed or goes on from "
            "one time to the next, for os.urandom or SystemRandom, and for the clock.",
            evidence=(
                Evidence(
                    "difference between losses",
                    difference,
                    limit=limit if is_rounding else 0.0,
                    where=found.differing,
                    series=tuple(
                        Series(name, tuple(map(float, range(len(losses)))), tuple(losses.tolist()))
                        for name, losses in (("first", first), ("second", second))
                    ),
                ),
            ),
            fixes=(
                Fix(
                    "Seed everything",
                    instruction="Draw from torch.rand, numpy.random or random, which a seed governs, or make your own "
                    "generator once, with a seed: rng = np.random.default_rng(seed).",
                ),
            ),
            confidence=0.7 if is_rounding else 0.95,
            why_confident="So small a difference may come from the order in which a kernel adds up."
            if is_rounding
            else "All that a seed governs was the same, and rounding differs far less.",
            severity=Severity.ADVICE if is_rounding else Severity.WARNING,
        )


def _listed(losses: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    return ", ".join(f"{loss:.8g}" for loss in losses)


def _advice(found: Repetition) -> str:
    if found.device == "cpu":
        return "Try torch.set_num_threads(1): threads may add up in changing order."
    return "Call torch.use_deterministic_algorithms(True) where equal bits are worth its time."
