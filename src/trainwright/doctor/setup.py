"""Setup: everything that takes part in one training step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from trainwright.core import ModelError

Loss = Callable[[Tensor, Tensor], Tensor]

_LOSS_NAMES: tuple[tuple[type[nn.Module], str], ...] = (
    (nn.CrossEntropyLoss, "cross_entropy"),
    (nn.NLLLoss, "nll"),
    (nn.MSELoss, "mse"),
    (nn.L1Loss, "l1"),
    (nn.HuberLoss, "huber"),
    (nn.SmoothL1Loss, "smooth_l1"),
)
_FUNCTION_NAMES: tuple[tuple[object, str], ...] = (
    (functional.cross_entropy, "cross_entropy"),
    (functional.nll_loss, "nll"),
    (functional.mse_loss, "mse"),
    (functional.l1_loss, "l1"),
    (functional.huber_loss, "huber"),
    (functional.smooth_l1_loss, "smooth_l1"),
)


def recognise_loss(loss: Loss) -> str:
    """``cross_entropy``, ``nll``, ``mse``, ``l1``, ``huber``, ``smooth_l1``, or ``python`` for a loss of one's own."""
    if isinstance(loss, nn.Module):
        return next((name for kind, name in _LOSS_NAMES if type(loss) is kind), "python")
    return next((name for function, name in _FUNCTION_NAMES if loss is function), "python")


@dataclass
class Setup:
    """A model with its loss, optimizer and one large batch of prepared training data.

    ``inputs`` [N, ...] and ``targets`` [N] as the loss takes them, at most a few hundred samples. ``task``:
    ``classification`` or ``regression``. ``n_outputs``: classes, or 1. ``loss_name``: as :func:`recognise_loss` returns
    it. ``clip_norm``: largest gradient norm of the user's loop. ``batch_size``: of the user's loop. ``step_function``:
    the user's own step, where there is one, called with this setup and a batch; returns the loss.
    """

    model: nn.Module
    loss: Loss
    optimizer: Optimizer
    inputs: Tensor
    targets: Tensor
    task: str
    n_outputs: int
    loss_name: str = "python"
    clip_norm: float | None = None
    batch_size: int = 32
    step_function: Callable[[Setup, Tensor, Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets):
            raise ModelError(
                f"The batch has {len(self.inputs)} inputs and {len(self.targets)} targets.",
                expected="One target per input.",
                todo="Pass a batch as the training loop sees it.",
            )
        if self.loss_name == "python":
            self.loss_name = recognise_loss(self.loss)

    @property
    def learning_rate(self) -> float:
        """The largest learning rate among the optimizer's groups; NaN for an optimizer that has none."""
        return max((float(group["lr"]) for group in self.optimizer.param_groups if "lr" in group), default=float("nan"))

    def forward(self, inputs: Tensor) -> Tensor:
        """The model's outputs; raises ``ModelError`` where they are not one tensor with a row per sample."""
        outputs = self.model(inputs)
        if not isinstance(outputs, Tensor) or outputs.shape[:1] != inputs.shape[:1]:
            shape = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
            raise ModelError(
                f"The model answered {len(inputs)} samples with {shape}.",
                expected=f"One tensor whose first dimension is {len(inputs)}.",
                todo="Return the outputs of every sample, batch first.",
            )
        return outputs

    def step(self, inputs: Tensor, targets: Tensor) -> float:
        """One step of the user's own optimizer and loss on this batch; returns the loss before the step."""
        if self.step_function is not None:
            return float(self.step_function(self, inputs, targets).detach())
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(self.forward(inputs), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.optimizer.step()
        return float(loss.detach())

    def batch(self, number: int) -> tuple[Tensor, Tensor]:
        """Consecutive mini-batches of the data, starting over at the end."""
        size = min(self.batch_size, len(self.inputs))
        batches = max(1, len(self.inputs) // size)
        start = (number % batches) * size
        return self.inputs[start : start + size], self.targets[start : start + size]

    @torch.no_grad()
    def evaluate(self, inputs: Tensor, targets: Tensor) -> float:
        """The loss in whatever mode the model is in, without a step."""
        return float(self.loss(self.forward(inputs), targets))
