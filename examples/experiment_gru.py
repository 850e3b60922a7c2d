"""Which shape has a noisy wave? A GRU of one's own, taken through the recipe.

Run:  trainwright run examples/experiment_gru.py
"""

import numpy as np
import torch
from torch import nn

from trainwright import Experiment

SHAPES = ("sine", "square", "sawtooth", "chirp")


def make_waves(n: int = 1200, steps: int = 32, noise: float = 0.3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Waves [n, steps, 1] of random frequency, phase and height, and the number of each one's shape [n]."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(len(SHAPES), size=n)
    time = np.linspace(0, 1, steps)
    cycles = rng.uniform(2, 4, size=(n, 1)) * time + rng.uniform(size=(n, 1))
    waves = np.select(
        [shape[:, None] == k for k in range(len(SHAPES))],
        [
            np.sin(2 * np.pi * cycles),
            np.sign(np.sin(2 * np.pi * cycles)),
            2 * (cycles % 1) - 1,
            np.sin(2 * np.pi * cycles * (0.4 + time)),
        ],
    )
    waves = rng.uniform(0.7, 1.3, size=(n, 1)) * waves + noise * rng.normal(size=(n, steps))
    return waves[:, :, None].astype(np.float32), shape


class WaveNet(nn.Module):
    """Reads a wave step by step and names its shape from the last state."""

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, len(SHAPES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, last = self.gru(x)
        return self.head(last[0])


def experiment() -> Experiment:
    return Experiment(
        data=make_waves(),
        model=WaveNet,
        capacity="hidden",
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=3e-3),
        name="waves",
        epochs=20,
        batch_size=32,
    )
