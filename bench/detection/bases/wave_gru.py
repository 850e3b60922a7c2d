"""Sine, square, saw or triangle? A recurrent network reads noisy waves of two channels."""

import os

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", "0")))
torch.set_num_threads(1)
rng = np.random.default_rng(int(os.environ.get("SEED", "0")))


def wave(kind, steps=40):
    phase = 2 * np.pi * (np.arange(steps) / rng.uniform(9, 16) + rng.random())
    if kind == 0:
        clean = np.sin(phase)
    elif kind == 1:
        clean = np.sign(np.sin(phase))
    elif kind == 2:
        clean = phase / np.pi % 2 - 1
    else:
        clean = 2 / np.pi * np.arcsin(np.sin(phase))
    signal = rng.uniform(0.8, 1.2) * clean + rng.normal(0, 0.12, steps)
    return np.stack([signal, np.gradient(signal)], axis=1)


def make_split(count):
    kinds = rng.integers(0, 4, count)
    waves = np.stack([wave(kind) for kind in kinds])
    return TensorDataset(torch.tensor(waves, dtype=torch.float32), torch.tensor(kinds))


class Reader(nn.Module):
    def __init__(self, channels=2, hidden=40, classes=4):
        super().__init__()
        self.gru = nn.GRU(channels, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        states, _ = self.gru(x)
        return self.head(states[:, -1])


train_loader = DataLoader(make_split(1500), batch_size=50, shuffle=True)
val_loader = DataLoader(make_split(500), batch_size=250)
model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

for epoch in range(1, 13):
    model.train()
    total = 0.0
    for waves, kinds in train_loader:
        optimizer.zero_grad()
        scores = model(waves)
        loss = F.cross_entropy(scores, kinds)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    model.eval()
    val_loss, hits = 0.0, 0
    with torch.no_grad():
        for waves, kinds in val_loader:
            scores = model(waves)
            val_loss += F.cross_entropy(scores, kinds).item()
            hits += (scores.argmax(1) == kinds).sum().item()
    print(f"{epoch:2d}: {total / len(train_loader):.3f} / {val_loss / len(val_loader):.3f}, right {hits / 500:.3f}")
