"""Trials at the door between outputs, targets and loss: what the loss receives, and the graph behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from trainwright.core import CannotEvaluate
from trainwright.doctor.batch import main_output, n_samples
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
        with _calls(setup.model) as (called, without_graph):
            loss = setup.training_loss(setup.inputs, setup.targets)
        own = setup.loss.named_parameters(prefix="loss") if isinstance(setup.loss, nn.Module) else ()
        return read_graph(
            loss,
            dict([*setup.model.named_parameters(), *own]),
            [p for group in setup.optimizer.param_groups for p in group["params"]],
            models=(setup.model,),
            n_samples=n_samples(setup.inputs),
            called=tuple(called),
            without_graph=tuple(without_graph),
        )


@contextmanager
def _calls(model: nn.Module) -> Iterator[tuple[dict[str, None], dict[str, None]]]:
    """The modules in the order they are first called, and those called with gradients switched off."""
    called: dict[str, None] = {}
    without_graph: dict[str, None] = {}

    def watch(name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def note(_module: nn.Module, _inputs: object) -> None:
            called.setdefault(name)
            if not torch.is_grad_enabled():
                without_graph.setdefault(name)

        return module.register_forward_pre_hook(note)

    handles = [watch(name, module) for name, module in model.named_modules(remove_duplicate=False)]
    try:
        yield called, without_graph
    finally:
        for handle in handles:
            handle.remove()


def _tensors(setup: Setup) -> tuple[Tensor, Tensor]:
    outputs, targets = setup.returned.main, main_output(setup.targets)
    if outputs is None or targets is None:
        raise CannotEvaluate("outputs or targets hold no tensor to look at")
    return outputs, targets
