"""Replay in Keras on torch: a captured step of Keras as one of torch, with its models, losses and optimizer."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainwright.doctor.batch import tensors_of
from trainwright.doctor.capture_keras import HeardLoss
from trainwright.doctor.optimizer_keras import clip_norm_of, torch_optimizer
from trainwright.doctor.taps_keras import LEAST, is_keras

if TYPE_CHECKING:
    from trainwright.doctor.capture import Step
    from trainwright.doctor.tape import Pass

_DISTANCES = {"mean_squared_error": "mse", "mean_absolute_error": "l1", "huber": "huber"}
_CROSS_ENTROPIES = ("sparse_categorical_crossentropy", "categorical_crossentropy")


def as_torch(step: Step) -> Step:
    """The step with models, losses and optimizer in the shape of torch's; one without Keras as it is.

    Raises ``CannotEvaluate`` for an optimizer that torch has no equal of.
    """
    for each in step.passes:
        _show_models(each)
        _show_losses(each)
    if step.keras is None:
        return step
    return replace(step, optimizer=torch_optimizer(step.keras), clip_norm=clip_norm_of(step.keras), keras=None)


# Models --------------------------------------------------------------------------------------------------------------


def _show_models(each: Pass) -> None:
    known: dict[int, nn.Module] = {}
    for call in (call for call in each.calls if is_keras(call.module)):
        if id(call.module) not in known:
            known[id(call.module)] = shown(call.module)
        call.module = known[id(call.module)]


def is_shown(model: nn.Module) -> bool:
    """Whether the model or a part of it is one of Keras."""
    return any(isinstance(module, _Shown) for module in model.modules())


def shown(model: Any) -> nn.Module:
    """A Keras model as a module of torch's whose children are its layers, each with its own weights and mode.

    Keras keeps them beside torch's modules, all weights in one dictionary, and hands the mode from call to call; here
    a layer in eval mode is called so, whatever the model was told.
    """
    kind: Any = type(type(model).__name__, (_Shown,), {})
    found: _Shown = kind(model)
    return found


class _Shown(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        layers = model._flatten_layers()
        for number, layer in enumerate(layers):
            _own_weights(layer)
            layer.register_forward_pre_hook(_follow_mode, with_kwargs=True)
            name = layer.name.replace(".", "_")
            self.add_module(f"{name} {number}" if hasattr(self, name) else name, layer)
        self._model = (model,)  # registered above, under its name

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the model returns."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the script has said it all already
            return self._model[0](*args, **kwargs)


def _follow_mode(layer: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    return args, {**kwargs, "training": layer.training} if kwargs.get("training") else kwargs


def _own_weights(layer: Any) -> None:
    """Register a layer's weights, and nothing of other layers; all stays within Keras's own reach."""
    for name, child in list(layer._modules.items()):
        if is_keras(child) or isinstance(child, nn.ParameterDict):
            del layer._modules[name]
            vars(layer)[name] = child
    for variable in layer._trainable_variables:
        layer._parameters[_free_name(layer, variable)] = variable.value
    for variable in (*layer._non_trainable_variables, *_seeds(layer)):
        layer._buffers[_free_name(layer, variable)] = variable.value


def _seeds(layer: Any) -> Iterator[Any]:
    for generator in getattr(layer, "_seed_generators", ()):
        yield generator.state


def _free_name(layer: Any, variable: Any) -> str:
    taken = len([name for name in (*layer._parameters, *layer._buffers) if name.split(" ")[0] == variable.name])
    return f"{variable.name} {taken + 1}" if taken else str(variable.name)


# Losses --------------------------------------------------------------------------------------------------------------


def _show_losses(each: Pass) -> None:
    for operation in each.operations:
        if isinstance(operation.function, HeardLoss):
            outputs, targets = operation.args
            loss = _recognised(operation.function, outputs, targets)
            others = (o for o in each.operations if o is not operation)
            if loss is None or (loss.name == "nll" and any(t is outputs for o in others for t in tensors_of(o.args))):
                continue
            operation.function, operation.args = loss, (outputs, loss.targets(outputs, targets))
            if loss.name == "nll":
                _take_logarithms(each, loss, outputs)


def _take_logarithms(each: Pass, loss: KerasLoss, outputs: Tensor) -> None:
    """Let the model return the logarithms of probabilities, as torch's losses take them."""
    for call in (call for call in each.calls if call.output is outputs):
        call.output = logarithms(outputs)
        call.module.register_forward_hook(lambda _module, _given, output: logarithms(output))
        for operation in (o for o in each.operations if o.function is loss):
            operation.args = (call.output, *operation.args[1:])


def logarithms(probabilities: Tensor) -> Tensor:
    """Their logarithms, cut as Keras cuts them; the loss computes with what they were."""
    found: Any = probabilities.clamp(LEAST, 1 - LEAST).log()
    found.probabilities = probabilities
    return found  # type: ignore[no-any-return]


class KerasLoss:
    """A standard loss of Keras as a function of what torch's loss of the same name takes: logarithms of probabilities,
    class numbers for one-hot rows, targets in the shape of the outputs."""

    def __init__(self, heard: HeardLoss, name: str, *, one_hot: bool) -> None:
        self.name = name
        self._heard, self._one_hot = heard, one_hot

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss. torch's functions within see outputs and targets changed, and are not listened to."""
        if self.name == "nll":
            given = getattr(outputs, "probabilities", None)
            outputs = outputs.exp() if given is None else given
        if self._one_hot:
            targets = functional.one_hot(targets, outputs.shape[-1]).to(outputs.dtype)
        with torch._C.DisableTorchFunction():
            return self._heard(outputs, targets)

    def targets(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Those of Keras, as they are given to this."""
        if self.name not in ("cross_entropy", "nll"):
            return targets.reshape(outputs.shape).to(outputs.dtype)
        return targets.argmax(-1) if self._one_hot else targets.reshape(outputs.shape[:-1]).long()


def _recognised(heard: HeardLoss, outputs: Any, targets: Any) -> KerasLoss | None:
    """The standard loss it is; None for another, several of them, or targets of another shape."""
    if len(heard.losses) != 1 or not isinstance(outputs, Tensor) or not isinstance(targets, Tensor):
        return None
    name, settings = getattr(heard.losses[0].fn, "__name__", ""), heard.losses[0]._fn_kwargs
    logits, same = bool(settings.get("from_logits")), targets.numel() == outputs.numel()
    if name in _DISTANCES and same:
        return KerasLoss(heard, _DISTANCES[name], one_hot=False)
    if name == "binary_crossentropy" and same:
        return KerasLoss(heard, "bce_with_logits" if logits else "bce", one_hot=False)
    one_hot = name == "categorical_crossentropy"
    fits = same and _are_one_hot(targets) if one_hot else targets.numel() * outputs.shape[-1] == outputs.numel()
    if name in _CROSS_ENTROPIES and fits and settings.get("axis", -1) == -1:
        return KerasLoss(heard, "cross_entropy" if logits else "nll", one_hot=one_hot)
    return None


def _are_one_hot(targets: Tensor) -> bool:
    return bool(((targets == 0) | (targets == 1)).all() & (targets.sum(-1) == 1).all())
