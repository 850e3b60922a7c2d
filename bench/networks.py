"""Networks and data on which the cost of watching is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

TEXT = Path(__file__).parents[1] / "examples" / "sonnets.txt"


@dataclass(frozen=True)
class Work:
    """A network, its data and how many steps are timed; ``inputs`` and ``targets`` have one row for each sample."""

    name: str
    build: Callable[[], nn.Module]
    inputs: Tensor
    targets: Tensor
    batch: int
    steps: int


class Residual(nn.Module):
    """Two convolutions around which the input is led."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.relu(inputs + self.body(inputs))


class CharLSTM(nn.Module):
    """The next character from those before it."""

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.embedding, self.lstm = nn.Embedding(characters, 64), nn.LSTM(64, 128, batch_first=True)
        self.head = nn.Linear(128, characters)

    def forward(self, characters: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.lstm(self.embedding(characters))[0])
        return outputs.transpose(1, 2)


class CharTransformer(nn.Module):
    """The same with causal attention."""

    def __init__(self, characters: int, length: int) -> None:
        super().__init__()
        self.embedding, self.places = nn.Embedding(characters, 128), nn.Embedding(length, 128)
        layer = nn.TransformerEncoderLayer(128, 4, 512, dropout=0.1, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
        self.head = nn.Linear(128, characters)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(length))

    def forward(self, characters: Tensor) -> Tensor:
        hidden = self.embedding(characters) + self.places.weight
        outputs: Tensor = self.head(self.layers(hidden, mask=self.mask, is_causal=True))
        return outputs.transpose(1, 2)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 64, 10),
    )  # fmt: skip


def residual_cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        *(Residual(16) for _ in range(3)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 10),
    )


def works() -> dict[str, Work]:
    """Step times aimed at: 0.5, 5, 50 ms and two in between."""
    digits = load_digits()
    images = torch.tensor(digits.images[:, None] / 16, dtype=torch.float32).repeat_interleave(2, 2)
    images, labels = images.repeat_interleave(2, 3), torch.tensor(digits.target)
    text = TEXT.read_text(encoding="utf-8")
    characters = sorted(set(text))
    codes = torch.tensor([characters.index(c) for c in text])
    short, long = codes.unfold(0, 33, 8), codes.unfold(0, 65, 8)
    found = [
        Work("MLP", mlp, images, labels, 32, 4000),
        Work("CNN", cnn, images, labels, 48, 800),
        Work("residual CNN", residual_cnn, images, labels, 32, 250),
        Work("LSTM", lambda: CharLSTM(len(characters)), short[:, :-1], short[:, 1:], 32, 1000),
        Work("transformer", lambda: CharTransformer(len(characters), 64), long[:, :-1], long[:, 1:], 12, 120),
    ]
    return {work.name: work for work in found}
