"""Session: hears everything a running program does and knows, at any moment, what can be said about it."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainwright.core import Measurement, Measurements
from trainwright.doctor.batch import main_output
from trainwright.doctor.by_hand import HandSteps, HandWritten
from trainwright.doctor.events import LossCall
from trainwright.doctor.finite import Place, non_finite, replay
from trainwright.doctor.loads import Loads
from trainwright.doctor.observers.activity import Activity
from trainwright.doctor.observers.class_numbers import Numbers
from trainwright.doctor.observers.compared import Answer, Compared, squared_error, target_of
from trainwright.doctor.observers.confusion import Confusions
from trainwright.doctor.observers.door import Doors
from trainwright.doctor.observers.governor import Governor
from trainwright.doctor.observers.learner import Learner
from trainwright.doctor.observers.losses import Losses
from trainwright.doctor.observers.models import Models, Watched
from trainwright.doctor.observers.seeding import Seeding
from trainwright.doctor.observers.series import Later, Samples
from trainwright.doctor.observers.start import Start
from trainwright.doctor.observers.stream import Stream, inputs_of
from trainwright.doctor.observers.system import Checkpoints, Loaders, Memory
from trainwright.doctor.observers.unscored import Unscored
from trainwright.doctor.taps_keras import is_keras
from trainwright.logbook.importers.columns import direction
from trainwright.measures.batches import (
    BatchStream,
    InputLayout,
    InputScale,
    InputStatistics,
    SampleOverlap,
    TargetCopies,
    TokenUse,
)
from trainwright.measures.curves import Curve, LearningCurve
from trainwright.measures.door import LossDoor
from trainwright.measures.graph import LossGraph
from trainwright.measures.initial import InitialLoss
from trainwright.measures.labels import ClassNumbers, PredictedClasses
from trainwright.measures.layers import ActivationSignals, LayerSignals, OutputSpread
from trainwright.measures.loads import WeightLoads
from trainwright.measures.loop import Clipping, Membership, Modes, ScalerSteps, Schedule, StepOrder, WeightDecay
from trainwright.measures.relation import TargetRelation
from trainwright.measures.signal import NonFinite
from trainwright.measures.splits import TargetShift
from trainwright.measures.start import WeightsAtStart
from trainwright.measures.structure import Dropouts
from trainwright.measures.system import CheckpointAliases, LoaderTimes, MemoryCourse, WorkerRandomness
from trainwright.measures.turns import PictureTurns

MEASURED: frozenset[type[Measurement]] = frozenset(
    {
        LearningCurve,
        InitialLoss,
        ClassNumbers,
        LossDoor,
        LossGraph,
        NonFinite,
        LayerSignals,
        ActivationSignals,
        OutputSpread,
        Dropouts,
        StepOrder,
        Membership,
        Modes,
        ScalerSteps,
        WeightDecay,
        WeightsAtStart,
        Schedule,
        Clipping,
        BatchStream,
        InputLayout,
        InputScale,
        InputStatistics,
        PictureTurns,
        PredictedClasses,
        SampleOverlap,
        TargetCopies,
        TargetRelation,
        TargetShift,
        TokenUse,
        LoaderTimes,
        WorkerRandomness,
        WeightLoads,
        CheckpointAliases,
        MemoryCourse,
    }
)
"""All kinds of measurements that a session may take."""

REHEARSALS = ("sanity check", "test", "prediction")
"""Phases that say nothing about training: their losses and calls are not looked at."""
UNLOADED = "tensors"
"""Stands for the source of an evaluation that comes from no loader."""
FIRST_STEPS = 3
"""Steps of an optimizer that are asked which loader gave their batches."""
FIRST_HEARD = 8
"""Steps that are all asked what their answers are compared with; after them those that are looked at closely."""


class Session:
    """A :class:`~trainwright.doctor.taps.Listener`. It only reads: no random number is drawn, no tensor of the program
    is written to, no graph is extended.

    ``budget``: share of the run's time that watching may cost. ``every``: look closely at every so many steps instead.
    ``on_step`` is called after each step, and with ``alarm`` when something happened that cannot wait.
    """

    def __init__(
        self, budget: float = 0.01, every: int | None = None, on_step: Callable[..., None] | None = None
    ) -> None:
        self._on_step = on_step
        self.governor = Governor(budget, every)
        self.step = 0
        self.models = Models()
        self.losses = Losses()
        self.unscored = Unscored()
        self.answers = Compared()
        self.numbers = Numbers()
        self.confusions = Confusions()
        self.stream = Stream()
        self.activity = Activity()
        self.loaders = Loaders()
        self.seeding = Seeding()
        self.doors = Doors()
        self.start = Start()
        self.checkpoints = Checkpoints()
        self.loads = Loads()
        self.memory = Memory()
        self.learners: list[_Pupil] = []
        self._pupils: dict[int, _Pupil] = {}
        self._hand_steps = HandSteps()
        self.device = "cpu"
        self.listens_before_step = self._sampled = self.governor.wants(0)
        self.listens_within, self.listens_after_backward = False, True
        self.listens_to_comparisons = False
        self._clips = Later(self._clipped)
        self._latest: tuple[Watched, bool, Tensor | None] | None = None
        self._backwards = 0
        self._owes_backward = False
        self._began = False  # a model was given something that comes from no other, since the latest backward pass
        self._call: tuple[nn.Module, tuple[Any, ...], dict[str, Any]] | None = None
        self._non_finite: NonFinite | None = None
        self._targets: Tensor | None = None
        self._n_answers, self._heard_at = 0, -1  # answers in training, and those before the targets came
        self._knows_targets = False  # from a loss function
        self._source: int | None = None
        self._is_scored = False  # the loss of the evaluation at hand is known otherwise than by comparisons
        self._phase = ""
        self.faults: list[Exception] = []
        """Of ours, in the latest measuring."""
        self._reported: dict[str, Samples[float]] = {}
        self._train_loader: tuple[Any, int] | None = None  # weakly, and the number for its data
        self._epoch_began = 0
        self._epoch_steps = 0

    # What a framework says of itself ---------------------------------------------------------------------------------

    def phase(self, name: str) -> None:
        """What the next calls are for: ``train``, ``validation``, one of :data:`REHEARSALS`, or nothing known."""
        self._phase = name

    def metric(self, name: str, value: float) -> None:
        """A validation metric, under its own name, of the weights after the latest step. ``loss`` is the loss itself,
        and goes before what was observed of it.
        """
        self._reported.setdefault(name, Samples(2000)).add(self.step, value)

    def epoch_ended(self) -> None:
        """A pass over the training data is over; heard as well where a program starts its loader again."""
        steps, self._epoch_began = self.step - self._epoch_began, self.step
        self._epoch_steps = steps or self._epoch_steps

    # Events ----------------------------------------------------------------------------------------------------------

    def before_root(self, module: nn.Module) -> None:
        """The few calls whose graphs are read are listened to from within, where there is one model only."""
        self._look_by_hand()
        if not torch.is_grad_enabled() or not self.doors.wants_graph(self.step):
            return
        compiled = hasattr(module, "_orig_mod")
        if not compiled and sum(entry.called_at >= self.doors.began for entry in self.models) <= 1:
            self.doors.listen(module)

    def root_left(self) -> None:
        """Whatever happened, no ear stays behind in the model."""
        self.doors.stop_listening()

    def after_root(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """A model answered: in training, where its answer has a graph, or in evaluation."""
        prediction = main_output(output)
        if self._phase in REHEARSALS or _is_shape(prediction) or (prediction is None and is_keras(module)):
            return
        entry = self.models.of(module)
        if entry is None:
            return
        graph = torch.is_grad_enabled() and prediction is not None and prediction.requires_grad
        self.loaders.answered(None if graph else self._source)
        self.models.called(entry, training=module.training, graph=graph)
        if graph:
            self._latest = (entry, module.training, prediction)
            if (source := self.loaders.source) is not None:
                self._source = source
            self._n_answers += 1
            self._owes_backward = True
            given = (*args, *kwargs.values())
            self._began |= not any(isinstance(each, Tensor) and each.grad_fn is not None for each in given)
            entry.called_at = self.step
            # Only torch's own way of calling can be replayed with an ear in every inner module.
            self._call = (module, args, kwargs) if type(module).__call__ is nn.Module.__call__ else None
            self.stream.entered(args, kwargs)
            self.listens_to_comparisons = not self._knows_targets and (self._sampled or self.step < FIRST_HEARD)
        elif self.step and not self._owes_backward:
            self._evaluated(args, kwargs, prediction)

    def _evaluated(self, args: tuple[Any, ...], kwargs: dict[str, Any], prediction: Tensor | None) -> None:
        """A call between two steps that nothing is learnt from; within a step it would be a teacher's."""
        self.stream.called_without_graph(self.step)
        self.seeding.evaluated()
        self.numbers.answered(prediction)
        self.listens_to_comparisons = self.numbers.waits
        if self.stream.wants_evaluation or self.governor.affords(1e-4):
            self.stream.evaluated(args, kwargs, self.step, self.loaders.source)
        self._is_scored = self.losses.scores_itself or not self.unscored.knows
        if not self.losses.scores_itself:
            if (call := self.unscored.evaluated(prediction)) is not None:
                self._predicted(call, self.loaders.source)
                self._is_scored = True
            else:
                self.confusions.answered(prediction, (args, kwargs), self.loaders.source)
        if not self._is_scored or self.confusions.is_due(self.loaders.source) or self.governor.affords(1e-4):
            self.answers.answered(prediction, inputs_of(args, kwargs))
            self.listens_to_comparisons |= self.answers.waits

    def _predicted(self, call: LossCall, source: Any) -> None:
        """The loss of a prediction of an evaluation that the program does not compute."""
        self.stream.judged(call.targets)
        self.losses.predicted(call, source=source)
        self.confusions.scored(call, source)

    def compared(self, first: Tensor, second: Tensor) -> None:
        """What a program compares its answers with are their targets."""
        if self._latest is not None and self._owes_backward:
            self._targets, self._source = target_of(self._prediction, first, second), self.loaders.source
            if self._targets is None and (call := self.numbers.subtracted(self._prediction, first, second)):
                self.doors.called(call)
            self.listens_to_comparisons = self._targets is None
            return
        if self.answers.waits and (found := self.answers.settle(first, second)) is not None:
            self._evaluated_by_comparison(*found)
        if self.numbers.waits:
            self.numbers.compared(first, second)
        self.listens_to_comparisons = self.answers.waits or self.numbers.waits

    def _evaluated_by_comparison(self, answer: Answer, targets: Tensor) -> None:
        if self.loaders.source is None and self.stream.is_trained_on(answer.inputs):
            return
        source = UNLOADED if self.loaders.source is None else self.loaders.source
        self.confusions.compared(answer.prediction, targets, source)
        if not self._is_scored and (call := self.unscored.compared(answer.prediction, targets)) is not None:
            self._predicted(call, source)

    def loss_called(self, call: LossCall) -> None:
        """A loss of training, or one of evaluation: without a graph, or of a model in eval mode."""
        if self._phase in REHEARSALS or _is_shape(call.value):
            return
        if call.value.requires_grad:
            self._knows_targets, self.listens_to_comparisons = True, False
        self._loss(call)

    def _loss(self, call: LossCall) -> None:
        in_eval = self._latest is not None and not self._latest[1]
        graph, source = call.value.requires_grad, self.loaders.source
        evaluating = not graph or in_eval or self._phase == "validation"
        if graph and (self._targets is None or self._heard_at != self._n_answers):
            # Of several losses of one answer the first, as in an evaluation; some are computed within the model.
            self._targets, self._source, self._heard_at = call.targets, source, self._n_answers
        if evaluating:
            self.stream.judged(call.targets)
        else:
            if _is_part(call.outputs, self._prediction):
                self.stream.trained_in_part()
            self.doors.called(call)
            self.numbers.trained(call, self._prediction)
            self.unscored.trained(call, self._prediction)
            self.start.called(call, self.step, self._call[1] if self._call else ())
        self.loaders.used()
        score = not evaluating or self.confusions.is_due(source) or self.governor.affords(1e-4)
        if evaluating and score and not graph:
            self.confusions.scored(call, source)
        self.losses.called(call, evaluating=evaluating, source=source, score=score)

    def loss_failed(self, call: LossCall) -> None:
        """What was refused is worth a look: the exception itself seldom says why."""
        self.doors.called(call)

    def before_backward(self, tensors: tuple[Tensor, ...]) -> None:
        """The graph is complete and still there."""
        self._backwards += 1
        self._owes_backward = False
        began, self._began = self._began, False
        for optimizer, learner in self._living():
            learner.before_backward(optimizer, own_call=began, sampled=self._sampled)
        if self._latest is not None:
            entry, training, _ = self._latest
            self.models.went_backward(entry, self.step, training=training)
            self._look_for_own_loss(tensors)
        self.losses.before_backward(tensors)
        if tensors and self.doors.wants_graph(self.step):
            self._read_graph(tensors[0])
            self.stream.going_backward(tensors[0])
        if self._non_finite is None and tensors and not _is_number(tensors[0]):
            self._find_non_finite()
        if self._sampled and tensors:
            n_nodes = self.activity.look(self.step, tensors[0], self._prediction, self.models)
            self.memory.look(self.step, n_nodes)

    @property
    def _prediction(self) -> Tensor | None:
        """What a model returned in training, until the step is made."""
        return self._latest[2] if self._latest is not None else None

    def _look_for_own_loss(self, roots: tuple[Tensor, ...]) -> None:
        """Whether what goes backward is the squared error of what the program compared its answers with."""
        if self._knows_targets or self._prediction is None or len(roots) != 1:
            return
        if (call := squared_error(self._prediction, self._targets, roots[0])) is not None:
            self._loss(call)

    def after_backward(self) -> None:
        """Where no optimizer was heard of, the program may move the weights itself."""
        self._hand_steps.forget()
        if any(not isinstance(optimizer, HandWritten) for optimizer, _ in self._living()):
            self.listens_after_backward = False  # until one is gone
            return
        models = [m for entry in self.models if entry.called_at == self.step and (m := entry.module()) is not None]
        if not models or is_keras(models[0]):
            return
        waits = self._hand_steps.went_backward(models, sampled=self._sampled)
        self.listens_within = waits or self.doors.wants_graph(self.step)

    def _look_by_hand(self) -> None:
        """Whether the program moved the weights since the latest backward pass: a step, then, like an optimizer's."""
        if (by_hand := self._hand_steps.stepped()) is None:
            return
        before, optimizer = by_hand.before, by_hand.optimizer
        assert optimizer is not None
        learner = self._pupil(optimizer).learner
        if before is None:
            self.after_step(optimizer)
        else:
            learner.moved_from(before.weights_of(optimizer))
            with before.gradients_back():
                self.after_step(optimizer)
        by_hand.done()

    def _read_graph(self, loss: Tensor) -> None:
        began = self.doors.began
        models = [m for entry in self.models if entry.called_at >= began and (m := entry.module()) is not None]
        optimizers = [o for each in self.learners if each.stepped_at >= began and (o := each.optimizer()) is not None]
        n_samples = 0 if self._targets is None or not self._targets.dim() else len(self._targets)
        self.doors.read(loss, models, optimizers, n_samples)

    def _find_non_finite(self) -> None:
        """The loss is no number, and the weights have not yet been spoilt by it."""
        place = replay(*self._call) if self._call else Place("loss", "the loss", torch.tensor(math.nan))
        rates = [float(group["lr"]) for o, _ in self._living() for group in o.param_groups if "lr" in group]
        rate = max(rates, default=math.nan)
        self._non_finite = non_finite(place, self.step, self.step + 1, learning_rate=rate, cure={})
        self._tell(alarm=True)

    def _tell(self, *, alarm: bool = False) -> None:
        if self._on_step is not None:
            self._on_step(alarm=alarm)

    def before_step(self, optimizer: Optimizer, *, closure: bool) -> None:
        """An optimizer is about to step."""
        self._pupil(optimizer).learner.before_step(optimizer, closure=closure, sampled=self._sampled)

    def after_step(self, optimizer: Optimizer) -> None:
        """A step of training is over."""
        pupil = self._pupil(optimizer)
        pupil.stepped_at = self.step
        pupil.learner.after_step(optimizer, self.step, self.models, sampled=self._sampled)
        self.losses.stepped(pupil.name, self.step, sampled=self._sampled)
        self.seeding.trained()
        self.confusions.stepped(self._source)
        self.stream.trained(self.step, self._targets, self._source, sampled=self._sampled)
        if self.loaders.latest is not None and self.step - pupil.born < FIRST_STEPS:
            number = self.loaders.number_of(self.loaders.latest)
            self.stream.trained_by(self.loaders.latest, number)
            self._train_loader = weakref.ref(self.loaders.latest), number
        if self._sampled:
            if self.models.looked_at([each for each, _ in self._living()], optimizer):
                self.doors.begin(self.step + 1)
            self.governor.looked()
        self._latest = self._targets = self._call = None
        self.answers.forget()
        self._owes_backward = False
        self._backwards = 0
        self.step += 1
        self.listens_before_step = self._sampled = self.governor.wants(self.step)
        self.listens_within = self.doors.wants_graph(self.step)
        self._tell()

    def scaler_stepped(self, optimizer: Optimizer) -> None:
        """A gradient scaler let an optimizer step, or skipped the step: then the look prepared for it is off."""
        if self._pupil(optimizer).learner.scaled():
            self._sampled = False

    def gradients_cleared(self, owner: Optimizer | nn.Module) -> None:
        """``zero_grad`` of an optimizer clears its own; that of a module those of all its parameters."""
        self._look_by_hand()
        if isinstance(owner, Optimizer):
            self._pupil(owner).learner.cleared()
            return
        own = {id(p) for p in owner.parameters()}
        for optimizer, learner in self._living():
            if any(id(p) in own for group in optimizer.param_groups for p in group["params"][:1]):
                learner.cleared()

    def scheduler_stepped(self, scheduler: Any) -> None:
        """A scheduler moved by its own; its construction is its first step in torch."""
        optimizer = getattr(scheduler, "optimizer", None)
        count = getattr(scheduler, "_step_count", 2) or scheduler.last_epoch + 1  # warm restarts leave the first at 0
        if isinstance(optimizer, Optimizer) and count > 1:
            self._pupil(optimizer).learner.scheduled(scheduler)

    def clipped(self, norm: Tensor, limit: float) -> None:
        """Gradients were clipped; whose they are shows at the next step, and mostly there is one optimizer."""
        self._clips.add((self.step, limit), norm)

    def _clipped(self, tag: tuple[int, float], norm: float) -> None:
        step, limit = tag
        for _, learner in self._living():
            learner.clipped(step, norm, limit)

    def loader_started(self, loader: Any) -> None:
        """A pass over data begins."""
        if self._is_of_training(loader):
            self.epoch_ended()
        self.loaders.started(loader)
        self.seeding.started(loader)

    def _is_of_training(self, loader: Any) -> bool:
        """Whether it is the loader of training, or has its place: some programs make a new one for every epoch."""
        if self._train_loader is None:
            return False
        known, number = self._train_loader
        return loader is known() or (known() is None and self.loaders.number_of(loader) == number)

    def batch_waited(self, loader: Any, seconds: float, batch: Any) -> None:
        """A batch came."""
        self.loaders.waited(loader, seconds)
        self.seeding.came(loader)
        self.unscored.came(batch)
        self.numbers.came(batch)
        self.confusions.came(batch)

    def loader_ended(self, loader: Any) -> None:
        """A pass over data is complete."""
        del loader
        self.loaders.ended()

    def seeded(self, function: str, seed: Any) -> None:
        """A random generator begins anew."""
        self.seeding.seeded(function, seed)

    def state_taken(self, module: nn.Module, state: Any) -> None:
        """A checkpoint in memory."""
        del module
        self.checkpoints.taken(state, self.step)

    def state_loaded(self, module: nn.Module, state: Any) -> None:
        """A checkpoint comes back."""
        self.checkpoints.loaded(module, state, self.step)

    def state_read(self, module: nn.Module, state: Any) -> None:
        """A checkpoint is loaded."""
        if isinstance(state, dict):
            self.loads.add(module, state)

    def saved(self, thing: Any) -> None:
        """A checkpoint goes to a file."""
        self.checkpoints.saved(thing, self.step)

    def ended(self) -> None:
        """The program is over."""
        self._look_by_hand()
        self._clips.flush()
        self.confusions.stepped()
        self.losses.ended(self.step)

    # What is known ---------------------------------------------------------------------------------------------------

    def measurements(self) -> Measurements:
        """Everything that can be said now. What cannot be measured for a fault of ours costs only itself; these are
        in ``faults`` then."""
        self.faults.clear()
        return Measurements(chain.from_iterable(self._measured(source) for source in self._sources()))

    def _measured(self, source: Callable[[], Iterable[Measurement | None]]) -> list[Measurement]:
        try:
            return [found for found in source() if found is not None]
        except Exception as error:  # noqa: BLE001 - whatever it is, the other measurements must not suffer
            self.faults.append(error)
            return []

    def _sources(self) -> Iterator[Callable[[], Iterable[Measurement | None]]]:
        scale = self.losses.scale_and_reduction()
        for pupil in self.learners:
            yield partial(pupil.learner.measurements, self.models.n_frozen, *scale)
        yield lambda: [self._finiteness()]
        yield self._learning_curves
        yield lambda: [self.losses.shift(guesses=not self.stream.is_evaluated)]
        yield self.start.measurements
        yield self.doors.measurements
        yield lambda: [self.numbers.measurement()]
        yield self.confusions.measurements
        yield self.models.measurements
        yield self.activity.measurements
        yield from self.stream.sources(self.models)
        yield lambda: self.loaders.measurements(self.device, self.seeding.found())
        yield lambda: self.checkpoints.measurements(self.step)
        yield lambda: [WeightLoads(loads=loads) if (loads := self.loads.all()) else None]
        yield self.memory.measurements

    def _learning_curves(self) -> Iterator[LearningCurve]:
        per_epoch = float(self._epoch_steps or self.stream.steps_per_epoch)
        modes = tuple(dict.fromkeys(layer for entry in self.models for layer in entry.mode_layers))
        common = {"steps_per_epoch": per_epoch or None, "train_only": modes or None}
        extra = {pupil.name: pupil.learner.curve_fields() for pupil in self.learners}
        guesses = not self.stream.is_evaluated
        curves = self.losses.measurements(extra, common, self.checkpoints.restored, guesses=guesses)
        yield from self._curves(list(curves))

    def _curves(self, curves: list[LearningCurve]) -> Iterator[LearningCurve]:
        """With what the framework reported, where there is one training that it can belong to."""
        reported = {name: Curve.of(kept.steps, kept.values) for name, kept in self._reported.items()}
        if len(curves) != 1 or not reported:
            yield from curves
            return
        curve, loss = curves[0], reported.pop("loss", None)
        if loss is not None:
            curve = replace(curve, validation_loss=loss)
        if reported and not len(curve.validation_metric) and not len(curve.train_metric):
            name, values = next(iter(reported.items()))
            label, higher = direction(name)
            curve = replace(curve, validation_metric=values, metric_name=label, higher_is_better=higher)
        yield curve

    def _finiteness(self) -> NonFinite:
        at = self.losses.non_finite_at
        if self._non_finite is not None or at < 0:
            none = non_finite(None, -1, self.step, learning_rate=math.nan, cure={})
            return self._non_finite or none
        place = Place("loss", "the loss", torch.tensor(math.nan))
        return non_finite(place, at, self.step, learning_rate=math.nan, cure={})

    def _living(self) -> Iterator[tuple[Optimizer, Learner]]:
        """Optimizers that the program still holds."""
        for pupil in self.learners:
            optimizer = pupil.optimizer()
            if optimizer is not None:
                yield optimizer, pupil.learner

    def _pupil(self, optimizer: Optimizer) -> _Pupil:
        inner = getattr(optimizer, "_optimizer", None)  # Lightning hands out a wrapper, whose step is that of another
        optimizer = inner if isinstance(inner, Optimizer) else optimizer
        found = self._pupils.get(id(optimizer))
        if found is None or found.optimizer() is not optimizer:
            kind = type(optimizer).__name__
            twins = sum(pupil.name.split(" ")[0] == kind for pupil in self.learners)
            name = f"{kind} {twins + 1}" if twins else kind
            learner = Learner(optimizer, self._backwards)
            found = _Pupil(weakref.ref(optimizer, self._forgotten), name, learner, born=self.step)
            self.learners.append(found)
            self.doors.begin(self.step)
            self.stream.began()
            self._pupils[id(optimizer)] = found
            first = next((p for group in optimizer.param_groups for p in group["params"]), None)
            self.device = first.device.type if first is not None else "cpu"
        return found

    def _forgotten(self, _: Any) -> None:
        """The program let go of an optimizer, and may move the weights itself from now on."""
        self.listens_after_backward = True


def _is_part(outputs: Tensor, prediction: Tensor | None) -> bool:
    """Whether a loss gets the rows of some samples only, as those of the training's nodes in a graph."""
    if prediction is None or not (outputs.dim() and prediction.dim()):
        return False
    return 0 < len(outputs) < len(prediction) and outputs.shape[1:] == prediction.shape[1:]


def _is_shape(value: Tensor | None) -> bool:
    """Whether a tensor has a shape and no values, as where a framework tries out a model beforehand."""
    return value is not None and value.is_meta


def _is_number(loss: Tensor) -> bool:
    """Whether a loss is finite, as far as one can say without waiting for an accelerator."""
    return not loss.is_cpu or loss.numel() != 1 or math.isfinite(loss.item())


@dataclass
class _Pupil:
    """An optimizer, held weakly so that the program can let go of a training that is over."""

    optimizer: weakref.ReferenceType[Optimizer]
    name: str
    learner: Learner
    born: int
    stepped_at: int = 0
