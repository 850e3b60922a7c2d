# What did the rower do wrong? One stroke = 64 moments of oar angle, force, blade depth and boat acceleration.
# Every rower rows some pieces, each piece with one habit of technique on the coach's order. New rowers in validation.
import os

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", "0"))
torch.set_num_threads(1)
torch.manual_seed(SEED)

HABITS = ["clean", "late catch", "washing out", "digging", "rushing", "shooting the slide"]
MOMENTS = 64
PIECE = 8  # strokes of a piece that are kept


def stroke(habit, rower, rng):
    """One stroke, [time, 4], in the units of the sensors: degrees, newtons, centimetres, m/s2."""
    t = np.linspace(0, 1, MOMENTS, endpoint=False)
    drive = rower["drive"] + rng.normal(0, 0.012) - (0.07 * rower["bad"] if habit == "rushing" else 0)
    start = rower["start"] + rng.normal(0, 0.012)
    phase = np.where(t < drive, t / drive, 1.0)  # 0 to 1 over the drive
    back = np.clip((t - drive) / (1 - drive), 0, 1)
    if habit == "rushing":
        back = back ** (1 + 0.45 * rower["bad"])  # slow hands, then a fast slide
    swing = np.where(t < drive, phase, 1 - back)
    angle = -rower["reach"] + (rower["reach"] + rower["finish"]) * (1 - np.cos(np.pi * swing)) / 2

    rise, fall, peak = 0.12, 0.92, rower["peak"]
    if habit == "late catch":
        rise += 0.13 * rower["bad"]
    if habit == "washing out":
        fall -= 0.17 * rower["bad"]
    if habit == "shooting the slide":
        peak += 0.16 * rower["bad"]
    grip = 1 / (1 + np.exp(-(phase - rise) / 0.03)) / (1 + np.exp((phase - fall) / 0.03)) * (t < drive)
    force = rower["power"] * grip * np.exp(-(((phase - peak) / 0.45) ** 2))
    if habit == "shooting the slide":
        force = force * (1 - 0.4 * rower["bad"] * np.exp(-(((phase - 0.33) / 0.1) ** 2)))

    depth = rower["depth"] * grip + (0.6 * rower["depth"] * rower["bad"] if habit == "digging" else 0) * grip * np.sin(
        np.pi * phase
    )
    slide = np.gradient(np.gradient(angle)) * 2.2
    boat = force / 160 - 1.4 - slide * (t >= drive) - 0.004 * depth**2 / 10
    signals = np.stack([angle, force, depth, boat], axis=1)
    signals = np.roll(signals, int(round(start * MOMENTS)), axis=0)
    return signals + rng.normal(0, 1, signals.shape) * np.array([2.5, 35.0, 2.5, 0.5])


def row_pieces(n_rowers, rng):
    """All strokes in the order of the log book: rower by rower, piece by piece."""
    strokes, labels = [], []
    for _ in range(n_rowers):
        rower = {
            "drive": rng.uniform(0.36, 0.46),
            "start": rng.uniform(-0.05, 0.05),
            "reach": rng.normal(56, 4),
            "finish": rng.normal(34, 3),
            "peak": rng.uniform(0.36, 0.5),
            "power": rng.normal(520, 90),
            "depth": rng.normal(16, 2.5),
        }
        for k, habit in enumerate(HABITS):
            rower["bad"] = rng.uniform(0.5, 1.3)
            strokes += [stroke(habit, rower, rng) for _ in range(PIECE)]
            labels += [k] * PIECE
    return np.stack(strokes).astype(np.float32), np.array(labels)


class Strokes(Dataset):
    def __init__(self, signals, labels, mean, std, jitter=0):
        self.signals = torch.from_numpy((signals - mean) / std)
        self.labels = torch.from_numpy(labels)
        self.jitter = jitter

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        signal = self.signals[i]
        if self.jitter:  # the trigger of the logger is not exact
            shift = int(torch.randint(-self.jitter, self.jitter + 1, ()))
            signal = torch.roll(signal, shift, dims=0)
        return signal, self.labels[i]


class StrokeNet(nn.Module):
    def __init__(self, channels=4, width=24, drop=0.3):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(channels, width, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Conv1d(width, width, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Conv1d(width, width, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
        )
        self.neck = nn.Linear(width * MOMENTS // 8, 64)
        self.drop = nn.Dropout(drop)
        self.head = nn.Linear(64, len(HABITS))

    def forward(self, x):
        x = x.permute(0, 2, 1)  # time last
        x = self.body(x).flatten(1)
        x = self.drop(torch.relu(self.neck(x)))
        return self.head(x)


class Coach:
    def __init__(self, model, train_loader, val_loader, epochs, lr=3e-3):
        self.model, self.train_loader, self.val_loader = model, train_loader, val_loader
        self.epochs = epochs
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-2)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, epochs * len(train_loader))

    def train_epoch(self):
        self.model.train()
        total = 0.0
        for x, y in self.train_loader:
            self.optimizer.zero_grad()
            loss = self.loss(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            total += loss.item() * len(y)
        return total / len(self.train_loader.dataset)

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        total = right = 0.0
        for x, y in self.val_loader:
            logits = self.model(x)
            total += self.loss(logits, y).item() * len(y)
            right += (logits.argmax(dim=1) == y).sum().item()
        n = len(self.val_loader.dataset)
        return total / n, right / n

    def fit(self):
        for epoch in range(1, self.epochs + 1):
            train_loss = self.train_epoch()
            val_loss, accuracy = self.validate()
            print(f"{epoch:2d}/{self.epochs}  train {train_loss:.3f}  val {val_loss:.3f}  accuracy {accuracy:.1%}")


if __name__ == "__main__":
    rng = np.random.default_rng(SEED)
    train_x, train_y = row_pieces(36, rng)
    val_x, val_y = row_pieces(16, rng)
    mean, std = train_x.mean(axis=(0, 1)), train_x.std(axis=(0, 1))

    train_set = Strokes(train_x, train_y, mean, std, jitter=2)
    val_set = Strokes(val_x, val_y, mean, std)
    train_loader = DataLoader(train_set, batch_size=48, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=PIECE)  # piece by piece
    print(f"{len(train_set)} strokes of 36 rowers to train on, {len(val_set)} of 16 others to validate; chance 16.7%")
    Coach(StrokeNet(), train_loader, val_loader, epochs=7).fit()
