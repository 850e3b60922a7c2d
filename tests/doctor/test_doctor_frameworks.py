"""What frameworks do that plain loops do not: loaders that read ahead, rehearsals, metrics beside the loss, padding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

import trainwright
from trainwright.measures.batches import BatchStream
from trainwright.measures.curves import LearningCurve
from trainwright.measures.loop import Modes
from trainwright.report.watch import Watch

INPUTS, CLASSES = torch.randn(96, 6, generator=torch.Generator().manual_seed(0)), torch.arange(96) % 3


def loader_of(rows: slice, **settings: Any) -> DataLoader[Any]:
    """A loader and a data set made anew."""
    settings = settings or {"batch_size": 20}
    return DataLoader(TensorDataset(INPUTS[rows], CLASSES[rows]), **settings)


def reading_ahead(batches: DataLoader[Any]) -> Iterator[Any]:
    """Yields a batch when the next one is already there, as accelerate does to know the last one."""
    ahead = [*batches, None]
    for batch, _ in pairwise(ahead):
        yield batch


def plainly(batches: DataLoader[Any]) -> Iterator[Any]:
    """Yields the batches."""
    yield from batches


class Loop:
    """A loop that trains on 64 samples and validates on 32, each epoch with loaders of its own."""

    def __init__(self, iterate: Callable[[DataLoader[Any]], Iterator[Any]] = plainly) -> None:
        torch.manual_seed(0)
        self.model = nn.Linear(6, 3)
        self.optimizer = torch.optim.Adam(self.model.parameters(), 0.01)
        self.iterate = iterate
        self.losses: list[float] = []

    def train(self, loss: Callable[..., Tensor] | None = None, **loader: Any) -> None:
        for inputs, classes in self.iterate(loader_of(slice(64), **loader)):
            self.optimizer.zero_grad()
            value = (loss or functional.cross_entropy)(self.model(inputs), classes)
            value.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()

    @torch.no_grad()
    def validate(self, most: int = 10) -> None:
        whole = 0.0
        for count, (inputs, classes) in enumerate(self.iterate(loader_of(slice(64, None)))):
            if count < most:
                whole += functional.cross_entropy(self.model(inputs), classes).item() * len(inputs) / 32
        self.losses.append(whole)


def watched() -> Watch:
    return trainwright.watch(every=1, quiet=True)


def curve_of(doctor: Watch) -> LearningCurve:
    (curve,) = doctor.measurements.of(LearningCurve)
    return curve


@pytest.mark.parametrize("iterate", [plainly, reading_ahead], ids=["plainly", "reading-ahead"])
def test_loaders_made_anew_each_epoch_are_one_validation(iterate: Callable[..., Iterator[Any]]) -> None:
    loop = Loop(iterate)
    with watched() as doctor:
        for _ in range(4):
            loop.train()
            loop.validate()
    curve = curve_of(doctor)
    assert list(curve.validation_loss.x) == [4, 8, 12, 16]
    assert curve.validation_loss.y == pytest.approx(loop.losses, rel=1e-5)
    assert curve.n_validation == 32


def test_two_data_sets_that_look_alike_are_told_apart() -> None:
    loop = Loop()
    first, second = loader_of(slice(64, 80)), loader_of(slice(80, 96))
    wanted = []
    with watched() as doctor:
        for _ in range(3):
            loop.train()
            with torch.no_grad():
                values = [
                    functional.cross_entropy(loop.model(x), y).item() for each in (first, second) for x, y in each
                ]
            wanted.append(values[0])
    assert curve_of(doctor).validation_loss.y == pytest.approx(wanted, rel=1e-5)


def test_a_rehearsal_of_a_few_batches_is_no_validation() -> None:
    loop = Loop()
    with watched() as doctor:
        loop.validate(most=1)
        for _ in range(2):
            loop.train()
            loop.validate()
    assert list(curve_of(doctor).validation_loss.x) == [4, 8]


def test_validations_in_a_row_after_the_last_step_are_no_larger_validation() -> None:
    loop = Loop()
    with watched() as doctor:
        for _ in range(3):
            loop.train()
            loop.validate()
        loop.validate()
    curve = curve_of(doctor)
    assert list(curve.validation_loss.x) == [4, 8]
    assert curve.n_validation == 32


def test_other_loss_functions_beside_the_loss_are_metrics() -> None:
    loop = Loop()
    with watched() as doctor:
        for _ in range(2):
            loop.train()
            loop.validate()
            with torch.no_grad():
                functional.mse_loss(loop.model(INPUTS), INPUTS[:, :3])
    assert curve_of(doctor).validation_loss.y == pytest.approx(loop.losses, rel=1e-5)


def test_a_summed_loss_is_told_per_prediction() -> None:
    def summed(outputs: Tensor, classes: Tensor) -> Tensor:
        return functional.cross_entropy(outputs, classes, reduction="sum")

    loop = Loop()
    with watched() as doctor:
        loop.train(summed)
        loop.validate()
    curve = curve_of(doctor)
    assert curve.train_loss.y.max() < 3
    assert curve.validation_loss.y == pytest.approx(loop.losses, rel=1e-5)


def test_ignored_targets_count_as_wrong_in_neither() -> None:
    model, padded = nn.Linear(6, 3), torch.where(torch.arange(96) < 64, CLASSES, -100)
    optimizer = torch.optim.Adam(model.parameters())
    with watched() as doctor:
        for _ in range(3):
            optimizer.zero_grad()
            functional.cross_entropy(model(INPUTS), padded).backward()  # type: ignore[no-untyped-call]
            right = (model(INPUTS[:64]).argmax(1) == CLASSES[:64]).double().mean()
            optimizer.step()
    assert curve_of(doctor).train_metric.y[-1] == pytest.approx(100 * right.item())


def test_batches_of_ones_own_are_not_taken_for_unshuffled() -> None:
    loop, batches = Loop(), BatchSampler(RandomSampler(range(64)), 16, drop_last=False)
    with watched() as doctor:
        loop.train(batch_sampler=batches)
    assert doctor.measurements.of(BatchStream)[0].loader_shuffles is True


def test_a_loader_started_again_shows_the_steps_of_an_epoch() -> None:
    model, loader = nn.Linear(6, 3), loader_of(slice(64), batch_size=8)
    optimizer = torch.optim.Adam(model.parameters())
    with watched() as doctor:
        for _ in range(3):
            for count, (inputs, classes) in enumerate(loader):
                functional.cross_entropy(model(inputs), classes).backward()  # type: ignore[no-untyped-call]
                if count % 4 == 3:
                    optimizer.step()
                    optimizer.zero_grad()
    assert curve_of(doctor).steps_per_epoch == 2


# What a framework says ------------------------------------------------------------------------------------------------


def test_what_a_framework_says_goes_before_what_was_heard() -> None:
    loop = Loop()
    with watched() as doctor:
        doctor.session.phase("sanity check")
        loop.validate()
        doctor.session.phase("train")
        for epoch in range(3):
            loop.train()
            loop.validate()
            doctor.session.metric("loss", 7.0 - epoch)
    curve = curve_of(doctor)
    assert list(curve.validation_loss.x) == [4, 8, 12]
    assert list(curve.validation_loss.y) == [7, 6, 5]
    assert curve.metric_name == "accuracy"
    assert doctor.measurements.of(Modes)[0].evaluated == 6


def test_a_metric_is_taken_where_none_was_heard() -> None:
    model = nn.Linear(6, 1)
    optimizer = torch.optim.Adam(model.parameters())
    with watched() as doctor:
        for _ in range(3):
            optimizer.zero_grad()
            functional.mse_loss(model(INPUTS)[:, 0], INPUTS[:, 0]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            doctor.session.metric("r2", 0.5)
    curve = curve_of(doctor)
    assert (curve.metric_name, curve.higher_is_better, list(curve.validation_metric.x)) == ("r2", True, [1, 2, 3])


def test_a_fault_of_ours_at_the_end_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("a fault of ours")

    loop = Loop()
    with pytest.raises(KeyError), watched() as doctor:  # noqa: PT012 - what is raised is the program's own
        loop.train()
        monkeypatch.setattr(doctor.session, "measurements", fail)
        raise KeyError("theirs")
    assert doctor.fault == "ValueError: a fault of ours"
    assert doctor.findings == ()


def test_a_report_that_cannot_be_written_costs_nothing(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    with trainwright.watch(report=tmp_path / "file" / "report.html"):
        Loop().train()
    assert "could not be written" in capsys.readouterr().err
