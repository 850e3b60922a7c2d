"""What the loop feeds the model with: batches in training beside batches in evaluation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import RandomSampler, SequentialSampler, SubsetRandomSampler, WeightedRandomSampler

from trainwright.core import Measurement
from trainwright.doctor.batch import tensors_of
from trainwright.doctor.entering import CONVOLUTION, entering, enters_as_it_is
from trainwright.doctor.layout import layout_of
from trainwright.doctor.observers.contents import Contents
from trainwright.doctor.observers.models import Models
from trainwright.doctor.observers.overlap import position_weights
from trainwright.doctor.observers.relation import Relation
from trainwright.doctor.observers.sentinels import Sentinels
from trainwright.doctor.observers.series import Samples
from trainwright.doctor.observers.sums import Sums
from trainwright.doctor.observers.turns import Turns
from trainwright.measures.batches import BatchStream, InputLayout, InputScale, InputStatistics

LOOKED_AT = 400
"""Training batches at most whose contents are looked at; later ones only on sampled steps."""
FEWEST_STEPS, OFTEN = 20, 0.5
"""Steps of training from which on calls without a graph before more than so many of them are no evaluation: they make
targets (a copy that looks ahead) or collect samples (a player)."""
EVALUATED = 200
"""Evaluation batches at most."""
EVALUATED_FIRST = 20
"""Of these, how many even where the budget is spent."""
MOST_INPUTS = 4
"""Inputs of a model whose scale is looked at."""
MOST_CLASSES = 10_000
_SHUFFLING = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)


class Stream:
    """Observes inputs and targets. Looking at a batch costs a few reductions, so the first ones are looked at, and
    later ones on sampled steps only.
    """

    def __init__(self) -> None:
        self._batches: Samples[tuple[float, int, float, float, float]] = Samples(LOOKED_AT)
        self._train, self._evaluation = [Sums() for _ in range(MOST_INPUTS)], [Sums() for _ in range(MOST_INPUTS)]
        self._unchanged: dict[int, bool] = {}  # of further inputs, whether they enter a layer as they are
        self._seen: set[float] = set()
        self._evaluated: Samples[float] = Samples(EVALUATED)
        self._classes: Counter[int] = Counter()
        self._targets: list[tuple[float, float, int]] = []
        self._entered: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        self._contents = Contents()
        self._calls_at = -1
        self._n_with_calls = self._n_steps = 0
        self._sentinels = Sentinels()
        self._turns = Turns()
        self._relation = Relation()
        self._judged: Tensor | None = None
        self._spread_inside = math.nan
        self._layout: InputLayout | None = None
        self._data: int | None = None
        self.shuffles: bool | None = None
        self.steps_per_epoch = 0.0

    # Loaders ---------------------------------------------------------------------------------------------------------

    def trained_by(self, loader: Any, data: int) -> None:
        """This loader gave the batches of a training step; ``data``: the number for what it gives. Where a training on
        other data follows, what was counted in the batches of the one before is over."""
        if self._data not in (None, data):
            self._batches, self._classes, self._targets = Samples(LOOKED_AT), Counter(), []
            self.shuffles = None
        self._data = data
        # A loader that was given batches of its own has a sampler that nobody uses.
        given = getattr(loader, "batch_size", None) is None and getattr(loader, "batch_sampler", None)
        sampler = getattr(given or loader, "sampler", None)
        if isinstance(sampler, _SHUFFLING):
            self.shuffles = True
        elif isinstance(sampler, SequentialSampler):
            self.shuffles = False
        try:
            self.steps_per_epoch = float(len(loader))
        except TypeError:  # an iterable data set has no length
            self.steps_per_epoch = 0.0

    def began(self) -> None:
        """There is an optimizer that was not before."""
        self._contents.began()

    # Batches ---------------------------------------------------------------------------------------------------------

    def entered(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Inputs of a training call; kept until the step shows whether they are looked at."""
        self._entered = (args, kwargs)

    def going_backward(self, root: Tensor) -> None:
        """The graph of the inputs at hand is there: what a model does to them before its first layer shows once."""
        inputs = inputs_of(*self._entered) if self._entered is not None else []
        for place, table in enumerate(inputs[1:MOST_INPUTS], 1):
            if place not in self._unchanged and table.is_floating_point() and table.dim() == 2:
                self._unchanged[place] = enters_as_it_is(root, table)
        if not math.isnan(self._spread_inside) or not inputs or not inputs[0].is_floating_point():
            return
        operation, inside = entering(root, inputs[0]) or ("", None)
        if inside is not None:
            self._spread_inside = float(inside.double().std(correction=0))
            self._layout = layout_of(inside) if operation == CONVOLUTION else None

    def trained(self, step: int, targets: Tensor | None, source: int | None, *, sampled: bool) -> None:
        """The step that belongs to the inputs was made; ``source``: a number for the data, None where unknown."""
        self._n_steps += 1
        entered, self._entered = self._entered, None
        looks, relates = sampled or len(self._batches) < LOOKED_AT // 4, self._relation.wants(source)
        if entered is None or not (looks or relates):
            return
        inputs = inputs_of(*entered)
        if inputs and looks:
            self._look(step, inputs[0], targets)
            _add(self._train, inputs)
            self._contents.trained(inputs, targets, source)
        if inputs and relates:
            self._relation.trained(inputs, targets, source)

    @torch.no_grad()
    def _look(self, step: int, inputs: Tensor, targets: Tensor | None) -> None:
        fingerprint = _fingerprint(inputs)
        if inputs.is_floating_point():
            self._sentinels.trained(inputs)
            if targets is not None:
                self._turns.trained.add(inputs, targets)
        self._seen.add(fingerprint)
        distinct, expected, drift = self._look_at_targets(targets)
        self._batches.add(step, (fingerprint, len(inputs), distinct, expected, drift))

    def called_without_graph(self, step: int) -> None:
        """A model was called that is not to learn from it; an evaluation, as it seems."""
        self._n_with_calls += step != self._calls_at
        self._calls_at = step

    @property
    def is_evaluated(self) -> bool:
        """Whether these calls were evaluations."""
        if self._n_steps < FEWEST_STEPS or self._same_batch():
            return True
        return self._n_with_calls <= OFTEN * self._n_steps

    def _same_batch(self) -> bool:
        """Whether all steps are made on the same samples, so that each is an epoch."""
        return len({fingerprint for fingerprint, *_ in self._batches.values}) == 1

    @property
    def wants_evaluation(self) -> bool:
        """Whether the next evaluation batch is to be looked at whatever it costs."""
        return len(self._evaluated) < EVALUATED_FIRST

    @torch.no_grad()
    def evaluated(self, args: tuple[Any, ...], kwargs: dict[str, Any], step: int, source: int | None) -> None:
        """Inputs of an evaluation call."""
        inputs = inputs_of(args, kwargs)
        if not inputs or len(self._evaluated) >= EVALUATED:
            return
        _add(self._evaluation, inputs)
        self._evaluated.add(step, _fingerprint(inputs[0]))
        self._contents.evaluated(inputs, source)
        self._judged = inputs[0]

    def trained_in_part(self) -> None:
        """A loss was computed of some of the samples that the model was given."""
        self._contents.trained_in_part()

    def is_trained_on(self, inputs: Sequence[Tensor]) -> bool:
        """Whether these inputs of an evaluation are samples of training."""
        return self._contents.is_trained_on(inputs)

    def judged(self, targets: Tensor) -> None:
        """Targets of the latest evaluation call, if they are."""
        inputs, self._judged = self._judged, None
        if inputs is not None:
            self._turns.evaluated.add(inputs, targets)

    def _look_at_targets(self, targets: Tensor | None) -> tuple[float, float, float]:
        """(distinct classes, classes a random draw would have, drift of the mean in standard errors)."""
        if targets is None or targets.dim() == 0 or len(targets) < 2:
            return math.nan, math.nan, math.nan
        if targets.is_floating_point():
            return math.nan, math.nan, self._drift(targets)
        if targets.dim() > 1 or targets.numel() > 100_000:
            return math.nan, math.nan, math.nan
        classes, counts = torch.unique(targets, return_counts=True)
        if len(self._classes) > MOST_CLASSES:
            return math.nan, math.nan, math.nan
        self._classes.update(dict(zip(classes.tolist(), counts.tolist(), strict=True)))
        total = sum(self._classes.values())
        n = len(targets)
        expected = sum(1 - (1 - count / total) ** n for count in self._classes.values())
        return float(len(classes)), expected, math.nan

    def _drift(self, targets: Tensor) -> float:
        rows = targets.double().reshape(len(targets), -1).mean(1)
        mean, spread, n = float(rows.mean()), float(rows.std()), len(rows)
        self._targets = [*self._targets[-LOOKED_AT:], (mean, spread, n)]
        total = sum(m * k for m, _, k in self._targets) / sum(k for *_, k in self._targets)
        within = sum((s * s + (m - total) ** 2) * k for m, s, k in self._targets) / sum(k for *_, k in self._targets)
        return (mean - total) / math.sqrt(within / n) if within > 0 else math.nan

    # Measurements ----------------------------------------------------------------------------------------------------

    def sources(self, models: Models) -> Iterator[Callable[[], Iterable[Measurement | None]]]:
        """The stream of training batches, the inputs of training beside those of evaluation, and what stands in them:
        each by a call of its own."""
        yield lambda: self._contents.measurements(models, evaluated=self.is_evaluated)
        yield lambda: [self._relation.measurement()]
        yield lambda: self._scales(normalised=any(entry.normalises for entry in models))
        yield lambda: [self._layout]
        if self.is_evaluated:
            yield self._turns.measurements
        yield lambda: [self._batch_stream()]
        yield lambda: [self._input_statistics()]

    def _batch_stream(self) -> BatchStream | None:
        if not len(self._batches):
            return None
        prints, sizes, distinct, expected, drift = (
            np.array(column) for column in zip(*self._batches.values, strict=True)
        )
        return BatchStream(
            steps=np.array(self._batches.steps, dtype=np.int64),
            fingerprints=prints.astype(np.float64),
            sizes=sizes.astype(np.int64),
            distinct_classes=distinct.astype(np.float64),
            expected_classes=self._expected(sizes, expected),
            drift=drift.astype(np.float64),
            n_classes=len(self._classes),
            full_batch=0 < self.steps_per_epoch <= 1,
            loader_shuffles=self.shuffles,
            steps_per_epoch=self.steps_per_epoch,
            n_samples=self._contents.n_samples,
        )

    def _input_statistics(self) -> InputStatistics | None:
        batches = set(self._evaluated.values)
        statistics = [self._statistics(*pair, batches) for pair in zip(self._train, self._evaluation, strict=True)]
        known = [each for each in statistics if each is not None]
        if not known:
            return None
        alike = [each for each in known[1:] if each.train_shape == each.evaluation_shape]
        return replace(known[0], others=tuple(alike))

    def _statistics(self, trained: Sums, evaluated: Sums, batches: set[float]) -> InputStatistics | None:
        """Of one input; ``batches``: fingerprints of those evaluated. None where it was not seen in both parts."""
        if not (trained.samples and evaluated.samples):
            return None
        train, evaluation = trained.mean_and_std(), evaluated.mean_and_std()
        return InputStatistics(
            train_mean=train[0],
            train_std=train[1],
            evaluation_mean=evaluation[0],
            evaluation_std=evaluation[1],
            n_train=trained.samples,
            n_evaluation=evaluated.samples,
            shared=len(self._seen & batches),
            n_evaluation_batches=len(batches),
            train_shape=trained.shape,
            evaluation_shape=evaluated.shape,
        )

    def _scales(self, *, normalised: bool) -> Iterator[InputScale]:
        """The scale of the main input, or where that are token numbers, of the first other."""
        unchanged = [self._train[place] for place, enters in self._unchanged.items() if enters]
        others = tuple(each.scale(normalised=False) for each in unchanged if each.values)
        if not self._train[0].values:
            yield from (replace(each, others=others[1:]) for each in others[:1])
            return
        feature, value, n_far, distance = self._sentinels.farthest()
        scale = replace(self._train[0].scale(normalised=normalised), spread_inside=self._spread_inside, others=others)
        yield replace(scale, far_feature=feature, far_value=value, n_far=n_far, far_distance=distance)

    def _expected(self, sizes: Any, early: Any) -> Any:
        """With all classes known by now; the first batches could not know them."""
        total = sum(self._classes.values())
        if not total or not np.isfinite(early).any():
            return np.asarray(early, dtype=np.float64)
        shares = np.array(list(self._classes.values())) / total
        return np.array([float((1 - (1 - shares) ** n).sum()) for n in sizes])


def inputs_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """The tensors that enter the model; none where the first of them holds no samples."""
    found = list(tensors_of(list(args))) or list(tensors_of({k: v for k, v in kwargs.items() if k != "labels"}))
    return found if found and found[0].dim() > 0 else []


def _add(sums: Sequence[Sums], inputs: Sequence[Tensor]) -> None:
    """Count what enters a model, each input for itself: numbers that are no integers, of as many samples."""
    for each, given in zip(sums, inputs, strict=False):
        if given.is_floating_point() and given.dim() and len(given) == len(inputs[0]):
            each.add(given)


def _fingerprint(inputs: Tensor) -> float:
    """A number that is equal for equal contents: a sum with weights that no symmetry leaves alone."""
    flat = inputs.detach().reshape(-1)[:100_000].double()
    return float((torch.nan_to_num(flat) * position_weights(len(flat), flat)).sum()) + len(inputs)
