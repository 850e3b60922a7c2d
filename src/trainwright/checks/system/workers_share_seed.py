"""TW804 workers-share-seed."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.system import SeededAgain, WorkerRandomness

FEWEST_WORKERS = 2
FEWEST_STEPS, STEPS = 20, 0.4
"""Steps of training that must have begun with a seed again, and their share; each of several optimizers makes steps of
its own."""
FEWEST_TIMES = 1.5
"""Calls in a step from which on their number is told."""
MOST_SEEDS = 2
"""Different seeds that come so often; more are those of single samples, each of which has its own."""


class WorkersShareSeed(Check):
    """Loading workers, or samples, draw the same random numbers.

    What it finds:
        A data set that keeps a random generator of its own, read by several worker processes, each with a copy of it;
        and a ``worker_init_fn`` that gives every worker the same seed. With or without workers, a generator that is
        seeded alike again for each sample or batch.

    Why it hurts:
        Every worker makes the same augmentations, and without persistent workers every epoch repeats them: the variety
        one pays for is not there.

    How it is measured:
        Attributes of the data set that hold a NumPy or Python generator, in a loader with two or more workers and no
        ``worker_init_fn``. Torch seeds the global generators for each worker; where there is a ``worker_init_fn``, two
        workers are played in processes of their own, and a generator that the data set draws from must not give both
        the same number. Calls of ``np.random.default_rng``, ``np.random.seed``, ``random.seed`` and
        ``torch.manual_seed`` are heard; a seed that comes in 40 % of the steps of training and in 20 at least, but
        never when a model is evaluated, is told of. What evaluation seeds alike belongs to the inputs.

    How to fix:
        Draw from torch's global generator, or seed in ``worker_init_fn`` from ``torch.initial_seed()``, which is
        another number in every worker and every epoch. Make a generator once, before the training.

    References:
        PyTorch, torch.utils.data: randomness in multi-process data loading; Rogozhnikov, Using PyTorch + NumPy? You're
        making a mistake (2021).
    """

    code = "TW804"
    name = "workers-share-seed"
    severity = Severity.WARNING
    cases = (Case(training_benches.yield_mlp, loop_faults.workers_share_seed),)

    def run(self, found: WorkerRandomness) -> Iterator[Finding]:
        if found.again is not None and _is_alike(found.again):
            yield self._again(found.again)
        if found.n_workers < FEWEST_WORKERS or not found.generators:
            return
        names = ", ".join(f"'{name}'" for name in found.generators[:5])
        yield self.finding(
            happened=f"worker_init_fn gives each of the {found.n_workers} loading workers the same seed ({names})."
            if found.reseeded
            else f"{found.n_workers} loading workers each have a copy of the same random generator of the data set "
            f"({names}).",
            expected="A generator that is seeded differently in every worker and every epoch.",
            todo="Seed from torch.initial_seed() in worker_init_fn."
            if found.reseeded
            else "Draw random numbers from torch, or seed the generator anew in worker_init_fn.",
            evidence=(Evidence("workers with the same generator", found.n_workers, limit=1, unit="workers"),),
            fixes=(
                Fix(
                    "Seed each worker",
                    instruction="worker_init_fn=lambda _: numpy.random.seed(torch.initial_seed() % 2**32)."
                    if found.reseeded
                    else "worker_init_fn=lambda _: setattr(torch.utils.data.get_worker_info().dataset, "
                    f"'{found.generators[0]}', np.random.default_rng(torch.initial_seed())).",
                ),
            ),
            confidence=0.95 if found.reseeded else 0.85,
            why_confident="Two workers were asked, and the data set draws from it."
            if found.reseeded
            else "A copied generator gives the same numbers; only one that is never drawn from is harmless.",
        )

    def _again(self, again: SeededAgain) -> Finding:
        often = again.n_calls / again.n_with
        times = f", {often:.0f} times in each" if often >= FEWEST_TIMES else ""
        return self.finding(
            happened=f"{again.function} was given {again.seed} again in {again.n_with} of {again.n_steps} steps of "
            f"training{times}, and never in evaluation: what is drawn at random after it is the same every time.",
            expected="A generator that is seeded once, and drawn from ever after.",
            todo="Make the generator once, before the training, and draw from that.",
            evidence=(Evidence("steps that begin with the same seed", again.n_with, limit=FEWEST_STEPS, unit="steps"),),
            fixes=(
                Fix(
                    "Seed once",
                    instruction=f"Move {again.function}({again.seed}) out of what is done for each sample or batch.",
                ),
            ),
            confidence=0.85,
            why_confident="The calls were counted; only if nothing is drawn from it is it harmless.",
        )


def _is_alike(again: SeededAgain) -> bool:
    often = again.n_with >= max(FEWEST_STEPS, STEPS * again.n_steps)
    return often and again.n_seeds <= MOST_SEEDS and again.n_evaluations > 0
