# Defect patterns on wafer maps: which of eight ways of failing does the map of good and bad dies show?
# Depthwise-separable CNN, trained by a small Trainer class.
import os
import random
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", "0"))
PATTERNS = ["none", "center", "donut", "edge_loc", "edge_ring", "loc", "scratch", "near_full"]
SHARE = [0.20, 0.12, 0.10, 0.13, 0.12, 0.13, 0.13, 0.07]
SIDE = 26
YY, XX = (np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2) / (SIDE / 2)
RADIUS, AZIMUTH = np.hypot(YY, XX), np.arctan2(YY, XX)
DISC = RADIUS <= 1.0


@dataclass
class Settings:
    train_maps: int = 1792
    valid_maps: int = 600
    batch_size: int = 64
    epochs: int = 9
    learning_rate: float = 6e-3
    weight_decay: float = 1e-4


def draw_pattern(kind: str, rng: np.random.Generator) -> np.ndarray:
    """How likely each die is to fail."""
    p = np.full((SIDE, SIDE), rng.uniform(0.02, 0.12))
    hot = rng.uniform(0.45, 0.9)
    # the slit valve is on the right-hand side of the chamber: edges suffer there more often
    angle = rng.vonmises(0.0, 0.8)
    if kind == "center":
        p[np.hypot(YY - rng.normal(0, 0.06), XX - rng.normal(0, 0.06)) < rng.uniform(0.18, 0.42)] = hot
    elif kind == "donut":
        p[(rng.uniform(0.15, 0.3) < RADIUS) & (rng.uniform(0.5, 0.7) > RADIUS)] = hot
    elif kind == "edge_loc":
        gap = np.abs(np.angle(np.exp(1j * (AZIMUTH - angle))))
        p[(rng.uniform(0.7, 0.85) < RADIUS) & (gap < rng.uniform(0.2, 0.9))] = hot
    elif kind == "edge_ring":
        gap = np.abs(np.angle(np.exp(1j * (AZIMUTH - angle))))
        p[(rng.uniform(0.78, 0.9) < RADIUS) & (gap < rng.uniform(2.0, np.pi))] = hot
    elif kind == "loc":
        r, a = rng.uniform(0.42, 0.62), rng.uniform(-np.pi, np.pi)
        p[np.hypot(YY - r * np.sin(a), XX - r * np.cos(a)) < rng.uniform(0.14, 0.28)] = hot
    elif kind == "scratch":
        a, off = rng.vonmises(1.2, 1.5), rng.normal(0, 0.35)
        along, across = XX * np.cos(a) + YY * np.sin(a), -XX * np.sin(a) + YY * np.cos(a)
        start = rng.uniform(-0.7, 0.0)
        bend = off + rng.normal(0, 0.25) * along**2
        p[(np.abs(across - bend) < 0.055) & (along > start) & (along < start + rng.uniform(0.5, 0.9))] = hot
    elif kind == "near_full":
        p[:] = rng.uniform(0.45, 0.95)
    return p


def make_maps(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Grey maps as the prober saves them: 0 outside the wafer, 127 a good die, 255 a bad one."""
    labels = rng.choice(len(PATTERNS), size=n, p=SHARE)
    maps = np.zeros((n, SIDE, SIDE), dtype=np.uint8)
    for i, k in enumerate(labels):
        bad = rng.random((SIDE, SIDE)) < draw_pattern(PATTERNS[k], rng)
        maps[i] = np.where(DISC, np.where(bad, 255, 127), 0)
    return maps, labels


def normalise(image: np.ndarray) -> np.ndarray:
    return (image.astype(np.float32) / 255.0 - 0.45) / 0.3


class Augment:
    """Wafers have no up and down: turn by quarters, mirror, and let a few dies flip."""

    def __init__(self, flip_rate: float = 0.02):
        self.flip_rate = flip_rate

    def __call__(self, image: np.ndarray) -> np.ndarray:
        image = np.rot90(image, np.random.randint(4))
        if np.random.rand() < 0.5:
            image = image[:, ::-1]
        flipped = (np.random.rand(SIDE, SIDE) < self.flip_rate) & (image > 0)
        return np.where(flipped, 382 - image.astype(np.int64), image)


class WaferMaps(Dataset):
    def __init__(self, maps, labels, transform=None):
        self.maps, self.labels, self.transform = maps, labels, transform

    def __len__(self):
        return len(self.maps)

    def __getitem__(self, index):
        image = self.maps[index]
        if self.transform is not None:
            image = self.transform(image)
        image = normalise(image)
        return torch.from_numpy(image.copy()).unsqueeze(0), int(self.labels[index])


class Separable(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.depthwise = nn.Conv2d(c_in, c_in, 3, padding=1, groups=c_in, bias=False)
        self.bn1 = nn.BatchNorm2d(c_in)
        self.pointwise = nn.Conv2d(c_in, c_out, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)

    def forward(self, x):
        out = F.relu(self.bn1(self.depthwise(x)))
        out = F.relu(self.bn2(self.pointwise(out)))
        return F.max_pool2d(out, 2)


class Head(nn.Module):
    """Squeeze the pooled channels by a factor, then classify."""

    def __init__(self, width, squeeze, classes):
        super().__init__()
        self.squeeze = nn.Linear(width, width // squeeze)
        self.classify = nn.Linear(width // squeeze, classes)

    def forward(self, x):
        return self.classify(F.relu(self.squeeze(x)))


class WaferNet(nn.Module):
    def __init__(self, widths=(24, 48, 64, 64)):
        super().__init__()
        stem = nn.Conv2d(1, widths[0], 5, stride=2, padding=2, bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(widths[0]), nn.ReLU())
        self.body = nn.Sequential(*(Separable(a, b) for a, b in pairwise(widths)))
        self.head = Head(widths[-1], squeeze=2, classes=len(PATTERNS))

    def forward(self, x):
        return self.head(self.body(self.stem(x)).mean(dim=(2, 3)))


class Trainer:
    def __init__(self, model, train_loader, valid_loader, cfg):
        self.model, self.train_loader, self.valid_loader, self.cfg = model, train_loader, valid_loader, cfg
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=cfg.learning_rate, weight_decay=cfg.weight_decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, max_lr=cfg.learning_rate, total_steps=cfg.epochs * len(train_loader)
        )

    def loss(self, images, labels):
        return F.cross_entropy(self.model(images), labels)

    def train_epoch(self):
        self.model.train()
        losses = []
        for images, labels in self.train_loader:
            self.optimizer.zero_grad()
            loss = self.loss(images, labels)
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            losses.append(loss.item())
        return float(np.mean(losses))

    def predict(self, images):
        return self.model(images).argmax(dim=1)

    @torch.no_grad()
    def evaluate(self):
        self.model.eval()
        right = [(self.predict(images) == labels) for images, labels in self.valid_loader]
        return torch.cat(right).float().mean().item()

    def fit(self):
        for epoch in range(self.cfg.epochs):
            loss = self.train_epoch()
            print(f"epoch {epoch + 1:>2}: train loss {loss:.4f}, valid accuracy {self.evaluate():.4f}")


def main():
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    cfg = Settings()
    rng = np.random.default_rng(SEED)
    maps, labels = make_maps(cfg.train_maps, rng)
    valid_maps, valid_labels = make_maps(cfg.valid_maps, rng)
    train_set = WaferMaps(maps, labels, transform=Augment())
    valid_set = WaferMaps(valid_maps, valid_labels)
    train_loader = DataLoader(train_set, batch_size=cfg.batch_size, shuffle=True, drop_last=True)
    valid_loader = DataLoader(valid_set, batch_size=200)
    model = WaferNet()
    trainer = Trainer(model, train_loader, valid_loader, cfg)
    trainer.fit()
    largest = np.bincount(valid_labels).max() / len(valid_labels)
    print(f"final accuracy {trainer.evaluate():.4f} (largest class {largest:.3f})")


if __name__ == "__main__":
    main()
