"""Trials on the untrained model: its loss and its outputs before the first step."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trainwright.core import CannotEvaluate
from trainwright.doctor.losses import ignorant_outputs
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import (
    class_shares,
    constant_outputs,
    flat_features,
    is_classification,
    one_hot,
    plain_targets,
    trial,
)
from trainwright.measures.door import COUNT_LOSSES
from trainwright.measures.initial import InitialLoss, OutputAtInit, OutputRange

_SHIFT = 0.5


def measure_initial_loss(setup: Setup) -> InitialLoss:
    """The loss of the first step, in train mode, beside the losses of outputs that know nothing."""
    with trial(setup), torch.no_grad():
        setup.model.train()
        outputs = setup.forward(setup.inputs)
        constant = constant_outputs(setup, outputs, plain_targets(setup))
        axis = setup.class_axis(outputs, setup.targets) if setup.loss_name == "nll" else 1
        return InitialLoss(
            loss=_loss(setup, outputs),
            ignorant_loss=_loss(setup, ignorant_outputs(setup.loss_name, outputs, axis)),
            constant_loss=_loss(setup, constant),
            loss_name=setup.loss_name,
            task=setup.task,
            n_outputs=setup.n_outputs,
            n_samples=len(setup),
            input_rms=_rms(flat_features(setup, setup.inputs)),
            output_rms=_rms(outputs),
            starts_wide=setup.starts_wide,
        )


def output_at_init(setup: Setup) -> OutputAtInit:
    """The average output beside the average target, in train mode, before the first step."""
    with trial(setup), torch.no_grad():
        setup.model.train()
        outputs = setup.forward(setup.inputs)
        empty = np.zeros(0)
        target_shares = predicted_shares = empty
        targets = plain_targets(setup).double()
        binary = not is_classification(setup) and bool(((targets == 0) | (targets == 1)).all())
        if binary and setup.loss_name == "python":
            raise CannotEvaluate("the targets are 0 and 1, and a loss of the user's own may well take logits")
        if not is_classification(setup) and outputs.numel() != targets.numel():
            raise CannotEvaluate(f"outputs {list(outputs.shape)} are no values of targets {list(targets.shape)}")
        if setup.loss_name in COUNT_LOSSES:
            raise CannotEvaluate("the outputs are logarithms of what the targets are")
        if is_classification(setup):
            logits, classes = setup.pairs(outputs, setup.targets)
            if logits.shape[-1] == setup.n_outputs:
                target_shares = class_shares(classes, setup.n_outputs).cpu().numpy()
                predicted_shares = functional.softmax(logits.double(), -1).mean(0).cpu().numpy()
        return OutputAtInit(
            task=setup.task,
            n_samples=len(targets),
            target_shares=target_shares,
            predicted_shares=predicted_shares,
            target_mean=float(targets.mean()),
            target_spread=float(targets.std(correction=0)),
            output_mean=float(outputs.double().mean()),
            output_spread=float(outputs.double().std(correction=0)),
            is_logits=_shift_effect(setup, outputs) < 1e-4,
        )


def output_range(setup: Setup) -> OutputRange:
    """Range and row sums of the outputs in eval mode, and what the loss does with them."""
    with trial(setup), torch.no_grad():
        setup.model.eval()
        outputs = setup.forward(setup.inputs)
        rows = outputs.double().reshape(len(outputs), -1)
        if is_classification(setup):
            rows = setup.pairs(outputs, setup.targets)[0].double()
        sums = rows.sum(1)
        return OutputRange(
            task=setup.task,
            n_samples=len(outputs),
            n_outputs=rows.shape[1],
            minimum=float(rows.min()),
            maximum=float(rows.max()),
            smallest_row_sum=float(sums.min()),
            largest_row_sum=float(sums.max()),
            loss=_loss(setup, outputs),
            shift_effect=_shift_effect(setup, outputs),
            perfect_loss=_perfect_loss(setup, outputs),
        )


def _loss(setup: Setup, outputs: Tensor) -> float:
    return float(setup.loss(outputs, setup.targets))


def _rms(tensor: Tensor) -> float:
    return float(tensor.double().square().mean().sqrt())


def _shift_effect(setup: Setup, outputs: Tensor) -> float:
    before, after = _loss(setup, outputs), _loss(setup, outputs + _SHIFT)
    return abs(after - before) / max(abs(before), 1e-12)


def _perfect_loss(setup: Setup, outputs: Tensor) -> float:
    if not is_classification(setup):
        return float("nan")
    axis = setup.class_axis(outputs, setup.targets)
    if outputs.shape[axis] != setup.n_outputs:
        return float("nan")
    return _loss(setup, one_hot(setup, setup.targets, axis).to(outputs.dtype))
