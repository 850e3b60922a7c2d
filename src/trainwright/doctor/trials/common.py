"""What several trials share."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainwright.core import CannotEvaluate
from trainwright.doctor.batch import tensors_of
from trainwright.doctor.layers import BATCH_NORMS, DROPOUTS
from trainwright.doctor.losses import WholeLoss
from trainwright.doctor.restore import restored
from trainwright.doctor.setup import Setup


@contextmanager
def trial(setup: Setup, seed: int = 0) -> Iterator[None]:
    """Everything of the setup restored at the end, and seeded at the start so that a trial gives the same numbers."""
    loss = setup.loss.function if isinstance(setup.loss, WholeLoss) else setup.loss
    own = [*loss.buffers(), *loss.parameters()] if isinstance(loss, nn.Module) else []
    with restored(setup.model, setup.optimizer, (*tensors_of((setup.inputs, setup.targets)), *own)):
        torch.manual_seed(seed)
        yield


def seeded_outputs(setup: Setup, inputs: Any) -> Tensor:
    """The main output of a forward pass in which functional dropout, say, draws the same mask each time."""
    torch.manual_seed(0)
    return setup.forward(inputs)


def switch_off_dropout(model: nn.Module) -> None:
    """Put dropout layers, and only those, in eval mode."""
    for module in model.modules():
        if isinstance(module, DROPOUTS):
            module.eval()


@contextmanager
def without_compilation() -> Iterator[None]:
    """Let compiled models run as they were written: hooks that look at values only confuse the compiler."""
    if "torch._dynamo" not in sys.modules:  # nothing was compiled, and importing it takes seconds
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


def mixing_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Normalisation layers that use the statistics of the batch, by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, BATCH_NORMS)}


def is_classification(setup: Setup) -> bool:
    """Whether the targets are class numbers that index the outputs."""
    targets = setup.targets
    return (
        setup.task == "classification"
        and setup.n_outputs > 1
        and isinstance(targets, Tensor)
        and not targets.is_floating_point()
    )


def plain_targets(setup: Setup) -> Tensor:
    """The targets, where they are one tensor; ``CannotEvaluate`` otherwise."""
    if not isinstance(setup.targets, Tensor):
        raise CannotEvaluate(f"the targets are no tensor but {type(setup.targets).__name__}")
    return setup.targets


def flat_features(setup: Setup, inputs: Any) -> Tensor:
    """All inputs of each sample as one row of numbers [N, F], float64."""
    rows = [tensor.double().reshape(len(tensor), -1) for tensor in setup.features(inputs)]
    if not rows:
        raise CannotEvaluate("the inputs hold no tensor with one entry for each sample")
    return torch.cat(rows, 1)


def class_shares(targets: Tensor, n_classes: int) -> Tensor:
    """Shares of the classes [C], float64; positions that are ignored (negative) do not count."""
    counted = targets[targets >= 0].long()
    return torch.bincount(counted, minlength=n_classes).double() / max(1, counted.numel())


def one_hot(setup: Setup, targets: Tensor, axis: int) -> Tensor:
    """1 for the right class and 0 elsewhere, with the classes along ``axis``; ignored positions show class 0."""
    return functional.one_hot(targets.long().clamp_min(0), setup.n_outputs).movedim(-1, axis)


def constant_outputs(setup: Setup, outputs: Tensor, targets: Tensor) -> Tensor:
    """The best outputs that ignore the input, shaped like ``outputs``: log class shares (shares themselves where the
    loss measures distance), log odds of a yes, or the mean target."""
    if is_classification(setup):
        axis = setup.class_axis(outputs, targets)
        if outputs.shape[axis] == setup.n_outputs:
            shares = class_shares(targets, setup.n_outputs).clamp_min(1e-12)
            best = shares.log() if setup.loss_name not in ("mse", "huber", "l1", "smooth_l1") else shares
            best = best.to(outputs.dtype).to(outputs.device)
            return best.expand_as(outputs.movedim(axis, -1)).movedim(-1, axis).contiguous()
    mean = float(targets.double().mean())
    if setup.loss_name == "bce_with_logits":
        mean = math.log(max(mean, 1e-6) / max(1 - mean, 1e-6))
    return torch.full_like(outputs, mean)
