"""Evaluations that only count right answers are scored with the loss of training, on handwritten digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from sklearn.datasets import load_diabetes, load_digits
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import trainwright
from trainwright.measures.curves import LearningCurve
from trainwright.measures.splits import TargetShift
from trainwright.report.watch import Watch

IMAGES = torch.from_numpy(load_digits().data).float() / 16
CLASSES = torch.from_numpy(load_digits().target)
TABLE = torch.tensor(load_diabetes().data, dtype=torch.float32)
PROGRESS = torch.tensor(load_diabetes().target, dtype=torch.float32)
Look = Callable[[nn.Module, DataLoader[Any]], None]


@torch.no_grad()
def count(model: nn.Module, loader: DataLoader[Any]) -> None:
    model.eval()
    for batch in loader:
        inputs, targets = batch["x"] if isinstance(batch, dict) else batch[0], batch[-1]
        (model(inputs).argmax(1) == targets).sum()
    model.train()


def loaders(n_classes: int = 10) -> tuple[DataLoader[Any], DataLoader[Any]]:
    order = torch.randperm(len(IMAGES), generator=torch.Generator().manual_seed(0))
    data = TensorDataset(IMAGES[order], CLASSES[order] % n_classes)
    train, test = torch.utils.data.Subset(data, range(1200)), torch.utils.data.Subset(data, range(1200, 1797))
    return DataLoader(train, 60, shuffle=True), DataLoader(test, 100)


def trained(look: Look, train: DataLoader[Any], test: DataLoader[Any], shift: int = 0, epochs: int = 3) -> Watch:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 11))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    with trainwright.watch(every=2, quiet=True) as doctor:
        for _ in range(epochs):
            for inputs, targets in train:
                optimizer.zero_grad()
                functional.cross_entropy(model(inputs), targets + shift).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            look(model, test)
    return doctor


def curve_of(doctor: Watch) -> LearningCurve:
    (curve,) = doctor.measurements.of(LearningCurve)
    return curve


def test_counted_answers_become_a_curve_of_losses_and_accuracies() -> None:
    curve = curve_of(trained(count, *loaders()))
    assert len(curve.validation_loss) == len(curve.validation_metric) == 3
    assert curve.n_validation == 597
    assert curve.validation_loss.y[-1] < 0.5 < curve.validation_loss.y[0] < 2.4
    assert curve.validation_metric.y[-1] > 90
    assert curve.baseline_validation_loss == pytest.approx(2.3, abs=0.05)


def test_the_data_of_training_are_not_the_validation_where_there_are_others() -> None:
    train, test = loaders()

    def both(model: nn.Module, held_out: DataLoader[Any]) -> None:
        count(model, train)
        count(model, held_out)

    assert curve_of(trained(both, train, test)).n_validation == 597


def test_right_answers_among_the_data_of_training_are_no_validation() -> None:
    train, test = loaders()
    assert not len(curve_of(trained(lambda model, _: count(model, train), train, test)).validation_loss)


def test_a_loss_of_the_program_s_own_goes_before() -> None:
    @torch.no_grad()
    def half(model: nn.Module, loader: DataLoader[Any]) -> None:
        for inputs, targets in loader:
            0.5 * functional.cross_entropy(model(inputs), targets, reduction="sum")

    own = curve_of(trained(half, *loaders()))
    assert len(own.validation_loss) == 3
    assert own.n_validation == 597


@torch.no_grad()
def count_elsewhere(model: nn.Module, loader: DataLoader[Any]) -> None:
    for inputs, targets in loader:
        (model(inputs).argmax(1).numpy() == targets.numpy()).mean()


def test_targets_that_training_changes_are_not_taken_from_the_batch() -> None:
    assert not len(curve_of(trained(count_elsewhere, *loaders(), shift=1)).validation_loss)


def test_targets_that_only_training_changes_are_wrong_where_answers_are_compared_with_the_others() -> None:
    doctor = trained(count, *loaders(), shift=1)
    assert curve_of(doctor).validation_metric.y[-1] < 5
    assert doctor.findings[0].code == "TW213"


def test_classes_of_an_evaluation_that_training_never_had_are_named() -> None:
    train, test = loaders()
    kept = [i for i in range(1200) if int(train.dataset[i][1]) not in (3, 5)]
    fewer = DataLoader(torch.utils.data.Subset(train.dataset, kept), 60, shuffle=True)
    doctor = trained(count, fewer, test)
    assert doctor.measurements.of(TargetShift)
    assert "TW205" in {finding.code for finding in doctor.findings}


def test_classes_that_are_counted_from_one_in_training_only_are_told() -> None:
    train, test = loaders()
    data: Any = [(inputs, targets + 1) for inputs, targets in (train.dataset[i] for i in range(1200))]
    doctor = trained(count, DataLoader(data, 60, shuffle=True), test)
    assert doctor.findings[0].code == "TW213"
    assert "class 1 of what is labelled 0" in doctor.findings[0].happened
    (shift,) = [finding for finding, cause in doctor.verdict.masked if (finding.code, cause) == ("TW205", "TW213")]
    assert "with numbers 1 lower" in shift.happened


@pytest.mark.parametrize("named", [False, True])
def test_values_with_an_axis_more_and_named_parts(named: bool) -> None:
    rows: Any = list(zip(TABLE, PROGRESS, strict=True))
    if named:
        rows = [{"x": x, "y": y} for x, y in zip(TABLE, PROGRESS, strict=True)]
    loader, held_out = DataLoader(rows[:340], 34), DataLoader(rows[340:], 34)
    torch.manual_seed(0)
    model = nn.Linear(10, 1)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)

    def parts(batch: Any) -> tuple[Tensor, Tensor]:
        return (batch["x"], batch["y"]) if named else tuple(batch)

    with trainwright.watch(every=2, quiet=True) as doctor:
        for _ in range(3):
            for batch in loader:
                inputs, targets = parts(batch)
                optimizer.zero_grad()
                functional.mse_loss(model(inputs), targets[:, None]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            with torch.no_grad():
                for batch in held_out:
                    (model(parts(batch)[0])[:, 0] - parts(batch)[1]).abs().mean()
    curve = curve_of(doctor)
    assert len(curve.validation_loss) == 3
    assert curve.n_validation == 102


def test_guesses_before_each_step_are_no_evaluation() -> None:
    train, _ = loaders()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    with trainwright.watch(every=2, quiet=True) as doctor:
        for _ in range(3):
            for inputs, targets in train:
                with torch.no_grad():
                    model(inputs)
                optimizer.zero_grad()
                functional.cross_entropy(model(inputs), targets).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
    assert not len(curve_of(doctor).validation_loss)
