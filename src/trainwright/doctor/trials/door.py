"""Trials at the door between outputs, targets and loss: what the loss receives, and the graph behind it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from trainwright.core import CannotEvaluate
from trainwright.doctor.batch import main_output, n_samples
from trainwright.doctor.calls import Calls
from trainwright.doctor.door import LossCalls, describe_door
from trainwright.doctor.graph import read_graph
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import trial
from trainwright.measures.door import LossDoor
from trainwright.measures.graph import LossGraph


def observe_door(setup: Setup) -> LossDoor:
    """What the first of torch's own loss functions receives, in train mode; for a loss written by hand, what that
    receives.

    Raises ``CannotEvaluate`` where outputs or targets hold no tensor.
    """
    with trial(setup), torch.enable_grad():
        setup.model.train()
        value, calls = None, LossCalls()
        try:
            with calls:
                value = setup.training_loss(setup.inputs, setup.targets)
        except (IndexError, RuntimeError, ValueError):
            if not calls.doors:  # what torch refused was noted before
                raise
        if not calls.doors:
            return describe_door(setup.loss_name, *_tensors(setup), value=value)
        return replace(calls.doors[0], value=float("nan") if value is None else float(value.detach()))


def observe_graph(setup: Setup) -> LossGraph:
    """The graph of the user's own loss on the batch, in train mode."""
    with trial(setup), torch.enable_grad():
        setup.model.train()
        with Calls([setup.model]) as calls:
            loss = setup.training_loss(setup.inputs, setup.targets)
        held = [p for group in setup.optimizer.param_groups for p in group["params"]]
        return read_graph(
            loss,
            dict(setup.model.named_parameters()),
            held,
            models=[part for part in (setup.model, setup.loss) if isinstance(part, nn.Module)],
            n_samples=n_samples(setup.inputs),
            calls=calls,
        )


def _tensors(setup: Setup) -> tuple[Tensor, Tensor]:
    outputs, targets = setup.returned.main, main_output(setup.targets)
    if outputs is None or targets is None:
        raise CannotEvaluate("outputs or targets hold no tensor to look at")
    classes_last = outputs.dim() > 2 and tuple(outputs.shape[:-1]) == tuple(targets.shape)
    return (outputs.flatten(0, -2), targets.flatten()) if classes_last else (outputs, targets)
