"""Losses and accuracies of training and evaluation, as learning curves."""

from __future__ import annotations

import itertools
import math
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from torch import Tensor

from trainwright.doctor.events import LossCall
from trainwright.doctor.observers.parts import Parts
from trainwright.doctor.observers.scores import (
    FEWEST_TARGETS,
    Constant,
    is_classification,
    mean_value,
    n_right,
    n_targets,
)
from trainwright.doctor.observers.series import Later, Samples, Thinned, to_numbers
from trainwright.measures.curves import Curve, LearningCurve
from trainwright.measures.splits import TargetShift

MOST_UNDECIDED = 4096
"""Loss calls with a graph in eval mode that may yet turn out to be training."""
LONGEST_PHASE = 100_000
REHEARSALS = 2
"""Evaluations whose targets are counted: the first may be a rehearsal of a few batches."""
COMMON = 0.05
"""Share of a class among the evaluated targets from which on it should have come in training."""
ALIKE = 0.1
"""Share by which the predictions of an evaluation may differ in number from those of most others."""


@dataclass
class _Scored:
    """One call's loss, its number of predictions and of right ones, still on the device."""

    loss_name: str
    value: Tensor
    n: Tensor
    right: Tensor | None = None


@dataclass(frozen=True)
class _Source:
    """What an evaluation is of: a data set, and a loss function, as a program may compute several as metrics."""

    data: Any
    loss_name: str


@dataclass
class _Span:
    """The steps of one learner, the first and the last, counted from 1, and the last before another one begins."""

    first: int
    last: int
    until: float = math.inf

    @property
    def before(self) -> int:
        """Steps that others had made."""
        return self.first - 1

    def holds(self, step: int) -> bool:
        """Whether an evaluation after so many steps is one of what this learner made. Between two learners it may be of
        either; before the first step of all it is nobody else's."""
        return self.before < step < self.until or step == self.before == 0


class Losses:
    """Observes all losses of a program. Training losses belong to the optimizer that steps next."""

    def __init__(self) -> None:
        self._curves: dict[str, Thinned] = {}
        self._spans: dict[str, _Span] = {}
        self._accuracies: dict[str, Thinned] = {}
        self._later: dict[str, Later] = {}
        self._calls: deque[LossCall] = deque(maxlen=8)
        self._pending: list[tuple[Tensor, tuple[LossCall, ...]]] = []
        self._undecided: list[_Scored] = []
        self._latest_undecided = False
        self._phases: dict[_Source, list[_Scored]] = {}
        self._validation: dict[_Source, Samples[tuple[float, float, int]]] = {}
        self.scores_itself = False  # the program computes losses of evaluations
        self._trained_on: set[Any] = set()
        self._constants: dict[str, Constant] = {}
        self._evaluated_targets: dict[_Source, Constant | None] = {}
        self._names: Counter[str] = Counter()
        self._reductions: Counter[str] = Counter()
        self._scales: Counter[float] = Counter()
        self._parts = Parts()
        self._classification = False
        self.non_finite_at = -1

    # Training --------------------------------------------------------------------------------------------------------

    def called(self, call: LossCall, *, evaluating: bool, source: Any, score: bool) -> None:
        """A loss function returned; ``evaluating``: nobody will go backward from it, or nobody seems to."""
        if call.value.requires_grad:
            self._calls.append(call)
            self._latest_undecided = evaluating
        if not evaluating:
            self._trained_on.add(source)
            return
        scored = _score(call, accuracy=score)
        if call.value.requires_grad:
            self._undecided = [*self._undecided[-MOST_UNDECIDED:], scored]
        else:
            self._hear_scores()
            self._evaluated(scored, source)
            self._see_evaluated(call, _Source(source, call.name))

    def predicted(self, call: LossCall, *, source: Any) -> None:
        """What the loss of a prediction would be that the program does not compute itself; counts as long as it never
        computes one."""
        self._evaluated(_score(call, accuracy=True), source)
        self._see_evaluated(call, _Source(source, call.name))

    def _hear_scores(self) -> None:
        """The program computes a loss of an evaluation: from now on only what it computes itself counts."""
        if not self.scores_itself:
            self.scores_itself = True
            self._phases, self._validation, self._evaluated_targets = {}, {}, {}

    def before_backward(self, roots: tuple[Tensor, ...]) -> None:
        """A backward pass begins, from what the loss functions returned that were called before it."""
        if self._undecided and self._latest_undecided:
            self._undecided.pop()
        root = roots[0].detach() if roots and roots[0].numel() == 1 else None
        if root is not None:
            self._pending.append((root, tuple(self._calls)))
        self._calls.clear()

    def stepped(self, learner: str, step: int, *, sampled: bool) -> None:
        """An optimizer stepped: what went backward since the last step was its loss."""
        pending, self._pending = self._pending, []
        if self._phases or self._undecided:
            self._close_phases(step)
        if not pending:
            return
        values = [_loss_of(root, calls) for root, calls in pending]
        root, calls = pending[-1]
        if sampled and len(calls) == 1:
            self._look(learner, step, calls[0], root)
        elif sampled and calls:
            self._parts.see(step, root, calls)
        mean = values[0] if len(values) == 1 else sum(values[1:], values[0]) / len(values)
        self._later_of(learner).add(step + 1, mean)  # curves count finished steps
        self._spans.setdefault(learner, _Span(step + 1, step + 1)).last = step + 1

    def _look(self, learner: str, step: int, call: LossCall, root: Tensor) -> None:
        """The dearer half of a sampled step: accuracy, the best constant, and the scale of what went backward."""
        self._names[call.name] += 1
        self._reductions[call.reduction] += 1
        if learner not in self._constants and (constant := Constant.of(call)) is not None:
            self._constants[learner] = constant
        if learner in self._constants:
            self._constants[learner].see(call)
        numbers = [root, call.value.detach().mean()]
        if is_classification(call):
            numbers += [n_right(call), n_targets(call)]
        scaled, value, *scores = to_numbers(numbers)
        if value:
            self._scales[float(f"{scaled / value:.3g}")] += 1
        if scores and scores[1]:
            self._classification = True
            self._accuracies.setdefault(learner, Thinned()).add(step + 1, 100.0 * scores[0] / scores[1])

    def _later_of(self, learner: str) -> Later:
        if learner not in self._later:
            curve = self._curves.setdefault(learner, Thinned())

            def take(step: int, value: float) -> None:
                curve.add(step, value)
                if not math.isfinite(value) and self.non_finite_at < 0:
                    self.non_finite_at = step - 1

            self._later[learner] = Later(take)
        return self._later[learner]

    # Evaluation ------------------------------------------------------------------------------------------------------

    def _evaluated(self, scored: _Scored, source: Any) -> None:
        calls = self._phases.setdefault(_Source(source, scored.loss_name), [])
        if len(calls) < LONGEST_PHASE:
            calls.append(scored)

    def _see_evaluated(self, call: LossCall, source: _Source) -> None:
        """Count the targets of the first evaluations, of which one at least is whole."""
        if len(self._validation.get(source, ())) >= REHEARSALS:
            return
        if source not in self._evaluated_targets:
            self._evaluated_targets[source] = Constant.of(call)
        if (targets := self._evaluated_targets[source]) is not None:
            targets.see(call)

    def _close_phases(self, step: int) -> None:
        """Training goes on, or the run is over: what was evaluated since then is one point of the curve."""
        for scored in self._undecided:
            self._hear_scores()
            self._evaluated(scored, None)
        self._undecided = []
        phases, self._phases = self._phases, {}
        for source, calls in phases.items():
            # The step that comes after it has not been made when an evaluation begins.
            self._validation.setdefault(source, Samples(2000)).add(step, _point(calls))

    def ended(self, step: int) -> None:
        """The run is over."""
        self._close_phases(step)
        for later in self._later.values():
            later.flush()

    # Measurements ----------------------------------------------------------------------------------------------------

    def scale_and_reduction(self) -> tuple[float, str]:
        """The most frequent ratio of what went backward to what the loss function returned, and its reduction."""
        scale = self._scales.most_common(1)[0][0] if self._scales else math.nan
        return scale, self._reductions.most_common(1)[0][0] if self._reductions else ""

    def measurements(
        self,
        optimizers: dict[str, dict[str, Any]],
        common: dict[str, Any],
        restored: Mapping[int, int],
        *,
        guesses: bool,
    ) -> Iterator[LearningCurve]:
        """One learning curve for each learner. Where they train one after the other each is a training of its own, with
        its validation and the best constant; else these belong to none: networks with losses of their own play against
        each other or share the work, and none need beat a constant.

        ``optimizers``: further fields of each learner's curve; ``common``: those of all. ``restored``: after
        how many steps weights came back, and after how many they had been taken. ``guesses``: predictions without a
        loss belong to training.
        """
        alone, several = self._one_at_a_time(), len(self._curves) > 1
        latest = max(self._spans, key=lambda learner: self._spans[learner].first, default="")
        for learner, losses in self._curves.items():
            known = {"name": learner if several else "", **common, **optimizers.get(learner, {})}
            curve = LearningCurve(x_unit="step", train_loss=Curve(*losses.arrays()), **known)
            if not alone:
                yield curve
                continue
            if several:  # the data known now are those of the latest
                per_epoch = curve.steps_per_epoch if learner == latest else None
                curve = replace(curve, is_game=False, steps_per_epoch=per_epoch)
            if (kept := restored.get(self._spans[learner].last)) is not None:
                curve = replace(curve, kept_at=float(kept))
            yield _counted_from(self._judged(curve, learner, guesses=guesses), self._spans[learner].before)

    def _one_at_a_time(self) -> bool:
        """Whether no learner begins before the one before it has made its last step."""
        spans = sorted(self._spans.values(), key=lambda span: span.first)
        for earlier, later in itertools.pairwise(spans):
            earlier.until = later.before
        return all(span.last <= span.until for span in spans)

    def _judged(self, curve: LearningCurve, learner: str, *, guesses: bool) -> LearningCurve:
        """With what was evaluated during this training, and what a constant prediction has."""
        span = self._spans[learner]
        source = self._main_source(span, guesses=guesses)
        validation = self._whole(source, span)
        together = len(self._parts) and not self._names
        losses = Curve(*(self._together(source, span) if source and together else _column(validation, 0)))
        targets = None if source is None else self._evaluated_targets.get(source)
        scale, reduction = self.scale_and_reduction()
        weighted = reduction == "none" and scale != 1.0  # by the program, in a way of its own
        constant = None if weighted else self._constants.get(learner)
        evaluated = constant if len(validation) else None
        on = targets if constant and targets and constant.is_like(targets) else constant
        return replace(
            curve,
            validation_loss=losses,
            train_metric=Curve(*self._accuracies.get(learner, Thinned()).arrays()),
            validation_metric=Curve(*_column(validation, 1)),
            metric_name="accuracy" if self._classification else "",
            higher_is_better=True if self._classification else None,
            unit="%" if self._classification else "",
            baseline_train_loss=constant.loss() if constant else None,
            baseline_train_metric=constant.accuracy() if constant else None,
            baseline_validation_loss=evaluated.loss(on) if evaluated else None,
            baseline_validation_metric=evaluated.accuracy(on) if evaluated else None,
            n_validation=max((n for _, _, n in validation.values), default=None),
        )

    def shift(self, *, guesses: bool) -> TargetShift | None:
        """The classes of training beside those of its validation, where one that validation asks for never came in
        training. Other differences of their mixes may be meant, as by a sampler that draws rare classes more often."""
        alone = len(self._constants) == len(self._spans) == 1
        source = self._main_source(*self._spans.values(), guesses=guesses) if alone else None
        trained = next(iter(self._constants.values()), None)
        evaluated = self._evaluated_targets.get(source) if source is not None else None
        if trained is None or evaluated is None or not trained.is_like(evaluated):
            return None
        if trained.counts is None or evaluated.counts is None or trained.n < FEWEST_TARGETS:
            return None
        asked = evaluated.counts > COMMON * evaluated.counts.sum()
        if not bool((asked & (trained.counts == 0)).any()):
            return None
        return TargetShift(
            first="training",
            second="validation",
            groups=tuple(map(str, range(len(trained.counts)))),
            first_counts=trained.counts.cpu().numpy(),
            second_counts=evaluated.counts.cpu().numpy(),
            bands=False,
            given=True,
        )

    def _main_source(self, span: _Span, *, guesses: bool) -> _Source | None:
        """Of several sources of evaluations during a training the one evaluated by its own loss, and most often; where
        only right answers are counted, never the data that are trained on."""
        own = self._names.most_common(1)[0][0] if self._names else ""
        often = {source: sum(map(span.holds, found.steps)) for source, found in self._validation.items()}
        during = [source for source, times in often.items() if times]
        candidates = [source for source in during if source.loss_name == own] or during
        if not self.scores_itself:
            candidates = [s for s in candidates if not guesses and s.data not in self._trained_on]
        return max(candidates, key=lambda source: often[source], default=None)

    def _together(self, source: _Source, span: _Span) -> tuple[Any, Any]:
        """The evaluations of a data set by the loss that goes backward, which several loss functions make together with
        weights of their own; nothing where an evaluation does not compute them all, or the weights are not known."""
        weights = self._parts.weights()
        if weights is None or any(_Source(source.data, name) not in self._validation for name in weights):
            return np.empty(0), np.empty(0)
        found = [(weight, self._whole(_Source(source.data, name), span)) for name, weight in weights.items()]
        at = sorted(set.intersection(*(set(kept.steps) for _, kept in found)))
        values = [(weight, dict(zip(kept.steps, kept.values, strict=True))) for weight, kept in found]
        return np.array(at, dtype=np.float64), np.array([sum(w * kept[step][0] for w, kept in values) for step in at])

    def _whole(self, source: _Source | None, span: _Span) -> Samples[tuple[float, float, int]]:
        """The evaluations of a source during a training. What covered fewer predictions than most was cut off or a
        rehearsal (Lightning's sanity check), and what covered more was several in a row (validation and test after the
        last step); neither can be compared with them.
        """
        kept = Samples[tuple[float, float, int]]() if source is None else self._validation[source]
        chosen = [(step, point) for step, point in zip(kept.steps, kept.values, strict=True) if span.holds(step)]
        sizes = sorted(n for _, (_, _, n) in chosen)
        usual = sizes[len(sizes) // 2] if sizes else 0
        whole: Samples[tuple[float, float, int]] = Samples(len(chosen) + 1)
        for step, point in chosen:
            if abs(point[2] - usual) <= ALIKE * usual:
                whole.add(step, point)
        return whole


def _counted_from(curve: LearningCurve, before: int) -> LearningCurve:
    """The same with places counted from the training's own first step."""
    if not before:
        return curve
    found = {each.name: getattr(curve, each.name) for each in fields(curve)}
    moved: dict[str, Any] = {
        name: Curve(each.x - before, each.y) for name, each in found.items() if isinstance(each, Curve)
    }
    kept = None if curve.kept_at is None else curve.kept_at - before
    return replace(curve, kept_at=kept, **moved)


def _loss_of(root: Tensor, calls: tuple[LossCall, ...]) -> Tensor:
    """What a backward pass is from: where a single loss function was called for it, that one's own mean."""
    return mean_value(calls[0]) if len(calls) == 1 and calls[0].value.numel() == 1 else root


def _score(call: LossCall, *, accuracy: bool) -> _Scored:
    right = n_right(call) if accuracy and is_classification(call) else None
    return _Scored(call.name, mean_value(call), n_targets(call), right)


def _point(calls: list[_Scored]) -> tuple[float, float, int]:
    """(mean loss, accuracy in %, predictions) of an evaluation, weighted by predictions."""
    values, sizes = to_numbers([each.value for each in calls]), to_numbers([each.n for each in calls])
    loss = sum(v * n for v, n in zip(values, sizes, strict=True)) / max(1, sum(sizes))
    rights = to_numbers([each.right for each in calls if each.right is not None])
    counted = sum(n for n, each in zip(sizes, calls, strict=True) if each.right is not None)
    return loss, 100.0 * sum(rights) / counted if counted else math.nan, int(sum(sizes))


def _column(samples: Samples[tuple[float, float, int]], column: int) -> tuple[Any, Any]:
    values = np.array([value[column] for value in samples.values], dtype=np.float64)
    steps = np.array(samples.steps, dtype=np.float64)
    if column == 1 and not np.isfinite(values).any():
        return np.empty(0), np.empty(0)
    return steps, values
