"""Where does the bee say the food is?

A forager's waggle dance on a vertical comb, 25 frames a second: position of the thorax (mm) and loudness of the buzz.
Eight feeders stand around the hive. A recording holds several rounds: training takes random cuts of it, testing one.
"""

import argparse
import os
import random

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", "0"))
FRAMES = 240  # of a recording
CUT = 80  # of one sample
FEEDERS = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"]


def film_dance(feeder, rng):
    """One recording [FRAMES, 3]: the bee runs straight and buzzing, loops back left or right, and starts again."""
    heading = np.pi / 4 * feeder + rng.normal(0, 0.16)
    run = int(rng.integers(8, 16))  # frames of a waggle run: the distance of the feeder
    back = int(rng.integers(16, 24))
    speed, side = rng.uniform(0.7, 1.2), rng.choice([-1, 1])
    angles, buzz = [], []
    while len(angles) < FRAMES + 40:
        this = heading + rng.normal(0, 0.14)
        wiggle = 0.9 * np.sin(np.arange(run) * 2.4 + rng.uniform(0, 6))
        angles += list(this + wiggle)
        buzz += list(rng.normal(1.0, 0.3, run))
        turn = np.linspace(0, side * 2 * np.pi, back)
        angles += list(this + turn + rng.normal(0, 0.25, back))
        buzz += list(rng.normal(0.25, 0.25, back))
        side = -side
    start = rng.integers(0, 40)
    angles, buzz = np.array(angles[start : start + FRAMES]), np.array(buzz[start : start + FRAMES])
    step = speed * np.exp(rng.normal(0, 0.2, FRAMES))
    path = np.cumsum(np.stack([step * np.sin(angles), step * np.cos(angles)], axis=1), axis=0)
    path += np.cumsum(rng.normal(0, 0.25, path.shape), axis=0) + rng.normal(0, 0.3, path.shape)  # crowd, tracker
    path += rng.uniform(40, 160, 2) - path.mean(axis=0)  # somewhere on the dance floor
    return np.column_stack([path, 30 * np.clip(buzz, 0, None)]).astype(np.float32)


class Faster:
    """Some bees are in a hurry."""

    def __call__(self, cut):
        middle = cut[:, :2].mean(axis=0)
        cut[:, :2] = middle + (cut[:, :2] - middle) * np.random.uniform(0.75, 1.3)
        return cut


class Shaky:
    """Errors of the tracker."""

    def __call__(self, cut):
        cut[:, :2] += np.random.normal(0, 0.3, (len(cut), 2))
        return cut


class Louder:
    def __call__(self, cut):
        cut[:, 2] *= np.random.uniform(0.7, 1.4)
        return cut


class DanceCuts(Dataset):
    def __init__(self, recordings, feeders, transforms=(), cuts_each=1, training=False):
        self.recordings, self.feeders, self.transforms = recordings, feeders, transforms
        self.cuts_each, self.training = cuts_each, training

    def __len__(self):
        return len(self.recordings) * self.cuts_each

    def __getitem__(self, index):
        index %= len(self.recordings)
        film = self.recordings[index]
        begin = np.random.randint(FRAMES - CUT) if self.training else (FRAMES - CUT) // 2
        cut = film[begin : begin + CUT].copy()
        for transform in self.transforms:
            cut = transform(cut)
        steps = np.diff(cut[:, :2], axis=0)  # where on the comb she dances says nothing
        return torch.from_numpy(np.column_stack([steps, cut[1:, 2]])), int(self.feeders[index])


class DanceNet(nn.Module):
    def __init__(self, width=32, classes=8):
        super().__init__()
        self.units = nn.BatchNorm1d(3)
        self.stem = nn.Sequential(
            nn.Conv1d(3, width, 5, padding=2, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Conv1d(width, width, 5, stride=2, padding=2, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
        )  # fmt: skip
        self.gru, self.drop = nn.GRU(width, 40, batch_first=True), nn.Dropout(0.2)
        self.head = nn.Linear(40, classes)

    def forward(self, x):
        h = self.stem(self.units(x.transpose(1, 2)))
        h, _ = self.gru(h.transpose(1, 2))
        return self.head(self.drop(h[:, -1]))


@torch.no_grad()
def evaluate(model, loader, criterion):
    model.eval()
    losses, hits, total = 0.0, 0, 0
    for x, y in loader:
        out = model(x)
        losses += criterion(out, y).item() * len(y)
        hits += (out.argmax(dim=1) == y).sum().item()
        total += len(y)
    return losses / total, hits / total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.03)
    args = parser.parse_args()
    torch.set_num_threads(1)
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)

    rng = np.random.default_rng(SEED)
    feeders = rng.integers(0, len(FEEDERS), 750)
    films = np.stack([film_dance(f, rng) for f in feeders])
    train_x, train_y, test_x, test_y = films[:250], feeders[:250], films[250:], feeders[250:]

    train_set = DanceCuts(train_x, train_y, (Faster(), Shaky(), Louder()), cuts_each=3, training=True)
    test_set = DanceCuts(test_x, test_y)
    train_loader = DataLoader(train_set, args.batch_size, shuffle=True, drop_last=True, num_workers=2)
    test_loader = DataLoader(test_set, 125)

    model = DanceNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)

    for epoch in range(args.epochs):
        model.train()
        total_loss = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total_loss += loss.item()
        scheduler.step()
        test_loss, accuracy = evaluate(model, test_loader, criterion)
        total_loss /= len(train_loader)
        print(f"epoch {epoch:2d}  train {total_loss:.3f}  test {test_loss:.3f}  accuracy {accuracy:.3f}")
    print(f"always the commonest feeder: {np.bincount(test_y).max() / len(test_y):.3f}")


if __name__ == "__main__":
    main()
