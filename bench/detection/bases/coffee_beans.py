"""Green coffee sorting: which defect does the bean on the belt have?

Small colour photographs (uint8, 3 x 28 x 28), six classes, a little SqueezeNet with a DataLoader.
"""

import argparse
import os
import random

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

DEFECTS = ["sound", "sour", "broken", "bored", "shell", "mouldy"]
SHARES = [0.30, 0.14, 0.14, 0.14, 0.14, 0.14]
SIDE = 28


def photograph(kind, rng):
    """One bean from above, under a lamp that is never quite the same."""
    yy, xx = np.mgrid[0:SIDE, 0:SIDE].astype(float)
    cy, cx = SIDE / 2 + rng.normal(0, 1.2, 2)
    t = rng.uniform(0, np.pi)
    u = (xx - cx) * np.cos(t) + (yy - cy) * np.sin(t)
    v = -(xx - cx) * np.sin(t) + (yy - cy) * np.cos(t)
    long, short = rng.uniform(8.5, 11), rng.uniform(6, 7.5)
    radius = np.sqrt((u / long) ** 2 + (v / short) ** 2)
    body = 1 / (1 + np.exp((radius - 1) * 9))
    skin = np.array([128, 138, 98]) + rng.normal(0, 7, 3)
    if kind == "sour":
        skin = skin + np.array([18, -12, -22]) * rng.uniform(0.5, 1.2)
    if kind == "broken":
        body *= 1 / (1 + np.exp((u - rng.uniform(0.1, 0.5) * long) * 2.5))
    if kind == "shell":
        body *= 1 - rng.uniform(0.6, 0.95) * np.exp(-(((u - 1) / 5) ** 2 + ((v + 1) / 3) ** 2))
    shade = 1 - 0.25 * radius**2 + 0.1 * u / long
    crease = 1 - 0.35 * np.exp(-(((v - 0.9 * np.sin(u / 4)) / 0.9) ** 2))
    image = body[..., None] * skin * (shade * crease)[..., None]
    if kind == "bored":
        for _ in range(rng.integers(1, 4)):
            hy, hx = rng.uniform(-0.6, 0.6) * long, rng.uniform(-0.6, 0.6) * short
            image *= (1 - 0.8 * np.exp(-((u - hy) ** 2 + (v - hx) ** 2) / 1.6))[..., None]
    if kind == "mouldy":
        fluff = rng.normal(0, 1, (SIDE, SIDE)) + np.sin(xx / 1.5 + rng.uniform(0, 6)) * np.sin(yy / 1.7)
        image += (body * np.clip(fluff, 0, None) * rng.uniform(14, 30))[..., None] * np.array([0.9, 1.0, 1.1])
    belt = np.array([30, 44, 70]) + rng.normal(0, 4, 3)
    image = image + (1 - body)[..., None] * belt
    image = image * rng.uniform(0.8, 1.2) + rng.normal(0, 6, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8).transpose(2, 0, 1)


class Beans(Dataset):
    def __init__(self, n, rng, train=False):
        self.labels = rng.choice(len(DEFECTS), n, p=SHARES)
        self.images = np.stack([photograph(DEFECTS[k], rng) for k in self.labels])
        self.train = train

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        image = torch.from_numpy(self.images[i]).float() / 255
        if self.train and random.random() < 0.5:
            image = image.flip(2)
        return (image - 0.3) / 0.2, int(self.labels[i])


class Fire(nn.Module):
    def __init__(self, inputs, squeeze, expand):
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeeze, 1)
        self.one = nn.Conv2d(squeeze, expand, 1)
        self.three = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x):
        x = torch.relu(self.squeeze(x))
        return torch.relu(torch.cat([self.one(x), self.three(x)], dim=1))


class BeanNet(nn.Module):
    def __init__(self, classes, dropout=0.3):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            Fire(16, 12, 24),
            nn.MaxPool2d(2),
            nn.Dropout2d(0.1),
            Fire(48, 16, 32),
            nn.MaxPool2d(2),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(64 * 3 * 3, classes))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
                nn.init.zeros_(m.bias)

    def forward(self, x):
        return self.head(self.features(x))


def train_one_epoch(model, loader, criterion, optimizer):
    model.train()
    total, hits = 0.0, 0
    for images, labels in loader:
        optimizer.zero_grad()
        outputs = model(images)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
        hits += (outputs.argmax(1) == labels).sum().item()
    return total / len(loader.dataset), hits / len(loader.dataset)


@torch.no_grad()
def evaluate(model, loader, criterion):
    model.eval()
    total, hits = 0.0, 0
    for images, labels in loader:
        outputs = model(images)
        total += criterion(outputs, labels).item() * len(labels)
        hits += (outputs.argmax(1) == labels).sum().item()
    return total / len(loader.dataset), hits / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.01)
    args = parser.parse_args()

    seed = int(os.environ.get("SEED", "0"))
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)

    train_set = Beans(1600, rng, train=True)
    val_set = Beans(500, rng)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=100)

    model = BeanNet(len(DEFECTS))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)

    for epoch in range(1, args.epochs + 1):
        loss, acc = train_one_epoch(model, train_loader, criterion, optimizer)
        val_loss, val_acc = evaluate(model, val_loader, criterion)
        print(f"epoch {epoch}: loss {loss:.3f} acc {acc:.3f} | val loss {val_loss:.3f} val acc {val_acc:.3f}")
    print(f"final accuracy: {val_acc:.3f} (always '{DEFECTS[0]}': {(val_set.labels == 0).mean():.3f})")


if __name__ == "__main__":
    main()
