"""TW325 target-out-of-range."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import model_benches, model_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.door import ALIGNED_LOSSES, BINARY_LOSSES, CLASS_LOSSES, COUNT_LOSSES, ROW_TOLERANCE, LossDoor
from trainwright.measures.gradients import LossResponse
from trainwright.measures.labels import ClassNumbers

FEWEST_CLASSES, MOST_CLASSES = 3, 20
"""Different whole numbers from 0 on that are taken for numbers of classes."""
LEAST, MOST = 0.25, 2.5
"""Samples of each, as shares of what each would have if all had the same; some batches are small."""
FEWEST_UNTYPED, EVEN = 5, 1.6
"""Different whole numbers that are no integers by type, and how far from equally often they may come."""
LARGEST = 0.6
"""Share of all samples that the most frequent number may have; counts are mostly 0."""
ENOUGH = 5
"""Targets for each class, from which on one that does not come is missing: by chance one in 150 would be."""
FEWEST_OF_A_CLASS = 4
"""Samples for each class on average."""
MOST_ASKED_FOR, ALL_BUT = 100, 0.8
"""Different numbers of which an evaluation asks for the very one, and the share of all up to the highest that come."""
RIGHT = 0.5
"""Share of answers that are the very number when rounded, below which numbers that are asked for so are no counts."""


class TargetOutOfRange(Check):
    """Some targets have no meaning for the loss.

    What it finds:
        Class numbers below 0 or not below the number of outputs (often counted from 1), binary targets outside 0 … 1
        such as −1/1 or 1/2, negative counts under a Poisson loss, and rows of class probabilities that do not sum to 1
        (several labels at once under cross entropy). And a target value whose samples the user's own loss passes over,
        as a hinge loss, which wants −1 and 1, does with 0.

    Why it hurts:
        A class number out of range stops the program, on a GPU with a message that names no cause. A binary target
        outside 0 … 1 passes ``BCEWithLogitsLoss`` without a word: the loss has no minimum and goes to minus infinity.
        A class that the loss passes over teaches nothing: the network says the other one of all samples. Numbers of
        classes that are fitted as quantities make class 1 lie between 0 and 2, and who is torn between these says 1.

    How it is measured:
        Targets are counted where torch's loss receives them, the number to ignore (``ignore_index``) left out: a fact.
        Class probabilities may stray from 1 by the rounding of half precision; rows that do are a *warning*.

        Under a loss of one's own with one output and one of two targets for each sample, the outputs of all samples of
        one target value are moved together, far and a little, in both directions: a *warning* where the loss changes
        with those of one value only. Under a loss of distances with one output, targets that come as three to twenty
        integers from 0 on, all about as often, are taken for numbers of classes: a *warning*. So are whole numbers that
        are no integers by type, from five on and nearly equally often; those that a program compares its rounded
        answers with, of which less than half are the very number; those that are no larger than the model has outputs,
        where the loss is given the expected place of these, or holds each of them against the same number; and targets
        of which -1 is passed over about as often as a class comes, while the last class alone is missing: they were
        lowered by one. And targets of 0 and 1, not one-hot, under a loss of distances of unbounded outputs, where the
        program reads these at 0, or where the loss is of absolute distances.

    How to fix:
        Number classes from 0 to C − 1 and binary targets 0 and 1; for several labels at once use
        ``BCEWithLogitsLoss``.

    References:
        torch.nn.CrossEntropyLoss and torch.nn.BCEWithLogitsLoss, "Shape" and "target".
    """

    code = "TW325"
    name = "target-out-of-range"
    severity = Severity.ERROR
    cases = (
        Case(model_benches.tags_mlp, model_faults.tags_from_one),
        Case(model_benches.tags_cnn, model_faults.tags_from_one),
        Case(model_benches.margin_mlp, model_faults.hinge_of_0_and_1),
        Case(training_benches.digits_cnn, model_faults.squared_error_of_classes),
    )

    def run(self, door: LossDoor, response: LossResponse | None, numbers: ClassNumbers | None) -> Iterator[Finding]:
        if numbers is not None and _are_classes(numbers):
            yield self._as_quantities(numbers)
            return
        if numbers is not None and _are_yes_or_no(numbers):
            yield self._yes_or_no(numbers)
            return
        if response is not None and response.n_samples > 0 and math.isfinite(response.passed_over + response.other):
            yield self._without_response(response)
            return
        if door.loss_name not in (*CLASS_LOSSES, *BINARY_LOSSES, *COUNT_LOSSES, *ALIGNED_LOSSES):
            return
        if not math.isfinite(door.target_minimum + door.target_maximum) or door.n_targets < 1:
            raise CannotEvaluate(f"the {door.n_targets} targets are not all finite")
        if door.n_out_of_range > 0:
            if door.loss_name in ALIGNED_LOSSES:
                yield self._blank(door)
            else:
                yield self._negative_counts(door) if door.loss_name in COUNT_LOSSES else self._out_of_range(door)
        elif door.loss_name in CLASS_LOSSES and door.target_kind != "class numbers":
            yield from self._judge_rows(door)
        elif door.loss_name in CLASS_LOSSES and _are_lowered(door):
            yield self._lowered(door)

    def _without_response(self, response: LossResponse) -> Finding:
        value, n = response.passed_over, response.n_samples
        return self.finding(
            happened=f"The loss does not respond at all to the outputs of the {n} samples whose target is {value:g}, "
            f"however far they are moved; to those of target {response.other:g} it does.",
            expected=f"A loss that changes with the outputs of every sample, {n} of target {value:g} as well.",
            todo="Give a hinge loss targets of -1 and 1 (2 * target - 1); give a log-likelihood its term of both "
            "targets.",
            evidence=(Evidence("samples that the loss passes over", n, limit=0, unit="samples"),),
            fixes=(Fix("Correct the targets", instruction="Map 0 and 1 to -1 and 1 before the loss: 2 * target - 1."),),
            confidence=0.9,
            why_confident="The loss was computed with these outputs moved up and down, far and a little; weights of 0 "
            "in the place of targets may be meant.",
            severity=Severity.WARNING,
        )

    def _as_quantities(self, numbers: ClassNumbers) -> Finding:
        n, kinds = numbers.n_samples, numbers.scores or len(numbers.counts)
        fitted = f"the {numbers.scores} outputs of the model" if numbers.scores else "one output"
        rounded = f" {numbers.right:.0%} of the rounded answers are right." if numbers.right < RIGHT else ""
        return self.finding(
            happened=f"The targets are whole numbers from {numbers.lowest} to {numbers.highest}, each in "
            f"{min(numbers.counts)} to {max(numbers.counts)} of {n} samples, as classes are numbered, and "
            f"{numbers.loss_name} fits {fitted} to them as to a quantity: class 2 counts as twice class 1.{rounded}",
            expected=f"{kinds} outputs and cross entropy, if the numbers are names of classes.",
            todo=("Give all outputs of the model" if numbers.scores else f"Give the model {kinds} outputs and these")
            + " to nn.CrossEntropyLoss. Counts or grades, which have an order, may stay as they are.",
            evidence=(Evidence("whole numbers from 0 on", kinds, limit=FEWEST_CLASSES, unit="values"),),
            fixes=(Fix("Classify", instruction=f"nn.Linear(…, {kinds}) and nn.CrossEntropyLoss()(logits, targets)."),),
            confidence=0.7,
            why_confident="Numbers of classes come as integers from 0 on, all about as often, or are asked for by "
            "rounding, or lie below the number of outputs; whether they have an order cannot be seen.",
            severity=Severity.WARNING,
        )

    def _yes_or_no(self, numbers: ClassNumbers) -> Finding:
        share = numbers.counts[1] / numbers.n_samples
        read = (
            "the program reads them at 0, where both would have to be on different sides"
            if numbers.read_at_zero
            else f"absolute distances are least where all say the more frequent one, {int(share > 0.5)}"
        )
        return self.finding(
            happened=f"The targets are 0 and 1 ({share:.0%} are 1), and {numbers.loss_name} pulls unbounded outputs to "
            f"these two numbers; {read}.",
            expected="A loss of logits for targets that say yes or no.",
            todo="Use nn.BCEWithLogitsLoss, whose outputs are read at 0; or read the outputs at 0.5.",
            evidence=(Evidence("share of targets that are 1", share),),
            fixes=(Fix("Another loss", instruction="nn.BCEWithLogitsLoss()(outputs, targets)."),),
            confidence=0.7,
            why_confident="Targets and outputs were looked at: a fact. Quantities may happen to be 0 and 1.",
            severity=Severity.WARNING,
        )

    def _lowered(self, door: LossDoor) -> Finding:
        n, last = door.n_targets, door.n_classes - 1
        return self.finding(
            happened=f"{door.n_ignored} of {n} targets are -1, which the loss passes over (ignore_index), as many as "
            f"of a class; of the {door.n_classes} classes all come but the last, {last}.",
            expected=f"Targets from 0 to {last}, or a -1 that stands for no class beside all {door.n_classes} of them.",
            todo="See whether 1 is subtracted from classes that are counted from 0: the first is never learnt then, "
            "and each other one goes by the name of the one before.",
            evidence=(
                Evidence("targets passed over", door.n_ignored, limit=0, unit="targets"),
                Evidence("classes met", door.n_met, limit=door.n_classes, unit="classes"),
            ),
            fixes=(
                Fix("Number the classes from 0", instruction="Take the labels as they are, without subtracting 1."),
            ),
            confidence=0.8,
            why_confident=f"Among {n} targets of evenly frequent classes one of them is hardly ever missing.",
            severity=Severity.WARNING,
        )

    def _blank(self, door: LossDoor) -> Finding:
        return self.finding(
            happened=f"{door.n_out_of_range} of {door.n_targets} targets of the {door.loss_name} loss are the blank "
            f"itself, or no class at all; they go from {door.target_minimum:g} to {door.target_maximum:g}, with "
            f"{door.n_classes} outputs.",
            expected="Targets that leave out the blank, which is class 0 if nothing else is said.",
            todo="Number the symbols from 1, or tell the loss which class is the blank.",
            evidence=(
                Evidence("targets that are the blank or no class", door.n_out_of_range, limit=0, unit="targets"),
            ),
            fixes=(Fix("Keep a class for the blank", instruction="nn.CTCLoss(blank=n_symbols), or symbols from 1."),),
            why_confident="All targets of the batch within their lengths were counted: a fact.",
        )

    def _negative_counts(self, door: LossDoor) -> Finding:
        return self.finding(
            happened=f"{door.n_out_of_range} of {door.n_targets} targets are below 0, down to "
            f"{door.target_minimum:.3g}, and the loss is {door.loss_name}, which is of counts.",
            expected="Counts as they are, from 0 on; nothing subtracted from them.",
            todo="Leave the targets unscaled, or use a loss of distances such as mse.",
            evidence=(
                Evidence("targets below 0", door.n_out_of_range, limit=0, unit="targets"),
                Evidence("smallest target", door.target_minimum, limit=0),
            ),
            fixes=(Fix("Give the loss counts", instruction="Do not standardise targets of a Poisson loss."),),
            why_confident="All targets of the batch were counted: a fact; such a loss has no minimum.",
        )

    def _out_of_range(self, door: LossDoor) -> Finding:
        by_number = door.target_kind == "class numbers"
        high = door.n_classes - 1 if by_number else 1
        from_one = by_number and door.target_minimum == 1 and door.target_maximum == door.n_classes
        return self.finding(
            happened=f"{door.n_out_of_range} of {door.n_targets} targets lie outside 0 … {high}: they go from "
            f"{door.target_minimum:g} to {door.target_maximum:g}, and the loss is {door.loss_name}"
            + (f" over {door.n_classes} outputs." if by_number else "."),
            expected=f"Targets from 0 to {high}.",
            todo="Subtract 1: the classes are counted from 1."
            if from_one
            else f"Bring the targets into 0 … {high}"
            + (f", or give the model {door.target_maximum + 1:.0f} outputs." if by_number else "."),
            evidence=(
                Evidence("targets out of range", door.n_out_of_range, limit=0, unit="targets"),
                Evidence("largest target", door.target_maximum, limit=high),
            ),
            fixes=(Fix("Correct the targets", instruction=f"Map them to 0 … {high} before the loss."),),
            why_confident="All targets of the batch were counted: a fact.",
        )

    def _judge_rows(self, door: LossDoor) -> Iterator[Finding]:
        low, high = door.target_smallest_row_sum, door.target_largest_row_sum
        off = max(abs(low - 1), abs(high - 1))
        if len(door.output_shape) != 2 or not off > 10 * ROW_TOLERANCE:
            return
        yield self.finding(
            happened=f"The targets of cross entropy are no probabilities over {door.n_classes} classes: their rows sum "
            f"to {low:.3g} … {high:.3g}.",
            expected=f"Rows that sum to 1 (within {10 * ROW_TOLERANCE:g}).",
            todo="Use BCEWithLogitsLoss for several labels at once; else normalise each row.",
            evidence=(Evidence("largest distance of a row sum from 1", off, limit=10 * ROW_TOLERANCE),),
            fixes=(Fix("Another loss", instruction="Use BCEWithLogitsLoss, or divide each row by its sum."),),
            confidence=0.9,
            why_confident="Row sums are a fact; weighting samples by the size of their targets may be meant.",
            severity=Severity.WARNING,
        )


def _are_lowered(door: LossDoor) -> bool:
    """Whether -1 is passed over, about as often as a class comes, and only the last class is missing."""
    share = door.n_ignored * door.n_classes / max(1, door.n_targets)
    alike = door.ignore_index == -1 and LEAST <= share <= MOST and door.n_targets >= ENOUGH * door.n_classes
    return alike and door.n_met == door.target_maximum + 1 == door.n_classes - 1 >= FEWEST_CLASSES - 1


def _are_yes_or_no(numbers: ClassNumbers) -> bool:
    """Whether yes and no are fitted as quantities, in a way that makes the answers wrong."""
    if len(numbers.counts) != 2 or (numbers.lowest, numbers.highest) != (0, 1) or numbers.one_hot:
        return False
    return numbers.unbounded and (numbers.read_at_zero or numbers.loss_name == "l1")


def _are_classes(numbers: ClassNumbers) -> bool:
    """Whether all whole numbers from 0 on come, and about as often, as those of classes do; or nearly all, and the
    program itself asks for the very number, mostly in vain; or the model scores as many classes."""
    kinds = len(numbers.counts)
    if numbers.scores:
        return numbers.lowest >= 0 and kinds > 1 and numbers.highest < numbers.scores
    if numbers.right < RIGHT and numbers.lowest == 0 and FEWEST_CLASSES <= kinds <= MOST_ASKED_FOR:
        return kinds >= ALL_BUT * (numbers.highest + 1)
    if numbers.several:
        return False
    if numbers.lowest != 0 or numbers.highest != kinds - 1 or not FEWEST_CLASSES <= kinds <= MOST_CLASSES:
        return False
    mean, largest = numbers.n_samples / kinds, max(numbers.counts)
    even = min(numbers.counts) >= LEAST * mean and largest <= min(MOST * mean, LARGEST * numbers.n_samples)
    if not numbers.typed:  # quantities may be whole as well, but seldom come equally often
        even = kinds >= FEWEST_UNTYPED and min(numbers.counts) >= mean / EVEN and largest <= EVEN * mean
    return even and mean >= FEWEST_OF_A_CLASS
