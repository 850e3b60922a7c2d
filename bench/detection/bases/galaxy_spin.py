"""Which way does a galaxy turn? Small survey cut-outs are sorted into anticlockwise, clockwise, edge-on and smooth."""

import argparse
import os
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=8)
parser.add_argument("--batch-size", type=int, default=48)
parser.add_argument("--lr", type=float, default=0.02)
parser.add_argument("--width", type=int, default=16)
args = parser.parse_args()

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

KINDS = ["anticlockwise", "clockwise", "edge-on", "smooth"]
SIDE = 28


def cutout(kind, rng):
    """One grey image (uint8) of a galaxy, with sky noise and, now and then, a star in the foreground."""
    cy, cx = SIDE / 2 - 0.5 + rng.normal(0, 0.8, 2)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(float)
    y, x = y - cy, x - cx
    turn = rng.uniform(0, 2 * np.pi)
    u, v = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    size = rng.uniform(4.0, 6.0)
    if kind == "edge-on":
        light = np.exp(-np.abs(u) / size - np.abs(v) / rng.uniform(0.8, 1.6))
    else:
        v = v / rng.uniform(0.7, 1.0)
        r = np.hypot(u, v) + 1e-6
        light = np.exp(-r / size)
        if kind != "smooth":
            sense = 1 if kind == "clockwise" else -1
            winding = rng.uniform(2.0, 3.2)
            arms = np.cos(2 * (np.arctan2(v, u) - sense * winding * np.log1p(r / 2)))
            light = light * (1 + rng.uniform(0.3, 0.9) * arms * np.tanh(r / 3)) + 0.4 * np.exp(-((r / 2) ** 2))
    image = rng.uniform(90, 220) * light / light.max() + rng.uniform(8, 25)
    if rng.random() < 0.3:
        sy, sx = rng.uniform(2, SIDE - 2, 2)
        image += rng.uniform(60, 200) * np.exp(-((x + cx - sx) ** 2 + (y + cy - sy) ** 2) / 1.5)
    return np.clip(image + rng.normal(0, 16, image.shape), 0, 255).astype(np.uint8)


class Survey(Dataset):
    def __init__(self, n, rng, augment=False):
        self.labels = rng.integers(0, len(KINDS), n)
        self.images = np.stack([cutout(KINDS[k], rng) for k in self.labels])
        self.augment = augment

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        image = torch.from_numpy(self.images[i]).float().unsqueeze(0)
        image = (image - 45.0) / 45.0
        if self.augment:
            image = torch.rot90(image, random.randrange(4), dims=(1, 2))
        return image, int(self.labels[i])


class Block(nn.Module):
    """Pre-activation residual block."""

    def __init__(self, c):
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(c), nn.BatchNorm2d(c)
        self.conv1 = nn.Conv2d(c, c, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(c, c, 3, padding=1, bias=False)

    def forward(self, x):
        h = self.conv1(F.relu(self.bn1(x)))
        h = self.conv2(F.relu(self.bn2(h)))
        return x + h


class SpinNet(nn.Module):
    def __init__(self, c, n_out):
        super().__init__()
        self.stem = nn.Conv2d(1, c, 5, stride=2, padding=2)
        self.block1 = Block(c)
        self.block2 = Block(c)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(c * 9, n_out)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = F.max_pool2d(self.block1(x), 2)
        x = self.block2(x)
        x = F.adaptive_avg_pool2d(F.relu(x), 3).flatten(1)
        return self.head(self.drop(x))


criterion = nn.CrossEntropyLoss()


def evaluate(model, loader):
    model.eval()
    loss_sum = hits = seen = 0
    per_class = np.zeros((len(KINDS), 2))
    with torch.no_grad():
        for images, labels in loader:
            out = model(images)
            loss_sum += criterion(out, labels).item() * len(labels)
            guess = out.argmax(1)
            hits += (guess == labels).sum().item()
            seen += len(labels)
            for k in range(len(KINDS)):
                per_class[k] += [(guess[labels == k] == k).sum().item(), (labels == k).sum().item()]
    return loss_sum / seen, hits / seen, per_class[:, 0] / per_class[:, 1]


rng = np.random.default_rng(SEED)
train_loader = DataLoader(Survey(1900, rng, augment=True), batch_size=args.batch_size, shuffle=True)
val_loader = DataLoader(Survey(600, rng), batch_size=200)

model = SpinNet(args.width, len(KINDS))
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[4, 6], gamma=0.2)

for epoch in range(1, args.epochs + 1):
    model.train()
    total = 0.0
    for images, labels in train_loader:
        optimizer.zero_grad()
        out = model(images)
        loss = criterion(out, labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step()
    val_loss, val_acc, recall = evaluate(model, val_loader)
    print(f"epoch {epoch:2d}  train {total / len(train_loader):.4f}  val {val_loss:.4f}  acc {val_acc:.4f}")

print("recall:", ", ".join(f"{kind} {r:.2f}" for kind, r in zip(KINDS, recall, strict=True)))
