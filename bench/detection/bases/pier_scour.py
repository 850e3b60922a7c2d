"""Which way does the river run? From sonar pictures of the bed around bridge piers.

The current digs a horseshoe around every pier, with its horns downstream. The sonar looks from anywhere, so which
side of a hole is bright says nothing; its outline does.
"""

import copy
import math
import os

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", "0"))
SIDE = 24
FLOWS = ("E", "NE", "N", "NW", "W", "SW", "S", "SE")  # where the water goes


def edge(distance):
    """1 inside, 0 outside, with a soft rim."""
    return 0.5 - 0.5 * np.tanh(4 * distance)


def sonar_picture(sector, rng):
    """One picture, [SIDE, SIDE] in 0..1, of the holes around a few piers in the same current."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    y = -y  # up is north
    flow = math.radians(45 * sector + rng.uniform(-14, 14))
    beam = rng.uniform(0, 2 * np.pi)
    bed = 0.1 * (np.cos(beam) * x + np.sin(beam) * y) / SIDE
    depth = np.zeros((SIDE, SIDE))
    for _ in range(rng.integers(1, 4)):
        size = rng.uniform(4.0, 6.5)
        px, py = rng.uniform(6, SIDE - 6), -rng.uniform(6, SIDE - 6)
        along = (np.cos(flow) * (x - px) + np.sin(flow) * (y - py)) / size
        across = (-np.sin(flow) * (x - px) + np.cos(flow) * (y - py)) / size
        hole = edge(along**2 + (across / rng.uniform(0.9, 1.2)) ** 2 - 1)
        tongue = edge((along - rng.uniform(0.7, 0.9)) ** 2 + (across / 0.75) ** 2 - 0.6)
        depth = np.maximum(depth, hole * (1 - tongue))
    slope_y, slope_x = np.gradient(depth)
    echo = 0.2 * (np.cos(beam) * slope_x - np.sin(beam) * slope_y)
    picture = 0.6 + bed - rng.uniform(0.25, 0.4) * depth + echo
    return np.clip(picture + rng.normal(0, 0.06, picture.shape), 0, 1)


def survey(n, rng):
    sectors = rng.integers(len(FLOWS), size=n)
    pictures = np.stack([sonar_picture(s, rng) for s in sectors])
    return torch.tensor(pictures[:, None], dtype=torch.float32), torch.from_numpy(sectors)


class Scours(Dataset):
    def __init__(self, pictures, sectors, centre, spread, augment=False):
        self.pictures = (pictures - centre) / spread
        self.sectors = sectors
        self.augment = augment

    def __len__(self):
        return len(self.sectors)

    def __getitem__(self, i):
        picture = self.pictures[i]
        if self.augment:
            dy, dx = torch.randint(-1, 2, (2,)).tolist()
            picture = torch.roll(picture, (dy, dx), dims=(1, 2))
            picture = picture * (0.9 + 0.2 * torch.rand(1)) + 0.1 * torch.randn(1)
        return picture, self.sectors[i]


class ScourNet(nn.Module):
    def __init__(self, classes=len(FLOWS), drop=0.2):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 5, stride=2, padding=2, bias=False)
        self.bn1 = nn.BatchNorm2d(12)
        self.conv2 = nn.Conv2d(12, 24, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(24)
        self.conv3 = nn.Conv2d(24, 24, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(24)
        self.hidden = nn.Linear(24 * 6 * 6, 64)
        self.drop = nn.Dropout(drop)
        self.out = nn.Linear(64, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.relu(x + self.bn3(self.conv3(x)))
        x = self.drop(F.relu(self.hidden(x.flatten(1))))
        return self.out(x)


def train_one_epoch(model, loader, criterion, optimizer):
    model.train()
    total, right = 0.0, 0
    for pictures, sectors in loader:
        optimizer.zero_grad()
        logits = model(pictures)
        loss = criterion(logits, sectors)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(sectors)
        right += (logits.argmax(1) == sectors).sum().item()
    return total / len(loader.dataset), right / len(loader.dataset)


@torch.no_grad()
def evaluate(model, loader, criterion):
    model.eval()
    total, right = 0.0, 0
    for pictures, sectors in loader:
        logits = model(pictures)
        total += criterion(logits, sectors).item() * len(sectors)
        right += (logits.argmax(1) == sectors).sum().item()
    return total / len(loader.dataset), right / len(loader.dataset)


def main(epochs=8, batch_size=32, lr=3e-3):
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)

    train_pictures, train_sectors = survey(1600, rng)
    val_pictures, val_sectors = survey(500, rng)
    centre, spread = train_pictures.mean(), train_pictures.std()
    train_set = Scours(train_pictures, train_sectors, centre, spread, augment=True)
    val_set = Scours(val_pictures, val_sectors, centre, spread)
    train_loader = DataLoader(train_set, batch_size=batch_size, shuffle=True, drop_last=True)
    val_loader = DataLoader(val_set, batch_size=200)

    model = ScourNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-3)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[5, 7], gamma=0.3)

    best_loss, best_weights = math.inf, None
    for epoch in range(1, epochs + 1):
        train_loss, train_accuracy = train_one_epoch(model, train_loader, criterion, optimizer)
        val_loss, val_accuracy = evaluate(model, val_loader, criterion)
        scheduler.step()
        if val_loss < best_loss:
            best_loss = val_loss
            best_weights = copy.deepcopy(model.state_dict())
        print(
            f"epoch {epoch:2d}  train {train_loss:.3f} ({train_accuracy:.1%})  val {val_loss:.3f} ({val_accuracy:.1%})"
        )

    model.load_state_dict(best_weights)
    val_loss, val_accuracy = evaluate(model, val_loader, criterion)
    print(f"best epoch: val {val_loss:.3f} ({val_accuracy:.1%})")


if __name__ == "__main__":
    main()
