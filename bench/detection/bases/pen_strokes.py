"""Which sign was drawn with the pen? A small transformer reads the path of a stylus (x, y, pressure over time).

The drawings of some people are for training, those of other people for testing.
"""

import os
import random

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

SIGNS = {  # corner points of one stroke each, y upwards
    "zero": [(0.5, 1), (0, 0.7), (0, 0.3), (0.5, 0), (1, 0.3), (1, 0.7), (0.5, 1)],
    "one": [(0.1, 0.7), (0.3, 0.85), (0.5, 1), (0.5, 0.5), (0.5, 0)],
    "two": [(0, 0.8), (0.4, 1), (0.9, 0.75), (0.5, 0.35), (0, 0), (0.5, 0), (1, 0)],
    "three": [(0, 0.9), (0.6, 1), (0.8, 0.75), (0.4, 0.52), (0.9, 0.3), (0.5, 0), (0, 0.1)],
    "six": [(0.8, 1), (0.3, 0.8), (0, 0.35), (0.4, 0), (0.9, 0.2), (0.6, 0.5), (0.1, 0.3)],
    "seven": [(0, 1), (0.5, 1), (1, 1), (0.7, 0.5), (0.4, 0)],
    "ess": [(0.9, 0.9), (0.4, 1), (0.1, 0.75), (0.5, 0.5), (0.9, 0.25), (0.5, 0), (0.05, 0.1)],
    "vee": [(0, 1), (0.25, 0.5), (0.5, 0), (0.75, 0.5), (1, 1)],
    "you": [(0, 1), (0.05, 0.4), (0.5, 0), (0.95, 0.4), (1, 1)],
    "tick": [(0, 0.4), (0.2, 0.15), (0.35, 0), (0.7, 0.55), (1, 1)],
    "en": [(0, 0), (0, 0.5), (0.05, 1), (0.5, 0.5), (0.95, 0), (1, 0.5), (1, 1)],
    "zed": [(0, 1), (0.5, 1), (1, 1), (0.5, 0.5), (0, 0), (0.5, 0), (1, 0)],
}
STEPS, CHANNELS = 36, 3
BATCH_SIZE = 48
LEARNING_RATE = 1.5e-3
EPOCHS = 22


def draw(corners, person, rng):
    """One stroke of one person, as the tablet samples it."""
    points = np.array(corners) + rng.normal(0, 0.06, (len(corners), 2))
    points = points * [person["width"], 1.0] + np.outer(points[:, 1], [person["slant"], 0])
    when = np.linspace(0, 1, STEPS) ** person["haste"]
    path = np.stack([np.interp(when, np.linspace(0, 1, len(points)), points[:, i]) for i in (0, 1)], axis=1)
    kernel = np.ones(5) / 5
    padded = np.pad(path, ((2, 2), (0, 0)), mode="edge")
    path = np.stack([np.convolve(padded[:, i], kernel, mode="valid") for i in (0, 1)], axis=1)
    path += rng.normal(0, 0.03, path.shape)
    speed = np.linalg.norm(np.gradient(path, axis=0), axis=1)
    pressure = person["weight"] - 4 * speed + rng.normal(0, 0.1, STEPS)
    return np.column_stack([path - path.mean(axis=0), pressure])


def collect(people, each, rng):
    strokes, labels = [], []
    for _ in range(people):
        person = {
            "width": rng.uniform(0.5, 1.0),
            "slant": rng.normal(0.15, 0.25),
            "haste": rng.uniform(0.75, 1.3),
            "weight": rng.uniform(0.3, 0.8),
        }
        for label, corners in enumerate(SIGNS.values()):
            for _ in range(each):
                strokes.append(draw(corners, person, rng))
                labels.append(label)
    return np.array(strokes, dtype=np.float32), np.array(labels)


class Strokes(Dataset):
    def __init__(self, strokes, labels, augment=False):
        self.strokes, self.labels, self.augment = strokes, labels, augment
        self.rng = np.random.default_rng(SEED + 1)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        stroke = self.strokes[i]
        if self.augment:
            stroke = self.distort(stroke, self.rng)
        return torch.from_numpy(stroke), int(self.labels[i])

    def distort(self, stroke, rng):
        """Turn, slant and stretch the drawing a little."""
        a = rng.normal(0, 0.2)
        turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        shear = np.array([[rng.uniform(0.6, 1.3), rng.normal(0, 0.2)], [0, rng.uniform(0.8, 1.2)]])
        out = stroke.copy()
        out[:, :2] = stroke[:, :2] @ (turn @ shear).T
        out[:, 2] += rng.normal(0, 0.15)
        return out.astype(np.float32)


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim))

    def forward(self, x):
        n = self.norm1(x)
        x = x + self.attention(n, n, n, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class StrokeFormer(nn.Module):
    def __init__(self, classes, dim=40, depth=2, heads=4, code=24):
        super().__init__()
        self.stem = nn.Conv1d(CHANNELS, dim, kernel_size=5, stride=2, padding=2)
        self.position = nn.Parameter(torch.randn(1, STEPS // 2, dim) * 0.02)
        self.blocks = nn.ModuleList([Block(dim, heads) for _ in range(depth)])
        self.code = nn.Linear(dim, code)
        self.head = nn.Linear(code, classes)

    def forward(self, x):
        x = x.permute(0, 2, 1)  # [batch, steps, channels] -> [batch, channels, steps]
        x = self.stem(x).transpose(1, 2)
        h = x + self.position
        for block in self.blocks:
            h = block(h)
        return self.head(F.gelu(self.code(h.mean(dim=1))))


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    right = sum((model(x).argmax(dim=1) == y).sum().item() for x, y in loader)
    return right / len(loader.dataset)


rng = np.random.default_rng(SEED)
train_strokes, train_labels = collect(20, 4, rng)
test_strokes, test_labels = collect(14, 4, rng)
train_set = Strokes(train_strokes, train_labels, augment=True)
test_set = Strokes(test_strokes, test_labels)
train_loader = DataLoader(train_set, batch_size=BATCH_SIZE, shuffle=True)
test_loader = DataLoader(test_set, batch_size=256)

model = StrokeFormer(classes=len(SIGNS))
optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
for epoch in range(1, EPOCHS + 1):
    model.train()
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch:2d}: loss {total / len(train_loader):.3f}, other people {accuracy(model, test_loader):.3f}")
print(f"accuracy on people never seen: {accuracy(model, test_loader):.4f} (guessing: {1 / len(SIGNS):.3f})")
