"""Proof that a model, a loss and data fit each other, before a training begins."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainwright.core import ModelError
from trainwright.data.dataset import Task
from trainwright.workbench.evaluate import evaluating
from trainwright.workbench.losses import Loss
from trainwright.workbench.randomness import seeded


def run_model(model: nn.Module, inputs: Tensor) -> Tensor:
    """The model's outputs for a batch, without gradients; a failure becomes a ``ModelError`` with the shapes."""
    try:
        with torch.no_grad():
            outputs = model(inputs)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"The model failed on a batch of shape {list(inputs.shape)} ({inputs.dtype}): "
            f"{type(error).__name__}: {error}.",
            expected="A forward pass of a batch of prepared samples.",
            todo=_remedy(error, inputs),
        ) from error
    if not isinstance(outputs, Tensor):
        raise ModelError(
            f"The model returned {type(outputs).__name__}.",
            expected="One tensor of outputs.",
            todo="Return the outputs only, without hidden states or auxiliary values.",
        )
    return outputs


def check_fit(model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor, n_outputs: int) -> None:
    """Run a small batch through model and loss in evaluation mode; random state and modes are put back.

    Raises ``ModelError`` with the shapes where the model fails, its output has another shape than [N, n_outputs] (or
    [N] in a regression), or the loss is no single number.
    """
    with evaluating(model), seeded(0):
        outputs = run_model(model, inputs)
    if loss.task is Task.CLASSIFICATION and outputs.shape != (len(inputs), n_outputs):
        raise ModelError(
            f"The model's output has shape {list(outputs.shape)} for {len(inputs)} samples of shape "
            f"{list(inputs.shape[1:])}.",
            expected=f"Shape [{len(inputs)}, {n_outputs}]: one number for each of the {n_outputs} classes.",
            todo=f"Give the last layer {n_outputs} outputs.",
        )
    _check_loss(loss, outputs, targets)


def _check_loss(loss: Loss, outputs: Tensor, targets: Tensor) -> None:
    try:
        value = loss(outputs, targets)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"The loss '{loss.name}' failed for outputs {list(outputs.shape)} ({outputs.dtype}) and targets "
            f"{list(targets.shape)} ({targets.dtype}): {type(error).__name__}: {error}.",
            expected="A loss that takes these.",
            todo="Choose a loss that fits the task, or wrap yours to convert outputs and targets.",
        ) from error
    if not isinstance(value, Tensor) or value.numel() != 1:
        shape = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ModelError(
            f"The loss '{loss.name}' returned {shape} for a batch.",
            expected="One number, the mean over the batch.",
            todo="Use reduction='mean'.",
        )


def _remedy(error: Exception, inputs: Tensor) -> str:
    if inputs.dtype == torch.int64:
        return "These samples are taken for token numbers; pass kind='table' if they are measured values."
    if "indices" in str(error):
        return "If the samples are token numbers, pass kind='sequence'."
    return "Check the shapes that the layers expect."
