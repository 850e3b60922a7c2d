"""Taps: where a running PyTorch program is listened to without a change to it.

The functions every loop must go through (a module's call, the loss functions, ``backward``, an optimizer's step, a
loader's next batch …) are wrapped while a listener is attached and put back afterwards. The wrappers pass everything on
untouched; on the path of every inner module they cost a fifth of a microsecond, a sixth of what torch's own global
module hooks cost there. What happens once a step costs microseconds, as its code has left the caches by then, so that
the listener says of some events when it needs them.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
import types
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer, swa_utils
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, LRScheduler, ReduceLROnPlateau
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils.data import DataLoader
from torch.utils.data.dataloader import _BaseDataLoaderIter

from trainwright.core import UsageError
from trainwright.doctor.events import LOSSES, NAMES, Listener, LossCall
from trainwright.doctor.taps_keras import is_loaded, tap_keras
from trainwright.doctor.workers import SEEDING, seed_of

MOST_FAULTS = 3
_INHERITED = object()
"""Stands for what an owner had from its base class only."""
_COMPARISONS = ("__eq__", "eq", "__ne__", "ne", "__sub__", "sub")

_attached = threading.Lock()
_listening: weakref.WeakSet[Taps] = weakref.WeakSet()


class Taps:
    """Attach a listener to everything that happens in this thread; one at a time in a process. ``heard_threads``:
    whether something happened in others.

    ``on_failure`` hears of faults of the listener; after :data:`MOST_FAULTS` of them it is told nothing more, as one
    that keeps failing would tell nonsense. ``spend`` hears of the seconds each event took it.
    """

    def __init__(
        self, listener: Listener, on_failure: Callable[[Exception], None], spend: Callable[[float], None]
    ) -> None:
        self._listener = listener
        self._spend = spend
        self._on_failure = on_failure
        self._originals: list[tuple[Any, str, Any]] = []
        self._handles: list[Any] = []
        self._busy = False
        self._deaf = True
        self._n_faults = 0
        self._inside = False
        self._heeds_keras = False
        self._thread = threading.get_ident()
        self.heard_threads = False

    def __enter__(self) -> Taps:
        if not _attached.acquire(blocking=False):
            raise UsageError(
                "This program is already being watched.",
                expected="One watch at a time in a process.",
                todo="Remove the inner 'watch', or do not run the script under 'trainwright watch'.",
            )
        self._deaf = False
        self._tap_modules()
        self._tap_losses()
        self._tap_comparisons()
        self._tap_autograd()
        self._tap_optimizers()
        self._tap_loaders()
        self._tap_files()
        self._tap_seeds()
        self._find_keras()
        self._tap_imported_names()
        _listening.add(self)
        return self

    def __exit__(self, *exception: object) -> None:
        for owner, name, original in reversed(self._originals):
            if original is _INHERITED:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
        for handle in self._handles:
            handle.remove()
        self._originals, self._handles, self._heeds_keras = [], [], False
        self.silence()
        _attached.release()

    @property
    def is_silent(self) -> bool:
        """Whether nothing is heard any more."""
        return self._deaf

    def silence(self) -> None:
        """Hear nothing more; calls pass on as before."""
        self._deaf = True

    def tell(self, event: Callable[..., None], *args: Any, **kwargs: Any) -> None:
        """Pass an event on. A fault of the listener must never become one of the user's program."""
        if self._deaf or self._busy or _is_transforming():
            return
        if threading.get_ident() != self._thread:
            self.heard_threads = True
            return
        self._busy = True
        started = time.perf_counter()
        try:
            event(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - see the docstring
            self._n_faults += 1
            if self._n_faults >= MOST_FAULTS:
                self.silence()
            self._on_failure(error)
        finally:
            self._busy = False
            self._spend(time.perf_counter() - started)

    def _wrap(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        original = getattr(owner, name)
        wrapper = make(original)
        functools.update_wrapper(wrapper, original)
        if isinstance(owner, types.ModuleType):  # where pickle looks for it
            wrapper.__module__, wrapper.__qualname__ = owner.__name__, name
        self._originals.append((owner, name, original if name in vars(owner) else _INHERITED))
        setattr(owner, name, wrapper)

    def _tap_imported_names(self) -> None:
        """Wrap also where a module got a function by ``from … import`` before; the packages that the functions are of
        know what they call."""
        wrapped = [(owner, name, each) for owner, name, each in self._originals if isinstance(owner, types.ModuleType)]
        wrappers = {id(original): getattr(owner, name) for owner, name, original in wrapped}
        packages = {owner.__name__.partition(".")[0] for owner, _, _ in wrapped}
        for path, module in list(sys.modules.items()):
            if not isinstance(module, types.ModuleType) or path.partition(".")[0] in packages:
                continue
            found = [(name, value) for name, value in list(vars(module).items()) if id(value) in wrappers]
            for name, value in found:
                self._originals.append((module, name, value))
                setattr(module, name, wrappers[id(value)])

    # What is wrapped -------------------------------------------------------------------------------------------------

    def _make_call(self, original: Any) -> Any:
        taps, listener = self, self._listener

        def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if taps._inside or torch.compiler.is_compiling():
                return original(module, *args, **kwargs)
            taps._inside = True
            within = listener.listens_within
            try:
                if within:
                    taps.tell(listener.before_root, module)
                output = original(module, *args, **kwargs)
            finally:
                taps._inside = False
                if within:
                    taps.tell(listener.root_left)
            taps.tell(listener.after_root, module, args, kwargs, output)
            return output

        return call

    def _make_deaf(self, original: Any) -> Any:
        """Running statistics are made anew from training data: no training, and no evaluation either."""

        def call(*args: Any, **kwargs: Any) -> Any:
            was_deaf, self._deaf = self._deaf, True
            try:
                return original(*args, **kwargs)
            finally:
                self._deaf = was_deaf

        return call

    def _tap_modules(self) -> None:
        listener = self._listener
        self._wrap(nn.Module, "__call__", self._make_call)
        self._before(nn.Module, "zero_grad", lambda module, *_, **__: listener.gradients_cleared(module))
        self._wrap(swa_utils, "update_bn", self._make_deaf)
        self._after(nn.Module, "state_dict", self._state_taken)
        self._before(nn.Module, "load_state_dict", _given(listener.state_loaded))
        read = _given(listener.state_read)
        self._after(nn.Module, "load_state_dict", lambda _, *args, **kwargs: read(*args, **kwargs))

    def _find_keras(self) -> None:
        """A program may import Keras when the taps are long attached."""
        if not self._heeds_keras and is_loaded():
            self._heeds_keras = True
            tap_keras(self._wrap, self._make_call, self.tell, self._listener)

    def _state_taken(self, state: Any, module: nn.Module, *_: Any, **kwargs: Any) -> None:
        if not kwargs.get("prefix"):  # a module asks its children with their prefix
            self._listener.state_taken(module, state)

    def _tap_losses(self) -> None:
        for name, options in LOSSES.items():
            self._after(nn.functional, name, functools.partial(self._loss_called, name, options), failures=True)

    def _loss_called(self, name: str, options: tuple[str, ...], value: Any, *args: Any, **kwargs: Any) -> None:
        named = dict(zip(("input", "target", *options), args, strict=False), **kwargs)
        outputs, targets = named.pop("input", None), named.pop("target", None)
        if not (isinstance(outputs, Tensor) and isinstance(targets, Tensor)):
            return
        if isinstance(value, Tensor):
            self._listener.loss_called(LossCall(NAMES.get(name, name), outputs, targets, value, named))
        elif isinstance(value, Exception):
            nothing = torch.full((), float("nan"))
            self._listener.loss_failed(LossCall(NAMES.get(name, name), outputs, targets, nothing, named))

    def _tap_comparisons(self) -> None:
        taps, listener = self, self._listener

        def make(original: Any) -> Any:
            def compare(first: Any, second: Any, *args: Any, **kwargs: Any) -> Any:
                result = original(first, second, *args, **kwargs)
                # Of subclasses none: a compiler propagates the shapes of a function in fake tensors.
                if listener.listens_to_comparisons and not taps._inside and type(first) is type(second) is Tensor:
                    taps.tell(listener.compared, first, second)
                return result

            return compare

        for name in _COMPARISONS:
            self._wrap(Tensor, name, make)

    def _tap_autograd(self) -> None:
        taps, listener = self, self._listener

        def make(original: Any) -> Any:
            def backward(tensors: Any, *args: Any, **kwargs: Any) -> None:
                roots = (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)
                taps._find_keras()
                taps.tell(listener.before_backward, roots)
                # Activation checkpointing calls modules again from within.
                was_inside, taps._inside = taps._inside, True
                try:
                    original(tensors, *args, **kwargs)
                finally:
                    taps._inside = was_inside
                if listener.listens_after_backward:
                    taps.tell(listener.after_backward)

            return backward

        self._wrap(torch.autograd, "backward", make)

    def _tap_optimizers(self) -> None:
        listener = self._listener

        def before(optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            given = args[1] if len(args) > 1 else kwargs.get("closure")  # the first is the optimizer
            closure = callable(given)
            if closure or listener.listens_before_step:
                self.tell(listener.before_step, optimizer, closure=closure)

        def after(optimizer: Optimizer, *_: Any) -> None:
            self.tell(listener.after_step, optimizer)

        self._handles += [register_optimizer_step_pre_hook(before), register_optimizer_step_post_hook(after)]
        self._after(Optimizer, "zero_grad", lambda _, optimizer, *__, **___: listener.gradients_cleared(optimizer))
        self._after(torch.amp.GradScaler, "step", self._scaler_stepped)
        for kind in (LRScheduler, ReduceLROnPlateau, CosineAnnealingWarmRestarts):  # all with a step of their own
            self._after(kind, "step", lambda _, scheduler, *__, **___: listener.scheduler_stepped(scheduler))
        for home in (nn.utils, nn.utils.clip_grad):
            self._after(home, "clip_grad_norm_", self._clipped)

    def _scaler_stepped(self, _: Any, scaler: Any, *args: Any, **kwargs: Any) -> None:
        optimizer = args[0] if args else kwargs["optimizer"]
        if scaler.is_enabled() and isinstance(optimizer, Optimizer):
            self._listener.scaler_stepped(optimizer)

    def _clipped(self, norm: Any, *args: Any, **kwargs: Any) -> None:
        limit = kwargs.get("max_norm", args[1] if len(args) > 1 else float("nan"))
        if isinstance(norm, Tensor):
            self._listener.clipped(norm.detach(), float(limit))

    def _tap_loaders(self) -> None:
        taps, listener = self, self._listener
        # Not all passes are finished, so iterators must not be kept for their end.
        owners: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()

        def make_iter(original: Any) -> Any:
            def iterate(loader: Any) -> Any:
                taps._find_keras()
                taps.tell(listener.loader_started, loader)
                iterator = original(loader)
                owners[iterator] = loader
                return iterator

            return iterate

        def make_next(original: Any) -> Any:
            def following(iterator: Any) -> Any:
                started = time.perf_counter()
                was_inside, taps._inside = taps._inside, True  # transforms may be modules
                loader = owners.get(iterator)
                try:
                    batch = original(iterator)
                except StopIteration:
                    taps.tell(listener.loader_ended, loader)
                    raise
                finally:
                    taps._inside = was_inside
                taps.tell(listener.batch_waited, loader, time.perf_counter() - started, batch)
                return batch

            return following

        self._wrap(DataLoader, "__iter__", make_iter)
        self._wrap(_BaseDataLoaderIter, "__next__", make_next)

    def _tap_files(self) -> None:
        self._before(torch, "save", lambda *args, **kwargs: self._listener.saved(args[0] if args else kwargs["obj"]))

    def _tap_seeds(self) -> None:
        for home, name in SEEDING:
            self._before(home, name, functools.partial(self._seeded, f"{home.__name__}.{name}"))

    def _seeded(self, name: str, *args: Any, **kwargs: Any) -> None:
        self._listener.seeded(name, seed_of(*args, **kwargs))

    def _after(self, owner: Any, name: str, event: Callable[..., None], *, failures: bool = False) -> None:
        """Tell ``event(result, *args, **kwargs)`` after each call; with ``failures`` also an exception as result."""
        tell = self.tell

        def make(original: Any) -> Any:
            def call(*args: Any, **kwargs: Any) -> Any:
                try:
                    result = original(*args, **kwargs)
                except Exception as error:
                    if failures:
                        tell(event, error, *args, **kwargs)
                    raise
                if not torch.compiler.is_compiling():
                    tell(event, result, *args, **kwargs)
                return result

            return call

        self._wrap(owner, name, make)

    def _before(self, owner: Any, name: str, event: Callable[..., None]) -> None:
        """Tell ``event(*args, **kwargs)`` before each call."""
        tell = self.tell

        def make(original: Any) -> Any:
            def call(*args: Any, **kwargs: Any) -> Any:
                if not torch.compiler.is_compiling():
                    tell(event, *args, **kwargs)
                return original(*args, **kwargs)

            return call

        self._wrap(owner, name, make)


def _is_transforming() -> bool:
    """Whether the call is within ``vmap``, ``grad`` or another transform of torch.func: tensors there stand for values
    that nobody may keep."""
    return torch._C._functorch.peek_interpreter_stack() is not None


def _given(event: Callable[[nn.Module, Any], None]) -> Callable[..., None]:
    """The event for a module's ``load_state_dict``, whose argument may come by name."""

    def tell(module: nn.Module, *args: Any, **kwargs: Any) -> None:
        event(module, args[0] if args else kwargs["state_dict"])

    return tell


def _silence_in_child() -> None:
    """A worker process copies the taps, and nobody there reads what they hear."""
    for taps in _listening:
        taps.silence()


# A registration lasts as long as the process: one for all, lest each keep what it listened to alive.
os.register_at_fork(after_in_child=_silence_in_child)
