"""Random numbers of a loader's worker processes: what two of them would draw after ``worker_init_fn``, and the seeds
that the data set gives its generators."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data._utils import worker as torch_worker

from trainwright.doctor.restore import random_state, set_random_state

PATIENCE = 5.0
"""Seconds that a process is waited for."""
_BASE_SEED = 20_000


SEEDING = ((np.random, "default_rng"), (np.random, "seed"), (random, "seed"), (torch, "manual_seed"))
"""Functions that give a generator its seed, and where they are."""
SAMPLES = 3
"""Samples that are read to see which seeds come with each."""


def seed_of(*args: Any, **kwargs: Any) -> Any:
    """What one of these functions is given as seed: its only argument, by place or by name."""
    return next(iter((*args, *kwargs.values())), None)


def generators_seeded_alike(loader: Any) -> tuple[str, ...]:
    """Global generators that two workers of ``loader`` draw the same numbers from, and that its data set draws from.

    Both workers are played in processes of their own, forked as the loader's are, so that nothing of what
    ``worker_init_fn`` or the data set do is felt here. Empty where that is not possible.
    """
    first, second = (_ask(_next_of_worker, loader, worker) or {} for worker in (0, 1))
    return tuple(name for name, drawn in first.items() if second.get(name) == drawn)


def seeds_of_each_sample(loader: Any) -> tuple[tuple[str, int], ...]:
    """(function, seed) of all seeds that the data set of ``loader`` gives a generator anew for each of three samples,
    which are read in a process of their own. Empty where that is not possible."""
    return tuple(_ask(_seeds_of_samples, loader) or ())


def _ask(play: Callable[..., Any], *args: Any) -> Any:
    """What ``play`` returns in a forked process; None where there is no fork, or it fails or takes too long."""
    if multiprocessing.get_start_method(allow_none=True) not in (None, "fork") or not hasattr(os, "fork"):
        return None
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons warn of forks beside threads, as they do for the loader's own
        process = context.Process(target=_send, args=(sender, play, *args), daemon=True)
        process.start()
    sender.close()
    try:
        found = receiver.recv() if receiver.poll(PATIENCE) else None
    except EOFError:  # the user's function failed, as it will in the loader
        found = None
    process.kill()
    process.join()
    return found


def _send(sender: Connection, play: Callable[..., Any], *args: Any) -> None:
    with Path(os.devnull).open("w") as silent, contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
        torch.set_num_threads(1)
        try:
            found = play(*args)
        except Exception:  # noqa: BLE001 - the user's code; its error will come from the loader itself
            return
    sender.send(found)


def _next_of_worker(loader: Any, worker: int) -> dict[str, float]:
    """Name → next number of each generator that the data set draws from, in this worker."""
    random.seed(_BASE_SEED + worker)
    torch.manual_seed(_BASE_SEED + worker)
    np.random.seed(_BASE_SEED + worker)  # noqa: NPY002 - the global generator is what a data set may draw from
    torch_worker._worker_info = torch_worker.WorkerInfo(
        id=worker, num_workers=loader.num_workers, seed=_BASE_SEED + worker, dataset=loader.dataset
    )
    loader.worker_init_fn(worker)
    before = _next_numbers()
    loader.dataset[0]
    after = _next_numbers()
    return {name: number for name, number in before.items() if after[name] != number}


def _seeds_of_samples(loader: Any) -> list[tuple[str, int]]:
    """The seeds that come with each of some samples. Nothing is put back: the process ends with this."""
    heard: set[tuple[str, int]] = set()
    for home, name in SEEDING:
        setattr(home, name, _Heard(getattr(home, name), f"{home.__name__}.{name}", heard))
    of_samples = []
    for sample in range(min(SAMPLES, len(loader.dataset))):
        heard.clear()
        loader.dataset[sample]
        of_samples.append(set(heard))
    return sorted(set.intersection(*of_samples))


class _Heard:
    """A function that gives a seed, which is noted."""

    def __init__(self, original: Callable[..., Any], name: str, heard: set[tuple[str, int]]) -> None:
        self._original, self._name, self._heard = original, name, heard

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        seed = seed_of(*args, **kwargs)
        if isinstance(seed, int):
            self._heard.add((self._name, seed))
        return self._original(*args, **kwargs)


def _next_numbers() -> dict[str, float]:
    """What each global generator would return next; their states stay as they are."""
    state = random_state()
    drawn = {"random": random.random(), "numpy.random": np.random.random(), "torch": float(torch.rand(()))}  # noqa: NPY002, S311
    set_random_state(state)
    return drawn
