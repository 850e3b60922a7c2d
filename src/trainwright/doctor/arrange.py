"""Arrange: from a model, a loss, a batch and an optimizer, as users hold them in their hands, to a setup."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parameter import UninitializedBuffer, is_lazy
from torch.optim import Adam, Optimizer

from trainwright.core import CannotEvaluate, ModelError, UsageError
from trainwright.doctor.batch import clone, main_output, map_tensors, n_samples, parts_of, rows_of, tensors_of
from trainwright.doctor.losses import FlatLoss, Loss, OwnLoss, Returned, WholeLoss, own_loss_of
from trainwright.doctor.restore import random_state, restored, set_random_state
from trainwright.doctor.setup import Setup, call_model

TARGET_NAMES = ("labels", "label", "targets", "target", "y")
"""What the part of a batch that holds the targets is called."""
SAMPLES = 256
"""Samples of the batch that the trials use at most."""
FEWEST_IN_A_BATCH = 4
"""Samples of a batch from which batch normalisation has something to go by."""
STAND_IN_RATE = 1e-3
"""Learning rate of the Adam that makes the steps where no optimizer was given."""

Step = Callable[[Any], Tensor]


def own_batch_size(count: int) -> int:
    """The size of the batches that trials make of a batch of so many samples: halves, so that two differ, as long as
    that leaves enough for batch normalisation."""
    return min(32, count // 2) if count >= 2 * FEWEST_IN_A_BATCH else max(1, count)


def make_setup(
    model: nn.Module,
    loss: Callable[[Any, Any], Tensor] | None = None,
    batch: Any = None,
    optimizer: Optimizer | None = None,
    *,
    task: str | None = None,
    step: Step | None = None,
    clip_norm: float | None = None,
    batch_size: int | None = None,
) -> Setup:
    """A setup of the parts of a training loop; see :func:`trainwright.doctor.preflight.check` for what they may be.

    The batch is copied, and a model with uninitialised (lazy) parameters too. One forward pass in eval mode finds out
    what the model returns; everything it changes is put back. Raises ``UsageError`` and ``ModelError``.
    """
    _refuse_nonsense(model, batch)
    if step is None and any(is_lazy(p) for p in model.parameters()):
        model, loss, optimizer = _copied(model, loss, optimizer)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    batch = map_tensors(clone(rows_of(_first_batch(batch), slice(SAMPLES))), lambda tensor: tensor.to(device))
    inputs, targets, label = _split(batch, whole=loss is None or step is not None)
    before = random_state()  # lazy parameters draw their first values
    call, returned = _look(model, optimizer, inputs, [label] if loss is not None else [None, label])
    set_random_state(before)
    outputs = returned.main
    usable: Loss = _usable_loss(loss, returned, targets, may_be_unknown=step is not None)
    setup = Setup(
        model=model,
        loss=usable,
        # Lazy parameters have shapes by now.
        optimizer=optimizer or Adam([p for p in model.parameters() if p.requires_grad], lr=STAND_IN_RATE),
        inputs=inputs,
        targets=targets,
        task=task or "",
        n_outputs=1,
        clip_norm=clip_norm,
        batch_size=batch_size or own_batch_size(n_samples(inputs)),
        step_function=None if step is None else (lambda setup, i, t: step(setup.joined(i, t))),
        call=call,
        label=label,
        returned=returned,
    )
    describe(setup, outputs)
    return setup


def describe(setup: Setup, outputs: Tensor | None) -> None:
    """Fill in what the loss and the shapes tell of a setup: name of the loss, task (if not given) and classes."""
    rows = setup.with_rows(outputs, len(setup))
    if rows is not None and outputs is not None and rows is not outputs and not isinstance(setup.loss, WholeLoss):
        setup.loss = FlatLoss(setup.loss, outputs.dim())
    if setup.loss_name == "python" and rows is not None and not isinstance(setup.loss, OwnLoss):
        setup.loss_name = recognise_by_value(setup.loss, rows, setup.targets)
    guessed, setup.n_outputs = guess_task(setup.loss_name, rows, setup.targets)
    setup.task = setup.task or guessed


def guess_task(loss_name: str, outputs: Tensor | None, targets: Any) -> tuple[str, int]:
    """``classification`` or ``regression``, and the number of classes or 1, from the loss and the shapes."""
    if outputs is None or not isinstance(targets, Tensor):
        return "regression", 1
    width = outputs.shape[-1] if outputs.dim() > 1 else 1
    whole_numbers = not targets.is_floating_point() and not targets.is_complex()
    if whole_numbers and outputs.dim() == targets.dim() + 1:
        last = tuple(outputs.shape[:-1]) == tuple(targets.shape)
        return "classification", width if last or outputs.dim() < 3 else outputs.shape[1]
    if loss_name in ("cross_entropy", "nll"):
        return "classification", width
    if loss_name in ("bce", "bce_with_logits") or (whole_numbers and set(torch.unique(targets).tolist()) <= {0, 1}):
        return "classification", 1
    return "regression", 1


def _refuse_nonsense(model: object, batch: object) -> None:
    if not isinstance(model, nn.Module):
        raise UsageError(
            f"The model is {type(model).__name__}.", expected="A torch.nn.Module.", todo="Pass model=your_model."
        )
    if batch is None:
        raise UsageError(
            "There is no batch to try the model on.",
            expected="A batch as your loader yields it, such as (inputs, targets).",
            todo="Pass batch=next(iter(loader)).",
        )


def _copied(model: nn.Module, *others: Any) -> Any:
    """Copies that belong together; torch itself cannot copy a buffer without a shape."""
    lazy = [buffer for buffer in model.buffers() if is_lazy(buffer)]
    made = {id(b): UninitializedBuffer(device=b.data.device, dtype=b.data.dtype) for b in lazy}  # type: ignore[call-arg]
    return copy.deepcopy((model, *others), made)


def _first_batch(batch: Any) -> Any:
    """The batch itself, or the first one of a loader."""
    if next(tensors_of(batch), None) is not None:
        return batch
    if isinstance(batch, Iterable) and not isinstance(batch, str | Mapping | list | tuple):
        batch = next(iter(batch), None)
    if next(tensors_of(batch), None) is None:
        raise UsageError(
            f"The batch ({type(batch).__name__}) holds no tensors.",
            expected="A tensor, or a tuple, dictionary or data class of tensors.",
            todo="Convert arrays with torch.as_tensor.",
        )
    return batch


def _split(batch: Any, *, whole: bool) -> tuple[Any, Any, Any]:
    """Inputs, targets and where the inputs hold the targets; they do where the batch is kept ``whole``."""
    parts = parts_of(batch)
    if not parts:
        return batch, batch, None  # nothing else to predict than the input itself
    label = _label(parts)
    if label is None:
        return batch, next(tensors_of(batch)), None
    if whole or not isinstance(batch, Mapping | list | tuple) or hasattr(batch, "_fields"):
        return batch, parts[label], label
    rest = {name: part for name, part in parts.items() if name != label}
    if all(isinstance(name, int) for name in rest):
        return (next(iter(rest.values())) if len(rest) == 1 else tuple(rest.values())), parts[label], None
    return rest, parts[label], None


def _label(parts: Mapping[Any, Any]) -> Any:
    named = next((name for name in TARGET_NAMES if name in parts), None)
    if named is not None or not all(isinstance(name, int) for name in parts):
        return named
    return len(parts) - 1 if len(parts) > 1 else None


def _look(
    model: nn.Module, optimizer: Optimizer | None, inputs: Any, hidden: list[Any]
) -> tuple[Callable[[nn.Module, Any], Any], Returned]:
    """The first way of calling the model with the inputs that works, and what it returns.

    ``hidden``: parts of the inputs to try without, such as the targets of a model that does not want them.
    """
    failure: Exception | None = None
    for arrange in (way(model, each) for each in dict.fromkeys(hidden) for way in _WAYS):
        arranged = arrange(inputs)
        if not _accepts(model, arranged):
            continue
        try:
            if any(is_lazy(p) for p in model.parameters()):
                with torch.no_grad():
                    call_model(model, clone(arranged))
            with restored(model, optimizer), torch.no_grad():
                model.eval()
                whole = call_model(model, clone(arranged))
        except Exception as error:  # noqa: BLE001 - the user's own code may raise anything
            failure = failure or error
            continue
        return partial(_call, arrange), Returned(main_output(whole), whole)
    raise _not_callable(model, inputs, failure) from failure


def _call(arrange: Callable[[Any], Any], model: nn.Module, inputs: Any) -> Any:
    return call_model(model, arrange(inputs))


def _not_callable(model: nn.Module, inputs: Any, failure: Exception | None) -> ModelError:
    shapes = ", ".join(str(list(tensor.shape)) for tensor in tensors_of(inputs))
    reason = f" ({type(failure).__name__}: {failure})" if failure else ""
    return ModelError(
        f"{type(model).__name__} cannot be called with this batch, whose tensors are {shapes}{reason}.",
        expected=f"A batch that fits forward{inspect.signature(model.forward)}.",
        todo="Pass the batch as your loop hands it to the model: (inputs, targets), or a dictionary of arguments.",
    )


def _by_name(model: nn.Module, hidden: Any) -> Callable[[Any], Any]:
    """Of named parts those that the model takes."""
    taken = inspect.signature(model.forward).parameters
    anything = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in taken.values())

    def arrange(inputs: Any) -> Any:
        named = {name: part for name, part in parts_of(inputs).items() if isinstance(name, str) and name != hidden}
        return {name: part for name, part in named.items() if anything or name in taken}

    return arrange


def _by_position(model: nn.Module, hidden: Any) -> Callable[[Any], Any]:  # noqa: ARG001 - as the other ways
    """The parts of a tuple one after the other."""
    return lambda inputs: tuple(p for name, p in parts_of(inputs).items() if isinstance(name, int) and name != hidden)


def _only_tensor(model: nn.Module, hidden: Any) -> Callable[[Any], Any]:  # noqa: ARG001
    """The part that is a tensor, where only one is."""

    def arrange(inputs: Any) -> Any:
        tensors = [p for name, p in parts_of(inputs).items() if isinstance(p, Tensor) and name != hidden]
        return tuple(tensors) if len(tensors) == 1 else ()

    return arrange


def _as_it_is(model: nn.Module, hidden: Any) -> Callable[[Any], Any]:  # noqa: ARG001
    """The inputs as the model's only argument."""
    return lambda inputs: (inputs,)


_WAYS = (_by_name, _by_position, _only_tensor, _as_it_is)


def _accepts(model: nn.Module, arranged: Any) -> bool:
    """Whether the model's ``forward`` can be called so, going by its signature."""
    if not arranged:
        return False
    signature = inspect.signature(model.forward)
    try:
        signature.bind(**arranged) if isinstance(arranged, Mapping) else signature.bind(*arranged)
    except TypeError:
        return False
    return True


def _usable_loss(
    loss: Callable[[Any, Any], Tensor] | None, returned: Returned, targets: Any, *, may_be_unknown: bool
) -> Loss:
    """The loss as trials call it: with the main output and the targets."""
    if loss is None:
        own = own_loss_of(returned.whole)
        if own is None and not may_be_unknown:
            raise ModelError(
                f"The model returned {type(returned.whole).__name__} without a loss, and no loss was given.",
                expected="A loss function, or a model that returns its own loss for this batch.",
                todo="Pass loss=..., or put the labels into the batch.",
            )
        return OwnLoss() if own is None else recognise_own_loss(own, returned.main, targets)
    if isinstance(returned.whole, Tensor) or returned.main is None:
        return loss
    return _whole_loss(loss, returned, targets)


def recognise_own_loss(value: Tensor, outputs: Tensor | None, targets: Any) -> OwnLoss:
    """The standard loss that has this value, if one has; so that trials can compute it for outputs of their own."""
    if outputs is None or not isinstance(targets, Tensor):
        return OwnLoss()
    tolerance = 1e-5 if value.dtype in (torch.float32, torch.float64) else 1e-2
    for own in _candidates(targets):
        assert own.replay is not None
        try:
            found = float(own.replay(outputs, targets))
        except (RuntimeError, ValueError, IndexError):
            continue  # the shapes do not fit: another loss
        if abs(found - float(value)) <= tolerance * max(1.0, abs(float(value))):
            return own
    return OwnLoss()


def recognise_by_value(loss: Loss, outputs: Tensor, targets: Any) -> str:
    """The name of the standard loss that gives the same values for these outputs and for larger ones; else ``python``.

    Many write ``cross_entropy(outputs.flatten(0, 1), targets.flatten())`` as a function of their own.
    """
    names = set()
    with torch.no_grad():
        for factor in (1.0, 3.0):
            try:
                names.add(recognise_own_loss(loss(factor * outputs, targets), factor * outputs, targets).name)
            except (CannotEvaluate, RuntimeError, ValueError):
                return "python"
    return names.pop() if len(names) == 1 else "python"


def _candidates(targets: Tensor) -> Iterable[OwnLoss]:
    if not targets.is_floating_point():
        yield OwnLoss(_cross_entropy, "cross_entropy")
        yield OwnLoss(_shifted_cross_entropy, "cross_entropy", shift=1)
        yield OwnLoss(functional.cross_entropy, "cross_entropy")
    else:
        yield OwnLoss(_squared_error, "mse")
        yield OwnLoss(_binary_cross_entropy, "bce_with_logits")


def _cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(outputs.reshape(-1, outputs.shape[-1]), targets.reshape(-1))


def _shifted_cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    return _cross_entropy(outputs[:, :-1], targets[:, 1:])


def _squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.mse_loss(outputs.reshape(targets.shape), targets)


def _binary_cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(outputs.reshape(targets.shape), targets)


def _whole_loss(loss: Callable[[Any, Any], Tensor], returned: Returned, targets: Any) -> WholeLoss:
    """The loss of a structure; whether its other parts matter is found by changing them."""

    def other(tensor: Tensor) -> Tensor:
        return tensor + 1 if tensor is not returned.main and tensor.is_floating_point() else tensor

    with torch.no_grad():
        before = float(loss(returned.whole, targets))
        try:
            after = float(loss(map_tensors(returned.whole, other), targets))
        except (RuntimeError, ValueError):
            after = float("nan")
    return WholeLoss(loss, only_main=before == after, returned=returned)
