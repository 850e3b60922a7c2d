"""Trial of hand-written gradients: every ``autograd.Function`` of the user's beside finite differences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function

from trainwright.core import CannotEvaluate
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import trial, without_compilation
from trainwright.measures.gradients import CustomGradients, FunctionGradient

_WIDTHS = (1e-5, 1e-6)
"""Half widths of the central differences, relative to the size of the input: in float64 the error of the smooth ones is
below 1e-7 of the result."""
_DIRECTIONS = 3


def check_functions(setup: Setup) -> CustomGradients:
    """Find the functions in the graph of one loss, keep the arguments of their first call, and try each by itself.

    By itself, in float64: the rest of the model neither blurs the differences nor has to be copied.
    """
    inputs, targets = setup.batch(0)
    with trial(setup):
        setup.model.train()
        kinds = _functions_in_graph(_end_of_graph(setup, inputs, targets))
        calls: dict[type[Function], tuple[Any, ...]] = {}
        with without_compilation(), _recorded(kinds, calls):
            _end_of_graph(setup, inputs, targets)
        found = tuple(_try(kind, calls[kind]) for kind in kinds if kind in calls)
    return CustomGradients(functions=found)


def _end_of_graph(setup: Setup, inputs: Any, targets: Any) -> Tensor:
    """The loss, or the outputs where the loss cannot be computed from them."""
    outputs = setup.forward(inputs)
    try:
        return setup.loss(outputs, targets)
    except CannotEvaluate:
        return outputs


def _functions_in_graph(loss: Tensor) -> list[type[Function]]:
    """Classes of user-written functions among the nodes, torch's own left aside, sorted by name."""
    seen: set[Any] = set()
    kinds: set[type[Function]] = set()
    waiting = [loss.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        kind = getattr(type(node), "_forward_cls", None)
        if kind is not None and not kind.__module__.startswith("torch."):
            kinds.add(kind)
        waiting += [following for following, _ in node.next_functions]
    return sorted(kinds, key=lambda kind: kind.__qualname__)


@contextmanager
def _recorded(kinds: list[type[Function]], calls: dict[type[Function], tuple[Any, ...]]) -> Iterator[None]:
    """Keep the arguments of each function's first call.

    By its ``forward``, which every call goes through, whatever name ``apply`` was given before.
    """
    own = {kind: kind.__dict__.get("forward") for kind in kinds}
    for kind in kinds:
        kind.forward = staticmethod(_recorder(kind, calls))  # type: ignore[method-assign]
    try:
        yield
    finally:
        for kind, before in own.items():
            if before is None:
                del kind.forward
            else:
                kind.forward = before  # type: ignore[method-assign]


def _recorder(kind: type[Function], calls: dict[type[Function], tuple[Any, ...]]) -> Any:
    right = kind.forward
    has_context = kind.setup_context is Function.setup_context  # else forward is called without one

    def forward(*args: Any, **kwargs: Any) -> Any:
        given = args[1:] if has_context else args
        calls.setdefault(kind, tuple(a.detach().clone() if isinstance(a, Tensor) else a for a in given))
        return right(*args, **kwargs)

    return forward


def _try(kind: type[Function], args: tuple[Any, ...]) -> FunctionGradient:
    name = kind.__qualname__.rpartition("<locals>.")[2]
    try:
        error, smoothness, identity = _compare(kind, args)
    except Exception as problem:  # noqa: BLE001 - a function may refuse float64 or these shapes in any way it likes
        text = f"{type(problem).__name__}: {problem}"
        return FunctionGradient(name=name, error=float("nan"), smoothness=float("nan"), is_identity=False, problem=text)
    return FunctionGradient(name=name, error=error, smoothness=smoothness, is_identity=identity, problem="")


def _compare(kind: type[Function], args: tuple[Any, ...]) -> tuple[float, float, bool]:
    wide = [a.double() if isinstance(a, Tensor) and a.is_floating_point() else a for a in args]
    places = [n for n, a in enumerate(wide) if isinstance(a, Tensor) and a.is_floating_point()]
    with torch.enable_grad():
        leaves = [a.requires_grad_(True) if n in places else a for n, a in enumerate(wide)]
        output = _tensor(kind.apply(*leaves))  # type: ignore[no-untyped-call]
        mixture = torch.randn_like(output)
        chosen = [leaves[n] for n in places]
        gradients = torch.autograd.grad((output * mixture).sum(), chosen, allow_unused=True)
    identity = any(t.shape == output.shape and torch.equal(t.detach(), output.detach()) for t in chosen)
    errors, jumps = [], []
    for _ in range(_DIRECTIONS):
        moves = {place: torch.randn_like(leaves[place]) for place in places}
        pairs = zip(gradients, moves.values(), strict=True)
        own = sum(float((g * direction).sum()) for g, direction in pairs if g is not None)
        coarse, fine = (_difference(kind, leaves, moves, mixture, width) for width in _WIDTHS)
        size = max(abs(own), abs(coarse), 1e-12)
        errors.append(abs(own - coarse) / size)
        flat = coarse == fine == 0 and own != 0  # as rounding is: a made-up gradient is the point of such a function
        jumps.append(math.inf if flat else abs(fine - coarse) / max(abs(fine), abs(coarse), 1e-12))
    return max(errors), max(jumps), identity


@torch.no_grad()
def _difference(
    kind: type[Function], args: list[Any], moves: dict[int, Tensor], mixture: Tensor, width: float
) -> float:
    """Central difference of the mixture of outputs along the directions."""
    sides = []
    for sign in (1.0, -1.0):
        moved = list(args)
        for place, direction in moves.items():
            moved[place] = args[place].detach() + sign * width * direction
        output = _tensor(kind.apply(*moved))  # type: ignore[no-untyped-call]
        sides.append(float((output * mixture).sum()))
    return (sides[0] - sides[1]) / (2 * width)


def _tensor(output: Any) -> Tensor:
    first = output[0] if isinstance(output, tuple) else output
    if not isinstance(first, Tensor) or not first.is_floating_point():
        raise TypeError("it returns no floating-point tensor")
    return first
