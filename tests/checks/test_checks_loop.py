"""Checks of a running loop, on measurements made by hand: what they exclude, and where their limits lie."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from trainwright.core import Finding, Measurement, Measurements, Severity, discover, judge
from trainwright.doctor.graph import read_graph
from trainwright.measures.batches import BatchStream, InputStatistics
from trainwright.measures.curves import Curve, LearningCurve, Plan
from trainwright.measures.graph import LossGraph
from trainwright.measures.initial import InitialLoss
from trainwright.measures.layers import ActivationSignals, LayerSignals, OutputSpread
from trainwright.measures.learning import learns
from trainwright.measures.loop import Clipping, Modes, Schedule, StepOrder, WeightDecay
from trainwright.measures.signal import NonFinite
from trainwright.measures.system import CheckpointAliases, LoaderTimes, MemoryCourse, WorkerRandomness

CATALOGUE = discover()
STEPS = np.arange(20, dtype=np.int64) * 10


def findings(code: str, *measured: Measurement) -> tuple[Finding, ...]:
    return judge([CATALOGUE[code]], Measurements(measured)).findings


def severities(code: str, *measured: Measurement) -> list[Severity]:
    return [finding.severity for finding in findings(code, *measured)]


def refusal(code: str, *measured: Measurement) -> str:
    return dict(judge([CATALOGUE[code]], Measurements(measured)).not_evaluated)[code]


def curve(end: float, **changes: Any) -> LearningCurve:
    """A loss that falls from 1 to ``end`` within 200 steps; the constant prediction has 1."""
    losses = Curve(np.arange(1.0, 201), np.linspace(1.0, end, 200))
    return replace(LearningCurve(x_unit="step", train_loss=losses, baseline_train_loss=1.0), **changes)


STUCK, LEARNING = curve(1.0), curve(0.2)


def graph(factor: float) -> LossGraph:
    """That of a hand-written loss which ends with the multiplication by ``factor``, if that is not 1."""
    model = nn.Linear(3, 4)
    loss = -model(torch.ones(8, 3)).log_softmax(1)[:, 0].mean()
    scaled = loss if factor == 1 else loss * factor
    return read_graph(scaled, dict(model.named_parameters()), model.parameters(), models=[model], n_samples=8)


def signals(gradient: Any = 0.1, weight: Any = 1.0, update: Any = 1e-3, layers: int = 6, **changes: Any) -> Any:
    """Layers of 100 weights; values [layers, 20], or what broadcasts to it."""

    def table(values: Any) -> Any:
        return np.broadcast_to(np.asarray(values, dtype=float), (layers, len(STEPS))).copy()

    made = LayerSignals(
        optimizer="SGD",
        names=tuple(f"layer {i}" for i in range(layers)),
        kinds=("Linear",) * layers,
        steps=STEPS,
        gradient_norm=table(gradient),
        gradient_max=table(gradient),
        weight_norm=table(weight),
        update_norm=table(update),
        n_parameters=np.full(layers, 100),
        zero_at_start=np.zeros(layers, dtype=bool),
        is_norm=np.zeros(layers, dtype=bool),
        is_output=np.arange(layers) == layers - 1,
        learning_rate=np.full(len(STEPS), 0.1),
    )
    return replace(made, **changes)


def order(**changes: Any) -> StepOrder:
    made = StepOrder(
        optimizer="SGD", n_steps=200, n_backwards=200, backwards_per_step=1, batches_per_step=1, n_looked=39,
        n_stale=0, n_wiped_looked=40, n_wiped=0, n_wiped_by_zero_grad=0, n_thrown_away=0, n_without_backward=0,
        n_moved_looked=40, n_unmoved=0, has_closure=False, scales_invariantly=False, loss_scale=1.0,
        loss_reduction="mean",
    )  # fmt: skip
    return replace(made, **changes)


def activations(**changes: Any) -> ActivationSignals:
    shape = (3, len(STEPS))
    made = ActivationSignals(
        names=("first", "second", "last"), kinds=("ReLU",) * 3, steps=STEPS, dead=np.zeros(shape), zero=np.zeros(shape),
        saturated=np.full(shape, np.nan), mean=np.zeros(shape), std=np.ones(shape), n_units=np.full(3, 32),
        n_samples=np.full(len(STEPS), 128),
    )  # fmt: skip
    return replace(made, **changes)


# Does it learn? ------------------------------------------------------------------------------------------------------


def test_learning_is_judged_at_the_end_and_only_where_it_can_be() -> None:
    assert learns(LEARNING) is True
    assert learns(STUCK) is False
    assert learns(curve(3.0)) is False
    nowhere = curve(0.2, train_loss=Curve(np.arange(1.0, 201), np.r_[np.linspace(1, 0.2, 150), np.full(50, 2.0)]))
    assert learns(nowhere) is False, "what was learnt was lost again"
    validation = Curve(np.array([50.0, 100, 150, 200]), np.array([0.9, 0.7, 0.6, 0.5]))
    heavy_dropout = curve(1.0, validation_loss=validation, baseline_validation_loss=1.0)
    assert learns(heavy_dropout) is True, "validation learns under heavy dropout"
    for unknown in (None, curve(0.2, name="Adam 2"), curve(0.2, baseline_train_loss=None), LearningCurve()):
        assert learns(unknown) is None
    assert learns(curve(0.2, train_loss=Curve(np.arange(1.0, 51), np.linspace(1, 0.2, 50)))) is None, "too short"
    broken = Curve(np.arange(1.0, 201), np.r_[np.ones(199), np.nan])
    assert learns(curve(0.2, train_loss=broken)) is False


@given(st.floats(0.01, 2), st.floats(1e-3, 1e3))
def test_learning_does_not_depend_on_the_unit_of_the_loss(end: float, unit: float) -> None:
    plain = curve(end)
    scaled = curve(end, train_loss=Curve(plain.train_loss.x, plain.train_loss.y * unit), baseline_train_loss=unit)
    if abs(end - 0.95) > 0.1:
        assert learns(plain) == learns(scaled)


# Gradients, weights, activations -------------------------------------------------------------------------------------


def test_vanishing_needs_depth_a_gap_that_lasts_and_no_learning() -> None:
    fading = np.logspace(-12, -1, 6)[:, None] * np.ones(len(STEPS))
    assert severities("TW402", signals(fading), STUCK) == [Severity.WARNING]
    assert findings("TW402", signals(fading), LEARNING) == ()
    assert findings("TW402", signals(fading)) == (), "nobody knows whether it learns"
    once = fading.copy()
    once[0, 0] = 0.01
    assert findings("TW402", signals(once), STUCK) == (), "a gradient that collapsed later, as at a loss of zero"
    assert "no gradient at all" in refusal("TW402", signals(fading * (np.arange(6) > 3)[:, None]), STUCK)
    assert "no depth" in refusal("TW402", signals(layers=2), STUCK)
    norms = np.array([True, True, False, False, False, False])
    assert findings("TW402", signals(np.where(norms[:, None], 1e-9, 0.1), is_norm=norms), STUCK) == ()


def test_exploding_is_growth_not_size() -> None:
    assert findings("TW403", signals(1e6), STUCK) == ()
    growing = np.logspace(0, 6, len(STEPS))
    assert severities("TW403", signals(growing), STUCK) == [Severity.WARNING]
    assert findings("TW403", signals(growing), LEARNING) == ()
    spike = np.ones(len(STEPS))
    spike[7] = 1e6
    assert findings("TW403", signals(spike), STUCK) == (), "one step says nothing"


def test_dead_units_of_a_network_that_learns_are_sparse() -> None:
    dead = np.zeros((3, len(STEPS)))
    dead[1] = 0.8
    (finding,) = findings("TW404", activations(dead=dead), STUCK)
    assert finding.where == "second"
    assert "from the start" in finding.happened
    assert findings("TW404", activations(dead=dead), LEARNING) == ()
    assert findings("TW404", activations(dead=dead)) == ()
    dying = np.zeros((3, len(STEPS)))
    dying[0, 8:] = 1.0
    (finding,) = findings("TW404", activations(dead=dying))
    assert "learning rate" in finding.todo
    assert "no ReLU" in refusal("TW404", activations(dead=np.full((3, len(STEPS)), np.nan)))


def test_saturation_counts_from_start_to_end_and_not_in_the_output() -> None:
    share = np.full((3, len(STEPS)), 0.1)
    share[1] = 0.9
    assert severities("TW405", activations(saturated=share), STUCK) == [Severity.WARNING]
    assert severities("TW405", activations(saturated=share), LEARNING) == [Severity.ADVICE]
    assert findings("TW405", activations(saturated=share[[0, 2, 1]]), STUCK) == (), "the last one is an output"
    share[1, :10] = 0.0
    assert findings("TW405", activations(saturated=share), STUCK) == (), "it became so while learning"


def test_update_ratio_has_two_sides_and_spares_schedules_and_zero_starts() -> None:
    (small,) = findings("TW406", signals(update=1e-6), STUCK)
    assert small.fixes[0].changes == {"optimizer.learning_rate": 100.0}
    (large,) = findings("TW406", signals(update=1.0), STUCK)
    assert large.fixes[0].changes == {"optimizer.learning_rate": 1e-4}
    assert findings("TW406", signals(update=1e-6), LEARNING) == ()
    unknown = {"baseline_train_loss": None}
    assert severities("TW406", signals(update=1e-6), curve(0.99, **unknown)) == [Severity.WARNING]
    assert findings("TW406", signals(update=1e-6), curve(0.9, **unknown)) == (), "it fell, from whatever"
    assert findings("TW406", signals(update=1e-6), curve(0.99, **unknown, name="critic")) == (), "one of several"
    assert findings("TW406", signals(update=1.0), curve(0.99, **unknown)) == (), "large steps need a verdict"
    warm_up = np.r_[np.full(15, 1e-7), np.full(5, 1e-3)]
    assert findings("TW406", signals(update=warm_up), STUCK) == ()
    start = np.array([True] * 5 + [False])
    assert findings("TW406", signals(update=np.where(start, 1.0, 1e-3)[:, None], zero_at_start=start), STUCK) == ()


def test_weights_that_grow_and_weights_that_stand_still() -> None:
    growing = np.logspace(0, 3, len(STEPS))
    assert severities("TW408", signals(weight=growing), STUCK) == [Severity.WARNING]
    assert findings("TW408", signals(weight=growing), LEARNING) == ()
    assert findings("TW408", signals(weight=growing, zero_at_start=np.ones(6, dtype=bool))) == ()
    assert severities("TW407", order(n_unmoved=40)) == [Severity.ERROR]
    assert findings("TW407", order(n_unmoved=20)) == ()
    (searching,) = findings("TW407", order(n_unmoved=40, n_moved_looked=40, optimizer="LBFGS"))
    assert "tolerance_grad" in searching.todo
    assert "tolerance_grad" in searching.fixes[0].instruction
    assert findings("TW407", order(n_unmoved=39, n_moved_looked=40, optimizer="LBFGS")) == ()  # it has arrived
    assert "needed" in refusal("TW407", order(n_moved_looked=0))


def test_clipping_every_step_is_advice_until_nothing_is_learnt() -> None:
    clipping = Clipping(steps=np.arange(100), norms=np.full(100, 2.0), limit=1.0)
    assert severities("TW411", clipping, LEARNING) == [Severity.ADVICE]
    assert findings("TW411", clipping, STUCK) == (), "something else keeps it from learning"
    (finding,) = findings("TW411", replace(clipping, norms=np.full(100, 50.0)), STUCK)
    assert finding.severity is Severity.WARNING
    assert finding.fixes[0].changes == {"training.clip_norm": 50.0}
    assert findings("TW411", replace(clipping, limit=3.0), STUCK) == ()


def test_collapse_is_one_answer_for_all_at_the_end() -> None:
    def outputs(between: Any) -> OutputSpread:
        n = len(STEPS)
        between = np.broadcast_to(np.asarray(between, dtype=float), n).copy()
        return OutputSpread(
            steps=STEPS, between=between, size=np.ones(n), rank=np.ones(n), n_samples=np.full(n, 32),
            n_features=np.full(n, 8),
        )  # fmt: skip

    assert severities("TW417", outputs(1e-4), STUCK) == [Severity.WARNING]
    assert findings("TW417", outputs(1e-4), LEARNING) == ()
    assert findings("TW417", outputs(np.r_[np.full(17, 1e-4), np.full(3, 0.5)]), STUCK) == ()


# The order of things -------------------------------------------------------------------------------------------------


def test_old_gradients_and_wiped_gradients_are_facts() -> None:
    assert severities("TW409", order(n_stale=39)) == [Severity.ERROR]
    assert findings("TW409", order(n_stale=10)) == ()
    assert severities("TW410", order(n_wiped=40, n_wiped_by_zero_grad=40)) == [Severity.ERROR]
    assert findings("TW410", order(n_wiped=40)) == (), "zero by itself: the loss may be zero"


def test_accumulation() -> None:
    summed = order(backwards_per_step=4, batches_per_step=4)
    assert severities("TW519", summed) == [Severity.WARNING]
    assert severities("TW519", replace(summed, scales_invariantly=True)) == [Severity.ADVICE]
    assert findings("TW519", replace(summed, loss_scale=0.25)) == ()
    assert findings("TW519", order(batches_per_step=2)) == (), "two losses"
    assert findings("TW519", replace(summed, batches_per_step=1)) == (), "four losses of one call"
    assert findings("TW519", replace(summed, loss_reduction="sum")) == ()
    own = replace(summed, loss_scale=np.nan, loss_reduction="")
    assert "not known" in refusal("TW519", own)
    assert severities("TW519", own, graph(1)) == [Severity.WARNING]
    assert findings("TW519", own, graph(0.25)) == ()
    assert "half precision" in refusal("TW519", own, graph(65536.0))
    assert findings("TW519", replace(own, batches_per_step=3), graph(1)) == (), "three losses"


def test_schedule_before_optimizer_spares_a_skipped_first_step() -> None:
    schedule = Schedule(
        scheduler="StepLR", n_scheduler_steps=100, n_optimizer_steps=100, first_was_scheduler=True,
        steps=np.arange(3), rates=np.ones(3),
    )  # fmt: skip
    assert severities("TW509", schedule) == [Severity.WARNING]
    assert findings("TW509", replace(schedule, n_scheduler_steps=101)) == (), "a gradient scaler skipped a step"
    assert findings("TW509", replace(schedule, first_was_scheduler=False)) == ()


def modes(**changes: Any) -> Modes:
    made = Modes(
        model="Net", mode_layers=("dropout",), trained=200, trained_in_eval=180, trained_in_train_before=True,
        first_eval_step=20, evaluated=60, evaluated_in_train=0, evaluated_with_grad=0,
    )  # fmt: skip
    return replace(made, **changes)


def test_stuck_in_eval_is_told_from_what_is_meant() -> None:
    assert severities("TW517", modes(), order()) == [Severity.ERROR]
    assert findings("TW517", modes(mode_layers=()), order()) == ()
    assert findings("TW517", modes(trained=400, trained_in_eval=200, first_eval_step=1), order()) == (), (
        "adversarial examples"
    )
    never = modes(trained_in_eval=200, trained_in_train_before=False, first_eval_step=0)
    assert severities("TW517", never, order()) == [Severity.ADVICE]
    assert severities("TW517", replace(never, keeps_statistics=False), order()) == [Severity.WARNING], "idle dropout"
    assert severities("TW517", replace(never, keeps_statistics=False, evaluated=0), order()) == [Severity.ADVICE]
    accumulated = modes(trained=800, trained_in_eval=720)
    assert severities("TW517", accumulated, order(backwards_per_step=4)) == [Severity.ERROR]


def test_evaluation_in_train_mode_is_told_from_teachers() -> None:
    ill = modes(trained_in_eval=0, evaluated_in_train=60)
    assert severities("TW518", ill) == [Severity.WARNING]
    assert findings("TW518", replace(ill, mode_layers=())) == ()
    assert findings("TW518", replace(ill, trained=0)) == (), "a model that is never trained"
    assert findings("TW518", replace(ill, evaluated=200, evaluated_in_train=200)) == (), "asked once for every step"


# Batches and inputs --------------------------------------------------------------------------------------------------


def stream(**changes: Any) -> BatchStream:
    n = 40
    made = BatchStream(
        steps=np.arange(n), fingerprints=np.arange(float(n)), sizes=np.full(n, 32), distinct_classes=np.full(n, 2.0),
        expected_classes=np.full(n, 9.0), drift=np.full(n, np.nan), n_classes=10, full_batch=False,
        loader_shuffles=False, steps_per_epoch=14.0,
    )  # fmt: skip
    return replace(made, **changes)


def test_order_matters_only_where_it_follows_the_targets() -> None:
    assert severities("TW511", stream()) == [Severity.WARNING]
    assert findings("TW511", stream(loader_shuffles=True)) == ()
    assert findings("TW511", stream(loader_shuffles=None)) == ()
    assert findings("TW511", stream(distinct_classes=np.full(40, 8.5))) == ()
    values = stream(distinct_classes=np.full(40, np.nan), drift=np.linspace(-8, 8, 40))
    assert severities("TW511", values) == [Severity.WARNING]
    assert findings("TW511", replace(values, drift=np.linspace(-2, 2, 40))) == ()


def test_the_same_batch_needs_a_loader_with_more() -> None:
    same = np.ones(40)
    assert severities("TW510", stream(fingerprints=same)) == [Severity.WARNING]
    assert findings("TW510", stream()) == ()
    for possible in (stream(fingerprints=same, full_batch=True), stream(fingerprints=same, steps_per_epoch=0.0)):
        assert "one batch" in refusal("TW510", possible)


@pytest.mark.parametrize(
    ("mean", "std", "fires"),
    [
        (0.0, 1.0, False),
        (0.1, 1.3, False),  # augmentation, dropout of inputs
        (5.0, 6.0, True),  # raw pixels
        (-1.0, 2.0, True),  # scaled to -1 … 1 against 0 … 1
        (0.0, 1 / 255, True),  # divided twice
    ],
)
def test_split_scaled_otherwise(mean: float, std: float, fires: bool) -> None:
    inputs = InputStatistics(
        train_mean=np.zeros(3), train_std=np.ones(3), evaluation_mean=np.full(3, mean), evaluation_std=np.full(3, std),
        n_train=500, n_evaluation=100, shared=0, n_evaluation_batches=4, train_shape=(3, 8, 8),
        evaluation_shape=(3, 8, 8),
    )  # fmt: skip
    assert bool(findings("TW208", inputs)) == fires
    one_odd = replace(inputs, evaluation_mean=np.array([mean, 0, 0]), evaluation_std=np.array([std, 1, 1]))
    assert findings("TW208", one_odd) == (), "one odd column says nothing"


# Machine and files ---------------------------------------------------------------------------------------------------


def test_machine_and_files() -> None:
    times = LoaderTimes(waited=8.0, total=10.0, n_batches=100, n_workers=0, n_cores=4, device="cpu")
    (slow,) = findings("TW801", times)
    assert "num_workers=3" in slow.fixes[0].instruction
    assert findings("TW801", replace(times, waited=4.0)) == ()
    growing = MemoryCourse(steps=STEPS, resident=np.ones(20), graph_nodes=np.linspace(10, 400, 20))
    assert severities("TW802", growing) == [Severity.ERROR]
    assert findings("TW802", replace(growing, graph_nodes=np.tile([10.0, 40.0], 10))) == (), "lengths that vary"
    assert findings("TW802", replace(growing, resident=np.linspace(1, 1e4, 20), graph_nodes=np.full(20, 9.0))) == ()
    assert severities("TW804", WorkerRandomness(generators=("rng",), n_workers=2)) == [Severity.WARNING]
    (alike,) = findings("TW804", WorkerRandomness(generators=("numpy.random",), n_workers=4, reseeded=True))
    assert "worker_init_fn gives each of the 4 loading workers the same seed ('numpy.random')" in alike.happened
    assert findings("TW804", WorkerRandomness(generators=("rng",), n_workers=1)) == ()


def test_aliases_are_an_error_once_they_are_used() -> None:
    kept = CheckpointAliases(n_taken=5, n_loaded=0, n_saved=0, n_kept=1, steps_between=40)
    assert severities("TW805", kept) == [Severity.ADVICE]
    assert severities("TW805", replace(kept, n_loaded=1)) == [Severity.ERROR]
    assert severities("TW805", replace(kept, n_saved=1)) == [Severity.ERROR]
    assert findings("TW805", replace(kept, n_kept=0)) == ()


# Weight decay, steps left out, schedules of another unit -------------------------------------------------------------


def decay(rate: float, weights: Any, gradient: float = 0.1, **changes: Any) -> WeightDecay:
    made = WeightDecay(
        optimizer="Adam",
        rate=rate,
        decoupled=False,
        shrinkage=0.0,
        steps=STEPS,
        weight_norm=np.broadcast_to(np.asarray(weights, dtype=float), STEPS.shape).copy(),
        gradient_norm=np.full(len(STEPS), gradient),
    )
    return replace(made, **changes)


def test_decay_dominates_where_weights_shrink_by_it_and_nothing_is_learnt() -> None:
    shrinking = np.geomspace(10, 0.5, len(STEPS))
    assert severities("TW412", decay(0.5, shrinking), STUCK) == [Severity.ERROR]
    assert findings("TW412", decay(0.05, shrinking), curve(0.2)) == (), "it learns"
    assert findings("TW412", decay(1e-4, shrinking), STUCK) == (), "that decay is too weak to have done it"
    assert findings("TW412", decay(0.05, 10.0), STUCK) == (), "the weights stay"
    beside = decay(0.9, shrinking, gradient=1e-9, decoupled=True)
    assert findings("TW412", replace(beside, shrinkage=0.1), STUCK) == (), "so few steps cannot have done it"
    assert severities("TW412", replace(beside, shrinkage=3.0), STUCK) == [Severity.ERROR]
    assert "too few" in refusal("TW412", replace(beside, steps=STEPS[:3], weight_norm=shrinking[:3]), STUCK)


def test_a_decay_beyond_all_use_is_a_warning_where_much_is_left_to_learn() -> None:
    strong = decay(10.0, 10.0, decoupled=True)
    assert severities("TW412", strong, curve(0.5)) == [Severity.WARNING]
    assert severities("TW412", strong, curve(0.2)) == [Severity.WARNING], "so far out that less has to be left"
    assert findings("TW412", strong, curve(0.05)) == ()
    assert findings("TW412", replace(strong, rate=3.0), curve(0.2)) == ()
    assert findings("TW412", replace(strong, rate=0.3), curve(0.5)) == ()


def test_many_gradients_cleared_for_few_steps_are_thrown_away() -> None:
    (finding,) = findings("TW410", order(n_steps=8, n_thrown_away=376))
    assert "376 backward passes" in finding.happened
    assert findings("TW410", order(n_steps=200, n_thrown_away=1000)) == (), "five for each step, as of a critic"


def test_a_schedule_planned_in_steps_and_moved_per_epoch_stays_where_it_begins() -> None:
    rates = Curve(np.arange(1.0, 232), np.full(231, 1e-4))
    run = curve(0.5, learning_rate=rates, schedule=Plan("OneCycleLR", horizon=231, n_moves=7, n_optimizer_steps=231))
    (finding,) = findings("TW508", run)
    assert "planned for 231 steps and moved 7 times" in finding.happened
    in_epochs = Plan("CosineAnnealingLR", horizon=7, n_moves=7, n_optimizer_steps=231)
    assert findings("TW508", replace(run, schedule=in_epochs)) == (), "seven epochs of seven"
    longer = replace(in_epochs, horizon=200_000)
    assert findings("TW508", replace(run, schedule=longer)) == (), "the plan of a longer training"


def test_a_schedule_planned_in_epochs_and_moved_per_step_is_done_at_once() -> None:
    steps = np.arange(1.0, 321)
    fallen = Curve(steps, np.where(steps <= 4, 0.02, np.where(steps <= 6, 0.004, 0.0008)))
    plan = Plan("MultiStepLR", horizon=6, n_moves=320, n_optimizer_steps=320)
    run = curve(0.5, learning_rate=fallen, schedule=plan, steps_per_epoch=40.0)
    (finding,) = findings("TW508", run)
    assert "done after 6 of 320 steps" in finding.happened
    assert "from 0.02 to 0.0008" in finding.happened
    warmed_up = Curve(steps, np.minimum(1, steps / 6) * 0.02)
    assert findings("TW508", replace(run, learning_rate=warmed_up)) == (), "a warm-up of six steps"
    in_steps = replace(plan, horizon=240)
    assert findings("TW508", replace(run, schedule=in_steps)) == (), "planned in steps"
    assert findings("TW508", replace(run, steps_per_epoch=None)) == ()


@pytest.mark.parametrize(
    ("loss", "end", "expected"),
    [(3.1, 0.2, [Severity.ADVICE]), (3.1, 0.9, [Severity.WARNING]), (12.0, 0.2, [Severity.WARNING]), (1.9, 0.2, [])],
)
def test_a_first_loss_a_little_too_high_is_advice_where_it_does_no_harm(
    loss: float, end: float, expected: list[Severity]
) -> None:
    start = InitialLoss(
        loss=loss,
        ignorant_loss=1.0,
        constant_loss=1.0,
        loss_name="mse",
        task="regression",
        n_outputs=1,
        n_samples=512,
        input_rms=1.0,
        output_rms=1.0,
    )
    assert severities("TW301", start, curve(end)) == expected


@pytest.mark.parametrize(
    ("losses", "codes"),
    [
        ([1.0, 4.0, 90.0, 1e7, math.nan, math.nan], ["TW502"]),
        ([1.0, 0.9, 0.8, 0.7, math.nan, math.nan], ["TW401"]),
    ],
)
def test_nan_at_the_end_of_a_divergence_is_told_from_nan_out_of_nothing(losses: list[float], codes: list[str]) -> None:
    curve = LearningCurve(x_unit="step", train_loss=Curve.of(range(len(losses)), losses))
    place = NonFinite(kind="loss", where="the loss", step=4, steps=6, n_bad=1, n_values=1, samples=(),
                      largest_before=1.0, learning_rate=0.1)  # fmt: skip
    found = judge([CATALOGUE[code] for code in ("TW401", "TW502")], Measurements([curve, place]))
    assert [finding.code for finding in found.findings] == codes
