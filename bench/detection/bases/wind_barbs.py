"""Read the wind direction off the barbs on old weather charts.

There are few scanned charts with labels, so the network first learns sixteen compass points on barbs that we draw
ourselves; its body then goes to the scans, where an observer noted one of eight directions.
"""

import argparse
import os
import random
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

SIZE = 24
SEGMENTS = 7


def draw_barbs(angles, rng, scanned):
    """Images (n, SIZE, SIZE) in uint8: a staff towards where the wind comes from, feathers on its right side."""
    angles, n = angles.astype(np.float32), len(angles)
    centre = SIZE / 2 - 0.5 + rng.normal(0, 1.0 if scanned else 0.5, (n, 2))
    along = np.stack([np.sin(angles), -np.cos(angles)], axis=1)
    across = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    length = rng.uniform(8.0, 10.0, n)[:, None]
    start, stop = np.full((n, SEGMENTS, 2), -99.0), np.full((n, SEGMENTS, 2), -98.0)
    start[:, 0], stop[:, 0] = centre, centre + length * along
    feathers = rng.integers(1, 5, n)
    for k in range(4):
        has = feathers > k
        root = centre + (length - 2.2 * k) * along
        size = np.where((feathers == k + 1) & (rng.random(n) < 0.5), 2.2, 4.2)[:, None]
        tip = root + size * (0.85 * across + 0.5 * along)
        start[has, 1 + k], stop[has, 1 + k] = root[has], tip[has]
    if scanned:  # isobars and coast lines cross the barbs
        for k in (5, 6):
            has = rng.random(n) < 0.6
            ends = rng.uniform(0, SIZE, (2, n, 2))
            start[has, k], stop[has, k] = ends[0][has], ends[1][has]
    start, stop = start.astype(np.float32), stop.astype(np.float32)
    ys, xs = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    a, d = start[..., None], (stop - start)[..., None]
    x, y = xs.ravel() - a[:, :, 0], ys.ravel() - a[:, :, 1]
    t = ((x * d[:, :, 0] + y * d[:, :, 1]) / (d * d).sum(2).clip(1e-6)).clip(0, 1)
    distance = np.hypot(x - t * d[:, :, 0], y - t * d[:, :, 1])
    ink = (1.3 - distance).clip(0, 1)
    if scanned:
        ink[:, 5:] *= rng.uniform(0.4, 0.9, (n, 2, 1))
    ink = ink.max(1).reshape(n, SIZE, SIZE)
    if scanned:
        ink = ink * rng.uniform(0.45, 0.9, (n, 1, 1)) + rng.normal(0, 0.13, ink.shape) + rng.uniform(0, 0.25, (n, 1, 1))
    return (255 * (1 - ink).clip(0, 1)).astype(np.uint8)


class Shift:
    """Moves the picture by a pixel or two, the border is repeated."""

    def __init__(self, most):
        self.most = most

    def __call__(self, img):
        dx, dy = torch.randint(0, 2 * self.most + 1, (2,)).tolist()
        padded = F.pad(img[None], [self.most] * 4, mode="replicate")[0]
        return padded[:, dy : dy + SIZE, dx : dx + SIZE]


class Exposure:
    def __call__(self, img):
        return img * (0.85 + 0.3 * torch.rand(1)) + 0.1 * torch.randn(1)


class BarbDataset(Dataset):
    def __init__(self, images, labels, transforms=()):
        self.images, self.labels, self.transforms = images, labels, transforms

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        img = torch.from_numpy(self.images[i])[None].float() / 255
        img = (img - 0.8) / 0.3
        for transform in self.transforms:
            img = transform(img)
        return img, int(self.labels[i])


class Block(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.skip = nn.Conv2d(c_in, c_out, 1, stride=2)

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(h)) + self.skip(x))


class BarbNet(nn.Module):
    def __init__(self, n_out):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            Block(16, 24), Block(24, 32), nn.Flatten(),
        )  # fmt: skip
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(32 * 9, n_out)

    def forward(self, x):
        return self.head(self.drop(self.body(x)))


@torch.no_grad()
def evaluate(net, loader):
    net.eval()
    loss, right, seen = 0.0, 0, 0
    for img, label in loader:
        logits = net(img)
        loss += F.cross_entropy(logits, label, reduction="sum").item()
        right += (logits.argmax(1) == label).sum().item()
        seen += len(label)
    return loss / seen, right / seen


def fit(name, net, optimizer, train_loader, valid_loader, epochs):
    for epoch in range(1, epochs + 1):
        net.train()
        total, right, seen = 0.0, 0, 0
        for img, label in train_loader:
            optimizer.zero_grad()
            logits = net(img)
            loss = F.cross_entropy(logits, label)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(label)
            right += (logits.argmax(1) == label).sum().item()
            seen += len(label)
        v_loss, v_acc = evaluate(net, valid_loader)
        print(f"{name} {epoch:2d}: train {total / seen:.3f} {right / seen:.3f} | valid {v_loss:.3f} {v_acc:.3f}")


def loaders(angles, labels, n_train, rng, scanned, batch):
    images = draw_barbs(angles, rng, scanned)
    train = BarbDataset(images[:n_train], labels[:n_train], [Shift(2), Exposure()])
    valid = BarbDataset(images[n_train:], labels[n_train:])
    return (
        DataLoader(train, batch, shuffle=True, num_workers=1, persistent_workers=True),
        DataLoader(valid, 100),
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--drawn-epochs", type=int, default=4)
    parser.add_argument("--scan-epochs", type=int, default=10)
    args = parser.parse_args()
    seed = int(os.environ.get("SEED", "0"))
    torch.set_num_threads(1)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)

    points = rng.integers(0, 16, 2400)
    drawn = loaders(np.radians(22.5 * points + rng.normal(0, 4, 2400)), points, 2000, rng, False, 64)
    octants = rng.integers(0, 8, 1100)
    scans = loaders(np.radians(45 * octants + rng.normal(0, 9, 1100)), octants, 600, rng, True, 32)

    net = BarbNet(16)
    fit("drawn", net, torch.optim.Adam(net.parameters(), lr=1e-3), *drawn, args.drawn_epochs)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "drawn.pt"
        torch.save(net.body.state_dict(), checkpoint)
        scan_net = BarbNet(8)
        scan_net.body.load_state_dict(torch.load(checkpoint))

    groups = [{"params": scan_net.body.parameters(), "lr": 1e-4}, {"params": scan_net.head.parameters(), "lr": 1e-3}]
    fit("scans", scan_net, torch.optim.Adam(groups), *scans, args.scan_epochs)
    print(f"accuracy on held-out scans: {evaluate(scan_net, scans[1])[1]:.4f}")


if __name__ == "__main__":
    main()
