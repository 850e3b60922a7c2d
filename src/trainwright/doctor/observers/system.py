"""What the machine and the files have to do with it: waiting for data, copies of generators, checkpoints, memory."""

from __future__ import annotations

import os
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from trainwright.core import Measurement
from trainwright.doctor.batch import tensors_of
from trainwright.doctor.observers.series import Samples
from trainwright.doctor.restore import GENERATORS
from trainwright.doctor.workers import generators_seeded_alike
from trainwright.measures.system import CheckpointAliases, LoaderTimes, MemoryCourse, SeededAgain, WorkerRandomness

MOST_ASKED = 4
"""Loaders whose workers are asked for their random numbers: some programs make a new loader in every epoch."""
MOST_STATES = 64
"""State dictionaries that are remembered."""


class Loaders:
    """Observes data loaders: how long the loop waits for them, and the generators their workers copy."""

    def __init__(self) -> None:
        self.latest: Any = None
        self._current: Any = None
        self._over = self._is_open = self._is_aside = False
        self._came = self._losses = self._answers = 0  # in this pass
        self._sources: list[_Source] = []
        self._waited = 0.0
        self._total = 0.0
        self._batches = 0
        self._workers = 0
        self._first = True
        self._resumed = 0.0
        self._shared = WorkerRandomness(generators=(), n_workers=0)
        self._asked: set[int] = set()

    def started(self, loader: Any) -> None:
        """A pass over ``loader`` begins."""
        self._current, self._over, self._is_aside, self._first = loader, False, False, True
        self._came = self._losses = self._answers = 0
        workers = int(getattr(loader, "num_workers", 0))
        if workers < 2 or self._shared.generators or id(loader) in self._asked or len(self._asked) >= MOST_ASKED:
            return
        self._asked.add(id(loader))
        reseeded = getattr(loader, "worker_init_fn", None) is not None
        names = generators_seeded_alike(loader) if reseeded else _own_generators(getattr(loader, "dataset", None))
        self._shared = WorkerRandomness(generators=names, n_workers=workers, reseeded=reseeded)

    def waited(self, loader: Any, seconds: float) -> None:
        """A batch came. The first of a pass pays for starting workers and is left out."""
        now = time.perf_counter()
        if not self._first and self._resumed:
            self._waited += seconds
            self._total += now - self._resumed
            self._batches += 1
            self._workers = int(getattr(loader, "num_workers", 0))
        self._current = self.latest = loader
        self._over, self._is_aside, self._came = False, False, self._came + 1
        self._first, self._resumed = False, now

    def used(self) -> None:
        """A loss was computed, most likely of the batch that came."""
        self._losses += 1

    def answered(self, training: int | None) -> None:
        """A model answers, most likely to the batch that came; not every program's losses are heard. In an evaluation
        between two steps of a ``training`` on this very source it is no such batch if all that came have been used."""
        self._is_open = self._has_unused
        self._is_aside = not self._is_open and training is not None and self._number == training
        self._answers += 1

    def ended(self) -> None:
        """The pass is complete. A loader that reads ahead is at its end before its last batch is used."""
        self._over, self._resumed = True, 0.0
        self._is_open = self._has_unused

    @property
    def _has_unused(self) -> bool:
        return self._came > max(self._losses, self._answers)

    @property
    def source(self) -> int | None:
        """A number for the data that batches come from, the same in every epoch, even where loader and data set are
        made anew for each; None where they come from no loader.
        """
        return None if self._is_aside or (self._over and not self._is_open) else self._number

    @property
    def _number(self) -> int | None:
        return None if self._current is None else self.number_of(self._current)

    def number_of(self, loader: Any) -> int:
        """The number for the data that ``loader`` gives."""
        dataset = getattr(loader, "dataset", None)
        looks = (type(dataset).__name__, _length(dataset))
        for number, each in enumerate(self._sources):
            known = each.dataset()
            if known is dataset or (known is None and each.looks == looks):
                each.dataset = _weakly(dataset)
                return number
        self._sources.append(_Source(_weakly(dataset), looks))
        return len(self._sources) - 1

    def measurements(self, device: str, again: SeededAgain | None) -> Iterator[Measurement]:
        """Waiting times, and generators that workers share or that begin again, where there are any."""
        if self._batches:
            yield LoaderTimes(
                waited=self._waited,
                total=self._total,
                n_batches=self._batches,
                n_workers=self._workers,
                n_cores=os.cpu_count() or 1,
                device=device,
            )
        if self._shared.generators or again is not None:
            yield replace(self._shared, again=again)


@dataclass
class _Source:
    """A data set; one that looks like another that is gone takes its place."""

    dataset: Callable[[], Any]
    looks: tuple[str, int]


def _weakly(thing: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(thing)
    except TypeError:  # a list, or None
        return lambda: None


def _length(dataset: Any) -> int:
    try:
        return len(dataset)
    except Exception:  # noqa: BLE001 - an iterable data set has no length, and the method may be anybody's
        return -1


def _own_generators(dataset: Any, depth: int = 2) -> tuple[str, ...]:
    """Attributes of a data set that hold a random generator, which every worker process would copy."""
    found = []
    for name, value in list(getattr(dataset, "__dict__", {}).items()):
        if isinstance(value, GENERATORS):
            found.append(name)
        elif depth and hasattr(value, "__dict__") and not isinstance(value, nn.Module | Tensor | type):
            found += [f"{name}.{inner}" for inner in _own_generators(value, depth - 1)]
    return tuple(found)


@dataclass
class _State:
    """One state dictionary that shares memory with the live weights."""

    reference: weakref.ReferenceType[Any]
    storages: frozenset[int]
    step: int
    versions: dict[str, int]
    mark: tuple[str, float] | None

    def was_changed(self, step: int) -> bool:
        """Whether it is still there after further steps and was changed in place, as by every one of an optimizer."""
        state = self.reference()
        if state is None or step <= self.step:
            return False
        if any(n > self.versions.get(name, n) for name, n in _versions(state).items()):
            return True
        now = _mark(state)  # changes of a parameter's .data are not counted
        return now is not None and self.mark is not None and now[0] == self.mark[0] and now[1] != self.mark[1]


MOST_MARKS = 10_000
"""States that are remembered by a number each."""


class Checkpoints:
    """Observes state dictionaries that are taken, kept, loaded and saved, and whether they were copied."""

    def __init__(self) -> None:
        self._states: list[_State] = []
        self._taken = self._loaded = self._saved = 0
        self._steps_between = 0
        self._marks: dict[tuple[str, float], int] = {}
        self.restored: dict[int, int] = {}
        """After so many steps weights came back that had been taken after so many."""

    def taken(self, state: Any, step: int) -> None:
        """``state_dict`` returned this."""
        self._taken += 1
        if not isinstance(state, OrderedDict):
            return
        mark = _mark(state)
        if mark is not None and len(self._marks) < MOST_MARKS:
            self._marks[mark] = step
        self._states = [each for each in self._states if each.reference() is not None][-MOST_STATES:]
        self._states.append(_State(weakref.ref(state), _storages(state), step, _versions(state), mark))

    def loaded(self, module: nn.Module, state: Any, step: int) -> None:
        """``load_state_dict`` is about to read this; tensors that are the module's own hold nothing new."""
        mark = _mark(state) if isinstance(state, dict) else None
        if mark in self._marks:
            self.restored[step] = self._marks[mark]
        own = _storages({**dict(module.named_parameters()), **dict(module.named_buffers())})
        given = _storages(state) if isinstance(state, dict) else frozenset()
        old = [each.step for each in self._states if given and each.storages & given]
        if given and given & own and old and step > min(old):
            self._loaded += 1
            self._steps_between = max(self._steps_between, step - min(old))

    def saved(self, thing: Any, step: int) -> None:
        """``torch.save`` is about to write this."""
        for each in self._states:
            state = each.reference()
            if state is not None and each.was_changed(step) and _holds(thing, state):
                self._saved += 1
                self._steps_between = max(self._steps_between, step - each.step)

    def measurements(self, step: int) -> Iterator[Measurement]:
        """What was found, once any state dictionary was taken."""
        if not self._taken:
            return
        kept = [each for each in self._states if each.was_changed(step)]
        yield CheckpointAliases(
            n_taken=self._taken,
            n_loaded=self._loaded,
            n_saved=self._saved,
            n_kept=len(kept),
            steps_between=max([self._steps_between, *(step - each.step for each in kept)]),
        )


def _mark(state: dict[str, Any]) -> tuple[str, float] | None:
    """The name of the last floating-point tensor and a sum of its values, which every step changes; None where there
    is none."""
    for name, tensor in reversed(state.items()):
        if isinstance(tensor, Tensor) and tensor.is_floating_point() and tensor.numel() and not tensor.is_meta:
            return name, float(tensor.detach().double().sum())
    return None


def _versions(state: dict[str, Any]) -> dict[str, int]:
    """How often each of the tensors was changed in place."""
    tensors = ((name, each) for name, each in state.items() if isinstance(each, Tensor) and not each.is_inference())
    return {name: each._version for name, each in tensors}


def _storages(state: Any) -> frozenset[int]:
    """Addresses of the memory behind the floating-point tensors."""
    tensors = [t for t in tensors_of(state) if t.is_floating_point() and t.numel() and not t.is_meta]
    return frozenset(t.untyped_storage().data_ptr() for t in tensors) - {0}


def _holds(thing: Any, state: Any) -> bool:
    """Whether a structure to be saved is the state dictionary, or has it as one of its values."""
    return thing is state or (isinstance(thing, dict) and any(value is state for value in thing.values()))


class Memory:
    """Observes the memory of the process and the size of the graph behind the loss."""

    def __init__(self) -> None:
        self._samples: Samples[tuple[float, float]] = Samples()

    def look(self, step: int, graph_nodes: int) -> None:
        """A sampled step."""
        self._samples.add(step, (_resident(), float(graph_nodes)))

    def measurements(self) -> Iterator[Measurement]:
        """The course of both."""
        if len(self._samples):
            resident, nodes = zip(*self._samples.values, strict=True)
            yield MemoryCourse(
                steps=np.array(self._samples.steps, dtype=np.int64),
                resident=np.array(resident),
                graph_nodes=np.array(nodes),
            )


def _resident() -> float:
    """Resident memory of this process in MiB; NaN where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return float("nan")
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
