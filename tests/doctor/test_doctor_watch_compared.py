"""Programs that hold their data as tensors and compare answers with the targets in a line of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from sklearn.datasets import load_diabetes, load_digits
from torch import Tensor, nn
from torch.nn import functional

import trainwright
from trainwright.doctor.observers.compared import Compared, target_of
from trainwright.measures.curves import LearningCurve
from trainwright.measures.relation import TargetRelation
from trainwright.report.watch import Watch

ORDER = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
IMAGES = torch.from_numpy(load_digits().data).float()[ORDER] / 16
CLASSES = torch.from_numpy(load_digits().target)[ORDER]
TABLE = torch.tensor(load_diabetes(scaled=False).data, dtype=torch.float32)
TABLE = (TABLE - TABLE.mean(0)) / TABLE.std(0)
PROGRESS = torch.tensor(load_diabetes().target, dtype=torch.float32)
MEAN, SPREAD = PROGRESS.mean(), PROGRESS.std()
Look = Callable[[nn.Module], None]


def classifier_watched(look: Look, n_train: int = 1200, epochs: int = 3) -> Watch:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    with trainwright.watch(every=2, quiet=True) as doctor:
        for _ in range(epochs):
            for rows in parts(torch.randperm(n_train), 60):
                optimizer.zero_grad()
                functional.cross_entropy(model(IMAGES[rows]), CLASSES[rows]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            model.eval()
            with torch.no_grad():
                look(model)
            model.train()
    return doctor


def curve_of(doctor: Watch) -> LearningCurve:
    (curve,) = doctor.measurements.of(LearningCurve)
    return curve


def parts(tensor: Tensor, rows: int) -> tuple[Tensor, ...]:
    return torch.split(tensor, rows)


def whole(model: nn.Module) -> None:
    (model(IMAGES[1200:]).argmax(1) == CLASSES[1200:]).float().mean()


def in_parts(model: nn.Module) -> None:
    for images, classes in zip(parts(IMAGES[1200:], 100), parts(CLASSES[1200:], 100), strict=True):
        model(images).argmax(-1).eq(classes).sum()


def joined(model: nn.Module) -> None:
    guess = torch.cat([model(images) for images in parts(IMAGES[1200:], 100)]).max(1).indices
    (guess != CLASSES[1200:]).float().mean()


def both_parts(model: nn.Module) -> None:
    (model(IMAGES[:1200]).argmax(1) == CLASSES[:1200]).float().mean()
    whole(model)


@pytest.mark.parametrize("look", [whole, in_parts, joined, both_parts])
def test_counted_answers_without_a_loader_become_the_validation(look: Look) -> None:
    curve = curve_of(classifier_watched(look))
    assert len(curve.validation_loss) == len(curve.validation_metric) == 3
    assert curve.n_validation == 597
    assert curve.validation_loss.y[-1] < 0.5 < curve.validation_loss.y[0] < 2.4
    assert curve.validation_metric.y[-1] > 90


def test_the_data_of_training_alone_are_no_validation() -> None:
    def again(model: nn.Module) -> None:
        (model(IMAGES[:1200]).argmax(1) == CLASSES[:1200]).float().mean()

    assert not len(curve_of(classifier_watched(again)).validation_loss)


def test_answers_compared_with_nothing_of_the_sort_are_no_validation() -> None:
    def beside(model: nn.Module) -> None:
        guess = model(IMAGES[1200:]).argmax(1)
        (guess == 3).sum()
        (CLASSES[1200:] - CLASSES[1200:].float().mean()).abs().mean()

    assert not len(curve_of(classifier_watched(beside)).validation_loss)


@pytest.mark.parametrize("own_loss", [False, True])
@pytest.mark.parametrize("in_units", [False, True])
def test_errors_in_the_user_s_units(own_loss: bool, in_units: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    scaled = (PROGRESS - MEAN) / SPREAD
    with trainwright.watch(every=2, quiet=True) as doctor:
        for _ in range(4):
            for rows in parts(torch.randperm(340), 34):
                guess = model(TABLE[rows]).squeeze(1)
                loss = ((guess - scaled[rows]) ** 2).mean() if own_loss else functional.mse_loss(guess, scaled[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            with torch.no_grad():
                guess = model(TABLE[340:])[:, 0]
                (guess * SPREAD + MEAN - PROGRESS[340:] if in_units else scaled[340:] - guess).abs().mean()
    curve = curve_of(doctor)
    assert len(curve.validation_loss) == 4
    assert curve.n_validation == 102
    with torch.no_grad():
        expected = float(functional.mse_loss(model(TABLE[340:])[:, 0], scaled[340:]))
    assert float(curve.validation_loss.y[-1]) == pytest.approx(expected, rel=1e-3)
    assert doctor.measurements.of(TargetRelation)


def test_tensors_are_as_ever_behind_a_watch() -> None:
    before = {name: getattr(Tensor, name) for name in ("__eq__", "eq", "__sub__", "sub", "__hash__")}
    classifier_watched(whole, epochs=1)
    assert {name: getattr(Tensor, name) for name in before} == before
    assert "__eq__" not in vars(Tensor)
    assert hash(IMAGES) == id(IMAGES)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda p: p.argmax(1), True),
        (lambda p: 3 * p[:, 0] - 2, False),
        (lambda p: p.argmax(0), False),
        (lambda p: p.softmax(1).argmax(-1), True),
    ],
)
def test_what_is_made_of_an_answer_is_told(answer: Callable[[Tensor], Tensor], expected: bool) -> None:
    prediction = torch.randn(50, 50, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(50)
    for pair in ((answer(prediction), targets), (targets, answer(prediction))):
        found: Any = target_of(prediction, *pair)
        assert (found is not None) == expected
        assert not expected or torch.equal(found, targets)


def test_what_cannot_be_compared_is_no_target() -> None:
    prediction = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    sparse = torch.zeros(6).to_sparse()
    assert target_of(prediction, sparse, sparse) is None
    assert target_of(prediction.to(torch.complex64), prediction.argmax(1), torch.arange(6)) is None
    assert target_of(None, prediction, prediction) is None
    mapped = torch.vmap(lambda row: torch.as_tensor(target_of(row, row, 2 * row) is None))
    assert mapped(prediction).all()


def test_inputs_of_a_long_evaluation_are_not_kept() -> None:
    answers, inputs = Compared(), [torch.zeros(4, 2) for _ in range(9)]
    for each in inputs:
        answers.answered(torch.randn(4, 3), [each])
    assert sum(len(answer.inputs) for answer in answers._answers) == 2


def test_few_comparisons_are_looked_at() -> None:
    answers = Compared()
    answers.answered(torch.randn(40, 3), [torch.zeros(40, 2)])
    for _ in range(20):
        if answers.waits:
            assert answers.settle(torch.zeros(40), torch.ones(40)) is None
    assert not answers.waits


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # the compiler's own
def test_a_compiled_loss_by_hand_is_watched_from_outside() -> None:
    @torch.compile(backend="eager", fullgraph=True)  # that fails where the wrappers break the graph
    def squared(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction - target).square().mean()

    torch.manual_seed(0)
    model = nn.Linear(10, 1)
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)
    with trainwright.watch(quiet=True) as doctor:
        for rows in parts(torch.arange(442), 40):
            optimizer.zero_grad()
            loss: Any = squared(model(TABLE[rows])[:, 0], (PROGRESS[rows] - MEAN) / SPREAD)
            loss.backward()
            optimizer.step()
    assert (doctor.fault, doctor.session.step) == ("", 12)
