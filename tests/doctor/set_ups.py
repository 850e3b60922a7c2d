"""Set-ups of many kinds, small enough for every trial: what people pass to ``check``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from sklearn.datasets import load_diabetes, load_digits
from torch import nn
from torch.nn import functional

Made = dict[str, Any]
"""Arguments of ``make_setup`` and ``check``."""

_DIGITS, _DIABETES = load_digits(), load_diabetes()
PIXELS = torch.tensor(_DIGITS.data[:128] / 16.0, dtype=torch.float32)
LABELS = torch.tensor(_DIGITS.target[:128], dtype=torch.int64)
PATIENTS = torch.tensor(_DIABETES.data[:128] / _DIABETES.data.std(0), dtype=torch.float32)
PROGRESSION = torch.tensor((_DIABETES.target[:128] - 152) / 77, dtype=torch.float32)
TEXT = (
    "the quick brown fox jumps over the lazy dog while five boxing wizards jump quickly and a mad boxer shot a quick "
    "gloved jab to the jaw of his dizzy opponent before two driven jocks help fax my big quiz to every sphinx of black "
    "quartz that judges my vow and pack my box with five dozen liquor jugs so that we promptly judged antique ivory"
)
_LETTERS = {letter: number for number, letter in enumerate(sorted(set(TEXT)))}
TOKENS = torch.tensor([[_LETTERS[c] for c in TEXT[i : i + 13]] for i in range(0, 288, 9)])
N_TOKENS = len(_LETTERS)


class Recurrent(nn.Module):
    """An LSTM language model."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(N_TOKENS, 24)
        self.cell = nn.LSTM(24, 48, batch_first=True)
        self.head = nn.Linear(48, N_TOKENS)

    def forward(self, tokens: Any) -> Any:
        return self.head(self.cell(self.table(tokens))[0])


class Flat(Recurrent):
    """Returns the logits of all positions below each other, and the hidden state."""

    def forward(self, tokens: Any) -> Any:
        outputs, state = self.cell(self.table(tokens))
        return self.head(outputs.reshape(-1, 48)), state


class Causal(nn.Module):
    """A small transformer that returns its logits, and its own loss when it is given targets."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.places = nn.Embedding(N_TOKENS, 32), nn.Embedding(12, 32)
        self.block = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True, norm_first=True)
        self.head = nn.Linear(32, N_TOKENS)

    def forward(self, tokens: Any, targets: Any = None) -> Any:
        length = tokens.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        hidden = self.block(self.table(tokens) + self.places(torch.arange(length)), src_mask=mask, is_causal=True)
        if targets is None:
            return self.head(hidden[:, -1:]), None
        logits = self.head(hidden)
        return logits, functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


class UNet(nn.Module):
    """Labels every pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.deep = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())
        self.out = nn.Conv2d(24, 2, 3, padding=1)

    def forward(self, x: Any) -> Any:
        fine = self.down(x)
        coarse = functional.interpolate(self.deep(functional.max_pool2d(fine, 2)), scale_factor=2)
        return self.out(torch.cat([fine, coarse], 1))


class Variational(nn.Module):
    """Returns (reconstruction, mu, logvar)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(64, 8), nn.Linear(4, 64)

    def forward(self, x: Any) -> Any:
        mu, logvar = self.encoder(x).chunk(2, 1)
        return self.decoder(mu + torch.randn_like(mu) * (logvar / 2).exp()), mu, logvar


def variational_loss(outputs: Any, target: Any) -> Any:
    reconstruction, mu, logvar = outputs
    divergence = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(1).mean()
    return functional.mse_loss(reconstruction, target) * 64 + divergence


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.head = nn.Linear(32, 32), nn.Linear(32, 32), nn.Linear(32, 10)

    def forward(self, left: Any, right: Any) -> Any:
        return self.head(torch.relu(self.left(left) + self.right(right)))


class Stateful(nn.Module):
    """Keeps what it saw last in attributes that are registered nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Linear(64, 10)]  # a plain list
        self.head, self.seen, self.log = nn.Linear(10, 10), torch.zeros(10), {"calls": 0}

    def forward(self, x: Any) -> Any:
        hidden = self.layers[0](x)
        self.seen = self.seen * 0.9 + hidden.detach().mean(0)
        self.log["calls"] += 1
        return self.head(hidden)


@dataclasses.dataclass
class Sample:
    pixels: torch.Tensor
    label: torch.Tensor
    name: str = "digits"


class TakesSample(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, sample: Any) -> Any:
        return self.net(sample.pixels)


def _made(model: nn.Module, loss: Any, batch: Any, **more: Any) -> Made:
    return {"model": model, "loss": loss, "batch": batch, "optimizer": _adam(model), **more}


def _adam(model: nn.Module) -> Any:
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(inplace=True), nn.Dropout(0.2), nn.Linear(32, 10))


def tokens_loss(outputs: Any, targets: Any) -> Any:
    return functional.cross_entropy(outputs.reshape(-1, N_TOKENS), targets.reshape(-1))


def _step() -> Made:
    model = mlp()
    optimizer = _adam(model)

    def step(batch: Any) -> Any:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(batch[0]), batch[1])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss

    return {"model": model, "batch": (PIXELS, LABELS), "optimizer": optimizer, "step": step}


_PAIR = (PIXELS[:, :32], PIXELS[:, 32:])
_SEQUENCES = (TOKENS[:, :-1], TOKENS[:, 1:])
_BRIGHT = ((PIXELS.reshape(-1, 1, 8, 8) > 0.5).long()[:, 0], PIXELS.reshape(-1, 1, 8, 8))

ZOO: dict[str, Callable[[], Made]] = {
    "classes": lambda: _made(mlp(), nn.CrossEntropyLoss(), (PIXELS, LABELS)),
    "values": lambda: _made(nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 1), nn.Flatten(0)), nn.MSELoss(),
                            (PATIENTS, PROGRESSION)),
    "yes or no": lambda: _made(nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 1), nn.Flatten(0)),
                               nn.BCEWithLogitsLoss(), (PIXELS, (LABELS > 4).float())),
    "reconstruction": lambda: _made(nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 64)), nn.MSELoss(),
                                    PIXELS),
    "sequences": lambda: _made(Recurrent(), tokens_loss, _SEQUENCES),
    "flat sequences": lambda: _made(Flat(), lambda outputs, targets: tokens_loss(outputs[0], targets), _SEQUENCES),
    "own loss": lambda: _made(Causal(), None, _SEQUENCES),
    "pixels": lambda: _made(UNet(), nn.CrossEntropyLoss(), _BRIGHT[::-1]),
    "variational": lambda: _made(Variational(), variational_loss, PIXELS),
    "two inputs": lambda: _made(TwoInputs(), nn.CrossEntropyLoss(), (_PAIR, LABELS)),
    "three parts": lambda: _made(TwoInputs(), nn.CrossEntropyLoss(), (*_PAIR, LABELS)),
    "dictionary": lambda: _made(TwoInputs(), nn.CrossEntropyLoss(),
                                {"left": _PAIR[0], "right": _PAIR[1], "label": LABELS, "row": torch.arange(128)}),
    "data class": lambda: _made(TakesSample(), nn.CrossEntropyLoss(), Sample(PIXELS, LABELS)),
    "lazy": lambda: _made(nn.Sequential(nn.LazyLinear(24), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(10)),
                          functional.cross_entropy, (PIXELS, LABELS)),
    "stateful": lambda: _made(Stateful(), functional.cross_entropy, (PIXELS, LABELS)),
    "own step": _step,
}  # fmt: skip
"""By name, what makes a sound set-up; seed torch before."""
