"""What several trials share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from trainwright.doctor.restore import restored
from trainwright.doctor.setup import Setup

_MIXING = (nn.modules.batchnorm._BatchNorm,)
"""Layers that join the samples of a batch by design, in train mode."""
_DROPOUT = nn.modules.dropout._DropoutNd


@contextmanager
def trial(setup: Setup, seed: int = 0) -> Iterator[None]:
    """Everything of the setup restored at the end, and seeded at the start so that a trial gives the same numbers."""
    batch = (setup.inputs, setup.targets)
    own = list(setup.loss.buffers()) if isinstance(setup.loss, nn.Module) else []
    with restored(setup.model, setup.optimizer, (*batch, *own)):
        torch.manual_seed(seed)
        yield


def switch_off_dropout(model: nn.Module) -> None:
    """Put dropout layers, and only those, in eval mode."""
    for module in model.modules():
        if isinstance(module, _DROPOUT):
            module.eval()


@contextmanager
def without_compilation() -> Iterator[None]:
    """Let compiled models run as they were written: hooks that look at values only confuse the compiler."""
    if "torch._dynamo" not in sys.modules:  # nothing was compiled, and importing it takes seconds
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


def leave_warm_up(setup: Setup) -> None:
    """Give groups whose rate a schedule holds at 0 the rate that they are warmed up to, so that a step is one."""
    for group in setup.optimizer.param_groups:
        if group.get("lr") == 0 and group.get("initial_lr"):
            group["lr"] = group["initial_lr"]


def mixing_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Normalisation layers that use the statistics of the batch, by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, _MIXING)}


def is_classification(setup: Setup) -> bool:
    """Whether the targets are class numbers that index the outputs."""
    return setup.task == "classification" and setup.n_outputs > 1 and not setup.targets.is_floating_point()


def class_shares(targets: Tensor, n_classes: int) -> Tensor:
    """Shares of the classes [C], float64."""
    return torch.bincount(targets.flatten().long(), minlength=n_classes).double() / max(1, targets.numel())


def constant_outputs(setup: Setup, outputs: Tensor, targets: Tensor) -> Tensor:
    """The best outputs that ignore the input, shaped like ``outputs``: log class shares (shares themselves where the
    loss measures distance), or the mean target."""
    if is_classification(setup) and outputs.shape[-1] == setup.n_outputs:
        shares = class_shares(targets, setup.n_outputs).clamp_min(1e-12)
        best = shares.log() if setup.loss_name not in ("mse", "huber", "l1", "smooth_l1") else shares
        return best.to(outputs.dtype).to(outputs.device).expand_as(outputs).contiguous()
    return torch.full_like(outputs, float(targets.double().mean()))
