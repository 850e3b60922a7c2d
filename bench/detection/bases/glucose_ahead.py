#!/usr/bin/env python
"""Blood sugar in 45 minutes' time, from two hours of a sensor, the meals and the insulin (simulated patients).

The last quarter of each patient's days is kept for validation, with a gap so that no window lies in both parts.
"""

import argparse
import os
import random

import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset

PAST, AHEAD = 24, 9  # steps of five minutes


def simulate_patient(days: int, rng: np.random.Generator) -> np.ndarray:
    """Columns: sensor [mg/dl], carbohydrates [g], insulin [units], hour of the day."""
    base, back = rng.normal(135, 12), rng.uniform(0.010, 0.022)
    per_gram, per_unit = rng.uniform(3.0, 5.0), rng.uniform(28, 50)
    ratio = per_unit / per_gram * rng.uniform(0.8, 1.1)  # grams for which the patient injects one unit
    steps = days * 288
    carbs, insulin = np.zeros(steps), np.zeros(steps)
    for day in range(days):
        for hour, grams in ((7.5, 45), (12.5, 60), (16.0, 20), (19.0, 65)):
            if rng.random() < 0.9:
                at = day * 288 + int(np.clip(rng.normal(hour, 0.8), 0, 23) * 12)
                eaten = max(5.0, rng.normal(grams, 0.3 * grams))
                carbs[at] += eaten
                dose = at + int(rng.integers(-3, 4))
                if 0 <= dose < steps and rng.random() < 0.88:
                    insulin[dose] += max(0.0, eaten / ratio * rng.normal(1, 0.2))
    glucose, gut, blood, depot, action, drift = base, 0.0, 0.0, 0.0, 0.0, 0.0
    out = np.zeros((steps, 4))
    for t in range(steps):
        gut, blood = gut * 0.88 + carbs[t], blood * 0.85 + gut * 0.12
        depot, action = depot * 0.93 + insulin[t], action * 0.93 + depot * 0.07
        drift = 0.95 * drift + rng.normal(0, 0.35)
        glucose += back * (base - glucose) + 0.15 * per_gram * blood - 0.07 * per_unit * action + drift
        glucose = min(max(glucose, 45.0), 400.0)
        out[t] = glucose + rng.normal(0, 4), carbs[t], insulin[t], (t % 288) / 12
    return out


class Windows(Dataset):
    """Every third window of the given rows of all patients."""

    def __init__(self, records, start, stop):
        self.items = []
        for who, record in enumerate(records):
            first, last = int(start * len(record)), int(stop * len(record))
            for t in range(first, last - PAST - AHEAD, 3):
                self.items.append((record[t : t + PAST], who, record[t + PAST + AHEAD - 1, 0]))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        past, who, later = self.items[index]
        return torch.tensor(past, dtype=torch.float32), torch.tensor(who), torch.tensor(later, dtype=torch.float32)


class Forecaster(nn.Module):
    def __init__(self, patients: int, hidden: int, mean: torch.Tensor, std: torch.Tensor):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        self.patient = nn.Embedding(patients, 6)
        self.gru = nn.GRU(mean.numel(), hidden, batch_first=True)
        self.head = nn.Sequential(nn.Linear(hidden + 6, 48), nn.ReLU(), nn.Linear(48, 1))

    def forward(self, past, who):
        states, _ = self.gru((past - self.mean) / self.std)
        summary = torch.cat([states[:, -1], self.patient(who)], dim=1)
        return self.head(summary).squeeze(1)


def rmse(model, loader, centre, spread):
    """Root mean squared error in mg/dl."""
    model.eval()
    squared, count = 0.0, 0
    with torch.no_grad():
        for past, who, later in loader:
            guess = model(past, who) * spread + centre
            squared += (guess - later).square().sum().item()
            count += len(later)
    return (squared / count) ** 0.5


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--hidden", type=int, default=40)
    parser.add_argument("--patients", type=int, default=10)
    parser.add_argument("--days", type=int, default=6)
    args = parser.parse_args()

    seed = int(os.environ.get("SEED", "0"))
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)

    rng = np.random.default_rng(seed)
    records = [simulate_patient(args.days, rng) for _ in range(args.patients)]
    train_set, val_set = Windows(records, 0.0, 0.75), Windows(records, 0.76, 1.0)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=256)

    known = torch.tensor(np.concatenate([r[: int(0.75 * len(r))] for r in records]), dtype=torch.float32)
    mean, std = known.mean(0), known.std(0)
    centre, spread = mean[0], std[0]
    model = Forecaster(args.patients, args.hidden, mean, std)
    optimizer = optim.Adam(model.parameters(), lr=args.lr)
    loss_fn = nn.MSELoss()

    truth = np.array([later for _, _, later in val_set.items])
    stay = np.array([past[-1, 0] for past, _, _ in val_set.items])
    print(f"{len(train_set)} windows to learn from, {len(val_set)} to validate")
    persistence = np.sqrt(np.mean((truth - stay) ** 2))
    print(f"RMSE of the mean {truth.std():.1f} mg/dl, of 'it stays as it is' {persistence:.1f} mg/dl")

    for epoch in range(args.epochs):
        model.train()
        running = 0.0
        for past, who, later in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(past, who), (later - centre) / spread)
            loss.backward()
            optimizer.step()
            running += loss.item() * len(later)
        error = rmse(model, val_loader, centre, spread)
        print(f"epoch {epoch + 1}: train loss {running / len(train_set):.4f}, validation RMSE {error:.2f} mg/dl")


if __name__ == "__main__":
    main()
