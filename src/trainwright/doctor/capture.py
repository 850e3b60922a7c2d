"""Capture: run a training script up to its first optimizer step, and make a setup of what took part in it."""

from __future__ import annotations

import contextlib
import runpy
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    _global_forward_hooks_with_kwargs,
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode
from torch.utils.data.dataloader import _BaseDataLoaderIter

from trainwright.core import UsageError
from trainwright.doctor.batch import tensors_of
from trainwright.doctor.by_hand import ByHand
from trainwright.doctor.capture_keras import KerasEars, KerasOptimizer, hearing
from trainwright.doctor.optimizers import held_by, living_optimizers, peak_rates
from trainwright.doctor.tape import ModelCall, Operation, Pass


class _Stopped(BaseException):
    """Ends the script; no error, so that an ``except Exception`` of the script's lets it pass."""


@dataclass
class Step:
    """The script's first step: the passes whose gradients the optimizer was about to use. ``keras``: that of Keras for
    which the optimizer stands. ``living``: all optimizers of the script, which lets go of them when it is stopped.
    ``loaded``: samples that its loader, if it has one of torch, puts into a batch. ``partners``: optimizers that step
    right behind it on the gradients of the same backward pass. ``peaks``: as :func:`peak_rates` finds them."""

    optimizer: Optimizer
    passes: list[Pass]
    clip_norm: float | None
    keras: KerasOptimizer | None = None
    living: tuple[Optimizer, ...] = ()
    loaded: int | None = None
    partners: tuple[Optimizer, ...] = ()
    peaks: dict[int, float] = field(default_factory=dict)


def capture(script: Path, arguments: Sequence[str] = ()) -> Step:
    """Run ``script`` as ``python script arguments`` would, and stop it right before its first optimizer step; where it
    moves the weights itself, behind its first such step, which is taken back.

    Its output appears as ever. What the script raises itself is passed on. Raises ``UsageError`` where it ends without
    a step.
    """
    recorder = _Recorder()
    with recorder.listening(), _as_main(script, arguments), contextlib.suppress(_Stopped):
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit:
            if recorder.step is None:
                raise _no_step(script) from None
        recorder.look_by_hand()
    if recorder.step is None:
        raise _no_step(script)
    return recorder.step


def _no_step(script: Path) -> UsageError:
    return UsageError(
        f"{script} ended without a step of an optimizer of torch or Keras, or of gradient descent written by hand.",
        expected="A script that trains a PyTorch model in this process.",
        todo="Pass the script that trains, with the arguments it needs: trainwright check train.py --epochs 1",
    )


@contextlib.contextmanager
def _as_main(script: Path, arguments: Sequence[str]) -> Iterator[None]:
    argv, path = sys.argv, sys.path[:]
    sys.argv, sys.path[:0] = [str(script), *arguments], [str(script.resolve().parent)]
    try:
        yield
    finally:
        sys.argv, sys.path[:] = argv, path


class _Recorder(TorchFunctionMode):
    """Listens to every call of a module, of a torch function and of an optimizer, until the first step."""

    def __init__(self) -> None:
        super().__init__()
        self.step: Step | None = None
        self._passes = [Pass()]
        self._derived: dict[int, Tensor] = {}
        self._depth = 0
        self._clip_norm: float | None = None
        self._by_hand: ByHand | None = None
        self._loaded: int | None = None
        self._expected: list[Optimizer] = []  # that may step right behind the first one
        self._idle: list[tuple[Tensor, Tensor | None]] = []  # parameters without their gradients, and these
        self._keras = KerasEars(self._note_loss, self._inside, self._stop)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        handles = [
            register_module_forward_pre_hook(self._enter),
            register_module_forward_hook(self._leave, with_kwargs=True, always_call=True),
            register_optimizer_step_pre_hook(self._before_step),
            register_optimizer_step_post_hook(self._after_step),
        ]
        clip = nn.utils.clip_grad_norm_

        def clip_and_tell(parameters: Any, max_norm: float, *args: Any, **kwargs: Any) -> Tensor:
            self._clip_norm = float(max_norm)
            return clip(parameters, max_norm, *args, **kwargs)

        following = _BaseDataLoaderIter.__next__

        def follow(iterator: Any) -> Any:
            self._loaded = getattr(getattr(iterator, "_index_sampler", None), "batch_size", None)
            return following(iterator)

        nn.utils.clip_grad_norm_ = clip_and_tell
        _BaseDataLoaderIter.__next__ = follow  # type: ignore[method-assign, assignment]
        try:
            with self, hearing(self._keras), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Using `torch.compile.module.` when there are global hooks")
                yield
        finally:
            nn.utils.clip_grad_norm_ = clip
            _BaseDataLoaderIter.__next__ = following  # type: ignore[method-assign]
            for handle in handles:
                handle.remove()
                _global_forward_hooks_with_kwargs.pop(handle.id, None)  # torch forgets to

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.Tensor.backward:
            self._stop_behind_step()
            self._passes[-1].root = args[0]
            self._passes.append(Pass())
            result = func(*args, **kwargs)
            self._went_backward()
            return result
        result = func(*args, **kwargs)
        if self._depth == 0 and torch.is_grad_enabled():
            self._note(func, args, kwargs, result)
        return result

    def _note(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> bool:
        """Keep an operation if what it works on comes from a model, or from its weights as a penalty does; and behind
        the model's call any other, which may be made on the targets."""
        given = list(tensors_of((args, kwargs)))
        if not any(id(tensor) in self._derived or tensor.requires_grad for tensor in given):
            if given and self._passes[-1].calls:
                self._passes[-1].operations.append(Operation(func, args, kwargs, result))
            return False
        self._passes[-1].operations.append(Operation(func, args, kwargs, result))
        self._derived.update({id(tensor): tensor for tensor in tensors_of(result)})
        return True

    def _went_backward(self) -> None:
        """Where no optimizer holds the weights, the program may move them itself."""
        models = {id(call.module): call.module for each in self._passes for call in each.calls}.values()
        self._by_hand = self._by_hand or ByHand(models)
        self._by_hand.went_backward(models)

    def look_by_hand(self) -> None:
        """Whether the program has moved its weights along the gradient: then that was the first step."""
        if self.step is not None or self._by_hand is None or not self._by_hand.stepped():
            return
        before, optimizer = self._by_hand.before, self._by_hand.optimizer
        assert before is not None
        assert optimizer is not None
        before.put_back()
        if optimizer.param_groups[0]["lr"] > 0:
            self._stop(optimizer)
        raise _Stopped

    def _enter(self, module: nn.Module, args: Any) -> None:  # noqa: ARG002 - torch's signature
        self._stop_behind_step()
        self._keras.look_for_keras()
        if self._depth == 0:
            self.look_by_hand()
        self._depth += 1

    @contextlib.contextmanager
    def _inside(self) -> Iterator[None]:
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def _note_loss(self, loss: Callable[..., Any], args: tuple[Any, ...], value: Any) -> None:
        if self._depth == 0 and torch.is_grad_enabled():
            self._note(loss, args, {}, value)

    def _leave(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        self._depth -= 1
        if self._depth or not torch.is_grad_enabled() or output is None:
            return
        trained = any(p.requires_grad for p in module.parameters())
        if not trained and self._note(module, args, kwargs, output):
            return  # a loss, say
        if trained:
            plain = getattr(module, "_orig_mod", module)  # a compiled module would be compiled again for every shape
            place = len(self._passes[-1].operations)
            self._passes[-1].calls.append(ModelCall(plain, args, kwargs, output, _autocast(args, kwargs), place))
            self._derived.update({id(tensor): tensor for tensor in tensors_of(output)})

    def _before_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.step is None:
            closure = args[1] if len(args) > 1 else kwargs.get("closure")
            if callable(closure):
                closure()  # the passes of such a step are made inside of it
            self._take(optimizer)
            self._expected = [] if callable(closure) else self._partners_of(optimizer)
        elif optimizer in self._expected:
            self._expected.remove(optimizer)
            self.step.partners += (optimizer,)
        if not self._expected:
            raise _Stopped
        self._idle = [(p, p.grad) for group in optimizer.param_groups for p in group["params"]]
        for parameter, _ in self._idle:
            parameter.grad = None  # a step that moves nothing

    def _after_step(self, *_: Any) -> None:
        for parameter, gradient in self._idle:
            parameter.grad = gradient
        self._idle = []

    def _partners_of(self, optimizer: Optimizer) -> list[Optimizer]:
        """Optimizers of torch that have gradients of the same single backward pass, for other parameters."""
        assert self.step is not None
        if len(self.step.passes) != 1 or not _skips_missing_gradients(optimizer):
            return []
        calls = self.step.passes[0].calls
        used = {id(p) for call in calls for p in call.module.parameters() if p.grad is not None} - held_by(optimizer)
        return [each for each in self.step.living if _skips_missing_gradients(each) and held_by(each) & used]

    def _stop_behind_step(self) -> None:
        """Whatever is computed behind the first step belongs to another one."""
        if self.step is not None:
            raise _Stopped

    def _stop(self, optimizer: Optimizer, keras: KerasOptimizer | None = None) -> None:
        if self.step is None:
            self._take(optimizer, keras)
        raise _Stopped

    def _take(self, optimizer: Optimizer, keras: KerasOptimizer | None = None) -> None:
        passes = [each for each in self._passes if each.root is not None]
        living = tuple(living_optimizers())
        self.step = Step(optimizer, passes, self._clip_norm, keras, living, self._loaded, peaks=peak_rates(living))


def _skips_missing_gradients(optimizer: Optimizer) -> bool:
    """Those of torch move nothing without a gradient."""
    return type(optimizer).__module__.startswith("torch.optim.")


def _autocast(args: Any, kwargs: Any) -> tuple[str, torch.dtype] | None:
    device = next((tensor.device.type for tensor in tensors_of((args, kwargs))), "cpu")
    return (device, torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else None
