"""TW517 stuck-in-eval."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.loop import Modes, StepOrder

SHARE = 0.2
"""Share of the training calls made in eval mode from which it is worth a word; sound loops have none."""

SLACK = 1.1
"""Training calls in train mode may exceed the steps before the first one in eval mode by a tenth. Where train mode
comes back later (adversarial examples made in eval mode between the steps), there are far more of them."""

FEWEST_CALLS = 8


class StuckInEval(Check):
    """The model is trained in eval mode.

    What it finds:
        A loop that calls ``model.eval()`` for validation and never ``model.train()`` again; more softly, a model that
        was never in train mode at all.

    Why it hurts:
        Dropout does nothing and batch normalisation stops following the data, silently, from the second epoch on.

    How it is measured:
        In which mode the outermost module was at each call whose output went backward. Eval mode from some step on,
        behind calls in train mode and an evaluation, is the mistake. Eval mode from the first step on may be meant
        (fine-tuning with frozen statistics) and is *advice*; where the model has no statistics to freeze, or none that
        were ever trained, a *warning*. Single layers in eval mode may be meant, too, and are not looked at. A model
        without dropout and batch normalisation has no modes.

    How to fix:
        Call ``model.train()`` at the start of every epoch.

    References:
        PyTorch, Module.train; Karpathy, most common neural net mistakes: "you forgot to toggle train/eval mode".
    """

    code = "TW517"
    name = "stuck-in-eval"
    severity = Severity.ERROR
    cases = (
        Case(training_benches.regularised, loop_faults.stuck_in_eval),
        Case(training_benches.normalised, loop_faults.stuck_in_eval),
    )

    def run(self, modes: Modes, orders: tuple[StepOrder, ...]) -> Iterator[Finding]:
        if not modes.mode_layers:
            return
        if modes.trained < FEWEST_CALLS:
            raise CannotEvaluate(f"{modes.trained} training calls are too few; {FEWEST_CALLS} are needed")
        if not modes.trained_in_eval > SHARE * modes.trained:
            return
        in_train = modes.trained - modes.trained_in_eval
        per_step = max((order.backwards_per_step for order in orders), default=1)
        stuck = modes.trained_in_train_before and modes.evaluated > 0
        if in_train > SLACK * modes.first_eval_step * max(1, per_step) or (in_train and not stuck):
            return
        idle = modes.evaluated > 0 and (not modes.keeps_statistics or modes.fresh_statistics)
        severity = self.severity if stuck else Severity.WARNING if idle else Severity.ADVICE
        since = f"from step {modes.first_eval_step} on" if stuck else "from the first step on"
        layers = ", ".join(modes.mode_layers[:3]) + (" …" if len(modes.mode_layers) > 3 else "")
        yield self.finding(
            happened=f"{modes.trained_in_eval} of {modes.trained} training calls of '{modes.model}' were made in eval "
            f"mode, {since}; {len(modes.mode_layers)} layers behave otherwise there ({layers}).",
            expected="Train mode in training, eval mode in evaluation.",
            todo="Call model.train() at the start of every epoch."
            if stuck
            else "Call model.train() before training, unless frozen statistics and no dropout are meant.",
            evidence=(
                Evidence(
                    "training calls in eval mode",
                    modes.trained_in_eval,
                    limit=SHARE * modes.trained if not stuck else 0,
                    unit="calls",
                    where=modes.model,
                    when=since,
                ),
            ),
            fixes=(Fix("Switch back", instruction="Call model.train() behind each validation, or before each epoch."),),
            confidence={Severity.ERROR: 0.97, Severity.WARNING: 0.75, Severity.ADVICE: 0.5}[severity],
            why_confident={
                Severity.ERROR: "It was in train mode, was evaluated, and never came back.",
                Severity.WARNING: "Never in train mode, so dropout never acts; no trained statistics to freeze.",
                Severity.ADVICE: "Never in train mode: forgotten, or meant for fine-tuning.",
            }[severity],
            where=modes.model,
            severity=severity,
        )
