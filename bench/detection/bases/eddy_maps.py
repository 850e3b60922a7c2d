"""What is in this piece of sea? Classify 24 x 24 maps of sea-level anomaly (altimetry) by the structure in them."""

import copy
import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

SEED = int(os.environ.get("SEED", "0"))
KINDS = ["cyclonic eddy", "anticyclonic eddy", "dipole", "meander", "calm"]
SIDE = 24
TRAIN, VAL, TEST = 1280, 400, 400
BATCH = 32
EPOCHS = 6
RATE = 3e-3


def smooth_field(rng, cutoff):
    """A random field of unit variance without structures shorter than 1 / cutoff."""
    freq = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None])
    spectrum = np.fft.fft2(rng.standard_normal((SIDE, SIDE))) * np.exp(-((freq / cutoff) ** 2))
    field = np.fft.ifft2(spectrum).real
    return (field - field.mean()) / field.std()


def eddy(rng, sign, x, y):
    cx, cy = rng.uniform(7, SIDE - 8, 2)
    a, b, turn = rng.uniform(2.5, 4.5), rng.uniform(2.5, 4.5), rng.uniform(0, np.pi)
    u = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
    v = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
    return sign * np.exp(-0.5 * (u / a) ** 2 - 0.5 * (v / b) ** 2)


def make_map(kind, mission, rng):
    """One map in centimetres: structure, slow background, instrument noise, gaps between the ground tracks."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    height = rng.uniform(11, 24)
    if kind == 0:
        field = height * eddy(rng, -1, x, y)
    elif kind == 1:
        field = height * eddy(rng, 1, x, y)
    elif kind == 2:
        angle, gap = rng.uniform(0, 2 * np.pi), rng.uniform(3.0, 4.5)
        cx, cy = rng.uniform(9, SIDE - 10, 2)
        dx, dy = gap * np.cos(angle), gap * np.sin(angle)
        width = rng.uniform(2.2, 3.2)
        field = np.exp(-((x - cx - dx) ** 2 + (y - cy - dy) ** 2) / (2 * width**2))
        field = height * (field - np.exp(-((x - cx + dx) ** 2 + (y - cy + dy) ** 2) / (2 * width**2)))
    elif kind == 3:
        angle, phase, wave = rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi), rng.uniform(12, 20)
        along = (x - SIDE / 2) * np.cos(angle) + (y - SIDE / 2) * np.sin(angle)
        across = (y - SIDE / 2) * np.cos(angle) - (x - SIDE / 2) * np.sin(angle)
        crest = rng.uniform(1.5, 3.5) * np.sin(2 * np.pi * along / wave + phase) + rng.uniform(-3, 3)
        field = 0.7 * height * np.tanh((across - crest) / 2.5)
    else:
        field = np.zeros((SIDE, SIDE))
    field = field + rng.uniform(3, 6) * smooth_field(rng, 0.12)
    field += (2.0, 3.5)[mission] * rng.standard_normal((SIDE, SIDE))
    tracks = (np.round(x + (0.5, -0.35)[mission] * y) + rng.integers(7)) % 7 == 0
    return np.where(tracks, 0.0, field)


def make_maps(n, rng):
    kinds = rng.integers(len(KINDS), size=n)
    missions = rng.integers(2, size=n)
    maps = np.stack([make_map(k, m, rng) for k, m in zip(kinds, missions, strict=True)])
    return torch.tensor(maps[:, None], dtype=torch.float32), torch.tensor(kinds), torch.tensor(missions)


def flipped(x):
    """A random mirror image for each map (which leaves highs high and lows low)."""
    x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)
    return torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(2), x)


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)

    def forward(self, x):
        out = F.relu(self.norm1(self.conv1(x)))
        return F.relu(x + self.norm2(self.conv2(out)))


class EddyNet(nn.Module):
    def __init__(self, classes=len(KINDS), width=12):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, width, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            Residual(width),
            nn.MaxPool2d(2),
            Residual(width),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )
        self.head = nn.Linear(4 * width, classes)

    def forward(self, x):
        return self.head(self.backbone(x))


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    loss = right = count = 0
    for x, y, _ in loader:
        logits = model(x)
        loss += F.cross_entropy(logits, y, reduction="sum").item()
        right += (logits.argmax(1) == y).sum().item()
        count += len(y)
    return loss / count, right / count


def main():
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    train, val, test = make_maps(TRAIN, rng), make_maps(VAL, rng), make_maps(TEST, rng)
    scale = train[0].std()  # anomalies have their zero at the mean sea level already
    train, val, test = ((x / scale, *rest) for x, *rest in (train, val, test))
    train_loader = DataLoader(TensorDataset(*train), batch_size=BATCH, shuffle=True)
    val_loader = DataLoader(TensorDataset(*val), batch_size=200)
    test_loader = DataLoader(TensorDataset(*test), batch_size=200)

    model = EddyNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)
    best_loss, best = float("inf"), copy.deepcopy(model.state_dict())
    for epoch in range(EPOCHS):
        model.train()
        total = 0.0
        for x, y, _ in train_loader:
            loss = F.cross_entropy(model(flipped(x)), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        scheduler.step()
        val_loss, val_acc = evaluate(model, val_loader)
        if val_loss < best_loss:
            best_loss, best = val_loss, copy.deepcopy(model.state_dict())
        print(f"epoch {epoch + 1}: train loss {total / TRAIN:.3f}, val loss {val_loss:.3f}, val accuracy {val_acc:.3f}")

    model.load_state_dict(best)
    with tempfile.TemporaryDirectory() as folder:
        torch.save(best, Path(folder) / "eddy_net.pt")
    print("test loss {:.3f}, test accuracy {:.3f}".format(*evaluate(model, test_loader)))


if __name__ == "__main__":
    main()
