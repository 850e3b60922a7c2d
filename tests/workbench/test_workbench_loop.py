from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_wine
from torch import Tensor, nn

from trainwright.core import DataError, ModelError
from trainwright.logbook.metrics import read_metrics
from trainwright.workbench.config import Config, ScheduleConfig
from trainwright.workbench.evaluate import score
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import Trainer, train
from trainwright.workbench.parallel import Team
from trainwright.workbench.schedules import schedule_factor

X, Y = load_wine(return_X_y=True)
ALONE = Team(0, 1, torch.device("cpu"))


def test_the_default_cnn_learns_digits() -> None:
    experiment = Experiment.from_config(Config()).with_changes({"training.epochs": 12})
    result = train(experiment, seed=0)
    assert 30_000 < result.n_parameters < 32_000
    assert result.validation_metric >= 98.5
    assert result.steps == 12 * 40  # 1,258 training samples in batches of 32


@pytest.mark.parametrize(("source", "worst"), [("wine", 90.0), ("breast-cancer", 92.0), ("digits-200", 88.0)])
def test_defaults_learn_other_data(source: str, worst: float) -> None:
    experiment = Experiment.from_config(Config()).with_changes({"data.source": source})
    assert train(experiment, seed=0).validation_metric >= worst


def test_the_seed_decides_everything(wine: Experiment) -> None:
    experiment = wine.with_changes({"model.dropout": 0.5, "training.augmentation": "auto"})
    first, again, other = (train(experiment, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.validation_outputs, again.validation_outputs)
    assert not np.array_equal(first.validation_outputs, other.validation_outputs)


def test_settings_that_only_watch_do_not_change_the_training(wine: Experiment, tmp_path: Path) -> None:
    plain = train(wine, seed=0)
    watched = train(wine.with_changes({"training.checkpoint_seconds": 0.0}), seed=0, folder=tmp_path)
    np.testing.assert_array_equal(plain.validation_outputs, watched.validation_outputs)


def test_the_history_is_complete(wine: Experiment, tmp_path: Path) -> None:
    seen: list[Any] = []
    result = train(wine, seed=0, folder=tmp_path, on_epoch=seen.append)
    assert tuple(seen) == result.history
    assert [r.epoch for r in result.history] == [1, 2, 3, 4]
    assert [r.step for r in result.history] == [4, 8, 12, 16]
    assert result.history[-1].train_loss < result.history[0].train_loss
    last = result.history[-1]
    assert (last.validation_loss, last.validation_metric) == (result.validation_loss, result.validation_metric)
    assert set(last.signal) == {"linear1", "linear2", "head"}
    assert last.signal["linear1"]["update_ratio"] > 0
    assert [r["epoch"] for r in read_metrics(tmp_path / "metrics.jsonl")] == [1, 2, 3, 4]
    truth = wine.prepared.validation_truth
    assert score("classification", result.validation_outputs, truth).loss == pytest.approx(last.validation_loss, 1e-5)
    with torch.no_grad():
        outputs = result.load_model()(wine.prepared.validation_inputs)
    np.testing.assert_array_equal(outputs.double().numpy(), result.validation_outputs)


def test_the_training_loss_is_the_mean_over_samples(wine: Experiment) -> None:
    """With a rate near zero the epoch's figures must be those of the initial model over the whole training part."""
    experiment = wine.with_changes({"optimizer.learning_rate": 1e-12, "training.epochs": 1, "training.batch_size": 50})
    record = train(experiment, seed=0).history[0]
    data = experiment.prepared
    with torch.no_grad():
        outputs = experiment.build_model(0)(data.train_inputs)
    expected = score("classification", outputs.numpy(), data.train_targets.numpy())
    assert record.train_loss == pytest.approx(expected.loss, rel=1e-5)
    assert record.train_metric == pytest.approx(expected.metric)


def test_a_regression_is_reported_in_target_units(diabetes: Experiment) -> None:
    experiment = diabetes.with_changes({"optimizer.learning_rate": 1e-12, "training.epochs": 1})
    result = train(experiment, seed=0)
    data = experiment.prepared
    with torch.no_grad():
        scaled = experiment.build_model(0)(data.validation_inputs).numpy()[:, 0]
    predictions = data.preparation.unscale(scaled)
    np.testing.assert_allclose(result.validation_outputs[:, 0], predictions, rtol=1e-6)
    rmse = float(np.sqrt(np.mean((predictions - data.validation_truth) ** 2)))
    assert result.validation_metric == pytest.approx(rmse)
    assert 40 < result.history[0].train_metric < 120
    assert result.validation_loss == pytest.approx((rmse / data.preparation.target_scale) ** 2, rel=1e-5)


def test_accumulated_steps_equal_one_large_batch(wine: Experiment) -> None:
    """SGD on 125 samples: batches of 40 accumulated over 3 make groups of 40+40+40 and 5; so do batches of 120."""
    base = {"optimizer.name": "sgd", "optimizer.momentum": 0.0, "training.epochs": 2}
    small = wine.with_changes({**base, "training.batch_size": 40, "training.accumulate": 3})
    large = wine.with_changes({**base, "training.batch_size": 120})
    one, other = train(small, seed=0), train(large, seed=0)
    assert one.steps == other.steps == 4
    np.testing.assert_allclose(one.validation_outputs, other.validation_outputs, atol=1e-5)


@pytest.mark.parametrize("accumulate", [2, 3, 50])
def test_an_incomplete_group_weighs_its_samples_alike(wine: Experiment, accumulate: int) -> None:
    base = {"optimizer.name": "sgd", "optimizer.momentum": 0.0, "training.epochs": 1, "training.shuffle": False}
    experiment = wine.with_changes({**base, "training.batch_size": 50, "training.accumulate": accumulate})
    trainer = Trainer(experiment, 0, folder=None, team=ALONE, on_epoch=None)
    trainer._run_epoch()
    model = experiment.build_model(0)
    optimizer = experiment.build_optimizer(model)
    data = experiment.prepared
    for rows in torch.split(torch.arange(len(data.train_inputs)), 50 * accumulate):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(data.train_inputs[rows]), data.train_targets[rows])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    for mine, theirs in zip(trainer.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-5)


def test_a_single_last_sample_does_not_upset_batch_norm() -> None:
    def normed() -> nn.Module:
        return nn.Sequential(nn.Linear(13, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))

    experiment = Experiment(data=(X, Y), model=normed, epochs=2, batch_size=31)
    n = len(experiment.splits.train)
    exact = experiment.with_changes({"training.batch_size": n - 1})
    assert train(exact, seed=0).steps == 2
    with pytest.raises(ModelError, match=r"training batch of shape \[1, 13\]"):
        train(experiment.with_changes({"training.batch_size": 1}), seed=0)


class Bomb(nn.Module):
    """Gives NaN once its weight has changed enough times."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(13, 3)
        self.calls = 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls += self.training
        outputs: Tensor = self.layer(inputs)
        return outputs * float("nan") if self.calls > 5 else outputs


def test_a_loss_that_is_not_finite_ends_the_training(tmp_path: Path) -> None:
    experiment = Experiment(data=(X, Y), model=Bomb, epochs=5)
    result = train(experiment, seed=0, folder=tmp_path)
    assert "not finite (nan) at step 6, epoch 2" in result.stopped_because
    assert result.steps == 5
    assert math.isnan(result.history[-1].train_loss)
    assert all(torch.isfinite(p).all() for p in result.load_model().parameters())
    again = train(experiment, seed=0, folder=tmp_path)
    assert again.stopped_because == result.stopped_because
    assert math.isnan(again.history[-1].train_loss)


def test_a_diverging_rate_does_not_crash(diabetes: Experiment) -> None:
    result = train(
        diabetes.with_changes({"optimizer.name": "sgd", "optimizer.learning_rate": 1e6, "training.epochs": 9}), seed=0
    )
    assert "not finite" in result.stopped_because
    assert len(result.history) < 9


def test_early_stopping_keeps_the_best(wine: Experiment) -> None:
    experiment = wine.with_changes(
        {"training.epochs": 60, "training.early_stopping": 3, "training.keep": "best", "optimizer.learning_rate": 0.05}
    )
    result = train(experiment, seed=0)
    losses = [r.validation_loss for r in result.history]
    assert result.best_epoch == result.kept_epoch == 1 + losses.index(min(losses))
    assert len(losses) == result.best_epoch + 3 < 60
    assert "no better validation loss for 3 epochs" in result.stopped_because
    assert result.validation_loss == min(losses)
    last = train(experiment.with_changes({"training.keep": "last"}), seed=0)
    assert last.kept_epoch == len(losses)
    assert last.validation_loss == losses[-1]


@pytest.mark.parametrize("on_disk", [False, True])
def test_snapshots_are_equally_spaced(wine: Experiment, tmp_path: Path, on_disk: bool) -> None:
    experiment = wine.with_changes({"training.snapshots": 2})
    result = train(experiment, seed=0, folder=tmp_path if on_disk else None)
    assert result.snapshot_epochs == (2, 4)
    first, last = result.load_snapshots()
    for name, tensor in result.load_model().state_dict().items():
        assert torch.equal(tensor, last.state_dict()[name])
        assert not torch.equal(tensor, first.state_dict()[name])


def test_the_average_is_judged_and_kept(wine: Experiment) -> None:
    experiment = wine.with_changes({"training.average": 0.99, "training.epochs": 1})
    averaged, plain = train(experiment, seed=0), train(wine.with_changes({"training.epochs": 1}), seed=0)
    start = experiment.build_model(0).state_dict()
    for name, value in averaged.load_model().state_dict().items():
        moved, far = (value - start[name]).norm(), (plain.load_model().state_dict()[name] - start[name]).norm()
        assert 0 < moved < far


def test_clipping_limits_the_step(wine: Experiment) -> None:
    base = {"optimizer.name": "sgd", "optimizer.momentum": 0.0, "optimizer.learning_rate": 1.0, "training.epochs": 1}
    clipped = train(wine.with_changes({**base, "training.clip_norm": 1e-3, "training.batch_size": 200}), seed=0)
    start = wine.build_model(0).state_dict()
    moved = sum(float((v - start[k]).square().sum()) for k, v in clipped.load_model().state_dict().items())
    assert moved**0.5 == pytest.approx(1e-3, rel=1e-2)


def test_mixed_precision_learns_on_the_cpu(wine: Experiment) -> None:
    result = train(wine.with_changes({"training.amp": True, "training.epochs": 20}), seed=0)
    assert result.validation_metric > 85
    assert result.validation_outputs.dtype == np.float64


def test_the_rate_follows_the_schedule(wine: Experiment) -> None:
    experiment = wine.with_changes({"schedule.name": "cosine", "optimizer.learning_rate": 0.1})
    rates = [r.learning_rate for r in train(experiment, seed=0).history]
    assert rates == pytest.approx([0.1 * (1 + math.cos(math.pi * step / 16)) / 2 for step in (3, 7, 11, 15)])


def test_schedules() -> None:
    def factors(total: int = 100, **settings: Any) -> list[float]:
        return [schedule_factor(ScheduleConfig(**settings), step, total) for step in range(total)]

    assert factors(name="constant") == [1.0] * 100
    assert factors(name="constant", warmup=0.1)[:11] == pytest.approx([0.1 * n for n in range(1, 11)] + [1.0])
    cosine = factors(name="cosine")
    assert cosine[0] == 1.0
    assert cosine == sorted(cosine, reverse=True)
    assert 0 < cosine[-1] < 0.001
    one_cycle = factors(name="onecycle")
    assert one_cycle.index(max(one_cycle)) == 25
    assert [one_cycle[0], max(one_cycle)] == pytest.approx([1 / 25, 1.0])
    assert one_cycle[-1] < 0.001
    step = factors(name="step")
    assert [step[49], step[50], step[75]] == pytest.approx([1.0, 0.1, 0.01])
    short = factors(name="cosine", end=0.2)
    assert short[:20] == pytest.approx(factors(total=20, name="cosine"))
    assert short[20:] == pytest.approx([0.0] * 80)
    assert factors(name="step", end=0.4)[40:] == pytest.approx([0.01] * 60)
    assert all(0 < f <= 1 for name in ("cosine", "onecycle", "step") for f in factors(total=1, name=name))


@pytest.mark.parametrize("loss", ["mse", "huber"])
def test_other_losses_train(loss: str, wine: Experiment, diabetes: Experiment) -> None:
    for experiment in (wine, diabetes):
        history = train(experiment.with_changes({"loss.name": loss}), seed=0).history
        assert history[-1].train_loss < history[0].train_loss


def test_scores() -> None:
    logits = np.array([[2.0, 0.0], [0.0, 1.0], [1e4, 0.0]])
    found = score("classification", logits, np.array([0, 0, 0]))
    assert found.metric == pytest.approx(100 * 2 / 3)
    assert found.loss == pytest.approx((math.log(1 + math.exp(-2)) + math.log(1 + math.e)) / 3)
    assert score("regression", np.array([[1.0], [3.0]]), np.array([0.0, 0.0])).metric == pytest.approx(5**0.5)
    assert math.isnan(score("classification", np.full((2, 2), np.nan), np.array([0, 1])).loss)
    for value in (np.inf, -np.inf, 1e308):
        odd = np.array([[value, 1e4], [value, value]])
        assert 0 <= score("classification", odd, np.array([0, 1])).metric <= 100
        assert score("regression", odd[:, :1], np.array([0.0, 0.0])).metric == np.inf
    for outputs, targets in ((logits, np.array([0])), (logits[:0], np.array([]))):
        with pytest.raises(DataError):
            score("classification", outputs, targets)


def test_missing_values_that_are_kept_end_the_training_at_once() -> None:
    inputs = X.copy()
    inputs[::3, 0] = np.nan
    result = train(Experiment(data=(inputs, Y), epochs=3, config={"data.missing": "keep"}), seed=0)
    assert "step 1, epoch 1" in result.stopped_because
    assert (result.best_epoch, result.kept_epoch, result.steps) == (1, 1, 0)
    assert math.isnan(result.validation_loss)


def test_missing_values_are_imputed_or_left_out() -> None:
    inputs = X.copy()
    inputs[::3, 0] = np.nan
    for missing in ("impute", "drop"):
        experiment = Experiment(data=(inputs, Y), epochs=15, config={"data.missing": missing})
        assert train(experiment, seed=0).validation_metric > 85
