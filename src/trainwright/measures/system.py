"""What the machine and the files have to do with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainwright.core import Measurement

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LoaderTimes(Measurement):
    """Seconds that the loop waited for batches beside the seconds it took in all, first epoch's first batch left out.

    ``n_batches`` were waited for; ``n_workers``: of the loader; ``n_cores``: of the machine; ``device``: of the model.
    """

    waited: float
    total: float
    n_batches: int
    n_workers: int
    n_cores: int
    device: str


@dataclass(frozen=True, kw_only=True)
class SeededAgain:
    """A ``seed`` that ``function`` was given ``n_calls`` times in ``n_with`` of ``n_steps`` steps of training, and at
    no time in ``n_evaluations`` calls of models that nothing was learnt from. ``n_seeds``: different ones that came
    half as often or more."""

    function: str
    seed: int
    n_steps: int
    n_with: int
    n_calls: int
    n_evaluations: int
    n_seeds: int


@dataclass(frozen=True, kw_only=True)
class WorkerRandomness(Measurement):
    """A data set of whose ``n_workers`` worker processes all draw the same numbers from ``generators``: the names of
    its attributes that hold a generator of their own, of which every worker has a copy, where there is no
    ``worker_init_fn`` to seed it anew; and, if ``reseeded``, of global generators that this function seeds alike in
    every worker, as far as the data set draws from them. ``again``: the seed that most steps of training begin with
    again, with or without workers, if any does."""

    generators: tuple[str, ...]
    n_workers: int
    reseeded: bool = False
    again: SeededAgain | None = None


@dataclass(frozen=True, kw_only=True)
class CheckpointAliases(Measurement):
    """State dictionaries that share memory with the live weights.

    ``n_loaded``: such dictionaries loaded back into the model they came from after it had trained on, which changes
    nothing; ``steps_between``: optimizer steps between taking and loading, largest. ``n_saved``: such dictionaries
    written to a file after the model had trained on; ``n_kept``: still held when the run ended, after at least one more
    step; ``n_taken``: state dictionaries taken in all.
    """

    n_taken: int
    n_loaded: int
    n_saved: int
    n_kept: int
    steps_between: int


@dataclass(frozen=True, kw_only=True)
class MemoryCourse(Measurement):
    """Memory of the process in MiB at ``steps`` [T]; ``graph_nodes`` [T]: autograd nodes behind the loss, which grow
    where a loss that still has its graph is summed up or a hidden state is never detached."""

    steps: npt.NDArray[np.int64]
    resident: Array
    graph_nodes: Array
