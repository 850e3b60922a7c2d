"""Building a model from its factory, and applying settings to a model the user wrote."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from trainwright.core import ModelError
from trainwright.data.dataset import Task

ModelFactory = Callable[..., nn.Module]

_DROPOUTS = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
)


def accepted(factory: ModelFactory, offered: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the offered keyword arguments that the factory names in its signature."""
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):  # a callable written in C
        return {}
    return {name: value for name, value in offered.items() if name in parameters}


def accepts(factory: ModelFactory, keyword: str) -> bool:
    """Whether the factory can be called with this keyword argument."""
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return False
    return keyword in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def default_of(factory: ModelFactory, keyword: str) -> Any:
    """The default of a factory's keyword, or None."""
    try:
        default = inspect.signature(factory).parameters[keyword].default
    except (TypeError, ValueError, KeyError):
        return None
    return None if default is inspect.Parameter.empty else default


def call_factory(factory: ModelFactory, arguments: Mapping[str, Any]) -> nn.Module:
    """The model; ``ModelError`` where the factory fails or returns something else."""
    try:
        model = factory(**arguments)
    except ModelError:
        raise
    except Exception as error:
        given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        raise ModelError(
            f"The model factory failed when called with ({given}): {type(error).__name__}: {error}.",
            expected="A function that returns a new torch.nn.Module.",
            todo="Correct the factory, or model.options and model.width which give its arguments.",
        ) from error
    if not isinstance(model, nn.Module):
        raise ModelError(
            f"The model factory returned {type(model).__name__}.",
            expected="A torch.nn.Module.",
            todo="Return the model from the factory.",
        )
    return model


def is_lazy(model: nn.Module) -> bool:
    """Whether some parameters get their shape from the first batch."""
    tensors = [*model.parameters(), *model.buffers()]
    return any(isinstance(t, UninitializedParameter | UninitializedBuffer) for t in tensors)


def dropout_layers(model: nn.Module) -> list[Any]:
    """The dropout layers of a model."""
    return [m for m in model.modules() if isinstance(m, _DROPOUTS)]


def last_linear(model: nn.Module, n_outputs: int) -> nn.Linear | None:
    """The last linear layer with a bias, where it gives the outputs."""
    layers = [m for m in model.modules() if isinstance(m, nn.Linear)]
    if not layers or layers[-1].out_features != n_outputs or layers[-1].bias is None:
        return None
    return layers[-1]


def prior_bias(targets: Tensor, task: Task, n_outputs: int) -> Tensor:
    """What to predict before having seen any input: log class shares, or the mean target; [n_outputs].

    A class without a training sample counts as half a sample, so that its log is finite.
    """
    if task is Task.REGRESSION:
        return targets.mean().reshape(1)
    counts = torch.bincount(targets, minlength=n_outputs).double().clamp_min(0.5)
    return (counts / counts.sum()).log().float()


def log_outputs(_module: nn.Module, _inputs: Any, outputs: Tensor) -> Tensor:
    """A forward hook that turns probabilities into logits: cross entropy of their logs is their exact log loss."""
    return outputs.clamp_min(torch.finfo(outputs.dtype).tiny).log()
