"""The live monitor hears every loss function in every shape that it takes, without a fault."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainwright import watch
from trainwright.measures.curves import LearningCurve
from trainwright.measures.learning import learns
from trainwright.measures.loop import StepOrder
from trainwright.report.watch import Watch

CLASSES = 3


def floats(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def classes(*shape: int) -> Tensor:
    return torch.randint(CLASSES, shape, generator=torch.Generator().manual_seed(2))


def _log_probabilities(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.nll_loss(outputs.log_softmax(1 if outputs.dim() > 1 else 0), targets)


def _probabilities(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.binary_cross_entropy(outputs.sigmoid(), targets)


def _of_each(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none").mean()


Loss = Callable[[Tensor, Tensor], Tensor]
OF_VALUES: dict[str, Loss] = {
    "mse": nn.MSELoss(),
    "l1": nn.L1Loss(),
    "huber": nn.HuberLoss(),
    "smooth_l1": nn.SmoothL1Loss(),
    "poisson_nll": nn.PoissonNLLLoss(),
    "bce_with_logits": nn.BCEWithLogitsLoss(),
    "bce": _probabilities,
    "bce_of_each": _of_each,
}
SHAPES: tuple[tuple[int, ...], ...] = ((), (1,), (16,), (16, 1), (16, 5), (4, 3, 6, 6))
OF_CLASSES: dict[str, Loss] = {"cross_entropy": nn.CrossEntropyLoss(), "nll": _log_probabilities}
CLASS_SHAPES: tuple[tuple[int, ...], ...] = ((CLASSES,), (16, CLASSES), (4, CLASSES, 6), (4, CLASSES, 6, 6))


def watched(loss: Loss, shape: tuple[int, ...], targets: Tensor) -> Watch:
    model = nn.Linear(4, torch.Size(shape).numel())
    inputs, optimizer = floats(4), torch.optim.SGD(model.parameters(), 0.01)
    with watch(every=1, quiet=True) as doctor:
        for _ in range(6):
            with torch.no_grad():
                loss(model(inputs).reshape(shape), targets)
            optimizer.zero_grad()
            loss(model(inputs).reshape(shape), targets).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return doctor


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", OF_VALUES)
def test_losses_of_values(name: str, shape: tuple[int, ...]) -> None:
    doctor = watched(OF_VALUES[name], shape, floats(*shape).round())
    assert (doctor.fault, doctor.measurements.of(StepOrder)[0].n_steps) == ("", 6)


@pytest.mark.parametrize("shape", CLASS_SHAPES, ids=str)
@pytest.mark.parametrize("name", OF_CLASSES)
def test_losses_of_classes(name: str, shape: tuple[int, ...]) -> None:
    doctor = watched(OF_CLASSES[name], shape, classes(*shape[:1], *shape[2:]) if len(shape) > 1 else classes())
    assert (doctor.fault, doctor.measurements.of(StepOrder)[0].n_steps) == ("", 6)


def test_class_probabilities() -> None:
    doctor = watched(nn.CrossEntropyLoss(), (16, CLASSES), floats(16, CLASSES).softmax(1))
    assert (doctor.fault, doctor.measurements.of(StepOrder)[0].n_steps) == ("", 6)


# Trainings one after the other ---------------------------------------------------------------------------------------

ROWS = floats(640, 4)
KINDS = (ROWS @ torch.tensor([1.0, -1.0, 1.0, -1.0]) > 0).long()


def train(model: nn.Linear, targets: Tensor, optimizer: torch.optim.Optimizer, steps: int) -> None:
    generator = torch.Generator().manual_seed(3)
    for step in range(steps):
        if step % 40 == 0:
            with torch.no_grad():
                functional.cross_entropy(model(ROWS[512:]), targets[512:])
        rows = torch.randint(512, (32,), generator=generator)
        optimizer.zero_grad()
        functional.cross_entropy(model(ROWS[rows]), targets[rows]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def adam(model: nn.Linear) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=0.01)


def test_each_of_two_trainings_has_a_course_of_its_own() -> None:
    torch.manual_seed(0)
    first, second = nn.Linear(4, 2), nn.Linear(4, 2)
    wrong = KINDS[torch.randperm(len(KINDS))]
    with watch(every=1, quiet=True) as doctor:
        train(first, KINDS, adam(first), 320)
        train(second, wrong, adam(second), 400)
    curves = doctor.measurements.of(LearningCurve)
    assert [curve.name for curve in curves] == ["Adam", "Adam 2"]
    assert [curve.length for curve in curves] == [320, 400]
    assert [list(curve.validation_loss.x[-2:]) for curve in curves] == [[240, 280], [320, 360]]
    assert [learns(curve) for curve in curves] == [True, False]
    assert [finding.code for finding in doctor.findings if finding.code == "TW501"] == ["TW501"], "of the second only"


def test_of_trainings_at_the_same_time_none_need_beat_a_constant() -> None:
    torch.manual_seed(0)
    models = [nn.Linear(4, 2), nn.Linear(4, 2)]
    optimizers = [adam(model) for model in models]
    with watch(every=1, quiet=True) as doctor:
        for _ in range(10):
            for model, optimizer in zip(models, optimizers, strict=True):
                train(model, KINDS, optimizer, 20)
    for curve in doctor.measurements.of(LearningCurve):
        assert (curve.baseline_train_loss, learns(curve)) == (None, None)


@pytest.mark.parametrize("copies", [True, False])
@pytest.mark.parametrize("goes_on", [True, False])
def test_weights_that_come_back_are_the_result(copies: bool, goes_on: bool) -> None:
    first, second = nn.Linear(4, 2), nn.Linear(4, 2)
    with watch(every=1, quiet=True) as doctor:
        train(first, KINDS, adam(first), 20)
        optimizer = adam(second)
        train(second, KINDS, optimizer, 12)
        best = second.state_dict()
        best = {name: value.clone() for name, value in best.items()} if copies else best
        train(second, KINDS, optimizer, 8)
        second.load_state_dict(best)
        if goes_on:
            train(second, KINDS, optimizer, 5)
    earlier, later = doctor.measurements.of(LearningCurve)
    assert earlier.kept_at is None
    assert later.kept_at == (12 if copies and not goes_on else None)


@pytest.mark.parametrize("kept", [True, False])
def test_a_mean_loss_that_stays_at_its_lower_bound_is_named(kept: bool) -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    with watch(every=1, quiet=True) as doctor:
        for step in range(120):
            rows = slice(step * 4 % 512, step * 4 % 512 + 64)
            mean, log_spread = model(ROWS[rows]).unbind(1)
            density = (log_spread + 0.5 * ((0.1 * ROWS[rows, 0] - mean) / log_spread.exp()).square()).mean()
            optimizer.zero_grad()
            (density.clamp(min=0) if kept else density).backward()
            optimizer.step()
    assert ("TW321" in {finding.code for finding in doctor.findings}) is kept


@pytest.mark.parametrize(("bound", "fires"), [(1.0, True), (50.0, False)])
@pytest.mark.parametrize("own", [True, False])
def test_a_bound_of_a_whole_loss_counts_where_it_cuts_off_many_steps(bound: float, fires: bool, own: bool) -> None:
    torch.manual_seed(0)
    model, inputs = nn.Linear(4, 1), floats(64, 4)
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    targets = inputs.sum(1, keepdim=True) + 2.0
    with watch(every=1, quiet=True) as doctor:
        for _ in range(40):
            optimizer.zero_grad()
            if own:  # no error that the graph shows, cut off from above where it begins
                loss = (2 + model(inputs)).cosh().mean().clamp(max=bound)
            else:  # torch's own, cut off from below where it ends
                loss = functional.mse_loss(model(inputs), targets).clamp(min=1.0 if fires else 1e-3)
            loss.backward()
            optimizer.step()
    assert ("TW321" in {finding.code for finding in doctor.findings}) is fires


def two_losses(further: Callable[[Tensor], Tensor]) -> tuple[LearningCurve, list[float]]:
    """A box and its class learnt together, and the losses of the evaluations as the program weights them itself."""
    torch.manual_seed(0)
    model = nn.Linear(4, 2 + CLASSES)
    inputs, places, kinds = floats(64, 4), floats(64, 2), classes(64)
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    evaluated = []

    def parts(rows: slice) -> tuple[Tensor, Tensor, Tensor]:
        outputs = model(inputs[rows])
        place = functional.smooth_l1_loss(outputs[:, :2], places[rows])
        return outputs, place, functional.cross_entropy(outputs[:, 2:], kinds[rows])

    with watch(every=1, quiet=True) as doctor:
        for _ in range(12):
            optimizer.zero_grad()
            outputs, place, kind = parts(slice(48))
            (5.0 * place + kind + further(outputs)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            with torch.no_grad():
                _, place, kind = parts(slice(48, None))
            evaluated.append(float(5.0 * place + kind))
    (curve,) = doctor.measurements.of(LearningCurve)
    return curve, evaluated


def test_validation_of_several_losses_is_weighted_as_training_is() -> None:
    curve, evaluated = two_losses(lambda outputs: torch.zeros(()))
    assert curve.validation_loss.y.tolist() == pytest.approx(evaluated, rel=1e-4)


def test_validation_of_several_losses_is_left_out_where_the_weights_are_unknown() -> None:
    curve, _ = two_losses(lambda outputs: outputs.square().mean())
    assert len(curve.train_loss) == 12
    assert not len(curve.validation_loss)
