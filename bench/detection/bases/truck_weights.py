#!/usr/bin/env python
"""Weigh-in-motion: the gross weight of a lorry from two strain strips in the road, 4 m apart.

We train on the simulator (every item is a new crossing, it never runs out) and test on a fixed set of crossings.
"""

import argparse
import os
import random

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", "0"))
RATE_HZ = 100
SAMPLES = 192
STRIP_GAP = 4.0  # metres
MEAN_KG, SPREAD_KG = 19_000.0, 10_000.0


def simulate_crossing(rng):
    """Returns the signal of the two strips, float32 [2, SAMPLES], and the gross weight in kg."""
    axles = rng.choice([2, 3, 4, 5], p=[0.35, 0.2, 0.15, 0.3])
    loaded = rng.uniform(0.35, 1.0)
    loads = rng.uniform(5500, 10500, axles) * loaded
    spacing = rng.uniform(1.3, 4.5, axles - 1)
    where = np.concatenate([[0.0], np.cumsum(spacing)])  # metres behind the first axle
    speed = rng.uniform(12, 25)
    t = np.arange(SAMPLES) / RATE_HZ
    enters = rng.uniform(0.1, 0.3)
    bounce_hz, bounce_phase = rng.uniform(1.5, 3.5), rng.uniform(0, 2 * np.pi)
    signal = np.zeros((2, SAMPLES))
    for strip in range(2):
        for load, x in zip(loads, where, strict=True):
            hit = enters + (x + strip * STRIP_GAP) / speed
            bounce = 1 + 0.06 * np.sin(2 * np.pi * bounce_hz * hit + bounce_phase)
            signal[strip] += load * bounce * np.exp(-0.5 * ((t - hit) * speed / 0.45) ** 2)
        drift = np.cumsum(rng.normal(0, 12, SAMPLES))
        signal[strip] += drift + rng.normal(0, 150, SAMPLES)
    signal *= rng.normal(1, 0.02)  # the glue softens on warm days
    return signal.astype(np.float32), float(loads.sum())


class Rescale:
    def __call__(self, signal, weight):
        return torch.from_numpy(signal / 2000.0), torch.tensor((weight - MEAN_KG) / SPREAD_KG)


class SimulatedCrossings(Dataset):
    """An endless supply; ``length`` only says what we call an epoch."""

    def __init__(self, length, transform):
        self.length = length
        self.transform = transform

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return self.transform(*simulate_crossing(np.random))


class RecordedCrossings(Dataset):
    def __init__(self, n, transform, seed):
        rng = np.random.RandomState(seed)
        self.crossings = [simulate_crossing(rng) for _ in range(n)]
        self.transform = transform

    def __len__(self):
        return len(self.crossings)

    def __getitem__(self, index):
        return self.transform(*self.crossings[index])


def seed_worker(_worker):
    np.random.seed(torch.initial_seed() % 2**32)


class Scale(nn.Module):
    """Strided convolutions along time, then a mean over what is left of it."""

    def __init__(self, width=16):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(2, width, 9, stride=2, padding=4, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Conv1d(width, 2 * width, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm1d(2 * width),
            nn.ReLU(),
            nn.Conv1d(2 * width, 2 * width, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm1d(2 * width),
            nn.ReLU(),
            nn.AdaptiveAvgPool1d(6),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(12 * width, 48), nn.ReLU(), nn.Linear(48, 1))

    def forward(self, x):
        return self.head(self.body(x))


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    outputs, targets = [], []
    for signal, target in loader:
        outputs.append(model(signal)[:, 0].float())
        targets.append(target)
    kg = torch.cat(outputs) * SPREAD_KG + MEAN_KG
    truth = torch.cat(targets) * SPREAD_KG + MEAN_KG
    rmse = (kg - truth).square().mean().sqrt()
    return rmse.item(), (1 - (rmse / truth.std()) ** 2).item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    np.random.seed(SEED)
    random.seed(SEED)

    train_set = SimulatedCrossings(1600, Rescale())
    test_set = RecordedCrossings(500, Rescale(), seed=10_000 + SEED)
    train_loader = DataLoader(
        train_set, batch_size=args.batch_size, shuffle=True, num_workers=args.workers, worker_init_fn=seed_worker
    )
    test_loader = DataLoader(test_set, batch_size=125)

    model = Scale()
    criterion = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, total_steps=args.epochs * len(train_loader))

    for epoch in range(1, args.epochs + 1):
        model.train()
        total = 0.0
        for signal, target in train_loader:
            optimizer.zero_grad()
            output = model(signal).squeeze(1)
            loss = criterion(output, target)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(target)
        rmse, r2 = evaluate(model, test_loader)
        print(f"epoch {epoch:2d} | train mse {total / len(train_set):.4f} | test rmse {rmse:7.0f} kg | R2 {r2:.4f}")


if __name__ == "__main__":
    main()
