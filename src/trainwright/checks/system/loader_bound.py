"""TW801 loader-bound."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.system import LoaderTimes

SHARE = 0.5
"""Share of the time that the loop waited for batches. Below one half the computation is the larger part, and faster
loading could not even halve the time."""

BRIEF, SHARE_BRIEF = 10.0, 0.75
"""Seconds below which other programs on the machine weigh on the clock, and the share that is told of so short a
run."""

FEWEST_BATCHES, FEWEST_SECONDS = 20, 1.0


class LoaderBound(Check):
    """The training waits for its data most of the time.

    What it finds:
        A loop that spends more than half of its time waiting for the next batch.

    Why it hurts:
        The computer that should train stands idle; the run takes twice as long as it had to, or more.

    How it is measured:
        The clock before and behind each request for a batch, the very first left out, beside the clock of the whole
        run; twenty batches and one second at least. Below ten seconds three quarters of it must be waiting.

    How to fix:
        Worker processes (``num_workers``), loading ahead, preparing the samples once instead of in every epoch.

    References:
        PyTorch, Performance Tuning Guide: enable asynchronous data loading.
    """

    code = "TW801"
    name = "loader-bound"
    severity = Severity.ADVICE
    cases = (Case(training_benches.yield_mlp, loop_faults.slow_loader),)

    def run(self, times: LoaderTimes) -> Iterator[Finding]:
        if times.n_batches < FEWEST_BATCHES or not times.total > FEWEST_SECONDS:
            raise CannotEvaluate(
                f"{times.n_batches} batches in {times.total:.1f} s are too few; {FEWEST_BATCHES} in "
                f"{FEWEST_SECONDS:g} s are needed"
            )
        share = times.waited / times.total
        limit = SHARE_BRIEF if times.total < BRIEF else SHARE
        if not limit < share <= 1:
            return
        workers = max(1, min(8, times.n_cores - 1))
        more = workers > times.n_workers
        yield self.finding(
            happened=f"The loop waited {times.waited:.1f} of {times.total:.1f} s for batches ({share:.0%}), with "
            f"{times.n_workers} worker processes on {times.n_cores} cores.",
            expected=f"At most {limit:.0%} of the time spent waiting.",
            todo=f"Load with {workers} worker processes."
            if more
            else "Prepare the samples once and keep them, or make a sample cheaper.",
            evidence=(Evidence("share of the time spent waiting", share, limit=limit),),
            fixes=(
                Fix(
                    "Load ahead",
                    instruction=f"DataLoader(..., num_workers={workers}, persistent_workers=True)."
                    if more
                    else "Decode, resize and convert the samples once, store them as arrays, and read those.",
                ),
            ),
            confidence=0.9,
            why_confident="Measured by the clock over the whole run.",
        )
