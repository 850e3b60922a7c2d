"""Name the flaw on a radiograph of a weld: sound, crack, pores, slag, undercut or lack of fusion.

There are far too few real films, so the training films are simulated afresh in the loader's workers;
validation is on a fixed set, simulated once.
"""

import argparse
import os
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from torch.utils.data import DataLoader, Dataset, TensorDataset, get_worker_info

SEED = int(os.environ.get("SEED", "0"))
FLAWS = ["sound", "crack", "pores", "slag", "undercut", "fusion"]
SIZE = 24
MEAN, STD = 0.50, 0.11  # of grey values between 0 and 1
ROWS, COLS = np.mgrid[0:SIZE, 0:SIZE]


def expose(flaw, rng):
    """One film (uint8) that shows the flaw: the seam runs from left to right and is brighter, flaws are darker."""
    middle = 12 + rng.normal(0, 1.2) + rng.normal(0, 0.05) * (COLS - 12)
    off = ROWS - middle
    width = rng.uniform(5, 6.5)
    film = 0.40 + 0.24 * np.exp(-((np.abs(off) / width) ** 4)) + 0.015 * np.sin(COLS * rng.uniform(0.8, 1.4))
    depth = rng.uniform(0.20, 0.34)
    start, length = rng.integers(2, 10), rng.integers(9, 14)
    along = (start <= COLS) & (start + length > COLS)
    dark = np.zeros((SIZE, SIZE))
    if flaw == "crack":  # a jagged thin line
        path = rng.uniform(-3, 3) + np.cumsum(rng.normal(0, 0.8, SIZE))
        dark = along * (np.abs(off - path) < 0.9)
    elif flaw == "pores":
        for _ in range(rng.integers(3, 8)):
            r, c = middle[0, 0] + rng.uniform(-4, 4), rng.uniform(2, 22)
            dark = np.maximum(dark, np.hypot(ROWS - r, COLS - c) < rng.uniform(1.0, 1.9))
    elif flaw == "slag":  # one or two lumps, longer than they are high
        for _ in range(rng.integers(1, 3)):
            r, c = rng.uniform(-3, 3), rng.uniform(5, 19)
            dark = np.maximum(dark, np.hypot((off - r) / rng.uniform(1.3, 2.2), (COLS - c) / rng.uniform(2.5, 4)) < 1)
    elif flaw == "undercut":  # a groove at one edge of the seam
        dark = along * (np.abs(off - rng.choice([-1, 1]) * width) < 1.2)
    elif flaw == "fusion":  # a straight line inside it
        dark = along * (np.abs(off - rng.choice([-1, 1]) * rng.uniform(1.5, 3)) < 0.9)
    film = gaussian_filter(film - depth * dark, rng.uniform(0.4, 0.8))
    film = film * rng.uniform(0.85, 1.15) + rng.normal(0, 0.03, film.shape)
    return np.clip(film * 255, 0, 255).astype(np.uint8)


def to_tensor(film):
    return (torch.from_numpy(film).float().unsqueeze(0) / 255 - MEAN) / STD


class SimulatedFilms(Dataset):
    """Endless films; `n` of them make an epoch."""

    def __init__(self, n):
        self.n = n
        self.rng = None

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        if self.rng is None:
            info = get_worker_info()
            self.rng = np.random.default_rng(info.seed if info else SEED)
        label = int(self.rng.integers(len(FLAWS)))
        return to_tensor(expose(FLAWS[label], self.rng)), label


def fixed_films(n, rng):
    labels = rng.integers(len(FLAWS), size=n)
    films = torch.stack([to_tensor(expose(FLAWS[k], rng)) for k in labels])
    return TensorDataset(films, torch.from_numpy(labels))


class MixBlock(nn.Module):
    """Looks around within each channel, then across the channels."""

    def __init__(self, width, drop):
        super().__init__()
        self.around = nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.across = nn.Conv2d(width, width, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.drop = nn.Dropout2d(drop)

    def forward(self, x):
        y = F.relu(self.bn1(self.around(x)))
        y = self.bn2(self.across(y))
        return F.relu(x + self.drop(y))


class WeldNet(nn.Module):
    def __init__(self, width=16, blocks=3, drop=0.1):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 5, stride=2, padding=2, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(*[MixBlock(width, drop) for _ in range(blocks)])
        self.head = nn.Linear(2 * width, len(FLAWS))

    def forward(self, films):
        x = self.blocks(F.relu(self.bn(self.stem(films))))
        pooled = torch.cat([x.mean(dim=(2, 3)), x.std(dim=(2, 3))], dim=1)
        return F.log_softmax(self.head(pooled), dim=1)


@torch.no_grad()
def validate(model, loader):
    model.eval()
    loss, right, seen = 0.0, 0, 0
    for films, labels in loader:
        logp = model(films)
        loss += F.nll_loss(logp, labels, reduction="sum").item()
        right += (logp.argmax(dim=1) == labels).sum().item()
        seen += len(labels)
    return loss / seen, right / seen


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--films", type=int, default=1280, help="simulated films an epoch")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.05)
    args = parser.parse_args()

    torch.set_num_threads(1)
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)

    train_loader = DataLoader(SimulatedFilms(args.films), batch_size=args.batch_size, num_workers=2)
    val_loader = DataLoader(fixed_films(600, np.random.default_rng(SEED + 10_000)), batch_size=100)

    model = WeldNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)
    for epoch in range(1, args.epochs + 1):
        model.train()
        total, seen = 0.0, 0
        for films, labels in train_loader:
            loss = F.nll_loss(model(films), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            seen += len(labels)
        schedule.step()
        val_loss, val_acc = validate(model, val_loader)
        print(f"epoch {epoch:2d}: train loss {total / seen:.3f} | val loss {val_loss:.3f}, accuracy {val_acc:.3f}")


if __name__ == "__main__":
    main()
