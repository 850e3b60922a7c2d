"""TW518 validated-in-train-mode."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.loop import Modes

SHARE = 0.5
"""Share of the evaluation calls made in train mode. Sound loops have none."""

FEWEST_CALLS = 3


class ValidatedInTrainMode(Check):
    """The model is evaluated in train mode.

    What it finds:
        Evaluation without ``model.eval()`` of a model with dropout or batch normalisation.

    Why it hurts:
        Dropout makes the score random and too low, batch normalisation uses the statistics of the evaluation batch and
        learns from validation data. The number that decides about everything is wrong.

    How it is measured:
        In which mode the outermost module was at calls without gradients. A model without dropout and batch
        normalisation has no modes and is not judged; nor are models that are asked without gradients once for every
        training step, as generators and teachers are.

    How to fix:
        Call ``model.eval()`` before evaluating and ``model.train()`` behind it.

    References:
        PyTorch, Module.eval; Karpathy, most common neural net mistakes: "you forgot to toggle train/eval mode".
    """

    code = "TW518"
    name = "validated-in-train-mode"
    severity = Severity.WARNING
    cases = (
        Case(training_benches.regularised, loop_faults.never_eval),
        Case(training_benches.normalised, loop_faults.never_eval),
    )

    def run(self, modes: Modes) -> Iterator[Finding]:
        if not modes.mode_layers:
            return
        if modes.trained < FEWEST_CALLS or abs(modes.evaluated - modes.trained) <= 0.02 * modes.trained + 1:
            return  # never trained, or asked once for every step: a teacher, or a generator that feeds another model
        if modes.evaluated < FEWEST_CALLS:
            raise CannotEvaluate(f"{modes.evaluated} evaluation calls are too few; {FEWEST_CALLS} are needed")
        if not modes.evaluated_in_train > SHARE * modes.evaluated:
            return
        layers = ", ".join(modes.mode_layers[:3]) + (" …" if len(modes.mode_layers) > 3 else "")
        yield self.finding(
            happened=f"{modes.evaluated_in_train} of {modes.evaluated} evaluation calls of '{modes.model}' were made "
            f"in train mode; {len(modes.mode_layers)} layers behave otherwise there ({layers}).",
            expected="Eval mode in evaluation: 0 calls in train mode.",
            todo="Call model.eval() before evaluating and model.train() behind it.",
            evidence=(
                Evidence(
                    "evaluation calls in train mode",
                    modes.evaluated_in_train,
                    limit=SHARE * modes.evaluated,
                    unit="calls",
                    where=modes.model,
                ),
            ),
            fixes=(
                Fix("Evaluate in eval mode", instruction="Call model.eval() first, and model.train() when it is over."),
            ),
            confidence=0.9,
            why_confident="Counted calls without gradients; only Monte Carlo dropout wants it so.",
            where=modes.model,
        )
