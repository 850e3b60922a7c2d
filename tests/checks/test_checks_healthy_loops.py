"""Healthy loops of unusual shapes, watched as a user would: no check of a running loop may raise an alarm."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from trainwright.core import Severity, discover, judge
from trainwright.doctor.session import Session
from trainwright.doctor.taps import Taps
from trainwright.measures.loop import StepOrder

torch.set_num_threads(1)

JUDGING = "TW208 TW402 TW403 TW404 TW405 TW406 TW407 TW408 TW409 TW410 TW411 TW417 TW509 TW510 TW511 TW517 TW518 TW519"
CHECKS = [check for check in discover() if check.code in JUDGING or check.code[2] == "8"]
DIGITS = load_digits()
INPUTS = torch.tensor((DIGITS.data - DIGITS.data.mean()) / DIGITS.data.std(), dtype=torch.float32)
TARGETS = torch.tensor(DIGITS.target)
TRAIN, VALIDATION = TensorDataset(INPUTS[:1200], TARGETS[:1200]), TensorDataset(INPUTS[1200:], TARGETS[1200:])
EPOCHS = 3


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10))


def batches(size: int = 32) -> Iterator[list[Tensor]]:
    yield from DataLoader(TRAIN, size, shuffle=True)


def learn(model: nn.Module, optimizer: torch.optim.Optimizer, inputs: Tensor, targets: Tensor) -> None:
    optimizer.zero_grad()
    functional.cross_entropy(model(inputs), targets).backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def evaluate(model: nn.Module) -> None:
    model.eval()
    with torch.no_grad():
        for inputs, targets in DataLoader(VALIDATION, 128):
            functional.cross_entropy(model(inputs), targets)
    model.train()


def adversaries() -> None:
    """A GAN: the discriminator's backward pass leaves gradients in the generator."""
    generator = nn.Sequential(nn.Linear(8, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64), nn.Tanh())
    critic = nn.Sequential(nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(64, 1))
    making = torch.optim.SGD(generator.parameters(), 0.01)
    judging = torch.optim.SGD(critic.parameters(), 0.01)
    loss = nn.BCEWithLogitsLoss()
    for _ in range(EPOCHS):
        for inputs, _ in batches():
            real, fake = torch.ones(len(inputs), 1), torch.zeros(len(inputs), 1)
            made = generator(torch.randn(len(inputs), 8))
            judging.zero_grad()
            loss(critic(inputs), real).backward()
            loss(critic(made.detach()), fake).backward()
            judging.step()
            making.zero_grad()
            loss(critic(made), real).backward()
            making.step()
        generator.eval()
        with torch.no_grad():
            generator(torch.randn(16, 8))
        generator.train()


def generator_without_gradient() -> None:
    """A GAN whose generator is asked without gradients, in train mode, once for every step of the critic."""
    generator = nn.Sequential(nn.Linear(8, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64))
    critic = nn.Sequential(nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(64, 1))
    making, judging = torch.optim.Adam(generator.parameters(), 2e-4), torch.optim.Adam(critic.parameters(), 2e-4)
    loss = nn.BCEWithLogitsLoss()
    for _ in range(EPOCHS):
        for inputs, _ in batches():
            real, fake = torch.ones(len(inputs), 1), torch.zeros(len(inputs), 1)
            with torch.no_grad():
                made = generator(torch.randn(len(inputs), 8))
            judging.zero_grad()
            (loss(critic(inputs), real) + loss(critic(made), fake)).backward()
            judging.step()
            making.zero_grad()
            loss(critic(generator(torch.randn(len(inputs), 8))), real).backward()
            making.step()


def mean_teacher() -> None:
    """A teacher in train mode that is asked without gradients and follows the student."""
    student = network()
    teacher = copy.deepcopy(student)
    optimizer = torch.optim.Adam(student.parameters(), 1e-3)
    for _ in range(EPOCHS):
        for inputs, targets in batches():
            with torch.no_grad():
                wanted = teacher(inputs + 0.1 * torch.randn_like(inputs)).softmax(1)
            outputs = student(inputs)
            optimizer.zero_grad()
            (functional.cross_entropy(outputs, targets) + functional.mse_loss(outputs.softmax(1), wanted)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            with torch.no_grad():
                for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
                    slow.lerp_(fast, 0.01)
        evaluate(student)


def adversarial_examples() -> None:
    """Each step goes backward in eval mode to make its inputs worse, and then trains in train mode."""
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(EPOCHS):
        for inputs, targets in batches():
            model.eval()
            inputs.requires_grad_()
            functional.cross_entropy(model(inputs), targets).backward()  # type: ignore[no-untyped-call]
            assert inputs.grad is not None
            model.train()
            learn(model, optimizer, (inputs + 0.1 * inputs.grad.sign()).detach(), targets)
        evaluate(model)


def weights_averaged() -> None:
    """Stochastic weight averaging, whose statistics are made anew in train mode without gradients."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    average = torch.optim.swa_utils.AveragedModel(model)
    for _ in range(EPOCHS):
        for inputs, targets in batches():
            learn(model, optimizer, inputs, targets)
        average.update_parameters(model)
        evaluate(model)
    torch.optim.swa_utils.update_bn(DataLoader(TRAIN, 32), average)
    evaluate(average)


def cleared_by_hand() -> None:
    """Gradients are cleared by hand, without any ``zero_grad``."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    for _ in range(EPOCHS):
        for inputs, targets in batches():
            functional.cross_entropy(model(inputs), targets).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            for parameter in model.parameters():
                parameter.grad = None
        evaluate(model)


def all_at_once() -> None:
    """Every step sees all data, without a loader."""
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(110):
        learn(model, optimizer, INPUTS[:300], TARGETS[:300])


def two_losses() -> None:
    """Two backward passes of one batch, for two losses, under plain descent."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    for _ in range(EPOCHS):
        for inputs, targets in batches():
            outputs = model(inputs)
            optimizer.zero_grad()
            functional.cross_entropy(outputs, targets).backward(retain_graph=True)  # type: ignore[no-untyped-call]
            (1e-3 * outputs.square().mean()).backward()
            optimizer.step()
        evaluate(model)


def embeddings() -> None:
    """Embeddings with sparse gradients."""
    tokens = torch.randint(500, (800, 12))
    model = nn.Sequential(nn.EmbeddingBag(500, 16, sparse=True), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), 5.0)
    targets = torch.randn(500, 3)[tokens].sum(1).argmax(1)
    for _ in range(6):
        for inputs, classes in DataLoader(TensorDataset(tokens, targets), 32, shuffle=True):
            learn(model, optimizer, inputs, classes)


LOOPS = (
    adversarial_examples,
    adversaries,
    all_at_once,
    cleared_by_hand,
    embeddings,
    generator_without_gradient,
    mean_teacher,
    two_losses,
    weights_averaged,
)


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_silent_on_healthy_loops_of_unusual_shapes(loop: Callable[[], None]) -> None:
    torch.manual_seed(0)
    session, faults = Session(every=3), list[Exception]()
    with Taps(session, faults.append, session.governor.spend):
        loop()
    session.ended()
    assert not faults
    measured = session.measurements()
    assert measured.of(StepOrder), "the loop was heard"
    verdict = judge(CHECKS, measured)
    assert [(f.code, f.happened) for f in verdict.at_least(Severity.WARNING)] == []
    assert [reason for _, reason in verdict.not_evaluated if "failed with" in reason] == []
