"""TW401 non-finite."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.learning import ran_away
from trainwright.measures.signal import NonFinite

_TODO = {
    "input": "Repair or impute these values before they enter the network.",
    "target": "Repair the targets, or drop these samples.",
    "parameter": "Look at how this parameter is initialised or loaded.",
    "activation": "Guard the operation there: log and division need an epsilon, exp a bound, sqrt a value above 0.",
    "loss": "Compute the loss from logits, or guard its log and division with an epsilon.",
    "gradient": "Guard the backward pass: sqrt, norm and division have infinite gradients at 0.",
}


class NonFiniteCheck(Check):
    """A number in the network became NaN or infinite.

    What it finds:
        The first place that yields NaN or Inf within the first steps: an input, a parameter, a module's output, the
        loss or a gradient, with the samples that carry it.

    Why it hurts:
        NaN spreads to every weight with the next step, and from then on nothing is learnt. Everything else that looks
        wrong is a consequence.

    How it is measured:
        Thirty own steps on a copy. When the loss, a gradient or a weight stops being finite, the same steps are
        repeated up to there with every module watched. In a training, the losses of evaluations must be finite as
        well, and a loss that had grown tenfold before is left to TW502. A fact; there is no limit to choose. Inputs
        on one scale and lower learning rates are tried, unless the data or the very first pass are to blame.

    How to fix:
        Impute missing inputs (``data.missing``), lower the learning rate, or guard log, division, exp and sqrt.

    References:
        torch.autograd.detect_anomaly; Cross Validated question 352036.
    """

    code = "TW401"
    name = "non-finite"
    severity = Severity.ERROR
    after = ("TW102", "TW320", "TW339", "TW409", "TW517", "TW519")
    cases = (
        Case(training_benches.alloys_mlp, training_faults.huge_rate),
        Case(training_benches.alloys_mlp, training_faults.missing_values),
        Case(training_benches.alloys_mlp, training_faults.log_of_negative),
    )

    def run(self, found: NonFinite, curve: LearningCurve | None) -> Iterator[Finding]:
        if found.steps < 1:
            raise CannotEvaluate("no step was made")
        if found.kind == "none":
            if curve is not None:
                yield from self._evaluated(curve)
            return
        if curve is not None and found.kind not in ("input", "target") and ran_away(curve.train_loss):
            return  # the end of a divergence, which TW502 tells
        if found.kind not in _TODO:
            raise CannotEvaluate(f"a non-finite '{found.kind}' is not known")
        rate = found.cure.get("optimizer.learning_rate")
        todo = _TODO[found.kind]
        if rate is not None:
            todo = (
                f"Lower the learning rate: with {rate:g} instead of {found.learning_rate:g} the same steps stay finite."
            )
        if "data.scaling" in found.cure:
            todo = "Scale the inputs: with standardised ones the same steps stay finite at the same rate."
        samples = f", in samples {', '.join(map(str, found.samples[:5]))} of the batch" if found.samples else ""
        when = "before the first step" if found.step <= 0 else f"after {found.step} steps"
        yield self.finding(
            happened=f"{found.n_bad} of {found.n_values} values of the {found.kind} '{found.where}' are NaN or "
            f"infinite {when}{samples}; the largest finite value that entered was {found.largest_before:.3g}, the "
            f"learning rate {found.learning_rate:.3g}.",
            expected=f"Finite numbers only, for all {found.steps} steps of the trial.",
            todo=todo,
            evidence=(
                Evidence(
                    "values that are NaN or infinite",
                    found.n_bad,
                    limit=0,
                    where=found.where,
                    when=when,
                    samples=found.samples,
                ),
            ),
            fixes=_fixes(found),
            why_confident="A counted fact, located by watching every module.",
            where=found.where,
        )

    def _evaluated(self, curve: LearningCurve) -> Iterator[Finding]:
        losses = curve.validation_loss
        bad = len(losses) - len(losses.finite)
        if not bad:
            return
        yield self.finding(
            happened=f"{bad} of {len(losses)} validation losses are NaN or infinite, while training is finite.",
            expected="Finite losses in every evaluation.",
            todo="Look in the evaluation for samples of which everything is masked, divisions by a count of zero, and "
            "missing values in the validation data.",
            evidence=(Evidence("validation losses that are NaN or infinite", bad, limit=0, where="validation"),),
            fixes=(
                Fix(
                    "Find the sample",
                    instruction="Compute the loss of each validation sample by itself, and look at the inputs, masks "
                    "and lengths of those whose loss is not finite.",
                ),
            ),
            why_confident="A counted fact.",
            where="validation",
        )


def _fixes(found: NonFinite) -> tuple[Fix, ...]:
    by_hand = Fix("Remove the cause", instruction=_TODO[found.kind])
    if not found.cure:
        return (by_hand,)
    changes = ", ".join(f"{key} = {value}" for key, value in found.cure.items())
    return (Fix(f"Set {changes}", changes=dict(found.cure)), by_hand)
