"""Optimizers: the built-in ones, and settings applied to one the user made."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.optim import Optimizer

from trainwright.core import ModelError, UsageError
from trainwright.workbench.config import OptimizerConfig

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]

RATES = {"linear": 1e-2, "mlp": 1e-3, "cnn": 3e-3}
"""Adam's rate for the built-in models: no depth, or batch norm, forgives more."""
CAREFUL_RATE = 3e-4
"""Adam's rate that learns something with nearly every model."""
SGD_FACTOR = 10.0
"""Momentum SGD takes about ten times Adam's rate on standardised inputs."""


def default_rate(optimizer: str, model: str) -> float:
    """The rate used where none is configured, for a built-in optimizer and model ('python' for a user's own)."""
    return RATES.get(model, CAREFUL_RATE) * (SGD_FACTOR if optimizer == "sgd" else 1.0)


def build_optimizer(
    config: OptimizerConfig,
    model: nn.Module,
    *,
    model_name: str,
    own: OptimizerFactory | None,
    explicit: frozenset[str] = frozenset(),
) -> Optimizer:
    """The configured optimizer over the model's parameters.

    For a user's ``own`` factory (``config.name == "python"``) ``learning_rate`` rescales all groups in proportion, and
    ``weight_decay`` is set where it is positive or named in ``explicit``. Raises ``ModelError`` for what cannot work.
    """
    if config.name == "python":
        return _own(config, model, own, explicit)
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise ModelError(
            f"The model {type(model).__name__} has no parameters to train.",
            expected="At least one parameter with requires_grad.",
            todo="Assign layers to attributes in __init__ (a plain list hides them; use nn.ModuleList).",
        )
    rate = config.learning_rate or default_rate(config.name, model_name)
    # One fused kernel instead of a loop over the parameters; small models spend half their step there otherwise.
    fused = all(p.is_floating_point() for p in parameters) or None
    if config.name == "sgd":
        momentum = config.momentum
        return torch.optim.SGD(
            parameters, rate, momentum=momentum, nesterov=momentum > 0, weight_decay=config.weight_decay, fused=fused
        )
    if config.name == "rmsprop":
        return torch.optim.RMSprop(parameters, rate, momentum=config.momentum, weight_decay=config.weight_decay)
    kind = torch.optim.AdamW if config.name == "adamw" else torch.optim.Adam
    return kind(parameters, rate, weight_decay=config.weight_decay, fused=fused)


def _own(
    config: OptimizerConfig, model: nn.Module, own: OptimizerFactory | None, explicit: frozenset[str]
) -> Optimizer:
    if own is None:
        raise UsageError(
            "optimizer.name is 'python', but the experiment brings no optimizer of its own.",
            expected="Experiment(optimizer=...) or a built-in optimizer.",
            todo="Set optimizer.name to adam, adamw, sgd or rmsprop.",
        )
    optimizer = own(model.parameters())
    if not isinstance(optimizer, Optimizer):
        raise ModelError(
            f"The optimizer factory returned {type(optimizer).__name__}.",
            expected="A torch.optim.Optimizer made of the parameters it is given.",
            todo="Pass for example optimizer=lambda parameters: torch.optim.Adam(parameters, 1e-3).",
        )
    if isinstance(optimizer, torch.optim.LBFGS):
        raise ModelError(
            "The optimizer LBFGS evaluates the loss several times per step.",
            expected="An optimizer that takes one gradient per step.",
            todo="Use Adam or SGD.",
        )
    _apply(config, optimizer, explicit)
    return optimizer


def _apply(config: OptimizerConfig, optimizer: Optimizer, explicit: frozenset[str]) -> None:
    if config.learning_rate is not None:
        first = float(optimizer.param_groups[0]["lr"])
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * (float(group["lr"]) / first) if first else config.learning_rate
    if config.weight_decay > 0 or "optimizer.weight_decay" in explicit:
        for group in optimizer.param_groups:
            if "weight_decay" not in group:
                raise ModelError(
                    f"The optimizer {type(optimizer).__name__} knows no weight decay.",
                    expected="An optimizer whose groups have 'weight_decay'.",
                    todo="Leave optimizer.weight_decay alone, or use another optimizer.",
                )
            group["weight_decay"] = config.weight_decay
