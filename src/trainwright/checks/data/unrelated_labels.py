"""TW121 unrelated-labels."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import data_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import FEWEST_EPOCHS, LearningCurve
from trainwright.measures.learning import beats_constant, share_learnt
from trainwright.measures.relation import FEWEST_ROWS, TargetRelation
from trainwright.measures.trends import lowest_level

LIMIT = 0.03
"""Share of the deals of the same targets that the inputs tell as well, from which on they tell nothing. Of targets that
belong to no input three sets in a hundred lie below; of those that simple guesses can tell all do, at 0.01."""
LEARNT = 0.05
"""Share of the constant prediction's loss up to which nothing was learnt."""
SLOW = 30.0
"""Factor below the optimizer's usual rate from which on the rate explains it."""
ERRORS = 3.0
"""Standard errors above the constant prediction up to which an accuracy is chance."""

_SET_UP = (
    *("TW304", "TW303", "TW307", "TW309", "TW310", "TW311", "TW312", "TW313", "TW324", "TW327", "TW328", "TW329"),
    *("TW332", "TW335", "TW337", "TW342", "TW315", "TW316", "TW317", "TW318", "TW330", "TW340"),
    *("TW301", "TW319", "TW320", "TW321", "TW322", "TW325", "TW339"),
)
_TRAINING = (
    *("TW401", "TW402", "TW403", "TW405", "TW406", "TW407", "TW408", "TW409", "TW410", "TW411", "TW412"),
    *("TW415", "TW417", "TW502", "TW503", "TW508", "TW511", "TW517", "TW518", "TW604", "TW606", "TW213"),
)


class UnrelatedLabels(Check):
    """Neither the network nor a simple guess finds anything in the inputs that tells the targets.

    What it finds:
        Targets that the inputs tell no better than targets dealt out anew, in a training that learns nothing that
        holds.

    Why it hurts:
        Labels that belong to other inputs (a column that was shuffled or sorted alone, a join by the wrong key) can be
        learnt by heart at best. No change of network or rate helps.

    How it is measured:
        Two simple guesses, by the five nearest neighbours and by a ridge regression, on up to 500 different samples
        with one target each, 200 at least, as the model got them. Their success is compared with that on 200
        permutations of the same targets: a share of 0.03 or more is chance. That alone says little, as many relations
        are too involved for a simple guess, so it counts only where the network has not learnt either: less than 5 %
        of the constant prediction's loss, and no accuracy beyond chance, on validation data where there are any. Any
        finding that explains this otherwise comes first, and a rate thirty times below the usual one explains it.

    How to fix:
        Print twenty samples beside their targets in the form in which the model gets them. Look for whatever reorders
        inputs or targets alone: shuffling, sorting, dropping rows, joining.

    References:
        Ojala and Garriga, Permutation Tests for Studying Classifier Performance (2010); Golland and Fischl,
        Permutation Tests for Classification (2003).
    """

    code = "TW121"
    name = "unrelated-labels"
    severity = Severity.WARNING
    after = ("TW112", "TW205", "TW208", *_SET_UP, *_TRAINING)
    cases = (
        Case(training_benches.alloys_mlp, data_faults.targets_dealt_anew),
        Case(training_benches.yield_mlp, data_faults.targets_dealt_anew),
    )

    def run(self, curve: LearningCurve, relation: TargetRelation) -> Iterator[Finding]:
        if not relation.is_enough:
            raise CannotEvaluate(f"{len(relation.targets)} samples are too few to tell; {FEWEST_ROWS} are needed")
        curve.require_chance_to_learn()
        part, share = _held(curve)
        if share >= LEARNT or _beats_chance(curve) or _is_slow(curve):
            return
        chance = relation.p_value
        if chance < LIMIT:
            return
        n = len(relation.targets)
        yield self.finding(
            happened=f"{max(share, 0):.1%} of the constant prediction's loss was learnt on {part} data, and nothing "
            f"else that was looked at explains it. Of {n} samples the inputs tell the targets no better than they tell "
            f"the same targets in another order ({chance:.0%} of the orders do as well).",
            expected=f"Less than {LIMIT:.0%} of the orders, where targets belong to inputs in a way easy to see.",
            todo="Print twenty samples beside their targets, as the model gets them; then look for what reorders "
            "inputs or targets alone: shuffling, sorting, dropping rows, a join.",
            evidence=(
                Evidence("orders of the targets that are told as well", chance, limit=LIMIT),
                Evidence("share of the constant's loss learnt", share, limit=LEARNT, where=part),
            ),
            fixes=(Fix("Look at inputs beside their targets", instruction="Print twenty prepared samples with both."),),
            confidence=0.7,
            why_confident="The network has not learnt either; but a relation may be too involved for simple guesses.",
        )


def _held(curve: LearningCurve) -> tuple[str, float]:
    """(part, best share learnt there): on validation data where they were evaluated often enough."""
    validation = curve.validation_loss.finite
    if len(validation) >= FEWEST_EPOCHS:
        baseline = curve.baseline_validation_loss or curve.baseline_train_loss
        return "validation", share_learnt(lowest_level(validation.y), baseline)
    if not len(curve.train_loss.finite):
        raise CannotEvaluate("no loss is finite")
    return "training", share_learnt(lowest_level(curve.trend.y), curve.baseline_train_loss)


def _is_slow(curve: LearningCurve) -> bool:
    """Whether the rate is so far below the usual one that nothing could be learnt."""
    return curve.excess_rate is not None and curve.excess_rate < 1 / SLOW


def _beats_chance(curve: LearningCurve) -> bool:
    """Whether the latest accuracy, on validation data where it is known, is above the constant prediction's."""
    if not curve.higher_is_better or curve.unit != "%":
        return False
    validation = curve.validation_metric.finite, curve.baseline_validation_metric, curve.n_validation or curve.n_train
    train = curve.train_metric, curve.baseline_train_metric, curve.n_train
    return beats_constant(*(validation if len(validation[0]) else train), ERRORS)
