"""Programs that move their weights themselves: their steps are told as an optimizer's are, and nothing is changed."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import trainwright
from trainwright.core import UsageError
from trainwright.doctor.by_hand import HandWritten
from trainwright.doctor.capture import capture
from trainwright.doctor.replay import setup_of
from trainwright.measures.curves import LearningCurve
from trainwright.measures.layers import LayerSignals
from trainwright.measures.loop import StepOrder
from trainwright.report.watch import Watch

INPUTS, CLASSES = torch.randn(96, 6, generator=torch.Generator().manual_seed(0)), torch.arange(96) % 3
RATE = 0.25


def _network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3))


def _move_then_forget(model: nn.Module) -> None:
    for p in model.parameters():
        assert p.grad is not None
        p.data.add_(p.grad.data, alpha=-RATE)
    model.zero_grad()


def _move_then_zero_in_place(model: nn.Module) -> None:
    with torch.no_grad():
        for p in model.parameters():
            assert p.grad is not None
            p.sub_(RATE * p.grad)
            p.grad.zero_()


def _move_then_none(model: nn.Module) -> None:
    with torch.no_grad():
        for p in model.parameters():
            assert p.grad is not None
            p.copy_(p - RATE * p.grad)
            p.grad = None


WAYS: tuple[Callable[[nn.Module], None], ...] = (_move_then_forget, _move_then_zero_in_place, _move_then_none)


def _backward(model: nn.Module, rows: slice = slice(None), share: float = 1.0) -> float:
    loss = functional.cross_entropy(model(INPUTS[rows]), CLASSES[rows]) * share
    loss.backward()  # type: ignore[no-untyped-call]
    return float(loss.detach())


def _train(model: nn.Module, move: Callable[[nn.Module], None], steps: int = 40, passes: int = 1) -> list[float]:
    losses = []
    for step in range(steps):
        for part in range(passes):
            first = 32 * ((step + part) % 3)
            loss = _backward(model, slice(first, first + 32), 1 / passes)
        move(model)
        if step % 10 == 9:
            with torch.no_grad():
                functional.cross_entropy(model(INPUTS), CLASSES)
        losses.append(loss)
    return losses


def _watched(move: Callable[[nn.Module], None], every: int = 3, passes: int = 1) -> tuple[Watch, list[float]]:
    with trainwright.watch(every=every, quiet=True) as doctor:
        losses = _train(_network(), move, passes=passes)
    return doctor, losses


@pytest.mark.parametrize("move", WAYS, ids=lambda move: move.__name__)
@pytest.mark.parametrize("passes", [1, 2])
def test_steps_and_rate_are_seen_and_nothing_changes(move: Callable[[nn.Module], None], passes: int) -> None:
    doctor, losses = _watched(move, passes=passes)
    assert losses == _train(_network(), move, passes=passes)
    found = doctor.session.measurements()
    order = found.of(StepOrder)[0]
    assert (order.optimizer, order.n_steps, order.backwards_per_step) == (HandWritten.__name__, 40, passes)
    assert (order.n_stale, order.n_wiped, order.n_thrown_away, order.n_without_backward) == (0, 0, 0, 0)
    signals = found.of(LayerSignals)[0]
    assert signals.update_norm == pytest.approx(RATE * signals.gradient_norm, rel=1e-3)
    rates = found.of(LearningCurve)[0].learning_rate
    assert np.asarray(rates.y) == pytest.approx(RATE, rel=1e-4)


def test_a_step_of_momentum_has_no_rate() -> None:
    pace: dict[nn.Parameter, torch.Tensor] = {}

    def move(model: nn.Module) -> None:
        for p in model.parameters():
            assert p.grad is not None
            pace[p] = 0.99 * pace.get(p, torch.zeros_like(p)) + p.grad * torch.rand_like(p)
            p.data -= 0.01 * pace[p]
        model.zero_grad()

    torch.manual_seed(1)
    doctor, _ = _watched(move, every=1)
    found = doctor.session.measurements()
    assert found.of(StepOrder)[0].n_steps == 40
    assert np.isnan(np.asarray(found.of(LearningCurve)[0].learning_rate.y)).any()


def test_where_there_is_an_optimizer_its_step_is_awaited() -> None:
    """Optimizers that look ahead move the weights by themselves before their first step."""
    model = _network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with trainwright.watch(every=1, quiet=True) as doctor:
        for _ in range(12):
            _backward(model)
            with torch.no_grad():
                for p in model.parameters():
                    p.add_(0.01)
            _backward(model)
            optimizer.step()
            optimizer.zero_grad()
    orders = doctor.session.measurements().of(StepOrder)
    assert [(order.optimizer, order.n_steps) for order in orders] == [("SGD", 12)]


def test_a_model_that_the_program_lets_go_is_let_go() -> None:
    with trainwright.watch(every=1, quiet=True):
        model = _network()
        _train(model, _move_then_forget, steps=5)
        gone = weakref.ref(model)
        weight = weakref.ref(next(model.parameters()))
        del model
        gc.collect()
        assert gone() is None
        assert weight() is None


HEAD = """
import torch
from torch import nn
from torch.nn import functional as F
torch.manual_seed(0)
class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.RNNCell(5, 12), nn.Linear(12, 4)
    def forward(self, letters):
        hidden = torch.zeros(letters.size(1), 12)
        for letter in letters:
            hidden = self.cell(letter, hidden)
        return F.log_softmax(self.head(hidden), dim=1)
letters, classes = torch.randn(7, 24, 5), torch.arange(24) % 4
model = Reader()
"""
LOOP = """
print(sum(float(p.detach().sum()) for p in model.parameters()))
for step in range(3):
    model.zero_grad()
    loss = F.nll_loss(model(letters), classes)
    loss.backward()
    for p in model.parameters():
        p.data.add_(STEP)
print("went on")
"""


def _written(folder: Path, step: str) -> Path:
    path = folder / "train.py"
    path.write_text(HEAD + LOOP.replace("STEP", step), encoding="utf-8")
    return path


def test_a_script_is_stopped_at_its_first_step_which_is_taken_back(tmp_path: Path, capsys: object) -> None:
    step = capture(_written(tmp_path, "p.grad, alpha=-0.3"))
    assert isinstance(capsys, pytest.CaptureFixture)
    before, *rest = capsys.readouterr().out.split("\n")
    assert "went on" not in rest
    assert isinstance(step.optimizer, HandWritten)
    assert step.optimizer.param_groups[0]["lr"] == pytest.approx(0.3, rel=1e-4)
    setup = setup_of(step)
    assert sum(float(p.detach().sum()) for p in setup.model.parameters()) == pytest.approx(float(before), abs=1e-5)
    assert (len(setup), setup.loss_name, setup.task) == (24, "nll", "classification")
    root = step.passes[-1].root
    assert root is not None
    assert setup.evaluate(setup.inputs, setup.targets) == pytest.approx(float(root.detach()), rel=1e-5)
    halves = [setup.evaluate(*setup.rows(rows)) for rows in (slice(12), slice(12, 24))]
    assert sum(halves) / 2 == pytest.approx(float(root.detach()), rel=1e-4)
    assert setup.step(*setup.batch(0)) > setup.evaluate(*setup.batch(0))


def test_a_step_that_is_no_gradient_descent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gradient descent written by hand"):
        capture(_written(tmp_path, "torch.randn_like(p), alpha=-0.3"))
