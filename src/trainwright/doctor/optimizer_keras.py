"""Optimizers of Keras as those of torch that make the same steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch.optim import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, NAdam, Optimizer, RMSprop

from trainwright.core import CannotEvaluate
from trainwright.doctor.capture_keras import KerasOptimizer

Settings = dict[str, Any]


def torch_optimizer(found: KerasOptimizer) -> Optimizer:
    """The optimizer of torch with the same settings, at the rate that a schedule has now, or is warmed up to.

    Keras adds its epsilon under the root where torch adds it behind, and the other way round where it corrects the bias
    of Adam; as small as it is, the steps are the same. Raises ``CannotEvaluate``, with the name, for what torch has no
    equal of.
    """
    keras = found.optimizer
    name = type(keras).__name__
    make = _MAKERS.get(name)
    if make is None or not type(keras).__module__.startswith("keras."):
        raise CannotEvaluate(f"no optimizer of torch makes the steps of {name}, the optimizer given to Keras")
    if keras.clipvalue is not None:
        raise CannotEvaluate(f"{name} clips every number of the gradient by itself (clipvalue={keras.clipvalue:g})")
    if keras.loss_scale_factor is not None:
        raise CannotEvaluate(f"{name} scales the loss (loss_scale_factor={keras.loss_scale_factor:g})")
    kind, settings = make(keras)
    # With the rate of 0 that some warm-ups begin with no step would be one.
    rate = float(keras.learning_rate) or float(getattr(keras._learning_rate, "warmup_target", None) or 0.0)
    optimizer: Optimizer = kind(_groups(found, name, kind, settings), lr=rate, **settings)
    return optimizer


def clip_norm_of(found: KerasOptimizer) -> float | None:
    """The largest norm of the gradient; where every variable is clipped by itself, the norm for each of them."""
    norm = found.optimizer.global_clipnorm or found.optimizer.clipnorm
    return float(norm) if norm else None


def _groups(found: KerasOptimizer, name: str, kind: type[Optimizer], settings: Settings) -> list[Settings]:
    """Those of the variables that decay and, at a decay of 0, those that Keras leaves out."""
    decay = found.optimizer.weight_decay or 0.0
    if decay and not _decays_alike(kind, settings):
        raise CannotEvaluate(f"torch has no {name} whose weight decay ({decay:g}) stands beside the gradient")
    groups: dict[float, list[Any]] = {decay: [], 0.0: []}
    for variable in found.variables:
        groups[decay if found.optimizer._use_weight_decay(variable) else 0.0].append(variable.value)
    return [{"params": held, "weight_decay": each} for each, held in groups.items() if held]


def _decays_alike(kind: type[Optimizer], settings: Settings) -> bool:
    """Keras multiplies the weights by 1 − rate · decay, whatever the optimizer."""
    return kind in (AdamW, NAdam) or (kind is SGD and not settings["momentum"])


def _sgd(keras: Any) -> tuple[Any, Settings]:
    return SGD, {"momentum": keras.momentum, "nesterov": bool(keras.nesterov and keras.momentum)}


def _adam(keras: Any) -> tuple[Any, Settings]:
    return AdamW if keras.weight_decay else Adam, {**_betas(keras), "amsgrad": keras.amsgrad}


def _rmsprop(keras: Any) -> tuple[Any, Settings]:
    eps = math.sqrt(keras.epsilon)
    return RMSprop, {"alpha": keras.rho, "momentum": keras.momentum, "eps": eps, "centered": keras.centered}


def _adagrad(keras: Any) -> tuple[Any, Settings]:
    start = keras.initial_accumulator_value
    return Adagrad, {"initial_accumulator_value": start, "eps": math.sqrt(keras.epsilon)}


def _betas(keras: Any) -> Settings:
    return {"betas": (keras.beta_1, keras.beta_2), "eps": keras.epsilon}


_MAKERS: dict[str, Callable[[Any], tuple[Any, Settings]]] = {
    "SGD": _sgd,
    "Adam": _adam,
    "AdamW": lambda keras: (AdamW, {**_betas(keras), "amsgrad": keras.amsgrad}),
    "RMSprop": _rmsprop,
    "Adagrad": _adagrad,
    "Adadelta": lambda keras: (Adadelta, {"rho": keras.rho, "eps": keras.epsilon}),
    "Adamax": lambda keras: (Adamax, _betas(keras)),
    # Keras's momentum approaches its end with 0.96 to the power of the step, torch's with a fraction of that power.
    "Nadam": lambda keras: (NAdam, {**_betas(keras), "momentum_decay": 1.0, "decoupled_weight_decay": True}),
}
