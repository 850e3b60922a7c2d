"""
Fault of a rotating machine from the orbit of its shaft.

Two proximity probes, 90 degrees apart, look at the shaft of a turbine. What they see together (the orbit) tells
what is wrong with the machine: which multiples of the running speed are there, and whether the shaft
whirls with the rotation (forward) or against it (backward).

Every machine was recorded once, for some seconds. We train on random windows of the recordings of some machines
and test on fixed windows of others.
"""

import os
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

FS = 400  # samples per second
SECONDS = 4
WINDOW = 128
MACHINES_TRAIN, MACHINES_TEST = 120, 90
WINDOWS_PER_EPOCH = 640
EPOCHS = 20
BATCH_SIZE = 32
LEARNING_RATE = 2e-3

# order of the running speed -> (forward, backward) amplitude, typical
FAULTS = {
    "unbalance": {1.0: (1.0, 0.25), 2.0: (0.12, 0.08)},
    "misalignment": {1.0: (0.6, 0.35), 2.0: (0.6, 0.35), 3.0: (0.15, 0.1)},
    "oil whirl": {0.45: (0.7, 0.12), 1.0: (0.6, 0.15)},
    "rub": {1.0: (0.3, 0.9), 2.0: (0.12, 0.15), 3.0: (0.05, 0.1)},
    "dry whip": {0.45: (0.1, 0.7), 1.0: (0.6, 0.2)},
    "looseness": {0.5: (0.35, 0.35), 1.0: (0.6, 0.3), 1.5: (0.25, 0.25)},
}
NAMES = list(FAULTS)


def record(fault):
    """One recording, [time, 2], in units of a typical vibration."""
    t = np.arange(FS * SECONDS) / FS
    speed = np.random.uniform(22, 38)
    speed = speed * (1 + 0.01 * np.sin(2 * np.pi * np.random.uniform(0.1, 0.5) * t))
    turn = 2 * np.pi * np.cumsum(speed) / FS
    z = np.zeros(len(t), dtype=complex)
    for order, amplitudes in FAULTS[fault].items():
        if order == 0.45:
            order = np.random.uniform(0.41, 0.48)
        for amplitude, way in zip(amplitudes, (1, -1), strict=True):
            amplitude = amplitude * np.random.lognormal(0, 0.3)
            z += amplitude * np.exp(1j * way * (order * turn + np.random.uniform(0, 2 * np.pi)))
    z *= np.random.lognormal(0, 0.3)
    noise = np.random.uniform(0.2, 0.45)
    xy = np.stack([z.real, z.imag * np.random.uniform(0.8, 1.25)], axis=1)
    return (xy + noise * np.random.randn(*xy.shape)).astype(np.float32)


class RandomWindows(Dataset):
    def __init__(self, recordings, labels, length):
        self.recordings, self.labels, self.length = recordings, labels, length
        self.rng = np.random.default_rng(SEED)

    def __len__(self):
        return self.length

    def __getitem__(self, _):
        machine = self.rng.integers(len(self.recordings))
        start = self.rng.integers(FS * SECONDS - WINDOW)
        window = self.recordings[machine][start : start + WINDOW]
        # probes are mounted at any angle, with any gain
        a = self.rng.uniform(0, 2 * np.pi)
        turned = window @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]], dtype=np.float32)
        window = turned * np.float32(self.rng.uniform(0.8, 1.25))
        return torch.from_numpy(window.T.copy()), self.labels[machine]


class Block(nn.Module):
    def __init__(self, width, dilation):
        super().__init__()
        self.first = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv1d(width, width, 1)

    def forward(self, x):
        return x + self.second(F.relu(self.first(F.relu(x))))


class OrbitNet(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.stem = nn.Conv1d(2, width, 5, padding=2)
        self.blocks = nn.ModuleList([Block(width, d) for d in (1, 2, 4, 8)])
        self.hidden = nn.Linear(width, 64)
        self.out = nn.Linear(64, len(NAMES))

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        x = F.relu(x).mean(dim=2)
        x = F.relu(self.hidden(x))
        return self.out(x)


labels_train = [i % len(NAMES) for i in range(MACHINES_TRAIN)]
labels_test = [i % len(NAMES) for i in range(MACHINES_TEST)]
train_recordings = [record(NAMES[k]) for k in labels_train]
test_recordings = [record(NAMES[k]) for k in labels_test]

starts = range(0, FS * SECONDS - WINDOW, 2 * WINDOW)
test_x = torch.stack([torch.from_numpy(r[s : s + WINDOW].T.copy()) for r in test_recordings for s in starts])
test_y = torch.tensor([k for k in labels_test for _ in starts])

train_set = RandomWindows(train_recordings, labels_train, WINDOWS_PER_EPOCH)
train_loader = DataLoader(train_set, batch_size=BATCH_SIZE, num_workers=0)
test_loader = DataLoader(TensorDataset(test_x, test_y), batch_size=128)

model = OrbitNet()
optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)
criterion = nn.CrossEntropyLoss()

for epoch in range(1, EPOCHS + 1):
    model.train()
    seen = hits = total = 0
    for x, y in train_loader:
        optimizer.zero_grad()
        output = model(x)
        loss = criterion(output, y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y)
        hits += (output.argmax(1) == y).sum().item()
        seen += len(y)
    scheduler.step()

    model.eval()
    right = test_loss = 0
    with torch.no_grad():
        for x, y in test_loader:
            output = model(x)
            test_loss += criterion(output, y).item() * len(y)
            right += (output.argmax(1) == y).sum().item()
    print(
        f"epoch {epoch:2d}: train loss {total / seen:.3f} acc {hits / seen:.3f} | "
        f"test loss {test_loss / len(test_y):.3f} acc {right / len(test_y):.3f}"
    )
