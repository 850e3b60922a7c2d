"""What the trials measure, on real digits and real patients."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainwright.clinic import initial_faults, own_target_benches
from trainwright.core import ModelError
from trainwright.doctor.setup import Setup, recognise_loss
from trainwright.doctor.trials import (
    TRIALS,
    batch_dependence,
    find_non_finite,
    input_dependence,
    measure_initial_loss,
    output_at_init,
    output_range,
    overfit_batch,
    run_trials,
)
from trainwright.doctor.trials.judged_batch import make_batch
from trainwright.measures.batches import InputLayout
from trainwright.measures.curves import LearningCurve
from trainwright.measures.gradients import LossResponse
from trainwright.measures.initial import InitialLoss, OutputRange
from trainwright.measures.labels import ClassNumbers
from trainwright.measures.trials import OverfitTrial
from trainwright.testing.own_loops import setup_of


class Wrap(nn.Module):
    """A function as the last layer."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def cause_of(trial: OverfitTrial) -> str:
    return trial.cure.change if trial.cure else "not found"


def test_only_the_kinds_asked_for_are_measured(digits: Any) -> None:
    found = run_trials(digits.mlp(), [OutputRange, InitialLoss, LearningCurve])
    assert {type(m) for m in found} == {OutputRange, InitialLoss}
    everything = {type(m) for m in run_trials(digits.mlp())}
    # for targets of two values, for pictures of several channels, and for losses of distances
    assert everything == set(TRIALS) - {LossResponse, InputLayout, ClassNumbers}


def test_losses_are_recognised() -> None:
    assert recognise_loss(nn.CrossEntropyLoss()) == "cross_entropy"
    assert recognise_loss(functional.mse_loss) == "mse"
    assert recognise_loss(lambda o, t: o.sum()) == "python"


def test_mismatched_batch_and_strange_outputs_are_named(digits: Any) -> None:
    setup = digits.mlp()
    with pytest.raises(ModelError, match="3 inputs and 2 targets"):
        Setup(setup.model, setup.loss, setup.optimizer, setup.inputs[:3], setup.targets[:2], "classification", 10)
    with pytest.raises(ModelError, match="256 samples"):
        digits.mlp(lambda: Wrap(lambda x: x[:5])).forward(setup.inputs)


def test_initial_loss_beside_theory(digits: Any, diabetes: Any) -> None:
    found = measure_initial_loss(digits.mlp())
    assert found.ignorant_loss == pytest.approx(math.log(10), abs=1e-5)
    assert found.loss == pytest.approx(math.log(10), rel=0.2)
    assert found.constant_loss <= found.ignorant_loss
    regression = measure_initial_loss(diabetes())
    assert regression.ignorant_loss == pytest.approx(1, abs=1e-3)
    assert regression.constant_loss == pytest.approx(1, abs=1e-3)
    raw = measure_initial_loss(diabetes(scale_target=False))
    assert raw.ignorant_loss > 4 * raw.constant_loss


def test_output_at_init_in_target_units(diabetes: Any, digits: Any) -> None:
    raw = output_at_init(diabetes(scale_target=False))
    assert raw.target_mean == pytest.approx(152, abs=10)
    assert not raw.is_logits
    shares = output_at_init(digits.mlp())
    assert shares.is_logits
    assert shares.predicted_shares.sum() == pytest.approx(1)


def test_softmax_shows_in_range_and_shift(digits: Any) -> None:
    found = output_range(digits.mlp(lambda: nn.Softmax(-1)))
    assert found.minimum >= 0
    assert found.smallest_row_sum == pytest.approx(1, abs=1e-5)
    assert found.shift_effect < 1e-6
    assert found.perfect_loss == pytest.approx(math.log(math.e + 9) - 1, abs=1e-4)
    log_of_probabilities = digits.mlp(
        lambda: nn.Softmax(-1), loss=lambda o, t: functional.nll_loss(o.clamp_min(1e-9).log(), t)
    )
    assert output_range(log_of_probabilities).shift_effect > 0.1


@pytest.mark.parametrize(
    ("rate", "settings"),
    [
        (3e-3, {"optimizer": torch.optim.Adam}),
        (3e-4, {"optimizer": torch.optim.Adam}),
        (0.05, {"optimizer": torch.optim.SGD, "momentum": 0.9}),
        (1e-3, {"optimizer": torch.optim.AdamW, "weight_decay": 0.1}),
        (1e-3, {"optimizer": torch.optim.RMSprop}),
    ],
)
def test_a_sound_set_up_overfits_a_batch(digits: Any, rate: Any, settings: Any) -> None:
    found = overfit_batch(digits.mlp(rate=rate, **settings))
    assert found.own.overfits
    assert found.bisection == ()
    assert found.own.accuracy == 1
    assert len(set(found.targets)) == 10, "the batch is balanced over the classes"
    assert (found.predictions == found.targets).all()


def test_label_smoothing_has_a_floor_of_its_own(digits: Any) -> None:
    found = overfit_batch(digits.mlp(loss=nn.CrossEntropyLoss(label_smoothing=0.1)))
    assert found.own.overfits
    assert found.floor == pytest.approx(0.5, abs=0.02)


def test_dropout_and_batch_norm_do_not_stand_in_the_way(digits: Any) -> None:
    layers = (lambda: nn.Linear(64, 32), lambda: nn.BatchNorm1d(32), nn.ReLU, lambda: nn.Dropout(0.9))
    assert overfit_batch(digits(*layers, lambda: nn.Linear(32, 10))).own.overfits


@pytest.mark.parametrize(("rate", "word"), [(1e-6, "raise"), (3.0, "lower")])
def test_a_wrong_rate_is_found_and_a_right_one_proposed(digits: Any, rate: Any, word: Any) -> None:
    cure = overfit_batch(digits.mlp(rate=rate)).cure
    assert cure is not None
    assert cure.change == "learning rate"
    assert (cure.setting["optimizer.learning_rate"] > rate) == (word == "raise")


def test_each_cause_is_named(digits: Any, diabetes: Any) -> None:
    def frozen() -> Any:
        layer = nn.Linear(64, 32)
        return layer.requires_grad_(False)

    assert cause_of(overfit_batch(digits.mlp(lambda: nn.Softmax(-1)))) == "log of outputs"
    head = digits(frozen, nn.ReLU, lambda: nn.Linear(32, 10))
    head.model[2].weight.requires_grad_(False)
    head.optimizer = torch.optim.Adam([head.model[2].bias], lr=3e-3)
    found = overfit_batch(head)
    assert cause_of(found) == "frozen parameters"
    assert set(found.frozen) == {"0.weight", "0.bias", "2.weight"}
    assert all(p.requires_grad is (p is head.model[2].bias) for p in head.model.parameters())

    twins = digits.mlp()
    twins.inputs = twins.inputs[:8].repeat(32, 1)
    found = overfit_batch(twins)
    assert cause_of(found) == "conflicting labels dropped"
    assert found.conflicting

    assert cause_of(overfit_batch(diabetes(nn.Sigmoid()))) == "targets in range"
    negated = digits.mlp(loss=lambda o, t: -functional.cross_entropy(o, t))
    assert cause_of(overfit_batch(negated)) == "standard loss"
    decayed = digits.mlp(optimizer=torch.optim.AdamW, weight_decay=300.0)
    assert cause_of(overfit_batch(decayed)) == "weight decay"


def test_a_loss_with_the_wrong_sign_has_no_lowest_value_wherever_the_search_begins() -> None:
    setup = setup_of(initial_faults.normal_weights(own_target_benches.autoencoder(0)))
    assert setup is not None
    negated = replace(setup, loss=lambda o, t: -setup.loss(o, t), loss_name="negated")
    batch = make_batch(negated, setup.inputs[:16], setup.targets[:16])
    assert batch.floor == 0
    assert float(batch.judge(setup.targets[:16], batch.targets)) == 0, "the squared error is taken in its place"


def test_a_loss_that_is_minimal_from_the_start_is_not_fitted_but_not_blamed_on_the_rate(digits: Any) -> None:
    found = overfit_batch(digits.mlp(lambda: Wrap(lambda x: x * 0)))
    assert not found.own.overfits
    assert found.cure is None


def test_a_regression_is_fitted_to_its_spread(diabetes: Any) -> None:
    found = overfit_batch(diabetes())
    assert found.own.overfits
    assert found.floor == pytest.approx(0, abs=1e-4)
    assert found.baseline == pytest.approx(float(found.targets.var()), rel=1e-2)


def test_input_dependence(digits: Any) -> None:
    assert input_dependence(digits.mlp()).spread_after > 0.05
    ignoring = input_dependence(digits.mlp(lambda: Wrap(lambda x: x * 0 + 1)))
    assert ignoring.spread_at_start == ignoring.spread_after == 0
    detached = digits(lambda: Wrap(lambda x: x.detach()), lambda: nn.Linear(64, 10))
    assert input_dependence(detached).spread_after > 0.05, "judged by values: a detached input still speaks"
    half = digits(lambda: Wrap(lambda x: x[:, :32]), lambda: nn.Linear(32, 10))
    assert np.count_nonzero(input_dependence(half).influence) == 32


def test_batch_dependence(digits: Any) -> None:
    assert batch_dependence(digits.mlp()).eval_leak == 0
    mixing = batch_dependence(digits.mlp(lambda: Wrap(lambda x: x - x.mean(0))))
    assert mixing.eval_leak > 0.05
    norm = batch_dependence(digits(lambda: nn.Linear(64, 16), lambda: nn.BatchNorm1d(16), lambda: nn.Linear(16, 10)))
    assert norm.eval_leak == norm.train_leak == 0
    assert norm.normalised_leak > 0
    assert norm.norm_layers == ("1",)


def test_integer_inputs_are_judged_by_exchanging_them(digits: Any) -> None:
    class Tokens(nn.Module):
        def __init__(self, *, leak: Any) -> None:
            super().__init__()
            self.table, self.head, self.leak = nn.Embedding(20, 8), nn.Linear(8, 10), leak

        def forward(self, x: Any) -> Any:
            features = self.table(x).mean(1)
            return self.head(features - features.mean(0) if self.leak else features)

    for leak in (False, True):
        setup = digits.mlp()
        setup.inputs = setup.inputs.mul(3).abs().long().clamp(0, 19)
        setup.model = Tokens(leak=leak)
        setup.optimizer = torch.optim.Adam(setup.model.parameters())
        found = batch_dependence(setup)
        assert found.method == "perturbation"
        assert (found.eval_leak > 1e-3) == leak
        dependence = input_dependence(setup)
        assert dependence.spread_after > 0.01
        assert dependence.influence.size == 0


def test_the_first_place_that_is_not_finite_is_named(digits: Any) -> None:
    assert find_non_finite(digits.mlp()).kind == "none"
    log = find_non_finite(digits(lambda: nn.Linear(64, 10), lambda: Wrap(torch.log)))
    assert (log.kind, log.where, log.step) == ("activation", "1", 0)
    assert log.samples
    poisoned = digits.mlp()
    poisoned.inputs[7, 3] = math.nan
    found = find_non_finite(poisoned)
    assert (found.kind, found.samples, found.n_bad) == ("input", (7,), 1)
    assert found.cure == {"data.missing": "impute"}
    broken = digits.mlp()
    with torch.no_grad():
        broken.model[2].weight[0, 0] = math.inf
    assert find_non_finite(broken).where == "2.weight"
    root = find_non_finite(digits(lambda: nn.Linear(64, 10), lambda: Wrap(lambda x: (x * 0).sqrt() + x)))
    assert root.kind == "gradient"


def test_targets_that_were_not_measured_and_do_not_count_are_no_fault(digits: Any) -> None:
    def of_measured(outputs: Tensor, targets: Tensor) -> Tensor:
        known = ~targets.isnan()
        return functional.mse_loss(outputs[known], targets[known])

    setup = digits.mlp()
    setup.targets = functional.one_hot(setup.targets, 10).float()
    setup.targets[::3, 4] = math.nan
    setup.loss = of_measured
    assert find_non_finite(setup).kind == "none"
    setup.loss = functional.mse_loss
    assert (find_non_finite(setup).kind, find_non_finite(setup).step) == ("target", 0)


def test_steps_on_raw_inputs_that_explode_are_tried_on_scaled_ones(diabetes: Any) -> None:
    setup = diabetes()
    setup.inputs = setup.inputs * 300
    setup.optimizer = torch.optim.SGD(setup.model.parameters(), lr=0.01)
    found = find_non_finite(setup)
    assert found.kind != "none"
    assert found.cure == {"data.scaling": "standardise"}


def test_a_rate_that_explodes_is_lowered_until_it_calms_down(diabetes: Any) -> None:
    setup = diabetes()
    setup.optimizer = torch.optim.SGD(setup.model.parameters(), lr=100.0)
    found = find_non_finite(setup)
    assert found.kind != "none"
    assert found.step > 0
    assert 0 < found.cure["optimizer.learning_rate"] < 10


def test_gradients_that_are_clipped_to_nothing_are_set_free(digits: Any) -> None:
    setup = digits.mlp()
    setup.optimizer = torch.optim.SGD(setup.model.parameters(), lr=0.1, momentum=0.9)
    setup.clip_norm = 1e-4
    cure = overfit_batch(setup).cure
    assert cure is not None
    assert (cure.change, dict(cure.setting)) == ("clipping", {"training.clip_norm": None})


def test_patients_and_their_progress_in_raw_units_are_scaled(diabetes: Any) -> None:
    setup = diabetes(scale_target=False)
    setup.optimizer = torch.optim.SGD(setup.model.parameters(), lr=0.01)
    cure = overfit_batch(setup).cure
    assert cure is not None
    assert cure.change == "scaled data"
    assert cure.setting["data.scale_target"]
