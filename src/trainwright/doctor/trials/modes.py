"""Trials of agreement: the same weights asked twice, in both modes, and sample by sample."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from trainwright.core import ModelError
from trainwright.doctor.batch import n_samples, rows_of, tensors_of
from trainwright.doctor.layers import keeps_statistics, plain_average
from trainwright.doctor.optimizers import leave_warm_up
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import mixing_layers, seeded_outputs, switch_off_dropout, trial
from trainwright.doctor.trials.refusals import refuse_scores_of_pairs, refuse_time_first
from trainwright.measures.modes import ModeAgreement, SampleBySample

_STEPS = 40
"""Own steps before the modes are compared: enough for a difference to have been learned."""
_BATCHES = 8


def compare_modes(setup: Setup, *, samples: int = 64) -> ModeAgreement:
    """Ask for the outputs in eval mode again and again, then make own steps and take the loss in both modes."""
    inputs = rows_of(setup.inputs, slice(0, samples))
    with trial(setup):
        with _Disturbance(tensors_of(inputs)) as disturbance:
            repeat, random = _differences(setup, inputs)
        leave_warm_up(setup.optimizer)
        norms = {n: m for n, m in mixing_layers(setup.model).items() if keeps_statistics(m)}
        setup.model.train()
        losses = [setup.step(*setup.batch(number)) for number in range(_STEPS)]
        eval_loss = _loss(setup, setup.model.eval)
        train_loss = _loss(setup, setup.model.train)
        quiet_loss = _loss(setup, lambda: _quiet(setup.model))
        refreshed = _refreshed_loss(setup, norms.values()) if norms else eval_loss
    return ModeAgreement(
        n_samples=n_samples(inputs),
        steps=_STEPS,
        repeat_difference=repeat,
        random_difference=random,
        first_loss=losses[0],
        train_loss=train_loss,
        quiet_loss=quiet_loss,
        eval_loss=eval_loss,
        refreshed_loss=refreshed,
        norm_layers=tuple(norms),
        n_answers=sum(t.is_floating_point() for t in tensors_of(setup.returned.whole)),
        disturbs=disturbance.heard,
    )


class _Disturbance(TorchFunctionMode):
    """Hears whether a function of dropout is at work, or one that makes noise like the inputs."""

    def __init__(self, inputs: Iterable[Tensor]) -> None:
        super().__init__()
        self.heard = False
        self._inputs = {id(tensor) for tensor in inputs}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        given = dict(zip(("input", "p", "training"), args, strict=False)) | (kwargs or {})
        if "dropout" in name:
            self.heard |= bool(given.get("training", True))
        elif name in ("randn_like", "rand_like"):
            self.heard |= id(given.get("input")) in self._inputs
        return func(*args, **(kwargs or {}))


@torch.no_grad()
def _differences(setup: Setup, inputs: Any) -> tuple[float, float]:
    setup.model.eval()
    outputs = []
    for seed in (0, 0, 1, 2):
        torch.manual_seed(seed)
        outputs.append(setup.forward(inputs).double())
    size = float(outputs[0].abs().max()) or 1.0
    repeat = float((outputs[1] - outputs[0]).abs().max()) / size
    return repeat, max(float((other - outputs[0]).abs().max()) / size for other in outputs[2:])


def _quiet(model: nn.Module) -> None:
    model.train()
    switch_off_dropout(model)


@torch.no_grad()
def _loss(setup: Setup, set_mode: Callable[[], Any]) -> float:
    """Mean loss over some batches of the user's size."""
    set_mode()
    torch.manual_seed(0)
    samples = n_samples(setup.inputs)
    size = max(1, min(setup.batch_size, samples))
    number = max(1, min(_BATCHES, samples // size))
    return sum(setup.evaluate(*setup.batch(n)) for n in range(number)) / number


def _refreshed_loss(setup: Setup, norms: Iterable[nn.Module]) -> float:
    """The loss in eval mode once the running statistics are the plain average of the batches it is taken over."""
    with contextlib.ExitStack() as stack:
        for module in norms:
            stack.enter_context(plain_average(module))
        _loss(setup, lambda: _quiet(setup.model))
        return _loss(setup, setup.model.eval)


@torch.no_grad()
def compare_sample_by_sample(setup: Setup, *, samples: int = 6) -> SampleBySample:
    """The outputs of some samples as a batch, beside those of every sample alone."""
    refuse_time_first(setup)
    inputs = rows_of(setup.inputs, slice(0, samples))
    count = n_samples(inputs)
    with trial(setup):
        refuse_scores_of_pairs(setup, inputs)
        together = setup.forward(inputs)
        alone, refused = _one_by_one(setup, inputs, count)
    difference = math.nan if refused else float((together - alone).double().abs().max()) / _size(together)
    precision = torch.finfo(together.dtype).eps if together.is_floating_point() else 0.0
    return SampleBySample(n_samples=count, difference=difference, precision=precision, refused=refused)


def _one_by_one(setup: Setup, inputs: Any, count: int) -> tuple[Tensor, str]:
    outputs = []
    for row in range(count):
        try:
            outputs.append(seeded_outputs(setup, rows_of(inputs, [row])))
        except ModelError as error:
            return torch.zeros(0), str(error.happened)
        except Exception as error:  # noqa: BLE001 - whatever the user's model raises is what is to be told
            return torch.zeros(0), f"{type(error).__name__}: {error}"
    return torch.cat(outputs), ""


def _size(outputs: Tensor) -> float:
    return float(outputs.double().square().mean().sqrt()) or 1.0
