"""Setup: everything that takes part in one training step."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import LBFGS, Optimizer

from trainwright.core import CannotEvaluate, ModelError
from trainwright.doctor.batch import Rows, main_output, map_tensors, n_samples, parts_of, rows_of, tensors_of, with_part
from trainwright.doctor.losses import Loss, OwnLoss, Returned, own_loss_of, recognise_loss

__all__ = ["Loss", "OutOfTime", "Setup", "call_model", "recognise_loss"]


class OutOfTime(CannotEvaluate):
    """A trial has used up its time; the state is restored as ever."""


def call_model(model: nn.Module, inputs: Any) -> Any:
    """``model(*inputs)`` for a tuple or list, ``model(**inputs)`` for a mapping, else ``model(inputs)``."""
    if isinstance(inputs, list | tuple):
        return model(*inputs)
    return model(**inputs) if isinstance(inputs, Mapping) else model(inputs)


@dataclass
class Setup:
    """A model with its loss, optimizer and one large batch of prepared training data.

    ``inputs``, ``targets``: tensors [N, ...], or tuples, mappings or data classes of them, as model and loss take them;
    at most a few hundred samples. ``loss``: called with the main output [N, ...]; raises ``CannotEvaluate`` where it
    cannot be computed from that. ``task``: ``classification`` or ``regression``. ``n_outputs``: classes, or 1.
    ``loss_name``: as :func:`recognise_loss` returns it. ``clip_norm``: largest gradient norm of the user's loop.
    ``batch_size``: of the user's loop. ``step_function``: the user's own step, where there is one, called with this
    setup and a batch; returns the loss. ``call``: how the model is called with inputs. ``deadline``: time
    (``time.perf_counter``) after which steps and forward passes raise :class:`OutOfTime`. ``label``: under which name
    or position the inputs hold the targets as well, as those of a model with a loss of its own (:class:`OwnLoss`) do;
    :meth:`features` leaves them out. ``starts_wide``: its framework starts the last layer wider than
    torch does. ``samples_first``: the first axis is known to hold samples, as it is as long as a loader's batch or a
    list of places. ``peak_rates``: as :func:`trainwright.doctor.optimizers.peak_rates` finds them.
    """

    model: nn.Module
    loss: Loss
    optimizer: Optimizer
    inputs: Any
    targets: Any
    task: str
    n_outputs: int
    loss_name: str = "python"
    clip_norm: float | None = None
    batch_size: int = 32
    step_function: Callable[[Setup, Any, Any], Tensor] | None = None
    call: Callable[[nn.Module, Any], Any] = call_model
    deadline: float | None = None
    label: str | int | None = None
    returned: Returned = field(default_factory=Returned, repr=False)
    starts_wide: bool = False
    samples_first: bool = False
    peak_rates: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if n_samples(self.inputs) != n_samples(self.targets):
            raise ModelError(
                f"The batch has {n_samples(self.inputs)} inputs and {n_samples(self.targets)} targets.",
                expected="One target per input.",
                todo="Pass a batch as the training loop sees it.",
            )
        if self.loss_name == "python":
            self.loss_name = recognise_loss(self.loss)

    def __len__(self) -> int:
        """Samples in the batch."""
        return n_samples(self.inputs)

    @property
    def learning_rate(self) -> float:
        """The largest learning rate among the optimizer's groups; NaN for an optimizer that has none."""
        return max((float(group["lr"]) for group in self.optimizer.param_groups if "lr" in group), default=float("nan"))

    def forward(self, inputs: Any) -> Tensor:
        """The model's main output [N, ...]; raises ``ModelError`` where it has no row for each sample."""
        outputs = self.with_rows(self.returning(inputs), n_samples(inputs))
        count = n_samples(inputs)
        if outputs is None or outputs.shape[:1] != (count,):
            shape = type(self.returned.whole).__name__ if outputs is None else tuple(outputs.shape)
            raise ModelError(
                f"The model answered {count} samples with {shape}.",
                expected=f"A tensor whose first dimension is {count}.",
                todo="Return the outputs of every sample, batch first.",
            )
        return outputs

    def with_rows(self, outputs: Tensor | None, count: int) -> Tensor | None:
        """Outputs [N, T, ...] where the model returns those of all positions below each other [N·T, ...]."""
        if outputs is None or not isinstance(self.targets, Tensor) or self.targets.dim() < 2 or not outputs.dim():
            return outputs
        positions = self.targets.shape[1]
        below = positions > 1 and len(outputs) == count * positions
        return outputs.reshape(count, positions, *outputs.shape[1:]) if below else outputs

    def training_loss(self, inputs: Any, targets: Any) -> Tensor:
        """The loss that the user's step descends, with its graph."""
        if isinstance(self.loss, OwnLoss):
            self.returning(self.joined(inputs, targets))
            loss = own_loss_of(self.returned.whole)
            if loss is None:
                raise CannotEvaluate("the model returns no loss, and none was given besides the step")
            return loss
        outputs = self.returning(inputs)
        return self.loss(self.returned.whole if outputs is None else outputs, targets)

    def returning(self, inputs: Any) -> Tensor | None:
        """The main output as the model returns it, in whatever shape."""
        self._check_time()
        self.returned.whole = self.call(self.model, inputs)
        self.returned.main = main_output(self.returned.whole)
        return self.returned.main

    def step(self, inputs: Any, targets: Any) -> float:
        """One step of the user's own optimizer and loss on this batch; returns the loss before the step."""
        if self.step_function is not None:
            self._check_time()
            return float(self.step_function(self, inputs, targets).detach())

        def closure() -> Tensor:
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.training_loss(inputs, targets)
            loss.backward()  # type: ignore[no-untyped-call]
            if self.clip_norm is not None:
                nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
            return loss.detach()

        if isinstance(self.optimizer, LBFGS):  # evaluates the loss several times in one step
            return float(self.optimizer.step(closure))  # type: ignore[no-untyped-call]
        loss = closure()
        self.optimizer.step()
        return float(loss)

    def batch(self, number: int) -> tuple[Any, Any]:
        """Consecutive mini-batches of the data, starting over at the end; all of the data for LBFGS, whose search along
        lines the noise of small batches leads astray."""
        size = len(self) if isinstance(self.optimizer, LBFGS) else min(self.batch_size, len(self))
        batches = max(1, len(self) // size)
        start = (number % batches) * size
        return self.rows(slice(start, start + size))

    def rows(self, rows: Rows) -> tuple[Any, Any]:
        """Inputs and targets of some samples."""
        return rows_of(self.inputs, rows), rows_of(self.targets, rows)

    @torch.no_grad()
    def evaluate(self, inputs: Any, targets: Any) -> float:
        """The loss in whatever mode the model is in, without a step."""
        return float(self.training_loss(inputs, targets))

    def joined(self, inputs: Any, targets: Any) -> Any:
        """The inputs with these targets in the place where they hold them, if they do."""
        return inputs if self.label is None else with_part(inputs, self.label, targets)

    def features(self, inputs: Any) -> list[Tensor]:
        """The tensors among the inputs that have a row per sample, without the targets of a model with its own loss."""
        count = n_samples(inputs)
        found = tensors_of(self._without_targets(inputs))
        return [tensor for tensor in found if tensor.dim() > 0 and len(tensor) == count]

    def changed(self, inputs: Any, change: Callable[[Tensor], Tensor]) -> Any:
        """The inputs with every tensor of :meth:`features` replaced by ``change(tensor)``."""
        wanted = {id(tensor) for tensor in self.features(inputs)}
        return map_tensors(inputs, lambda tensor: change(tensor) if id(tensor) in wanted else tensor)

    def pairs(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [M, C] and classes [M] of every prediction of a classification: one for each sample [N, C], position
        [N, T, C] or pixel [N, C, H, W]. Positions whose class is negative are ignored, as by cross entropy."""
        shift = self.loss.shift if isinstance(self.loss, OwnLoss) else 0
        if shift:
            outputs, targets = outputs[:, :-shift], targets[:, shift:]
        if self.class_axis(outputs, targets) == 1:
            outputs = outputs.movedim(1, -1)
        logits, classes = outputs.reshape(-1, outputs.shape[-1]), targets.reshape(-1)
        counts = classes >= 0
        return (logits, classes) if bool(counts.all()) else (logits[counts], classes[counts])

    def class_axis(self, outputs: Tensor, targets: Tensor) -> int:
        """Which dimension of the outputs holds the classes: 1 as in [N, C, H, W], or −1 as in [N, C] and [N, T, C].

        Raises ``CannotEvaluate`` where neither leaves the shape of the targets.
        """
        spatial, last = (*outputs.shape[:1], *outputs.shape[2:]), tuple(outputs.shape[:-1])
        wanted = tuple(targets.shape)
        # With three dimensions and more, torch's own functions want the classes second; both may fit when T = C.
        second = outputs.dim() > 2 and spatial == wanted
        takes_second = isinstance(self.loss, nn.Module) or self.loss is functional.cross_entropy
        if last == wanted and not (second and takes_second):
            return -1
        if second:
            return 1
        raise CannotEvaluate(f"outputs {list(outputs.shape)} hold no row of classes for each target {list(wanted)}")

    def _check_time(self) -> None:
        if self.deadline is not None and time.perf_counter() > self.deadline:
            raise OutOfTime("it would take longer than the time it has been given")

    def _without_targets(self, inputs: Any) -> Any:
        return inputs if self.label is None else [part for name, part in parts_of(inputs).items() if name != self.label]
