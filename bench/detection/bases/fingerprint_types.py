"""Sorting rolled fingerprints by their pattern (Henry classes): left loop, right loop, whorl, arch."""

import argparse
import os
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

CLASSES = ["left loop", "right loop", "whorl", "arch"]
SHARE = [0.32, 0.30, 0.26, 0.12]
SIZE = 40


def parse_args():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--seed", type=int, default=int(os.environ.get("SEED", "0")))
    p.add_argument("--epochs", type=int, default=9)
    p.add_argument("--batch-size", type=int, default=32)
    p.add_argument("--lr", type=float, default=0.015)
    p.add_argument("--train-size", type=int, default=1300)
    return p.parse_args()


def draw_print(label, rng):
    """One print: the ridges are the level lines of a distance, with noise, dry spots and uneven pressure."""
    yy, xx = np.mgrid[0:SIZE, 0:SIZE].astype(np.float64)
    turn = rng.normal(0, 0.22)
    cx, cy = SIZE / 2 + rng.normal(0, 4.0, 2)
    u = (xx - cx) * np.cos(turn) + (yy - cy) * np.sin(turn)
    v = -(xx - cx) * np.sin(turn) + (yy - cy) * np.cos(turn)
    u = u + rng.normal(0, 0.7) * np.sin(v / rng.uniform(5, 9))
    if CLASSES[label] == "whorl":
        half = rng.uniform(0.5, 5)
        dist = np.hypot(u * rng.uniform(0.9, 1.3), v - np.clip(v, -half, half))
    elif CLASSES[label] == "arch":
        dist = v + rng.uniform(4, 14) * np.exp(-((u / rng.uniform(5, 9)) ** 2))
    else:
        lean = rng.uniform(0.3, 0.9)
        ax, ay = np.sin(lean) * (-1 if CLASSES[label] == "left loop" else 1), np.cos(lean)
        along = np.maximum(u * ax + v * ay, 0)
        dist = np.hypot(u - along * ax, v - along * ay)
    ridges = np.sin(2 * np.pi * dist / rng.uniform(4.6, 6.2) + rng.uniform(0, 6.3))
    ink = 1 / (1 + np.exp(-2.5 * ridges))
    pressure = np.exp(-((xx - SIZE / 2) ** 2 + (yy - SIZE / 2) ** 2) / (2 * rng.uniform(14, 26) ** 2))
    for _ in range(rng.integers(0, 7)):  # dry spots
        sx, sy, r = rng.uniform(0, SIZE), rng.uniform(0, SIZE), rng.uniform(2, 6)
        pressure *= 1 - 0.95 * np.exp(-((xx - sx) ** 2 + (yy - sy) ** 2) / (2 * r**2))
    grey = 225 - rng.uniform(90, 180) * ink * pressure + rng.normal(0, 26, (SIZE, SIZE))
    return np.clip(grey, 0, 255).astype(np.uint8)


class FingerprintDataset(Dataset):
    def __init__(self, n, seed, train):
        rng = np.random.default_rng(seed)
        self.labels = rng.choice(len(CLASSES), size=n, p=SHARE)
        self.images = [draw_print(label, rng) for label in self.labels]
        self.train = train

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = self.augment(self.images[index]) if self.train else self.images[index]
        tensor = torch.from_numpy(image.copy()).float().unsqueeze(0)
        tensor = (tensor / 255.0 - 0.65) / 0.25
        return tensor, int(self.labels[index])

    def augment(self, image):
        dy, dx = random.randint(-2, 2), random.randint(-2, 2)
        image = np.roll(image, (dy, dx), axis=(0, 1))
        gain = random.uniform(0.9, 1.1)
        return np.clip(128 + gain * (image.astype(np.float32) - 128), 0, 255)


class Squeeze(nn.Module):  # squeeze-and-excitation gate
    def __init__(self, channels):
        super().__init__()
        self.down = nn.Linear(channels, channels // 4)
        self.up = nn.Linear(channels // 4, channels)

    def forward(self, x):
        gate = torch.sigmoid(self.up(F.relu(self.down(x.mean(dim=(2, 3))))))
        return x * 2 * gate[:, :, None, None]


class PatternNet(nn.Module):
    def __init__(self, num_classes=4):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(inplace=True),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(inplace=True), Squeeze(32), nn.MaxPool2d(2),
            nn.Conv2d(32, 48, 3, padding=1), nn.ReLU(inplace=True), Squeeze(48), nn.MaxPool2d(2),
        )  # fmt: skip
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(48 * 5 * 5, 64), nn.ReLU(), nn.Linear(64, num_classes))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
                nn.init.zeros_(m.bias)

    def forward(self, x):
        feats = self.features(x)
        return self.classifier(feats)


def train_one_epoch(model, loader, optimizer, scheduler):
    model.train()
    total, correct, seen = 0.0, 0, 0
    for images, labels in loader:
        logits = model(images)
        loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
        correct += (logits.argmax(1) == labels).sum().item()
        seen += len(labels)
    scheduler.step()
    return total / seen, correct / seen


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    logits, labels = zip(*[(model(images), labels) for images, labels in loader], strict=True)
    logits, labels = torch.cat(logits), torch.cat(labels)
    return F.cross_entropy(logits, labels).item(), (logits.argmax(1) == labels).float().mean().item(), logits, labels


def main():
    args = parse_args()
    torch.set_num_threads(1)
    random.seed(args.seed)
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)

    train_set = FingerprintDataset(args.train_size, seed=1000 + args.seed, train=True)
    val_set = FingerprintDataset(500, seed=2000 + args.seed, train=False)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True, num_workers=0, drop_last=True)
    val_loader = DataLoader(val_set, batch_size=128, num_workers=0)

    model = PatternNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[6, 8], gamma=0.1)
    for epoch in range(1, args.epochs + 1):
        train_loss, train_acc = train_one_epoch(model, train_loader, optimizer, scheduler)
        val_loss, val_acc, logits, labels = evaluate(model, val_loader)
        print(f"epoch {epoch:2d}  train {train_loss:.4f} / {train_acc:.3f}   val {val_loss:.4f} / {val_acc:.3f}")

    for i, name in enumerate(CLASSES):
        mask = labels == i
        print(f"  {name:<11s} recall {(logits[mask].argmax(1) == i).float().mean().item():.3f}  (n={int(mask.sum())})")
    print(f"always the commonest: {torch.bincount(labels).max().item() / len(labels):.3f}")


if __name__ == "__main__":
    main()
