"""What kind of dunes is this? Small tiles of a height map, six kinds, a little residual network."""

import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", "0"))
KINDS = ["transverse", "linear", "barchan", "parabolic", "dome", "star"]
TILE, CROP = 26, 20
N_TRAIN, N_VAL = 1280, 480
EPOCHS = 8
BATCH = 32
RATE = 3e-3


def heights(kind, rng):
    """A tile of the height map, in metres above the plain. The wind blows along u."""
    y, x = np.mgrid[:TILE, :TILE] - TILE / 2
    a = rng.uniform(0, 2 * np.pi)
    u, v = np.cos(a) * x + np.sin(a) * y, np.cos(a) * y - np.sin(a) * x
    if kind in ("transverse", "linear"):
        across, along = (u, v) if kind == "transverse" else (v, u)
        bend = rng.uniform(0.05, 0.2) * np.sin(along / rng.uniform(4, 8) + rng.uniform(0, 6))
        phase = across / rng.uniform(9, 14) + bend
        phase = (phase + rng.uniform()) % 1
        crest = 0.75 if kind == "transverse" else 0.5  # gentle before the wind, steep behind the crest
        return np.minimum(phase / crest, (1 - phase) / (1 - crest))
    n = rng.integers(3, 7)
    size = rng.uniform(3, 5.5, size=(n, 1, 1))
    du = (u - rng.uniform(-TILE / 2, TILE / 2, size=(n, 1, 1))) / size
    dv = (v - rng.uniform(-TILE / 2, TILE / 2, size=(n, 1, 1))) / size
    if kind == "dome":
        dunes = np.exp(-((du / rng.uniform(0.8, 1.2)) ** 2) - dv**2)
    elif kind == "star":
        turn = rng.uniform(0, 2 * np.pi, size=(n, 1, 1)) + 0.25 * du
        arms = np.cos(rng.choice([3, 4]) * (np.arctan2(dv, du) - turn))
        dunes = np.exp(-np.hypot(du, dv) / (0.7 + 0.5 * arms))
    else:
        horns = rng.uniform(0.5, 0.9) * (1 if kind == "barchan" else -1)  # downwind or upwind
        t = du - horns * dv**2
        dunes = np.exp(-((t / np.where(t < 0, 1.1, 0.4)) ** 2) - (dv / 1.3) ** 2)
    return dunes.max(axis=0)


def survey(n, rng):
    """n tiles as a laser scanner gives them: metres to 25.5 in steps of 0.1, in one byte."""
    labels = rng.integers(len(KINDS), size=n)
    tiles = np.empty((n, TILE, TILE), dtype=np.uint8)
    for i, k in enumerate(labels):
        slope = np.linspace(0, rng.uniform(0, 4), TILE)[:, None]
        field = rng.uniform(6, 14) * heights(KINDS[k], rng) + slope + rng.normal(0, 0.7, size=(TILE, TILE))
        tiles[i] = np.clip(10 * (field + 3), 0, 255)
    return tiles, labels


class DuneTiles(Dataset):
    """Tiles as tensors; in training a random cut, turned and mirrored (the wind may come from anywhere)."""

    def __init__(self, tiles, labels, augment):
        tiles = tiles.astype(np.float32)
        self.tiles = (tiles - tiles.mean(axis=(1, 2), keepdims=True)) / 50
        self.labels = torch.from_numpy(labels)
        self.augment = augment

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        edge = (TILE - CROP) // 2
        if self.augment:
            top, left = np.random.randint(0, TILE - CROP + 1, size=2)
            tile = np.rot90(self.tiles[i, top : top + CROP, left : left + CROP], np.random.randint(4))
            if np.random.rand() < 0.5:
                tile = tile[:, ::-1]
        else:
            tile = self.tiles[i, edge : edge + CROP, edge : edge + CROP]
        return torch.from_numpy(tile.copy())[None], self.labels[i]


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)

    def forward(self, x):
        out = F.relu(self.norm1(self.conv1(x)))
        return F.relu(x + self.norm2(self.conv2(out)))


class DuneNet(nn.Module):
    def __init__(self, width=16, depth=2):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 5, padding=2)
        self.blocks = nn.ModuleList([Block(width) for _ in range(depth)])
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(width, len(KINDS))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.stem(x)), 2)
        for block in self.blocks:
            x = block(x)
        x = self.drop(x.mean(dim=(2, 3)))
        return self.head(x)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    loss, right = 0.0, 0
    for x, y in loader:
        logits = model(x)
        loss += F.cross_entropy(logits, y, reduction="sum").item()
        right += (logits.argmax(dim=1) == y).sum().item()
    return loss / len(loader.dataset), right / len(loader.dataset)


def train_epoch(model, loader, optimizer, scheduler):
    model.train()
    total = 0.0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += loss.item() * len(y)
    return total / len(loader.dataset)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    np.random.seed(SEED)
    rng = np.random.default_rng(SEED)
    train_set = DuneTiles(*survey(N_TRAIN, rng), augment=True)
    val_set = DuneTiles(*survey(N_VAL, rng), augment=False)
    train_loader = DataLoader(train_set, batch_size=BATCH, shuffle=True, drop_last=True)
    val_loader = DataLoader(val_set, batch_size=120)

    model = DuneNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS * len(train_loader))
    with tempfile.TemporaryDirectory() as folder:
        best, path = float("inf"), Path(folder) / "best.pt"
        for epoch in range(EPOCHS):
            train_loss = train_epoch(model, train_loader, optimizer, scheduler)
            val_loss, accuracy = evaluate(model, val_loader)
            print(f"epoch {epoch + 1}: train {train_loss:.3f}, validation {val_loss:.3f}, accuracy {accuracy:.3f}")
            if val_loss < best:
                best = val_loss
                torch.save(model.state_dict(), path)
        model.load_state_dict(torch.load(path))
    print("best weights: validation {:.3f}, accuracy {:.3f}".format(*evaluate(model, val_loader)))


if __name__ == "__main__":
    main()
