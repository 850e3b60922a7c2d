# Reading flag semaphore: which letter is the signaller showing?
#   python semaphore_letters.py [--epochs 12] [--batch-size 32] [--lr 0.01]
import argparse
import os
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

SIZE = 28
# arm positions in eighths of a turn, clockwise from straight down as the reader sees it: (one flag, the other)
LETTERS = {
    "A": (1, 0), "B": (2, 0), "C": (3, 0), "D": (4, 0), "E": (5, 0), "F": (6, 0), "G": (7, 0),
    "H": (1, 2), "I": (1, 3), "K": (1, 4), "L": (1, 5), "M": (1, 6), "N": (1, 7), "O": (2, 3),
}  # fmt: skip
NAMES = sorted(LETTERS)


def segment(ys, xs, start, end):
    """Distance of every pixel to a line segment."""
    d = end - start
    t = np.clip(((ys - start[0]) * d[0] + (xs - start[1]) * d[1]) / (d @ d + 1e-6), 0, 1)
    return np.hypot(ys - start[0] - t * d[0], xs - start[1] - t * d[1])


def photograph(arms, rng):
    """One grey picture (uint8) of a signaller on a foggy shore."""
    ys, xs = np.mgrid[0:SIZE, 0:SIZE].astype(np.float64)
    horizon = rng.uniform(12, 24)
    picture = rng.uniform(135, 200) + rng.uniform(-30, 30) * (ys > horizon) + rng.uniform(-1, 1) * (xs - SIZE / 2)
    chest = np.array([SIZE / 2 + rng.normal(0, 1.0), SIZE / 2 + rng.normal(0, 1.0)])
    dark = rng.uniform(30, 80)
    body = segment(ys, xs, chest, chest + [8.0, 0.0]) < 1.5
    head = np.hypot(ys - chest[0] + 3.2, xs - chest[1]) < 1.7
    picture[body | head] = dark
    for eighth in arms:
        angle = np.pi / 4 * eighth + rng.normal(0, 0.11)
        way = np.array([np.cos(angle), -np.sin(angle)])
        reach = rng.uniform(8.0, 9.5)
        picture[segment(ys, xs, chest, chest + reach * way) < 0.8] = dark
        flag = np.maximum(*np.abs(np.stack([ys, xs]) - (chest + (reach + 1) * way)[:, None, None])) < 2.0
        picture[flag] = rng.uniform(205, 255) if rng.random() < 0.5 else dark * 0.5
    picture = picture + rng.normal(0, rng.uniform(10, 28), picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


class SemaphoreDataset(Dataset):
    """Pictures listed letter by letter, the way they lie in their folders."""

    def __init__(self, per_letter, seed, transform=None):
        rng = np.random.default_rng(seed)
        self.transform = transform
        self.pictures, self.targets = [], []
        for index, name in enumerate(NAMES):
            for _ in range(per_letter):
                self.pictures.append(photograph(LETTERS[name], rng))
                self.targets.append(index)

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        image = torch.from_numpy(self.pictures[i]).float().unsqueeze(0)
        if self.transform is not None:
            image = self.transform(image)
        return image, self.targets[i]


class Compose:
    def __init__(self, *steps):
        self.steps = steps

    def __call__(self, image):
        for step in self.steps:
            image = step(image)
        return image


def rescale(image):
    return (image / 255.0 - 0.55) / 0.25


def random_shift(image):
    dy, dx = random.randint(-1, 1), random.randint(-1, 1)
    return torch.roll(image, (dy, dx), (1, 2))


def random_light(image):
    return image * random.uniform(0.85, 1.15)


class CoordNet(nn.Module):
    """Plain convolutions; the pixel coordinates are two more input channels."""

    def __init__(self, n_classes, width=16):
        super().__init__()
        line = torch.linspace(-1, 1, SIZE)
        self.register_buffer("coords", torch.stack(torch.meshgrid(line, line, indexing="ij")).unsqueeze(0))
        self.conv1 = nn.Conv2d(3, width, 5, stride=2, padding=2)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.conv3 = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.hidden = nn.Linear(2 * width * 7 * 7, 64)
        self.out = nn.Linear(64, n_classes)
        for layer in (self.conv1, self.conv2, self.conv3, self.hidden):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = torch.cat([x, self.coords.expand(len(x), -1, -1, -1)], dim=1)
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = F.relu(self.conv3(x))
        x = F.relu(self.hidden(x.flatten(1)))
        return self.out(x)


def evaluate(model, loader, criterion):
    model.eval()
    total, correct, count = 0.0, 0, 0
    with torch.no_grad():
        for images, targets in loader:
            logits = model(images)
            total += criterion(logits, targets).item() * len(targets)
            correct += (logits.argmax(1) == targets).sum().item()
            count += len(targets)
    return total / count, correct / count


def main(args):
    seed = int(os.environ.get("SEED", "0"))
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)

    train_set = SemaphoreDataset(120, seed, Compose(random_shift, random_light, rescale))
    val_set = SemaphoreDataset(40, seed + 1000, rescale)
    train_loader = DataLoader(train_set, args.batch_size, shuffle=True, num_workers=2, persistent_workers=True)
    val_loader = DataLoader(val_set, 128)

    model = CoordNet(len(NAMES))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4)

    for epoch in range(1, args.epochs + 1):
        model.train()
        seen, summed = 0, 0.0
        for images, targets in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), targets)
            loss.backward()
            optimizer.step()
            summed += loss.item() * len(targets)
            seen += len(targets)
        val_loss, val_acc = evaluate(model, val_loader, criterion)
        print(f"epoch {epoch:2d}: train loss {summed / seen:.4f} | val loss {val_loss:.4f} acc {val_acc:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.01)
    main(parser.parse_args())
