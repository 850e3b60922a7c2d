#!/usr/bin/env python3
"""Whose track is it? First learn from the plates of a field guide (many, other animals), then from casts of a reserve.

Casts are depth maps of 24 x 24 points, measured in sixteenths of the deepest point (0 to 16).
"""

import argparse
import os
import random
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

SIDE, FULL_DEPTH = 24, 16.0
# toes, spread of the toes, claws, width of the pad, height of the pad
GUIDE = {
    "wolf": (4, 0.9, 1, 0.30, 0.22), "lynx": (4, 1.3, 0, 0.36, 0.26), "bear": (5, 1.3, 1, 0.48, 0.34),
    "otter": (5, 1.9, 1, 0.26, 0.26), "marten": (5, 1.5, 1, 0.20, 0.15), "elk": (2, 0.45, 0, 0.0, 0.0),
    "crane": (3, 1.7, 0, 0.08, 0.30), "squirrel": (4, 1.6, 0, 0.14, 0.30), "boar": (2, 0.7, 1, 0.10, 0.10),
}  # fmt: skip
RESERVE = {
    "fox": (4, 0.8, 1, 0.22, 0.16), "cat": (4, 1.2, 0, 0.26, 0.20), "badger": (5, 1.0, 1, 0.42, 0.20),
    "polecat": (5, 1.7, 1, 0.20, 0.18), "deer": (2, 0.5, 0, 0.06, 0.06), "goose": (3, 1.4, 0, 0.10, 0.22),
}  # fmt: skip


def press(shape, rng, mess):
    """The depth map of one foot."""
    toes, spread, claws, width, height = shape
    angle, size = rng.normal(0, 0.25), rng.normal(1.0, 0.1)
    dx, dy = rng.normal(0, 0.08, 2)
    grid = np.linspace(-1, 1, SIDE)
    gx, gy = np.meshgrid(grid - dx, grid - dy)
    px = (gx * np.cos(angle) + gy * np.sin(angle)) / size
    py = (-gx * np.sin(angle) + gy * np.cos(angle)) / size
    depth = np.zeros((SIDE, SIDE))
    if width:
        depth = np.maximum(depth, np.exp(-(((px / width) ** 2 + ((py - 0.3) / height) ** 2) ** 2)))
    for where in np.linspace(-spread / 2, spread / 2, toes) + rng.normal(0, 0.05, toes):
        tx, ty = 0.55 * np.sin(where), 0.3 - 0.62 * np.cos(where)
        depth = np.maximum(depth, 0.9 * np.exp(-((((px - tx) / 0.12) ** 2 + ((py - ty) / 0.17) ** 2) ** 2)))
        if claws:
            cx, cy = 0.85 * np.sin(where), 0.3 - 0.98 * np.cos(where)
            depth = np.maximum(depth, 0.7 * np.exp(-((px - cx) ** 2 + (py - cy) ** 2) / 0.004))
    soil = rng.normal(0, 1, (SIDE // 4, SIDE // 4)).repeat(4, 0).repeat(4, 1)
    depth = rng.uniform(0.6, 1.0) * depth + mess * (0.5 * soil + 0.6 * rng.normal(0, 1, depth.shape)) + 0.1
    return np.round(depth.clip(0, 1) * FULL_DEPTH)


class Tracks(Dataset):
    def __init__(self, animals, per_animal, rng, mess, transform=None):
        self.labels = np.repeat(np.arange(len(animals)), per_animal)
        self.maps = np.stack([press(shape, rng, mess) for shape in animals.values() for _ in range(per_animal)])
        self.transform = transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        cast = torch.from_numpy(self.maps[i]).float().unsqueeze(0)
        cast = cast / FULL_DEPTH
        if self.transform is not None:
            cast = self.transform(cast)
        return cast, int(self.labels[i])


def jitter(cast):
    """Left and right feet are mirrored; the frame is never quite in the middle."""
    if torch.rand(()) < 0.5:
        cast = cast.flip(-1)
    shift = torch.randint(-1, 2, (2,)).tolist()
    return cast.roll(shift, (-2, -1))


class TrackNet(nn.Module):
    def __init__(self, n_out):
        super().__init__()
        blocks = []
        for c_in, c_out in ((1, 16), (16, 32), (32, 48)):
            blocks += [nn.Conv2d(c_in, c_out, 3, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()]
            blocks += [nn.MaxPool2d(2)]
        self.backbone = nn.Sequential(*blocks, nn.Flatten())
        self.head = nn.Linear(48 * 9, n_out)

    def forward(self, x):
        return self.head(self.backbone(x))


def train_one_epoch(model, loader, criterion, optimizer):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    hits = [(model(x).argmax(1) == y).float() for x, y in loader]
    return torch.cat(hits).mean().item()


def study_guide(args, rng, path):
    plates = Tracks(GUIDE, 128, rng, 0.08, jitter)
    loader = DataLoader(plates, args.batch_size, shuffle=True, num_workers=1, persistent_workers=True)
    model = TrackNet(len(GUIDE))
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for epoch in range(3):
        loss = train_one_epoch(model, loader, nn.CrossEntropyLoss(), optimizer)
        print(f"guide epoch {epoch + 1}: loss {loss:.3f}")
    torch.save(model.backbone.state_dict(), path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--mess", type=float, default=0.25)
    args = parser.parse_args()
    rng = np.random.default_rng(SEED)

    train_set = Tracks(RESERVE, 64, rng, args.mess, jitter)
    test_set = Tracks(RESERVE, 100, rng, args.mess)
    train_loader = DataLoader(train_set, args.batch_size, shuffle=True, num_workers=1, persistent_workers=True)
    test_loader = DataLoader(test_set, 100)

    model = TrackNet(len(GUIDE))
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "guide.pt"
        study_guide(args, rng, weights)
        model.backbone.load_state_dict(torch.load(weights))
    model.head = nn.Linear(model.head.in_features, len(RESERVE))
    optimizer = torch.optim.AdamW(
        [{"params": model.backbone.parameters(), "lr": 3e-4}, {"params": model.head.parameters(), "lr": 1e-3}]
    )
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=6, gamma=0.3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(args.epochs):
        loss = train_one_epoch(model, train_loader, criterion, optimizer)
        scheduler.step()
        print(f"epoch {epoch + 1:2d}  loss {loss:.4f}  test accuracy {accuracy(model, test_loader):.4f}")


if __name__ == "__main__":
    main()
