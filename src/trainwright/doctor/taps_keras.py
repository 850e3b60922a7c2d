"""Taps of Keras on torch: its layers, losses and optimizers are its own and never pass through those of torch.

Its gradients, its data loaders and most of its cross entropies do, so only what is left is wrapped here.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

if TYPE_CHECKING:
    from trainwright.doctor.events import Listener

Make = Callable[[Any], Any]
LOSSES = {"mean_squared_error": "mse", "mean_absolute_error": "l1", "huber": "huber"}
"""Functions of ``keras.losses`` that compute with their own operations, and what they are called here."""
LEAST = 1e-7
"""Where Keras cuts probabilities before it takes their logarithm (``keras.config.epsilon``)."""


def is_loaded() -> bool:
    """Whether this program uses Keras, on torch."""
    keras = sys.modules.get("keras")
    return keras is not None and hasattr(keras, "backend") and keras.backend.backend() == "torch"


def tap_keras(
    wrap: Callable[[Any, str, Make], None], make_call: Make, tell: Callable[..., None], listener: Listener
) -> None:
    """Wrap what Keras does by itself, so that ``listener`` hears of it as of torch."""
    import keras

    layers, losses, optimizers = keras.layers.Layer, keras.losses.MeanSquaredError, keras.optimizers.Optimizer
    wrap(home_of(layers, "__call__"), "__call__", make_call)
    wrap(home_of(losses, "call"), "call", functools.partial(_make_loss, tell, listener))
    wrap(home_of(optimizers, "apply"), "apply", functools.partial(_make_apply, tell, listener))


def home_of(kind: type, name: str) -> type:
    """The class that defines a method, so that it can be put back where it was."""
    return next(each for each in kind.__mro__ if name in vars(each))


# Losses --------------------------------------------------------------------------------------------------------------


def _make_loss(tell: Callable[..., None], listener: Listener, original: Any) -> Any:
    def call(loss: Any, y_true: Any, y_pred: Any) -> Any:
        value = original(loss, y_true, y_pred)
        tell(_tell_loss, listener, loss, y_true, y_pred, value)
        return value

    return call


def _tell_loss(listener: Listener, loss: Any, targets: Any, outputs: Any, value: Any) -> None:
    from trainwright.doctor.events import LossCall

    if not all(isinstance(each, Tensor) for each in (targets, outputs, value)) or value.is_meta:
        return
    name, settings = getattr(loss.fn, "__name__", ""), loss._fn_kwargs
    options = {"reduction": "none", "label_smoothing": settings.get("label_smoothing") or 0.0}
    if name in LOSSES:
        if targets.numel() == outputs.numel():  # Keras squeezes what does not fit otherwise
            targets = targets.reshape(outputs.shape)
        listener.loss_called(LossCall(LOSSES[name], outputs, targets, value, options))
    elif name == "categorical_crossentropy" and settings.get("axis", -1) == -1:
        with torch.no_grad():
            kind = "cross_entropy" if settings.get("from_logits") else "nll"
            seen = outputs.detach() if kind == "cross_entropy" else outputs.detach().clamp(LEAST, 1 - LEAST).log()
            targets = _class_numbers(targets)
        listener.loss_called(LossCall(kind, seen.movedim(-1, 1), targets, value, options))


def _class_numbers(targets: Tensor) -> Tensor:
    """[N, …] of one-hot targets [N, …, C]; others as they are, with the classes where torch has them."""
    one_hot = bool(((targets == 0) | (targets == 1)).all() & (targets.sum(-1) == 1).all())
    return targets.argmax(-1) if one_hot else targets.movedim(-1, 1)


# Optimizers ----------------------------------------------------------------------------------------------------------


def _make_apply(tell: Callable[..., None], listener: Listener, original: Any) -> Any:
    views: weakref.WeakKeyDictionary[Any, Optimizer] = weakref.WeakKeyDictionary()

    def apply(optimizer: Any, grads: Any, trainable_variables: Any = None) -> Any:
        accumulated = optimizer.gradient_accumulation_steps
        if accumulated and (int(optimizer._iterations) + 1) % accumulated:
            return original(optimizer, grads, trainable_variables)
        held = list(trainable_variables if trainable_variables is not None else optimizer._trainable_variables)
        view = views.setdefault(optimizer, view_of(optimizer))
        view.param_groups = [{"params": [each.value for each in held], **_settings(optimizer)}]
        tell(listener.before_step, view, closure=False)
        result = original(optimizer, grads, held)
        tell(listener.after_step, view)
        return result

    return apply


def _settings(optimizer: Any) -> dict[str, Any]:
    """Its settings under torch's names. Keras makes the weights smaller beside the step, whatever the optimizer."""
    return {
        "lr": float(optimizer.learning_rate),
        "momentum": float(getattr(optimizer, "momentum", None) or 0.0),
        "weight_decay": float(optimizer.weight_decay or 0.0),
        "decoupled_weight_decay": True,
    }


def view_of(optimizer: Any) -> Optimizer:
    """A Keras optimizer as one of torch that can only be looked at: its name, its parameters and its rate."""
    kind: Any = type(type(optimizer).__name__, (Optimizer,), {})
    found: Optimizer = kind.__new__(kind)
    found.param_groups = []
    return found


# Layers --------------------------------------------------------------------------------------------------------------


def is_keras(module: nn.Module) -> bool:
    """Whether a module is a layer or model of Keras, which keeps its parameters in a way of its own."""
    return hasattr(module, "_flatten_layers") and hasattr(module, "torch_params")


def parts(module: Any) -> Iterator[tuple[str, Any, Tensor]]:
    """(name, layer, parameter) of every variable; Keras names them by the path of layers, ``dense/kernel``."""
    for layer in module._flatten_layers():
        for variable in [*layer._trainable_variables, *layer._non_trainable_variables]:
            yield variable.path, layer, variable.value


def mode_layers(module: Any) -> tuple[str, ...]:
    """Names of the layers that behave differently in training."""
    import keras

    dropping = (keras.layers.Dropout, keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D)
    norm = keras.layers.BatchNormalization
    layers = module._flatten_layers()
    return tuple(each.name for each in layers if isinstance(each, norm) or (isinstance(each, dropping) and each.rate))
