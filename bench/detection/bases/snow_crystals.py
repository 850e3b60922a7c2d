"""Habits of snow crystals from the camera at the mountain hut.

Only a few hundred photographs have been labelled by hand, but the aircraft's optical array probe has delivered
thousands of silhouettes that are sorted into habits by its own software. So: first train the trunk on silhouettes,
save it, then put a fresh head on it and fine-tune on photographs, the trunk at a lower rate.
"""

import argparse
import os
import random
import tempfile
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, rotate
from torch import nn
from torch.utils.data import DataLoader, Dataset

HABITS = ("plate", "dendrite", "column", "needle", "capped column", "graupel")
SIDE = 24


def draw(habit: int, rng: np.random.Generator) -> np.ndarray:
    """The crystal's outline, filled, in any orientation, as an array of 0..1."""
    big = 48
    v, u = np.mgrid[:big, :big] - (big - 1) / 2
    r, phi = np.hypot(u, v), np.arctan2(v, u)
    size = rng.uniform(13, 19)
    wedge = np.abs((phi % (np.pi / 3)) - np.pi / 6)
    if habit == 0:
        img = (r * np.cos(wedge) < size * 0.86).astype(float) * (1 - 0.4 * (np.abs(r - size * 0.5) < 1))
    elif habit == 1:
        along, off = r * np.cos(np.pi / 6 - wedge), r * np.sin(np.pi / 6 - wedge)
        teeth = (np.abs((along + 0.6 * off) % rng.uniform(4, 6) - 2) < 1) & (off < 0.35 * along)
        img = ((along < size * 1.1) & ((off < 1.6) | teeth)).astype(float)
    elif habit in (2, 4):
        half, length = size * rng.uniform(0.25, 0.4), size * rng.uniform(0.75, 1.0)
        img = ((np.abs(u) < half) & (np.abs(v) < length)).astype(float)
        if habit == 4:
            img[(np.abs(np.abs(v) - length) < 2.2) & (np.abs(u) < half + rng.uniform(3, 6))] = 1
    elif habit == 3:
        img = np.zeros((big, big))
        for shift in rng.uniform(-3, 3, rng.integers(1, 4)):
            img[(np.abs(u - shift) < 1.1) & (np.abs(v - 2 * shift) < size * 1.1)] = 1
    else:
        ripple = sum(rng.normal(0, 0.06) * np.cos(k * phi + rng.uniform(0, 6)) for k in range(2, 8))
        img = (r < size * 0.75 * (1 + ripple)).astype(float)
    img = rotate(img, rng.uniform(0, 360), reshape=False, order=1)
    img = np.roll(img, rng.integers(-3, 4, 2), (0, 1))
    return img.reshape(SIDE, 2, SIDE, 2).mean((1, 3)).clip(0, 1)


def silhouettes(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    kinds = rng.integers(0, len(HABITS), n)
    return np.stack([draw(k, rng) > 0.4 for k in kinds]).astype(np.float32), kinds


def photographs(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Grey pictures in the light of the lamp: blur, rime, uneven background, grain, flakes that cross the picture."""
    kinds = rng.choice(len(HABITS), n, p=[0.2, 0.24, 0.16, 0.14, 0.1, 0.16])
    out = np.empty((n, SIDE, SIDE), dtype=np.float32)
    slope = np.linspace(-1, 1, SIDE)
    for i, k in enumerate(kinds):
        shape = draw(k, rng)
        if rng.random() < 0.15:
            shape = np.maximum(shape, 0.7 * draw(rng.integers(0, len(HABITS)), rng) * (slope[:, None] > 0.45))
        rime = 1 + rng.uniform(0.1, 0.5) * gaussian_filter(rng.normal(size=shape.shape), 1) * 2
        glow = 0.3 + 0.15 * (rng.normal() * slope[:, None] + rng.normal() * slope[None])
        img = glow + rng.uniform(0.2, 0.5) * gaussian_filter(shape * rime, rng.uniform(0.2, 1.0))
        out[i] = img + rng.normal(0, 0.07, img.shape)
    return out.clip(0, 1), kinds


class Crystals(Dataset):
    def __init__(self, pictures, kinds, augment=False):
        self.pictures = torch.from_numpy(np.ascontiguousarray(pictures)).unsqueeze(1)
        self.kinds = torch.from_numpy(kinds).long()
        self.augment = augment

    def __len__(self):
        return len(self.kinds)

    def __getitem__(self, i):
        x = (self.pictures[i] - 0.4) / 0.3
        if self.augment:  # a crystal has no top and no left
            x = torch.rot90(x, random.randrange(4), (1, 2))
            if random.random() < 0.5:
                x = x.flip(2)
        return x, self.kinds[i]


class Block(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.skip = nn.Conv2d(cin, cout, 1, stride=2)

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.skip(x) + self.bn2(self.conv2(y)))


class CrystalNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(1, 10, 3, padding=1), nn.ReLU(), Block(10, 20), Block(20, 40))
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(40 * 36, len(HABITS)))

    def forward(self, x):
        return self.head(self.trunk(x))


@torch.no_grad()
def accuracy(net, loader):
    net.eval()
    hits = sum((net(x).argmax(1) == y).sum().item() for x, y in loader)
    return hits / len(loader.dataset)


def fit(net, train, val, optimizer, epochs, title):
    criterion = nn.CrossEntropyLoss()
    print(f"{title}: {len(train.dataset)} pictures, before training {accuracy(net, val):.3f}")
    for epoch in range(epochs):
        net.train()
        losses = []
        for x, y in train:
            loss = criterion(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"{title} {epoch + 1:2d}: loss {np.mean(losses):.3f}  val accuracy {accuracy(net, val):.3f}")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--batch", type=int, default=32)
    ap.add_argument("--epochs", type=int, default=10)
    ap.add_argument("--lr", type=float, default=2e-3)
    args = ap.parse_args()
    seed = int(os.environ.get("SEED", "0"))
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)

    shadows, habits = silhouettes(1700, rng)
    probe = DataLoader(Crystals(shadows[:1500], habits[:1500], augment=True), 64, shuffle=True, num_workers=1)
    probe_val = DataLoader(Crystals(shadows[1500:], habits[1500:]), 128)
    first = CrystalNet()
    fit(first, probe, probe_val, torch.optim.Adam(first.parameters(), lr=2e-3), 4, "silhouettes")
    weights = Path(tempfile.mkdtemp()) / "trunk.pt"
    torch.save(first.trunk.state_dict(), weights)

    photos, kinds = photographs(1000, rng)
    order = rng.permutation(len(photos))
    photos, kinds = photos[order], kinds[order]
    train_set = Crystals(photos[:600], kinds[:600], augment=True)
    val_set = Crystals(photos[600:], kinds[600:])
    train = DataLoader(train_set, args.batch, shuffle=True, num_workers=2, persistent_workers=True)
    val = DataLoader(val_set, 100)

    net = CrystalNet()
    net.trunk.load_state_dict(torch.load(weights))
    groups = [{"params": net.trunk.parameters(), "lr": args.lr / 20}, {"params": net.head.parameters()}]
    optimizer = torch.optim.Adam(groups, lr=args.lr, weight_decay=1e-4)
    fit(net, train, val, optimizer, args.epochs, "photographs")
    alone = accuracy(net, DataLoader(val_set))  # at the hut the pictures come one by one
    print(f"validation accuracy {alone:.4f}, always dendrite {np.mean(kinds[600:] == 1):.4f}")


if __name__ == "__main__":
    main()
