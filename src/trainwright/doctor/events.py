"""Events of a running PyTorch program: what a listener can hear, and what a call of a loss function is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn
from torch.optim import Optimizer

from trainwright.doctor.losses import NAMED

LOSSES: dict[str, tuple[str, ...]] = {
    "cross_entropy": ("weight", "size_average", "ignore_index", "reduce", "reduction", "label_smoothing"),
    "nll_loss": ("weight", "size_average", "ignore_index", "reduce", "reduction"),
    "mse_loss": ("size_average", "reduce", "reduction", "weight"),
    "l1_loss": ("size_average", "reduce", "reduction", "weight"),
    "smooth_l1_loss": ("size_average", "reduce", "reduction", "beta"),
    "huber_loss": ("reduction", "delta", "weight"),
    "binary_cross_entropy": ("weight", "size_average", "reduce", "reduction"),
    "binary_cross_entropy_with_logits": ("weight", "size_average", "reduce", "reduction", "pos_weight"),
    "kl_div": ("size_average", "reduce", "reduction", "log_target"),
    "poisson_nll_loss": ("log_input", "full", "size_average", "eps", "reduce", "reduction"),
    "multi_margin_loss": ("p", "margin", "weight", "size_average", "reduce", "reduction"),
    "soft_margin_loss": ("size_average", "reduce", "reduction"),
}
"""Loss functions of ``torch.nn.functional`` and the names of their arguments behind outputs and targets."""

NAMES = {function.__name__: name for _, function, name in NAMED}
"""How the measurements call the loss functions; those that are not in it, by their own name."""


@dataclass
class LossCall:
    """One call of a loss function: what entered it and what it returned."""

    name: str
    outputs: Tensor
    targets: Tensor
    value: Tensor
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def reduction(self) -> str:
        """``mean``, ``sum`` or ``none``."""
        return str(self.options.get("reduction", "mean"))


class Listener(Protocol):
    """What can be heard. Every method is called in the thread of the training loop, and may not change anything."""

    listens_within: bool
    """Whether the next calls are told of before they begin, and when they are left; read at each call."""
    listens_after_backward: bool
    """Whether :meth:`after_backward` is told."""
    listens_before_step: bool
    """Whether :meth:`before_step` is told where no closure is given."""

    listens_to_comparisons: bool
    """Whether :meth:`compared` is told."""

    def before_root(self, module: nn.Module) -> None:
        """An outermost module is about to be called."""

    def root_left(self) -> None:
        """The call is over, by an exception or not."""

    def after_root(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """An outermost module returned."""

    def loss_called(self, call: LossCall) -> None:
        """A loss function of ``torch.nn.functional`` returned."""

    def loss_failed(self, call: LossCall) -> None:
        """A loss function refused what it was given; ``value`` of the call is NaN."""

    def compared(self, first: Tensor, second: Tensor) -> None:
        """Outside of modules one tensor was compared with another, or subtracted from it."""

    def before_backward(self, tensors: tuple[Tensor, ...]) -> None:
        """Gradients of these are about to be computed; their graph is still there."""

    def after_backward(self) -> None:
        """Gradients were computed."""

    def before_step(self, optimizer: Optimizer, *, closure: bool) -> None:
        """An optimizer is about to step; with a ``closure`` it computes loss and gradients itself."""

    def after_step(self, optimizer: Optimizer) -> None:
        """An optimizer has stepped."""

    def scaler_stepped(self, optimizer: Optimizer) -> None:
        """``GradScaler.step`` returned, be it that the optimizer made a step or not."""

    def gradients_cleared(self, owner: Optimizer | nn.Module) -> None:
        """``zero_grad`` of an optimizer returned, or that of a module is about to be called."""

    def scheduler_stepped(self, scheduler: Any) -> None:
        """A learning-rate scheduler moved, its construction left aside."""

    def clipped(self, norm: Tensor, limit: float) -> None:
        """``clip_grad_norm_`` found this norm."""

    def loader_started(self, loader: Any) -> None:
        """A pass over a ``DataLoader`` begins."""

    def batch_waited(self, loader: Any, seconds: float, batch: Any) -> None:
        """A ``DataLoader`` gave this batch after so many seconds."""

    def loader_ended(self, loader: Any) -> None:
        """A pass over a ``DataLoader`` is complete."""

    def seeded(self, function: str, seed: Any) -> None:
        """A random generator is about to be made with a seed, or to be given one, by this function."""

    def state_taken(self, module: nn.Module, state: Any) -> None:
        """``state_dict`` of a module returned."""

    def state_loaded(self, module: nn.Module, state: Any) -> None:
        """``load_state_dict`` is about to read this."""

    def state_read(self, module: nn.Module, state: Any) -> None:
        """``load_state_dict`` has read this."""

    def saved(self, thing: Any) -> None:
        """``torch.save`` is about to write this."""
