"""Checks of structure and start on networks that look ill and are not, and on ill ones beside them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from trainwright.core import Measurement, Severity, discover, judge
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials import TRIALS, run_trials
from trainwright.measures.signal import NonFinite
from trainwright.measures.trials import OverfitTrial

torch.set_num_threads(1)

CODES = [*range(306, 315), *range(323, 342)]
CHECKS = [check for check in discover() if check.code in {f"TW{code}" for code in CODES}]
DIGITS = load_digits()


class Net(nn.Module):
    """A function of the model and its input, and the modules it uses."""

    def __init__(self, function: Callable[[Any, Any], Any], **modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x: Any) -> Any:
        return self.function(self, x)


def setup_of(model: nn.Module, shape: tuple[int, ...] = (64,), batch_size: int = 32) -> Setup:
    inputs = ((DIGITS.data[:256] - 4.9) / 6.0).astype(np.float32).reshape(-1, *shape)
    return Setup(
        model=model,
        loss=nn.CrossEntropyLoss(),
        optimizer=torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3),
        inputs=torch.from_numpy(inputs),
        targets=torch.from_numpy(DIGITS.target[:256].astype(np.int64)),
        task="classification",
        n_outputs=10,
        batch_size=batch_size,
    )


def findings(setup: Setup, least: Severity, *without: type[Measurement]) -> list[str]:
    verdict = judge(CHECKS, run_trials(setup, set(TRIALS) - {NonFinite, *without}))
    return [f"{finding.code}: {finding.happened}" for finding in verdict.at_least(least)]


class Experts(nn.Module):
    """The best of eight experts answers; the others are idle."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(64, 8)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10)) for _ in range(8))

    def forward(self, x: Any) -> Any:
        weight, chosen = self.gate(x).softmax(-1).max(-1)
        outputs = x.new_zeros(len(x), 10)
        for number, expert in enumerate(self.experts):
            rows = (chosen == number).nonzero().flatten()
            if len(rows):
                outputs = outputs.index_add(0, rows, expert(x[rows]) * weight[rows, None])
        return outputs


class Residual(nn.Module):
    """Two convolutions around which there is a way; the last scale starts at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        nn.init.zeros_(self.inner[-1].weight)  # type: ignore[arg-type]

    def forward(self, x: Any) -> Any:
        return functional.relu(x + self.inner(x))


class Standardised(nn.Conv2d):
    """A convolution by its standardised weights."""

    def forward(self, x: Any) -> Any:
        weight = self.weight
        mean, spread = weight.mean((1, 2, 3), keepdim=True), weight.std((1, 2, 3), keepdim=True)
        return functional.conv2d(x, (weight - mean) / (spread + 1e-5), self.bias)


def residual_cnn() -> nn.Module:
    start = [nn.Conv2d(1, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU()]
    return nn.Sequential(*start, Residual(12), Residual(12), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 10))


def standardised_cnn() -> nn.Module:
    layers = [Standardised(1, 12, 3), nn.GroupNorm(4, 12), nn.ReLU(), Standardised(12, 12, 3), nn.GroupNorm(4, 12)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Flatten(), nn.Linear(12 * 16, 10))


def transformer() -> nn.Module:
    def layer() -> nn.Module:
        return nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, activation="gelu", batch_first=True, norm_first=True)

    body = nn.Sequential(nn.Linear(8, 32), *[layer() for _ in range(4)], nn.LayerNorm(32))
    return Net(lambda m, x: m.head(m.body(x).mean(1)), body=body, head=nn.Linear(32, 10))


def low_rank() -> nn.Module:
    up = nn.Linear(2, 10, bias=False)
    nn.init.zeros_(up.weight)
    base = nn.Linear(64, 10).requires_grad_(False)
    return Net(lambda m, x: m.base(x) + m.up(m.down(x)), base=base, down=nn.Linear(64, 2, bias=False), up=up)


def half_precision() -> nn.Module:
    def forward(m: Any, x: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            return m.body(x)

    return Net(forward, body=nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)))


def sampling() -> nn.Module:
    def forward(m: Any, x: Any) -> Any:
        mean, spread = m.inner(x).chunk(2, 1)
        return m.head(mean + torch.randn_like(mean) * spread.exp() if m.training else mean)

    return Net(forward, inner=nn.Linear(64, 32), head=nn.Linear(16, 10))


def sparse() -> nn.Module:
    return Net(lambda m, x: m.b((m.a(x) - 1.2).relu()), a=nn.Linear(64, 1024), b=nn.Linear(1024, 10))


def recurrent() -> nn.Module:
    rnn = nn.LSTM(8, 32, num_layers=2, bidirectional=True, batch_first=True)
    return Net(lambda m, x: m.head(m.rnn(x)[0].mean(1)), rnn=rnn, head=nn.Linear(64, 10))


@pytest.mark.parametrize(
    ("make", "shape", "batch_size"),
    [
        (Experts, (64,), 32),
        (residual_cnn, (1, 8, 8), 32),
        (residual_cnn, (1, 8, 8), 4),
        (standardised_cnn, (1, 8, 8), 32),
        (transformer, (8, 8), 32),
        (low_rank, (64,), 32),
        (half_precision, (64,), 32),
        (sampling, (64,), 32),
        (sparse, (64,), 32),
        (recurrent, (8, 8), 32),
    ],
)
def test_networks_that_look_ill_and_are_not_are_passed(make: Any, shape: Any, batch_size: Any) -> None:
    torch.manual_seed(0)
    assert findings(setup_of(make(), shape, batch_size), Severity.ADVICE, OverfitTrial) == []


def test_a_scrambled_image_is_named() -> None:
    torch.manual_seed(0)
    pixels_last = nn.Sequential(nn.Conv2d(2, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 6 * 2, 10))
    scrambled = Net(lambda m, x: m.body(x.reshape(len(x), 2, 8, 4)), body=pixels_last)
    (found,) = findings(setup_of(scrambled, (8, 4, 2)), Severity.ADVICE, OverfitTrial)
    assert found.startswith("TW327: At body")


def test_a_dead_layer_beside_a_way_around_is_a_warning() -> None:
    torch.manual_seed(0)
    dead = nn.Linear(64, 32)
    with torch.no_grad():
        dead.bias.fill_(-100)
    side = nn.Sequential(dead, nn.ReLU(), nn.Linear(32, 10))
    model = Net(lambda m, x: m.main(x) + m.side(x), main=nn.Linear(64, 10), side=side)
    assert [f[:5] for f in findings(setup_of(model), Severity.WARNING)] == ["TW313"]
    assert findings(setup_of(model), Severity.ERROR) == []


@pytest.mark.parametrize(("n_samples", "severity"), [(40, Severity.WARNING), (160, Severity.ERROR)])
def test_a_layer_that_few_samples_leave_dead_may_be_woken_by_others(n_samples: int, severity: Severity) -> None:
    torch.manual_seed(0)
    dead = nn.Linear(64, 32)
    with torch.no_grad():
        dead.bias.fill_(-100)
    setup = setup_of(nn.Sequential(dead, nn.ReLU(), nn.Linear(32, 10)))
    setup.inputs, setup.targets = setup.inputs[:n_samples], setup.targets[:n_samples]
    verdict = judge(CHECKS, run_trials(setup, set(TRIALS) - {NonFinite}))
    assert [f.severity for f in verdict.findings if f.code == "TW313"] == [severity]
