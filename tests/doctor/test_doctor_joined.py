"""Steps that call several models, one behind the other, are made again as one call."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from trainwright.core import CannotEvaluate, Severity
from trainwright.doctor.capture import capture
from trainwright.doctor.joined import Models
from trainwright.doctor.optimizers import Optimizers
from trainwright.doctor.preflight import examine
from trainwright.doctor.replay import setup_of
from trainwright.doctor.restore import restored
from trainwright.doctor.setup import Setup

HEAD = """
import torch
from torch import nn
from torch.nn import functional as F
torch.manual_seed(0)
x, y = torch.randn(64, 12), torch.randint(0, 4, (64,))
class Coder(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.mean, self.spread = nn.Linear(12, 16), nn.Linear(16, 3), nn.Linear(16, 3)
        self.decoder = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 12))
        self.scale = nn.Parameter(torch.ones(3))
    def encode(self, inputs):
        hidden = torch.tanh(self.body(inputs))
        return self.mean(hidden), self.spread(hidden)
encoder, decoder = nn.Sequential(nn.Linear(12, 16), nn.Tanh()), nn.Linear(16, 4)
coder = Coder()
both = [*encoder.parameters(), *decoder.parameters()]
"""
TAIL = """
loss.backward()
optimizer.step()
"""


def _setup(folder: Path, body: str) -> tuple[Setup, float]:
    path = folder / "train.py"
    path.write_text(HEAD + body + TAIL, encoding="utf-8")
    step = capture(path)
    root = step.passes[-1].root
    assert root is not None
    return setup_of(step), float(root.detach())


def test_an_encoder_and_a_decoder_are_one_model(tmp_path: Path) -> None:
    body = "optimizer = torch.optim.Adam(both, 1e-2)\nz = encoder(x)\nloss = F.cross_entropy(decoder(z / 2), y)"
    setup, loss = _setup(tmp_path, body)
    assert isinstance(setup.model, Models)
    assert [name for name, _ in setup.model.named_children()] == ["Sequential", "Linear"]
    assert (setup.task, setup.n_outputs, setup.loss_name, len(setup)) == ("classification", 4, "cross_entropy", 64)
    assert setup.evaluate(setup.inputs, setup.targets) == pytest.approx(loss, rel=1e-5)
    halves = [setup.evaluate(*setup.rows(rows)) for rows in (slice(32), slice(32, 64))]
    assert sum(halves) / 2 == pytest.approx(loss, rel=1e-4)
    losses = [setup.step(*setup.batch(0)) for _ in range(30)]
    assert losses[-1] < losses[0]


def test_methods_of_a_model_are_calls_of_it(tmp_path: Path) -> None:
    body = """
optimizer = torch.optim.Adam(coder.parameters(), 1e-2)
mean, spread = coder.encode(x)
made = coder.decoder((mean + torch.exp(spread / 2) * torch.randn_like(mean)) * coder.scale)
loss = F.mse_loss(made, x) - 0.5 * (1 + spread - mean**2 - spread.exp()).mean()
"""
    setup, _ = _setup(tmp_path, body)
    assert type(setup.model).__name__ == "Coder"
    assert setup.forward(setup.inputs).shape == (64, 12)
    losses = [setup.step(*setup.batch(0)) for _ in range(60)]
    assert sum(losses[-10:]) < sum(losses[:10])
    assert setup.model.get_parameter("scale").grad is not None


def test_a_cut_between_two_models_is_seen(tmp_path: Path) -> None:
    body = "optimizer = torch.optim.Adam(both, 1e-2)\nloss = F.cross_entropy(decoder(encoder(x).detach()), y)"
    setup, loss = _setup(tmp_path, body)
    assert isinstance(setup.model, Models)
    assert setup.evaluate(setup.inputs, setup.targets) == pytest.approx(loss, rel=1e-5)
    setup.step(*setup.batch(0))
    assert all(p.grad is None for p in setup.model.get_submodule("Sequential").parameters())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("loss = (encoder(x) - encoder(x + 1)).square().mean()", "compares the outputs of 2 calls of models"),
        (
            "optimizer = torch.optim.Adam(decoder.parameters(), 1e-2)\nloss = F.cross_entropy(decoder(encoder(x)), y)",
            "Sequential, one of the models of this step .* is not this optimizer's",
        ),
        (
            "z = x\nfor _ in range(20):\n    z = torch.cat((encoder(z)[:, :11], z[:, :1]), 1)\nloss = z.mean()",
            "rests on 20 calls of models",
        ),
        ("both[0]\nencoder(x).sum().backward()\nloss = both[0].sum()", "not made by a call of a model"),
    ],
)
def test_what_is_no_chain_of_one_training_is_refused(tmp_path: Path, body: str, reason: str) -> None:
    with pytest.raises(CannotEvaluate, match=reason):
        _setup(tmp_path, f"optimizer = torch.optim.Adam(both, 1e-2)\n{body}")


def test_the_checks_judge_a_chain(tmp_path: Path) -> None:
    """A healthy chain is not blamed, and all trials leave its weights alone."""
    body = "optimizer = torch.optim.Adam(both, 1e-2)\nloss = F.cross_entropy(decoder(encoder(x)), y)"
    setup, _ = _setup(tmp_path, body)
    before = [p.detach().clone() for p in setup.model.parameters()]
    report = examine(setup)
    assert [f.code for f in report.findings if f.severity is not Severity.ADVICE] == []
    assert all(torch.equal(p, old) for p, old in zip(setup.model.parameters(), before, strict=True))


def test_two_optimizers_of_one_model_step_together(tmp_path: Path) -> None:
    body = """
whole = nn.Sequential(encoder, decoder)
first = torch.optim.Adam(decoder.parameters(), 1e-2)
optimizer = torch.optim.SGD(encoder.parameters(), 0.5, momentum=0.9)
loss = F.cross_entropy(whole(x), y)
"""
    setup, _ = _setup(tmp_path, body)
    assert isinstance(setup.optimizer, Optimizers)
    assert [type(each).__name__ for each in setup.optimizer.optimizers] == ["SGD", "Adam"]
    before = [p.detach().clone() for p in setup.model.parameters()]
    with restored(setup.model, setup.optimizer):
        losses = [setup.step(*setup.batch(0)) for _ in range(30)]
        assert losses[-1] < losses[0]
        assert not any(torch.equal(p, old) for p, old in zip(setup.model.parameters(), before, strict=True))
        assert setup.optimizer.state
    assert all(torch.equal(p, old) for p, old in zip(setup.model.parameters(), before, strict=True))
    assert not setup.optimizer.state
    report = examine(setup)
    assert [f.code for f in report.findings if f.severity is not Severity.ADVICE] == []


APART = """
first = torch.optim.SGD(encoder.parameters(), 0.5, momentum=0.9)
second = torch.optim.Adam(decoder.parameters(), 1e-2)
loss = F.cross_entropy(decoder(encoder(x)), y)
loss.backward()
first.step()
"""


def test_models_with_an_optimizer_each_step_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "train.py"
    path.write_text(HEAD + APART + "print('between')\nsecond.step()\nprint('behind')\n", encoding="utf-8")
    step = capture(path)
    said = capsys.readouterr().out
    assert "between" in said
    assert "behind" not in said
    assert (type(step.optimizer).__name__, [type(each).__name__ for each in step.partners]) == ("SGD", ["Adam"])
    root = step.passes[-1].root
    assert root is not None
    setup = setup_of(step)
    assert isinstance(setup.model, Models)
    assert all(p.grad is not None for p in setup.model.parameters())
    assert not setup.optimizer.state
    # Neither of the script's own steps has moved anything.
    assert setup.evaluate(setup.inputs, setup.targets) == pytest.approx(float(root.detach()), rel=1e-5)
    before = [p.detach().clone() for p in setup.model.parameters()]
    report = examine(setup)
    assert [f.code for f in report.findings if f.severity is not Severity.ADVICE] == []
    assert all(torch.equal(p, old) for p, old in zip(setup.model.parameters(), before, strict=True))


@pytest.mark.parametrize(
    "behind",
    [
        "loss = F.cross_entropy(decoder(encoder(x).detach()), y)\nloss.backward()\nsecond.step()\n",
        "torch.ones(1, requires_grad=True).sum().backward()\nsecond.step()\n",
        "",
    ],
)
def test_an_optimizer_that_steps_later_is_another_one(tmp_path: Path, behind: str) -> None:
    """As a generator's step, whose gradients reach the discriminator as well."""
    path = tmp_path / "train.py"
    path.write_text(HEAD + APART + behind + "print('behind')\n", encoding="utf-8")
    step = capture(path)
    assert step.partners == ()
    with pytest.raises(CannotEvaluate, match="is not this optimizer's"):
        setup_of(step)
