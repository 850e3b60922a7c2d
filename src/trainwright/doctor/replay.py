"""Replay: from the operations that led to a script's loss to a loss function that trials can call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from trainwright.core import CannotEvaluate
from trainwright.doctor.arrange import SAMPLES, describe, make_setup, own_batch_size
from trainwright.doctor.batch import clone, main_output, map_tensors, n_samples, rows_of, tensors_of
from trainwright.doctor.joined import in_order, join, leading_to
from trainwright.doctor.losses import Returned, WholeLoss, recognise_loss
from trainwright.doctor.optimizers import Optimizers, held_by, leave_warm_up, with_partners
from trainwright.doctor.replay_keras import KerasLoss, as_torch, is_shown
from trainwright.doctor.restore import restored
from trainwright.doctor.setup import Setup
from trainwright.doctor.tape import DIVIDING, SCALING, ModelCall, Operation, Pass, autocasting, repeat

if TYPE_CHECKING:
    from trainwright.doctor.capture import Step


def setup_of(step: Step) -> Setup:
    """The setup of a captured step; ``CannotEvaluate`` with the reason where the step cannot be made again."""
    step = as_torch(step)
    if step.partners:
        step = replace(step, optimizer=Optimizers([step.optimizer, *step.partners]))
    leave_warm_up(step.optimizer)
    held = held_by(step.optimizer)
    if not step.passes:
        raise CannotEvaluate("the optimizer made its step without a backward pass before")
    last = step.passes[-1]
    assert last.root is not None
    operations = leading_to([last.root], last.operations)
    try:
        call = _only_call(last, operations, held)
    except CannotEvaluate:
        call, operations = join(last, leading_to([last.root], in_order(last)), step.optimizer)
    step = replace(step, optimizer=with_partners(step.optimizer, call.module, step.living))
    if _only_scale(operations, call):  # what was differentiated came out of the model itself
        setup = make_setup(call.module, None, _own_batch(call), step.optimizer, clip_norm=step.clip_norm)
        setup.call = _Autocasted(setup.call, call.autocast)
        setup.peak_rates = step.peaks
        return setup
    return _with_replayed_loss(step, call, _without_accumulation(operations, len(step.passes)))


def _only_call(last: Pass, operations: list[Operation], held: set[int]) -> ModelCall:
    """The one call of a model on which the loss rests."""
    needed = {id(t) for o in operations for t in tensors_of((o.args, o.kwargs))} | {id(last.root)}
    calls = [call for call in last.calls if any(id(t) in needed for t in tensors_of(call.output))]
    if len(calls) != 1:
        names = ", ".join(type(call.module).__name__ for call in calls) or "no model"
        raise CannotEvaluate(f"the loss of this step rests on {len(calls)} calls of models ({names}) instead of one")
    own = {id(p) for p in calls[0].module.parameters()}
    given = list(tensors_of((calls[0].args, calls[0].kwargs)))
    before = [step for step in leading_to(given, in_order(last)) if isinstance(step, ModelCall)]
    others = {id(p) for step in before for p in step.module.parameters()}
    if any(tensor.requires_grad for tensor in given) or others & held or not own & held:
        raise CannotEvaluate(
            f"{type(calls[0].module).__name__} is only a part of what is trained in this step, which makes "
            f"{len(last.calls)} calls of models"
        )
    return calls[0]


def _only_scale(operations: list[Operation], call: ModelCall) -> bool:
    """Whether nothing is done to a loss that the model returned but to divide or multiply it by a positive number."""
    values = {id(t) for t in tensors_of(call.output)}
    for operation in operations:
        loss, *numbers = (*operation.args, *operation.kwargs.values())
        scales = operation.function in SCALING and len(numbers) == 1
        if not scales or not isinstance(numbers[0], int | float) or not numbers[0] > 0:
            return False
        if id(loss) not in values or loss.numel() != 1:
            return False
        values.add(id(operation.result))
    return True


def _without_accumulation(operations: list[Operation], passes: int) -> list[Operation]:
    """Without a last division by the number of passes, and without the factor of a gradient scaler."""
    last = operations[-1]
    divided = last.function in DIVIDING and last.args[1:] == (passes,)
    scaled = last.function in (torch.Tensor.__mul__, torch.Tensor.mul) and _is_scale(last.args)
    if len(operations) == 1 or not (scaled or (divided and passes > 1)):
        return operations
    # A scaler brings its factor to the loss's device, which is no part of the loss.
    return leading_to(tensors_of(last.args[:1]), operations[:-1])


def _is_scale(args: tuple[Any, ...]) -> bool:
    """Whether a loss is multiplied by a power of two from 2**10 on, in a tensor: what a gradient scaler does."""
    factor = args[1] if len(args) > 1 else None
    return isinstance(factor, Tensor) and factor.dim() <= 1 and factor.numel() == 1 and float(factor) >= 2**10


def _with_replayed_loss(step: Step, call: ModelCall, operations: list[Operation]) -> Setup:
    inputs, again = _samples_first(call)
    count = n_samples(inputs)
    if not count:
        raise CannotEvaluate("what enters the model holds no dense tensor with an entry for each sample")
    picks = any(_picks(operation, count) for operation in operations)
    operations = list(_by_sample(operations, call, count))
    replayed = _Replayed(operations, call, count)
    if not replayed.leaves:
        raise CannotEvaluate(f"no targets were found: the loss uses nothing with an entry for each of {count} samples")
    targets = replayed.targets()
    main = main_output(call.output)
    if main is None:
        raise CannotEvaluate("the model returned no tensor that could be a prediction")
    returned = Returned(main, call.output)
    name = _name_of(operations, main)
    loss = (
        replayed if isinstance(call.output, Tensor) else WholeLoss(replayed, replayed.uses_only(main), returned, name)
    )
    some = slice(SAMPLES)
    setup = Setup(
        model=call.module,
        loss=loss,
        optimizer=step.optimizer,
        inputs=clone(rows_of(inputs, some)),
        targets=clone(rows_of(targets, some)),
        task="",
        n_outputs=1,
        loss_name=name,
        clip_norm=step.clip_norm,
        batch_size=own_batch_size(count),
        call=_Autocasted(again, call.autocast),
        returned=returned,
        starts_wide=is_shown(call.module),
        samples_first=picks or step.loaded == count,
        peak_rates=step.peaks,
    )
    with restored(setup.model, setup.optimizer), torch.no_grad():
        setup.model.eval()
        try:
            outputs = setup.returning(setup.inputs)
        except Exception as error:
            if count <= SAMPLES:
                raise
            reason = f"{type(error).__name__}: {error}"
            raise CannotEvaluate(f"the model refuses {SAMPLES} of its {count} samples ({reason})") from error
        describe(setup, outputs)
    if replayed.compares_pairs:  # whole numbers are names of what belongs together then, and no classes
        setup.task, setup.n_outputs = "regression", 1
    return setup


def _samples_first(call: ModelCall) -> tuple[Any, Callable[[nn.Module, Any], Any]]:
    """The inputs with an entry for each sample, and how to call the model with them: where the inputs go by time first
    [T, N, ...] and the outputs by sample [N, ...], the two axes are exchanged and put back for the call."""
    inputs = (call.args, call.kwargs)
    if call.again is not None:
        return inputs, call.again
    given, output = list(tensors_of(inputs)), main_output(call.output)
    count = len(output) if output is not None and output.dim() else 0
    longer = [tensor for tensor in given if tensor.dim()]
    by_time = count > 1 and all(t.dim() > 1 and t.shape[1] == count and len(t) != count for t in longer)
    return (map_tensors(inputs, _exchanged), _call_by_time) if by_time and longer else (inputs, _call_with_both)


def _exchanged(tensor: Tensor) -> Tensor:
    return tensor.transpose(0, 1) if tensor.dim() > 1 else tensor


def _call_by_time(model: nn.Module, inputs: Any) -> Any:
    return _call_with_both(model, map_tensors(inputs, _exchanged))


def _by_sample(operations: list[Operation], call: ModelCall, count: int) -> Iterator[Operation]:
    """The operations without those on the targets alone that make another number of rows of them, as the choice of this
    batch's among all does, or put them in another order: what these give are the targets. Nor those that give back what
    they were given, as a conversion to the type it has; what was changed in place has been changed."""
    derived = {id(tensor) for tensor in tensors_of(call.output)}
    for operation in operations:
        given = list(tensors_of((operation.args, operation.kwargs)))
        if any(id(tensor) in derived or tensor.requires_grad for tensor in given):
            derived |= {id(tensor) for tensor in tensors_of(operation.result)}
        elif _chooses(operation, given, count) or any(
            t is operation.result or _has_other_rows(t, count) or _is_order(t, count) for t in given
        ):
            continue
        yield operation


def _chooses(operation: Operation, given: list[Tensor], count: int) -> bool:
    """Whether an operation makes as many rows as there are samples out of more, be they a multiple of that number."""
    result = operation.result
    few = isinstance(result, Tensor) and result.dim() > 0 and len(result) == count
    return few and any(tensor.dim() > 0 and len(tensor) > count for tensor in given)


def _picks(operation: Operation, count: int) -> bool:
    """Whether an operation takes rows by a list of as many places as there are samples: its first axis holds samples,
    as nobody takes points of time in any order. A slice may be one of time."""
    given = list(tensors_of((operation.args, operation.kwargs)))
    return any(_lists_places(tensor, count) for tensor in given) and _chooses(operation, given, count)


def _is_order(tensor: Tensor, count: int) -> bool:
    """Whether it holds the samples' places in another order, as that in which they are mixed with others."""
    if not _lists_places(tensor, count):
        return False
    places = torch.arange(count, device=tensor.device)
    return bool((tensor.sort().values == places).all()) and not bool((tensor == places).all())


def _lists_places(tensor: Tensor, count: int) -> bool:
    """Whether it could be a list of places, one for each sample."""
    return tensor.shape == (count,) and not tensor.is_floating_point() and tensor.dtype != torch.bool


def _has_other_rows(tensor: Tensor, count: int) -> bool:
    return tensor.dim() > 0 and len(tensor) > 1 and len(tensor) % count > 0


def _own_batch(call: ModelCall) -> Any:
    """The arguments of a model that returns its own loss, as a batch: by name where the script named some."""
    if not call.kwargs:
        return call.args
    names = inspect.signature(call.module.forward).parameters
    return {**dict(zip(names, call.args, strict=False)), **call.kwargs}


class _Autocasted:
    """Calls the model under the autocast of the script."""

    def __init__(self, call: Callable[[nn.Module, Any], Any], autocast: tuple[str, torch.dtype] | None) -> None:
        self._call, self._autocast = call, autocast

    def __call__(self, model: nn.Module, inputs: Any) -> Any:
        with autocasting(self._autocast):
            return self._call(model, inputs)


def _call_with_both(model: nn.Module, inputs: tuple[tuple[Any, ...], dict[str, Any]]) -> Any:
    return model(*inputs[0], **inputs[1])


class _Replayed:
    """The script's loss as a function of what the model returns and of the targets.

    Targets are the tensors with an entry, or the same number of entries, for each sample that enter the operations
    from outside the model.
    """

    def __init__(self, operations: list[Operation], call: ModelCall, count: int) -> None:
        self._operations, self._output, self._autocast, self._count = operations, call.output, call.autocast, count
        inside = {id(t) for t in tensors_of(call.output)} | {id(t) for o in operations for t in tensors_of(o.result)}
        outside = {id(t): t for o in operations for t in tensors_of((o.args, o.kwargs)) if id(t) not in inside}
        leaves = [t for t in outside.values() if t.dim() and len(t) % count == 0 and not t.requires_grad]
        made = [call.output, *(operation.result for operation in operations)]
        self.compares_pairs = any(_is_of_pairs(t, count) for t in tensors_of(made))
        self._masks = [t for t in leaves if _is_mask_of_pairs(t, count)]
        self._pairs = [t for t in _others(leaves, self._masks) if self.compares_pairs and _tells_of_pairs(t, count)]
        self.leaves, self._copies = _without_copies(_others(leaves, [*self._masks, *self._pairs]))
        # What was told of each pair before the model's call goes with the samples: these are told by their places.
        self._places = torch.arange(count, device=self._pairs[0].device) if self._pairs else None
        if self._places is not None:
            self.leaves.append(self._places)

    def _compares(self, leaf: Tensor) -> bool:
        """Whether targets are the places of the samples in the batch, as where each is to be found among all."""
        if not self.compares_pairs or leaf is self._places:
            return False
        if leaf.dim() != 1 or leaf.is_floating_point() or len(leaf) != self._count:
            return False
        return bool((leaf == torch.arange(self._count, device=leaf.device)).all())

    def targets(self) -> Any:
        """The leaves, each [N, ...]; the tensor itself where there is one."""
        shaped = tuple(t.reshape(self._count, -1, *t.shape[1:]) if len(t) != self._count else t for t in self.leaves)
        return shaped[0] if len(shaped) == 1 else shaped

    def uses_only(self, main: Tensor) -> bool:
        """Whether of what the model returned only the main tensor enters the loss."""
        others = {id(tensor) for tensor in tensors_of(self._output) if tensor is not main}
        return not any(id(t) in others for o in self._operations for t in tensors_of((o.args, o.kwargs)))

    def __call__(self, returned: Any, targets: Any) -> Tensor:
        """Make the operations again, with another output of the model and other targets."""
        values: dict[int, Any] = {}
        fewer: dict[int, int] = {}
        for old, new in zip(tensors_of(self._output), tensors_of(returned), strict=True):
            values[id(old)] = new
            fewer.update(_shorter(old, new))
        given = [targets] if isinstance(targets, Tensor) else list(targets)
        for leaf, target in zip(self.leaves, given, strict=True):
            new = target[:, : fewer.get(target.shape[1])] if target.dim() > 1 else target
            values[id(leaf)] = new if len(leaf) == self._count else new.reshape(-1, *leaf.shape[1:])
        for copy, leaf in self._copies:
            values[id(copy)] = values[id(leaf)].to(copy.dtype)
        rows = n_samples(targets)
        values.update({id(mask): mask[:rows, :rows] for mask in self._masks})
        values.update({id(leaf): leaf[:rows] for leaf in self.leaves if self._compares(leaf)})
        if self._places is not None:
            places = values[id(self._places)]
            values.update({id(pairs): pairs[places][:, places] for pairs in self._pairs})
        result: Any = None
        with autocasting(self._autocast):
            for operation in self._operations:
                result = repeat(operation, values, self._count, rows)
                for old, new in zip(tensors_of(operation.result), tensors_of(result), strict=True):
                    values[id(old)] = new
        assert isinstance(result, Tensor)
        return result


def _is_of_pairs(tensor: Tensor, count: int) -> bool:
    """Whether a result that goes back to the model has a number for each pair of samples."""
    return tensor.requires_grad and tensor.dim() >= 2 and tensor.shape[0] == tensor.shape[1] == count > 1


def _is_mask_of_pairs(tensor: Tensor, count: int) -> bool:
    """Whether a constant only tells the pairs of a sample with itself from those with others."""
    if tensor.dim() != 2 or tensor.shape[0] != count or tensor.shape[1] != count or count < 2:
        return False
    itself = torch.eye(count, dtype=torch.bool, device=tensor.device)
    return all(bool((part == part[0]).all()) for part in (tensor[itself], tensor[~itself]))


def _tells_of_pairs(tensor: Tensor, count: int) -> bool:
    """Whether a constant says something of each pair of samples, as whether they belong together."""
    return tensor.dim() == 2 and tensor.shape[0] == tensor.shape[1] == count > 1 and bool((tensor == tensor.T).all())


def _others(tensors: list[Tensor], without: list[Tensor]) -> list[Tensor]:
    return [t for t in tensors if all(t is not one for one in without)]


def _without_copies(leaves: list[Tensor]) -> tuple[list[Tensor], list[tuple[Tensor, Tensor]]]:
    """Those that differ, and of the others, such as the same targets as another type of number, whose copy each is."""
    own: list[Tensor] = []
    copies = []
    for leaf in leaves:
        same = (t for t in own if t.shape == leaf.shape and t.device == leaf.device and bool((t == leaf).all()))
        original = next(same, None)
        if original is None:
            own.append(leaf)
        else:
            copies.append((leaf, original))
    return own, copies


def _shorter(before: Tensor, after: Tensor) -> dict[int, int]:
    """The length of the second axis before → after, where it shrank: a packed sequence is unpacked to the longest among
    the samples given, so with some of a batch's samples the padding of the others is gone."""
    if before.dim() < 2 or after.dim() != before.dim() or after.shape[1] >= before.shape[1]:
        return {}
    return {before.shape[1]: after.shape[1]}


def _name_of(operations: list[Operation], main: Tensor) -> str:
    """The name of the standard loss that is the last operation, if it takes the main output or a reshaped one."""
    last = operations[-1]
    first = next(tensors_of((last.args, last.kwargs)), None)
    if isinstance(last.function, KerasLoss):
        return last.function.name
    reshaped = first is not None and first.numel() == main.numel() and len(operations) <= 3
    return recognise_loss(last.function) if reshaped else "python"
