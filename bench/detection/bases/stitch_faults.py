"""
What goes wrong at the sewing machine?

Four sensors (thread tension, needle force, motor current, presser foot height) are recorded over four stitches,
20 readings a stitch. A small temporal convolutional network names the fault.
"""

import os
import random

import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

COUNTS = {"good": 420, "skipped": 420, "break": 420, "bent needle": 420, "bird nest": 420, "thick seam": 420}
KINDS = list(COUNTS)
PER_STITCH, STITCHES = 20, 4
LENGTH = PER_STITCH * STITCHES
batch_size = 32
n_epochs = 7
learning_rate = 2e-3


def bump(t, centre, width):
    """A peak in every stitch; t counts stitches."""
    away = (t - centre + 0.5) % 1.0 - 0.5
    return np.exp(-0.5 * (away / width) ** 2)


def record(kind, rng):
    t = np.arange(LENGTH) / PER_STITCH * rng.uniform(0.93, 1.07) + rng.uniform(0, 1)
    at = rng.integers(0, STITCHES - 1) + rng.uniform(0, 0.6)
    now = (np.arange(LENGTH) / PER_STITCH >= at) & (np.arange(LENGTH) / PER_STITCH < at + 1)
    since = np.clip(np.arange(LENGTH) / PER_STITCH - at, 0, None)
    tension = rng.uniform(0.8, 1.3) * bump(t, 0.55, 0.08) + 0.3 * bump(t, 0.2, 0.1) + rng.uniform(0.1, 0.3)
    force = rng.uniform(0.7, 1.4) * bump(t, 0.3, 0.06)
    current = 0.8 * force + 0.3 * np.sin(2 * np.pi * t) + rng.uniform(0.6, 1.2)
    foot = 0.4 * bump(t, 0.85, 0.12) + rng.uniform(0.2, 0.4)
    if kind == "skipped":
        tension = np.where(now, tension * rng.uniform(0.2, 0.6), tension)
    elif kind == "break":
        tension = tension * np.exp(-since * rng.uniform(0.7, 2.5))
    elif kind == "bent needle":
        force = force + rng.uniform(0.15, 0.5) * bump(t, 0.3 + rng.uniform(0.10, 0.17), 0.04)
    elif kind == "bird nest":
        slope = rng.uniform(0.15, 0.35)
        foot, tension = foot + slope * since, tension * (1 + 0.5 * slope * since)
    elif kind == "thick seam":
        extra = rng.uniform(0.3, 0.7)
        force, current, foot = force * (1 + now * extra), current * (1 + now * 0.5 * extra), foot + now * 0.5 * extra
    signals = np.stack([tension, force, current, foot], axis=1)
    noise = rng.normal(0, 1, signals.shape)
    noise[1:] += 0.5 * noise[:-1]
    return signals + noise * np.array([0.10, 0.09, 0.10, 0.07])


def split(labels, share, rng):
    first, second = [], []
    for k in range(len(KINDS)):
        rows = rng.permutation(np.flatnonzero(labels == k))
        cut = int(share * len(rows))
        first.append(rows[:cut])
        second.append(rows[cut:])
    return np.concatenate(first), np.concatenate(second)


class GatedBlock(nn.Module):
    """x + BN(conv(tanh * sigmoid)), the convolution dilated."""

    def __init__(self, channels, dilation):
        super().__init__()
        self.conv = nn.Conv1d(channels, 2 * channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.bn = nn.BatchNorm1d(2 * channels)
        self.mix = nn.Conv1d(channels, channels, 1)

    def forward(self, x):
        a, b = self.bn(self.conv(x)).chunk(2, dim=1)
        return x + self.mix(torch.tanh(a) * torch.sigmoid(b))


class StitchNet(nn.Module):
    def __init__(self, channels=16, dilations=(1, 2, 4, 8)):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(4, channels, 5, padding=2, bias=False), nn.BatchNorm1d(channels), nn.ReLU())
        self.blocks = nn.ModuleList(GatedBlock(channels, d) for d in dilations)
        self.score = nn.Conv1d(channels, 1, 1)
        self.norm = nn.BatchNorm1d(channels)
        self.classifier = nn.Linear(channels, len(KINDS))

    def forward(self, x):
        h = self.stem(x.transpose(1, 2))
        for block in self.blocks:
            h = block(h)
        h = torch.relu(self.norm(h))
        weight = torch.softmax(self.score(h), dim=-1)  # which moments count
        pooled = (weight * h).sum(dim=-1)
        logits = self.classifier(pooled)
        return logits


rng = np.random.default_rng(SEED)
X = np.stack([record(kind, rng) for kind in KINDS for _ in range(COUNTS[kind])])
y = np.repeat(np.arange(len(KINDS)), list(COUNTS.values()))
train_idx, test_idx = split(y, 0.75, rng)
mean, std = X[train_idx].mean(axis=(0, 1)), X[train_idx].std(axis=(0, 1))
X = torch.tensor((X - mean) / std, dtype=torch.float32)
y = torch.tensor(y)

train_set = TensorDataset(X[train_idx], y[train_idx])
test_set = TensorDataset(X[test_idx], y[test_idx])
train_loader = DataLoader(train_set, batch_size=batch_size, shuffle=True)
test_loader = DataLoader(test_set, batch_size=128)

model = StitchNet()
criterion = nn.CrossEntropyLoss()
optimizer = optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=1e-3)

for epoch in range(n_epochs):
    model.train()
    total = 0.0
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(inputs)

    model.eval()
    test_loss, guesses = 0.0, []
    with torch.no_grad():
        for inputs, targets in test_loader:
            outputs = model(inputs)
            test_loss += nn.functional.cross_entropy(outputs, targets, reduction="sum").item()
            guesses.append(outputs.argmax(dim=1))
    right = torch.cat(guesses) == y[test_idx]
    recalls = [right[y[test_idx] == k].float().mean().item() for k in range(len(KINDS))]
    print(
        f"epoch {epoch + 1}: train loss {total / len(train_set):.4f}, test loss {test_loss / len(test_set):.4f}, "
        f"accuracy {right.float().mean().item():.3f}"
    )

print("recall: " + ", ".join(f"{kind} {recall:.2f}" for kind, recall in zip(KINDS, recalls, strict=True)))
print(f"mean recall {np.mean(recalls):.3f} (by chance {1 / len(KINDS):.3f})")
