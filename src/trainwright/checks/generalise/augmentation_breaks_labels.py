"""TW606 augmentation-breaks-labels."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.turns import PictureTurns, SimilarPictures, TurnedClasses, TurnedShare

UNREADABLE = 0.2
"""Share of pictures whose most similar other one has another target, up to which similarity tells the target."""
WRONG = 0.25
"""Share of training pictures with another target than similar ones of the evaluation. Pictures cut out at random have
up to 0.23, mirrored ones that keep a wrong name 0.32 to 0.49."""
EXPLAINED, ELSE = 0.45, 1.4
"""Share of these that the turn explains, and how many times that of any other turn. Nothing but chance explains at most
0.39 of what is wrong in sound data, 1.3 times as much as the next best turn; of labels that were kept the turn explains
0.5 to 0.97, the next best one 0.22 to 0.38."""
CONTROL, OFFSET = 1.5, 0.1
"""So many times the share of the evaluation's own pictures, and so much above it, must be wrong."""
FEWEST = 20
"""Pictures of training that show it."""
SHARE, TOTAL, ERRORS = 0.17, 0.3, 4.0
"""Share of training that has one turn, or any turn, and how many of its standard errors it must be. Programs that turn
nothing have at most 0.12 and 0.09, or less than three and a half errors; those that turn half of all pictures 0.18 to
0.5."""
CLEAR_SHARE, CLEAR_ERRORS, CLEAR_LIKENESS = 0.14, 5.0, 0.8
"""The same where two classes, turned, hardly differ from others: quarter turns of textures, of which each hides part of
the other in what it changes, have 0.16 by six errors."""
WHOLE = 0.85
"""Of the share of the most frequent turn all turns together must have so much: where another change is taken for turns,
as that of all pictures by a pixel or two, some of them get negative shares; chance alone takes a standard error."""
SURE = 1.5
"""Factor on the errors where classes only stop to look like themselves."""
FEWEST_TAKEN = 2
"""Classes that, turned, look like another one."""
MOST_UNLIKE, SOLVED = 1 / 3, 95.0
"""Share of the classes that do not look like themselves after the turn, which hurts where the evaluation stays below so
many percent right."""


class AugmentationBreaksLabels(Check):
    """Pictures are mirrored or turned in training, and keep a target that only fits what they were before.

    What it finds:
        A random flip or rotation that changes what a picture means: an arrow to the left becomes one to the right, a
        reading another one, while the target stays. Signals that are played backwards, or of which one channel changes
        its sign, likewise.

    Why it hurts:
        The network is taught that left and right are the same. It learns the rest well, so the scores look like those
        of a difficult task.

    How it is measured:
        Pictures of training (at 16 pixels a side) or signals are compared with those of the evaluation, which nobody
        augments. First by their means: where a share p of training is turned, the mean of each class is (1 − p) times
        that of the evaluation plus p times its turned self; p, the same for all classes, follows by least squares, and
        where p is 17 % or more (14 % where they hardly differ from it) and two classes look like another one after the
        turn, it has changed the meaning and not the target. Where classes only stop to look like themselves, which the
        evaluation never does, and less than 95 % of it is right, that is a warning as well. Targets that are numbers
        are cut into eight ranges; of up to 16 numbers, as of a box or of corners, each is judged by itself. The same is
        done, for each turn by itself, with the directions of what is drawn in 8 by 8 regions, as lines lie elsewhere in
        each picture. Targets that are pictures are judged by what their places share with those of the
        input. Then one by one, by correlation: where similar pictures of the evaluation have another target, but after
        mirroring or turning the picture they have its own, the turn has changed the meaning and not the target. Judged
        where similarity tells the target in the evaluation itself (20 % wrong at most); a quarter of the similar
        pictures must be wrong, the turn must explain 45 % of them, more than any other turn does, and 20 pictures must
        show it. Turns that make pictures unlike any others are passed: they may be meant.

    How to fix:
        Take the turn out of the augmentation, or change the target with it.

    References:
        Shorten and Khoshgoftaar, A survey on Image Data Augmentation (2019), on the safety of an augmentation.
    """

    code = "TW606"
    name = "augmentation-breaks-labels"
    severity = Severity.WARNING
    after = ("TW401", "TW208", "TW212", "TW327")
    cases = (Case(training_benches.mirrored_scans, loop_faults.mirrored_names_kept),)

    def run(self, turns: PictureTurns, curve: LearningCurve | None) -> Iterator[Finding]:
        if turns.classes is not None and _is_turned(turns.classes):
            yield from self._by_class(turns.classes, curve)
        elif turns.directions is not None and _is_turned(turns.directions) and _is_taken(turns.directions):
            yield from self._by_class(turns.directions, curve)
        elif turns.dense is not None and _is_turned(turns.dense):
            yield self._alone(turns.dense)
        elif turns.similar is not None:
            yield from self._by_likeness(turns.similar, alone=turns.classes is None)

    def _by_class(self, turned: TurnedClasses, curve: LearningCurve | None) -> Iterator[Finding]:
        taken = len(turned.taken)
        unlike = _is_turned(turned, SURE) and turned.unlike >= max(FEWEST_TAKEN, MOST_UNLIKE * turned.n_classes)
        if not (_is_taken(turned) or unlike):
            return
        meaning = (
            f"{taken} of {turned.n_classes} classes or ranges look like another one then"
            if _is_taken(turned)
            else f"{turned.unlike} of {turned.n_classes} classes or ranges do not look like themselves then"
        )
        yield self.finding(
            happened=f"{_how_many(turned)}; the evaluation holds no such ones. {meaning}, and kept their target.",
            expected=_EXPECTED,
            todo=_TODO,
            evidence=(_evidence(turned), Evidence("classes that look like another one", taken, limit=FEWEST_TAKEN)),
            fixes=(_LEAVE_OUT,),
            confidence=0.9 if _is_taken(turned) else 0.7,
            why_confident=f"By least squares over the means of {turned.n_classes} classes; the share is "
            f"{turned.share / max(turned.error, 1e-9):.0f} times its standard error.",
            severity=Severity.WARNING if _is_taken(turned) or not _is_solved(curve) else Severity.ADVICE,
        )

    def _alone(self, turned: TurnedShare) -> Finding:
        return self.finding(
            happened=f"{_how_many(turned)}, and the pictures that are their targets were not.",
            expected="Pictures and the targets that belong to them turned alike.",
            todo="Draw the turn once for each sample and apply it to the picture and to its target.",
            evidence=(_evidence(turned),),
            fixes=(Fix("Turn both", instruction="Flip or rotate the picture and its target with the same choice."),),
            confidence=0.9,
            why_confident="Places of a picture belong to the turned places of its target, which they do not in the "
            "evaluation.",
        )

    def _by_likeness(self, turns: SimilarPictures, *, alone: bool) -> Iterator[Finding]:
        if turns.unreadable > UNREADABLE:
            if not alone:
                return
            raise CannotEvaluate(
                f"similar pictures have other targets in {turns.unreadable:.0%} of the evaluation; at most "
                f"{UNREADABLE:.0%} would tell"
            )
        is_wrong = turns.wrong >= max(WRONG, CONTROL * turns.wrong_control + OFFSET)
        is_explained = turns.explained >= max(EXPLAINED, ELSE * turns.explained_else)
        if not (is_wrong and is_explained and turns.n_explained >= FEWEST):
            return
        yield self.finding(
            happened=f"{turns.wrong:.0%} of the pictures in training carry another target than the pictures of the "
            f"evaluation that look like them ({turns.wrong_control:.0%} of the evaluation's own do). "
            f"{turns.explained:.0%} of these fit once they are {turns.turn}: so they were, and kept their target.",
            expected=_EXPECTED,
            todo=_TODO,
            evidence=(
                Evidence("training pictures with another target than similar ones", turns.wrong, limit=WRONG),
                Evidence("of these explained by one turn", turns.explained, limit=EXPLAINED),
            ),
            fixes=(_LEAVE_OUT,),
            confidence=0.85,
            why_confident=f"Counted on {turns.n_near} pictures; no other turn explains more than "
            f"{turns.explained_else:.0%} of them.",
        )


_EXPECTED = "Pictures that mean what their target says after the augmentation."
_TODO = (
    "Look at twenty pictures as they enter the model beside their targets. Take this turn out of the augmentation, or "
    "change the target with it."
)
_LEAVE_OUT = Fix("Leave out the turn", instruction="Delete the random flip or rotation, or swap the labels with it.")


def _is_turned(turned: TurnedShare, sure: float = 1.0) -> bool:
    """Whether so many samples were turned that it is no chance."""
    whole = turned.total + turned.total_error >= WHOLE * turned.share
    least = max(SHARE, sure * ERRORS * turned.error)
    if isinstance(turned, TurnedClasses) and sum(each >= CLEAR_LIKENESS for each in turned.taken) >= FEWEST_TAKEN:
        least = min(least, max(CLEAR_SHARE, CLEAR_ERRORS * turned.error))
    one = whole and turned.share >= least
    return one or turned.total >= max(TOTAL, sure * ERRORS * turned.total_error)


def _is_taken(turned: TurnedClasses) -> bool:
    """Whether classes look like others after the turn, and not only unlike themselves."""
    return len(turned.taken) >= FEWEST_TAKEN


def _is_solved(curve: LearningCurve | None) -> bool:
    metric = None if curve is None or curve.unit != "%" else curve.validation_metric.finite
    return metric is not None and len(metric) > 0 and float(metric.y[-1]) >= SOLVED


def _how_many(turned: TurnedShare) -> str:
    several = turned.total >= turned.share + SHARE
    other = f", {turned.total:.0%} in all mirrored or turned in some way" if several else ""
    return f"{turned.share:.0%} of the {turned.n} training samples looked at were {turned.turn}{other}"


def _evidence(turned: TurnedShare) -> Evidence:
    return Evidence("share of training that was turned", turned.share, limit=SHARE)
