"""Random numbers of a loader's worker processes: what two of them would draw after ``worker_init_fn``."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import warnings
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


def generators_seeded_alike(loader: Any) -> tuple[str, ...]:
    """Global generators that two workers of ``loader`` draw the same numbers from, and that its data set draws from.

    Both workers are played in processes of their own, forked as the loader's are, so that nothing of what
    ``worker_init_fn`` or the data set do is felt here. Empty where that is not possible.
    """
    if multiprocessing.get_start_method(allow_none=True) not in (None, "fork") or not hasattr(os, "fork"):
        return ()
    first, second = _ask(loader, 0), _ask(loader, 1)
    return tuple(name for name, drawn in first.items() if second.get(name) == drawn)


def _ask(loader: Any, worker: int) -> dict[str, float]:
    """Name → next number of each generator that the data set draws from, in this worker."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons warn of forks beside threads, as they do for the loader's own
        process = context.Process(target=_play, args=(loader, worker, sender), daemon=True)
        process.start()
    sender.close()
    try:
        found: dict[str, float] = receiver.recv() if receiver.poll(PATIENCE) else {}
    except EOFError:  # the user's function failed, as it will in the loader
        found = {}
    process.kill()
    process.join()
    return found


def _play(loader: Any, worker: int, sender: Connection) -> None:
    with Path(os.devnull).open("w") as silent, contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
        torch.set_num_threads(1)
        random.seed(_BASE_SEED + worker)
        torch.manual_seed(_BASE_SEED + worker)
        np.random.seed(_BASE_SEED + worker)  # noqa: NPY002 - the global generator is what a data set may draw from
        torch_worker._worker_info = torch_worker.WorkerInfo(
            id=worker, num_workers=loader.num_workers, seed=_BASE_SEED + worker, dataset=loader.dataset
        )
        try:
            loader.worker_init_fn(worker)
            before = _next_numbers()
            loader.dataset[0]
            after = _next_numbers()
        except Exception:  # noqa: BLE001 - the user's code; its error will come from the loader itself
            return
    sender.send({name: number for name, number in before.items() if after[name] != number})


def _next_numbers() -> dict[str, float]:
    """What each global generator would return next; their states stay as they are."""
    state = random_state()
    drawn = {"random": random.random(), "numpy.random": np.random.random(), "torch": float(torch.rand(()))}  # noqa: NPY002, S311
    set_random_state(state)
    return drawn
