"""TW303 cannot-overfit-batch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from trainwright.clinic import training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.trials import OverfitAttempt, OverfitTrial

_START = ("TW310", "TW311", "TW312", "TW313", "TW314", "TW329")
_WIRING = ("TW309", "TW332", "TW342")
_OUTPUTS = ("TW315", "TW316", "TW317", "TW318", "TW330", "TW340")
_LOSSES = ("TW319", "TW320", "TW321", "TW325", "TW339")
GREAT_PROGRESS = 0.5
"""A batch of which the own try left less than this, cured by the rate alone, is a matter of patience: advice. Networks
of width 8 at cautious rates leave up to 0.24 after 1200 steps, ill benches at least 0.56."""


@dataclass(frozen=True)
class _Cause:
    """What it means that a change made the batch fit."""

    reason: str
    todo: str
    confidence: float = 0.95


_CAUSES = {
    "conflicting labels dropped": _Cause(
        "identical inputs carry different targets, which no model can tell apart",
        "Find out why samples with the same inputs have different targets: a broken join, a lost column, wrong labels.",
        1.0,
    ),
    "log of outputs": _Cause(
        "the outputs are probabilities already, and the loss squeezes them once more",
        "Delete the softmax at the end of the model.",
        1.0,
    ),
    "scaled inputs": _Cause(
        "the inputs' scale keeps the optimizer from making progress",
        "Standardise the inputs with the training set's mean and spread.",
    ),
    "output bias": _Cause(
        "the outputs start too far from the targets",
        "Start the last bias at the mean target, or scale the target.",
    ),
    "standard loss": _Cause(
        "the loss of your own does not pull the outputs towards the targets",
        "Test the loss by itself: it must fall when the outputs come closer to the targets.",
    ),
    "negated loss": _Cause("the loss has the wrong sign", "Change the sign of the loss."),
    "momentum": _Cause(
        "so much momentum makes steps far longer than the learning rate says",
        "Lower the momentum to 0.9, or the learning rate along with it.",
    ),
    "scaled data": _Cause(
        "inputs and targets are far from the scale that the start and the rate are made for",
        "Standardise inputs and targets with the training set's statistics.",
    ),
    "clipping": _Cause(
        "the gradients are clipped to next to nothing", "Raise the norm at which gradients are clipped, or do not clip."
    ),
    "weight decay": _Cause("weight decay overrules the loss", "Lower the weight decay, for instance to 0.0001."),
    "frozen parameters": _Cause(
        "parameters are frozen or in no optimizer, and the others are not enough",
        "Set requires_grad and hand all parameters that should learn to the optimizer.",
    ),
    "learning rate": _Cause("the learning rate is wrong", "Change the learning rate."),
    "targets in range": _Cause(
        "the outputs cannot reach the targets: something limits their range, such as a sigmoid, tanh or ReLU",
        "Remove the activation after the last layer, or scale the targets into its range.",
    ),
    "optimizer": _Cause("the optimizer or its settings are to blame", "Start with Adam.", 0.9),
    "fewer samples": _Cause(
        "two samples can be fitted but not all: the model lacks capacity",
        "Make the model wider or remove its bottleneck.",
        0.8,
    ),
}


FOLLOWS = 0.5
"""Correlation of outputs and targets from which on a loss of the user's own does pull them together, be it slowly: the
overlap of masks, say, which saturates."""


NEARLY = 0.3
"""Share of the loss left from which on a batch was not nearly fitted: sound small networks came to rest at 0.13."""


class CannotOverfitBatch(Check):
    """The model cannot learn one small batch by heart.

    What it finds:
        A set-up that fails at the easiest task there is, and which single change makes it succeed: the learning rate,
        the scale of inputs or targets, frozen parameters, weight decay, contradicting labels, a limited output, the
        loss or the capacity.

    Why it hurts:
        What cannot fit 16 samples cannot fit the data set; training it for hours only hides the bug.

    How it is measured:
        The user's own optimizer and loss make up to 300 steps on 16 samples, balanced over classes, with dropout off
        (up to 1200 while it still makes progress). Fitted means that less than a tenth is left of the
        distance from the constant prediction's loss down to the lowest loss that any output reaches, so that label
        smoothing counts; or, for classes, everything right and less than 35 % left. On failure one thing after the
        other is changed, each from the same restored start. Healthy benches end below 0.15 over seeds and
        widths from 16, mostly within 100 steps; ill ones stay above 0.55. What was half fitted and needs only a higher
        rate is advice, and so is what was fitted but for three tenths, and what has a loss of its own that the outputs
        do follow.

    How to fix:
        Make the change that was found; it has been tried.

    References:
        Karpathy, A Recipe for Training Neural Networks (2019), "overfit one batch".
    """

    code = "TW303"
    name = "cannot-overfit-batch"
    severity = Severity.ERROR
    after = ("TW401", "TW112", "TW407", "TW304", "TW308", "TW328", "TW341", *_START, *_WIRING, *_OUTPUTS, *_LOSSES)
    cases = (
        Case(training_benches.alloys_mlp, training_faults.tiny_rate),
        Case(training_benches.digits_cnn, training_faults.tiny_rate),
        Case(training_benches.alloys_mlp, training_faults.conflicting_labels),
        Case(training_benches.digits_cnn, training_faults.frozen),
        Case(training_benches.yield_mlp, training_faults.squashed_output),
        Case(training_benches.waves_gru, training_faults.tiny_rate),
        Case(training_benches.alloys_mlp, training_faults.raw_inputs),
    )

    def run(self, trial: OverfitTrial) -> Iterator[Finding]:
        distance = trial.baseline - trial.floor
        if trial.n_samples < 2 or not (math.isfinite(distance) and distance > 0):
            raise CannotEvaluate(
                f"on {trial.n_samples} samples the constant prediction's loss is {trial.baseline:.3g} and the lowest "
                f"possible {trial.floor:.3g}: there is nothing to fit"
            )
        if math.isnan(trial.own.remaining):
            raise CannotEvaluate("the loss on the batch is not known")
        if trial.own.overfits:
            return
        cure = trial.cure
        if cure is None and not trial.complete and trial.own.remaining < GREAT_PROGRESS:
            raise CannotEvaluate(
                f"{1 - trial.own.remaining:.0%} of the way was made, and the time ran out before the reason was found"
            )
        cause = _CAUSES.get(cure.change) if cure else None
        slow = cure is not None and cure.change == "learning rate" and trial.own.remaining < GREAT_PROGRESS
        nearly = trial.own.remaining < NEARLY
        follows = cure is not None and cure.change == "standard loss" and trial.own.agreement > FOLLOWS
        yield self.finding(
            happened=_what_happened(trial, cure, cause),
            expected=f"A loss below {trial.floor + 0.1 * distance:.3g} on these {trial.n_samples} samples: at most a "
            f"tenth of the way left from the constant prediction's {trial.baseline:.3g} to the lowest possible "
            f"{trial.floor:.3g}.",
            todo=_todo(trial, cure, cause),
            evidence=(
                Evidence(
                    "share of the loss that could not be fitted",
                    trial.own.remaining,
                    limit=0.1,
                    when=f"after {max(0, len(trial.own.losses) - 1)} steps",
                    series=_series(trial.own, cure),
                    samples=trial.conflicting,
                ),
            ),
            fixes=_fixes(trial, cure, cause),
            confidence=cause.confidence if cause else 0.9,
            why_confident="The change was tried from the same start, and the batch was fitted."
            if cause
            else f"None of the {len(trial.bisection)} changes that were tried made the batch fit.",
            severity=Severity.ADVICE if slow or nearly or follows else Severity.ERROR,
        )


def _what_happened(trial: OverfitTrial, cure: OverfitAttempt | None, cause: _Cause | None) -> str:
    steps = max(0, len(trial.own.losses) - 1)
    right = f", {trial.own.accuracy:.0%} of them right" if math.isfinite(trial.own.accuracy) else ""
    final = float(trial.own.losses[-1]) if len(trial.own.losses) else math.nan
    text = (
        f"{trial.n_samples} samples could not be learnt by heart: after {steps} steps at learning rate "
        f"{trial.learning_rate:.3g} their loss is {final:.3g}{right}."
    )
    if cure and cause:
        return (
            f"{text} Changed ({cure.description}), it fell to {cure.losses[-1]:.3g} in {len(cure.losses) - 1} "
            f"steps: {cause.reason}."
        )
    tried = "; ".join(dict.fromkeys(attempt.description for attempt in trial.bisection))
    return f"{text} Nothing that was tried helped: {tried or 'no change applied'}."


def _todo(trial: OverfitTrial, cure: OverfitAttempt | None, cause: _Cause | None) -> str:
    if cure is None or cause is None:
        return (
            "Look between input and output: a cut gradient (detach, .data, a NumPy step), dead units, a bottleneck, or "
            "targets that do not belong to these inputs."
        )
    if cure.change == "learning rate":
        rate = float(cure.setting["optimizer.learning_rate"])
        word = "Raise" if rate > trial.learning_rate else "Lower"
        return f"{word} the learning rate from {trial.learning_rate:g} to {rate:g}."
    if cure.change == "optimizer":
        return f"Start with Adam at a rate of {cure.setting['optimizer.learning_rate']:g}."
    if cure.change == "frozen parameters":
        return f"{cause.todo} Not trained now: {', '.join(trial.frozen[:4])}{' …' if len(trial.frozen) > 4 else ''}."
    return cause.todo


def _fixes(trial: OverfitTrial, cure: OverfitAttempt | None, cause: _Cause | None) -> tuple[Fix, ...]:
    instruction = Fix("Repair the set-up", instruction=_todo(trial, cure, cause))
    if cure is None or not cure.setting:
        return (instruction,)
    changes = ", ".join(f"{key} = {value}" for key, value in cure.setting.items())
    return (Fix(f"Set {changes}", changes=dict(cure.setting)), instruction)


def _series(own: OverfitAttempt, cure: OverfitAttempt | None) -> tuple[Series, ...]:
    attempts = [("as it is", own)] + ([(cure.description, cure)] if cure else [])
    return tuple(
        Series(
            f"loss, {name}",
            tuple(float(i) for i in range(len(attempt.losses))),
            tuple(float(value) for value in attempt.losses),
        )
        for name, attempt in attempts
    )
