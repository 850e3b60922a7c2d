"""Joined: several calls of models in one step, one behind the other, made again as if they were one model's call."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.optim import Optimizer

from trainwright.core import CannotEvaluate
from trainwright.doctor.batch import main_output, map_tensors, n_samples, tensors_of
from trainwright.doctor.optimizers import held_by
from trainwright.doctor.tape import ModelCall, Operation, Pass, autocasting, repeat

MOST_CALLS = 16
"""Calls of models in one step that are joined at most; a loop over time with its cell outside of any model has more."""


_Step = TypeVar("_Step", ModelCall, Operation, ModelCall | Operation)


def in_order(each: Pass) -> Iterator[ModelCall | Operation]:
    """Calls and operations as they came."""
    calls = list(each.calls)
    for place, operation in enumerate(each.operations):
        while calls and calls[0].place <= place:
            yield calls.pop(0)
        yield operation
    yield from calls


def leading_to(tensors: Iterable[Tensor], steps: Iterable[_Step]) -> list[_Step]:
    """Those of the steps that some of the tensors rest on."""
    needed, used = {id(tensor) for tensor in tensors}, list[_Step]()
    for step in reversed(list(steps)):
        if any(id(tensor) in needed for tensor in tensors_of(_result(step))):
            used.append(step)
            needed |= {id(tensor) for tensor in _given(step) if not is_weight(tensor)}
    return used[::-1]


def is_weight(tensor: Tensor) -> bool:
    """Whether a tensor is there to be trained; how it came about, its initialisation say, is no part of the loss."""
    return tensor.is_leaf and tensor.requires_grad


def join(each: Pass, steps: Sequence[ModelCall | Operation], optimizer: Optimizer) -> tuple[ModelCall, list[Operation]]:
    """One call that stands for all of ``steps`` up to the last call of a model, and the operations behind it, which are
    the loss.

    Raises ``CannotEvaluate`` where a model is another optimizer's, or where inputs have no part in the last output.
    """
    calls = [step for step in steps if isinstance(step, ModelCall)]
    names = ", ".join(type(call.module).__name__ for call in calls)
    if not calls:
        raise CannotEvaluate(_without_calls(each))
    if len(calls) > MOST_CALLS:
        raise CannotEvaluate(f"the loss of this step rests on {len(calls)} calls of models ({names})")
    inner = leading_to((t for call in calls for t in tensors_of(call.output)), steps)
    own = {id(step) for step in inner}
    behind = [step for step in steps if isinstance(step, Operation) and id(step) not in own]
    weights = {id(t): t for step in inner for t in _given(step) if is_weight(t)}
    held = held_by(optimizer)
    if not weights.keys() <= held:
        raise CannotEvaluate("the inputs of this step's models require gradients themselves")
    owner = _owner([call.module for call in calls], weights, held)
    for call in calls:
        if not any(id(p) in held for p in call.module.parameters() if p.requires_grad):
            raise CannotEvaluate(
                f"{type(call.module).__name__}, one of the models of this step ({names}), is not this optimizer's"
            )
    count = n_samples((calls[0].args, calls[0].kwargs))
    joined = _Joined(inner, owner, weights, count)
    used = {id(t) for operation in behind for t in _given(operation)} | {id(each.root)}
    made = [t for step in inner for t in tensors_of(_result(step)) if id(t) in used]
    main = main_output(calls[-1].output)
    if main is None or id(main) not in used:
        raise CannotEvaluate(f"the loss of this step rests on {len(calls)} calls of models ({names}) instead of one")
    if len(leading_to([main], inner)) < len(leading_to(made, inner)) or not joined.inputs:
        raise CannotEvaluate(
            f"the loss of this step compares the outputs of {len(calls)} calls of models ({names}) with each other"
            if len(calls) > 1
            else f"the loss of this step is made of more than what one call of {names} was given and returned"
        )
    outputs = [main, *(t for t in made if t is not main)]
    joined.outputs = outputs
    whole = outputs[0] if len(outputs) == 1 else tuple(outputs)
    return replace(calls[-1], module=owner, args=tuple(joined.inputs), kwargs={}, output=whole, again=joined), behind


def _without_calls(last: Pass) -> str:
    """Why no model's call stands behind a loss."""
    if not last.calls:
        return (
            "what went backward last before this step was not made by a call of a model since the backward pass before"
        )
    kinds = ", ".join(sorted({type(call.output).__name__ for call in last.calls}))
    return f"the loss of this step rests on no tensor that a model returned; what came back was {kinds}"


class _Joined:
    """Calls the models of a step, with the operations between them, for other inputs.

    ``inputs``: tensors from outside with an entry for each sample. The models are looked up by their names in the one
    that is called.
    """

    def __init__(
        self, steps: Sequence[ModelCall | Operation], owner: nn.Module, weights: dict[int, Tensor], count: int
    ) -> None:
        self._steps, self._count = steps, count
        self._modules = {id(module): name for name, module in owner.named_modules()}
        self._weights = {id(p): name for name, p in owner.named_parameters() if id(p) in weights}
        inside = {id(t) for step in steps for t in tensors_of(_result(step))}
        outside = {id(t): t for step in steps for t in _given(step) if id(t) not in inside and not t.requires_grad}
        self.inputs = [t for t in outside.values() if t.dim() and len(t) == count]
        self.outputs: list[Tensor] = []

    def __call__(self, model: nn.Module, inputs: tuple[tuple[Any, ...], dict[str, Any]]) -> Any:
        values: dict[int, Any] = {id(old): new for old, new in zip(self.inputs, inputs[0], strict=True)}
        values.update({key: model.get_parameter(name) for key, name in self._weights.items()})
        rows = n_samples(inputs)
        for step in self._steps:
            if isinstance(step, ModelCall):
                args, kwargs = map_tensors((step.args, step.kwargs), lambda t: values.get(id(t), t))
                with autocasting(step.autocast):
                    result = model.get_submodule(self._modules[id(step.module)])(*args, **kwargs)
            else:
                result = repeat(step, values, self._count, rows)
            pairs = zip(tensors_of(_result(step)), tensors_of(result), strict=True)
            values.update({id(old): new for old, new in pairs})
        found = tuple(values[id(t)] for t in self.outputs)
        return found[0] if len(found) == 1 else found


class Models(nn.Module):
    """Models that no other one holds together."""

    def __init__(self, modules: Iterable[nn.Module], weights: Iterable[Tensor]) -> None:
        super().__init__()
        for module in modules:
            kind = type(module).__name__
            twins = sum(name.split(" ")[0] == kind for name in self._modules)
            self.add_module(f"{kind} {twins + 1}" if twins else kind, module)
        held = {id(p) for p in self.parameters()}
        free = [p for p in weights if id(p) not in held and isinstance(p, nn.Parameter)]
        for number, parameter in enumerate(free):
            self.register_parameter(f"weight {number + 1}", parameter)


def _owner(modules: Sequence[nn.Module], weights: dict[int, Tensor], held: set[int]) -> nn.Module:
    """The smallest model with these modules and weights among those that hold most of the optimizer's parameters; one
    made for them where there is none."""
    wanted = {id(module) for module in modules}
    holding: list[tuple[int, int, nn.Module]] = []
    for each in [thing for thing in gc.get_objects() if issubclass(type(thing), nn.Module)]:
        inside = {id(module) for module in each.modules()}
        own = {id(p) for p in each.parameters()} if wanted <= inside else set()
        if own and weights.keys() <= own:
            holding.append((-len(own & held), len(inside), each))
    if holding:
        return min(holding, key=lambda found: found[:2])[2]
    return Models({id(module): module for module in modules}.values(), weights.values())


def _result(step: ModelCall | Operation) -> Any:
    return step.output if isinstance(step, ModelCall) else step.result


def _given(step: ModelCall | Operation) -> Iterator[Tensor]:
    return tensors_of((step.args, step.kwargs))
