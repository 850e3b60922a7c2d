"""TW606 augmentation-breaks-labels."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.turns import PictureTurns

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


class AugmentationBreaksLabels(Check):
    """Pictures are mirrored or turned in training, and keep a target that only fits what they were before.

    What it finds:
        A random flip or rotation that changes what a picture means: an arrow to the left becomes one to the right, a
        reading another one, while the target stays.

    Why it hurts:
        The network is taught that left and right are the same. It learns the rest well, so the scores look like those
        of a difficult task.

    How it is measured:
        Pictures of training are compared with those of the evaluation, which nobody augments: by correlation, at 16
        pixels a side. Where similar pictures of the evaluation have another target, but after mirroring or turning the
        picture they have its own, the turn has changed the meaning and not the target. Judged where similarity tells
        the target in the evaluation itself (20 % wrong at most); a quarter of the similar pictures must be wrong, the
        turn must explain 45 % of them, more than any other turn does, and 20 pictures must show it. Turns that make
        pictures unlike any others are passed: they may be meant.

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

    def run(self, turns: PictureTurns) -> Iterator[Finding]:
        if turns.unreadable > UNREADABLE:
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
            expected="Pictures that mean what their target says after the augmentation.",
            todo="Look at twenty pictures as they enter the model beside their targets. Take this turn out of the "
            "augmentation, or change the target with it.",
            evidence=(
                Evidence("training pictures with another target than similar ones", turns.wrong, limit=WRONG),
                Evidence("of these explained by one turn", turns.explained, limit=EXPLAINED),
            ),
            fixes=(
                Fix(
                    "Leave out the turn", instruction="Delete the random flip or rotation, or swap the labels with it."
                ),
            ),
            confidence=0.85,
            why_confident=f"Counted on {turns.n_near} pictures; no other turn explains more than "
            f"{turns.explained_else:.0%} of them.",
        )
