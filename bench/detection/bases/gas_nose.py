#!/usr/bin/env python
"""Electronic nose: ten metal-oxide sensors sniff for a minute, a temporal convolutional network names the gas."""

import argparse
import os
import random

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

GASES = ["air", "ethanol", "acetone", "ammonia", "toluene", "ethylene", "methane"]
N_SENSORS = 10
N_SECONDS = 60


def parse_args():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--seed", type=int, default=int(os.environ.get("SEED", "0")))
    p.add_argument("--n", type=int, default=1800, help="number of sniffs")
    p.add_argument("--epochs", type=int, default=12)
    p.add_argument("--micro-batch", type=int, default=16)
    p.add_argument("--accumulate", type=int, default=4, help="micro-batches to one step")
    p.add_argument("--lr", type=float, default=0.05)
    p.add_argument("--milestones", type=int, nargs="*", default=[8, 11], help="epochs after which the rate falls")
    p.add_argument("--channels", type=int, default=24)
    p.add_argument("--dropout", type=float, default=0.1)
    return p.parse_args()


def simulate_sniffs(n, seed):
    """Resistances in kOhm, (n, seconds, sensors), and the gas of each sniff."""
    array = np.random.default_rng(77)  # the device: the same for every sniff and every seed
    sensitivity = array.lognormal(-0.6, 0.5, (len(GASES), N_SENSORS))
    sensitivity[0] = 0.0
    rise = array.uniform(3.0, 12.0, (len(GASES), N_SENSORS))
    fall = array.uniform(5.0, 18.0, (len(GASES), N_SENSORS))
    clean = array.uniform(15.0, 90.0, N_SENSORS)

    rng = np.random.default_rng(seed)
    y = rng.integers(0, len(GASES), n)
    strength = rng.lognormal(0.0, 0.7, n)[:, None, None]
    onset = rng.uniform(4, 14, n)[:, None, None]
    length = rng.uniform(15, 30, n)[:, None, None]
    t = np.arange(N_SECONDS)[None, :, None]
    since = np.clip(t - onset, 0, None)
    after = np.clip(t - onset - length, 0, None)
    level = (1 - np.exp(-np.minimum(since, length) / rise[y][:, None])) * np.exp(-after / fall[y][:, None])
    response = sensitivity[y][:, None] * strength**0.6 * level
    humidity = rng.normal(0, 0.15, (n, 1, 1)) * array.uniform(0.5, 1.5, N_SENSORS)
    drift = np.cumsum(rng.normal(0, 0.012, (n, N_SECONDS, N_SENSORS)), axis=1)
    noise = rng.normal(0, 0.03, (n, N_SECONDS, N_SENSORS))
    ageing = rng.normal(0, 0.12, (n, 1, N_SENSORS))
    x = clean * np.exp(-response + humidity + drift + noise + ageing)
    return x.astype(np.float32), y.astype(np.int64)


class Block(nn.Module):
    """Two dilated convolutions and a way around them."""

    def __init__(self, c_in, c_out, dilation, dropout):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(c_in, c_out, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm1d(c_out),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv1d(c_out, c_out, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm1d(c_out),
        )
        self.skip = nn.Identity() if c_in == c_out else nn.Conv1d(c_in, c_out, 1)

    def forward(self, x):
        return torch.relu(self.body(x) + self.skip(x))


class TCN(nn.Module):
    def __init__(self, channels, dropout):
        super().__init__()
        self.normalise = nn.BatchNorm1d(N_SENSORS)
        self.blocks = nn.Sequential(
            Block(N_SENSORS, channels, 1, dropout),
            Block(channels, channels, 2, dropout),
            Block(channels, channels, 4, dropout),
        )
        self.classify = nn.Linear(channels, len(GASES))

    def features(self, x):
        x = x.permute(0, 2, 1)  # Conv1d wants (batch, sensors, seconds)
        return self.blocks(self.normalise(x)).mean(dim=2)

    def forward(self, x):
        return self.classify(self.features(x))


def train_one_epoch(model, loader, criterion, optimizer, accumulate):
    model.train()
    total, seen = 0.0, 0
    optimizer.zero_grad()
    for i, (x, y) in enumerate(loader, start=1):
        out = model(x)
        loss = criterion(out, y)
        (loss / accumulate).backward()
        if i % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
        total += loss.item() * len(y)
        seen += len(y)
    return total / seen


@torch.no_grad()
def validate(model, loader, criterion):
    model.eval()
    total, right, seen = 0.0, 0, 0
    for x, y in loader:
        out = model(x)
        total += criterion(out, y).item() * len(y)
        right += (out.argmax(1) == y).sum().item()
        seen += len(y)
    return total / seen, right / seen


def main():
    args = parse_args()
    torch.set_num_threads(1)
    random.seed(args.seed)
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)

    x, y = simulate_sniffs(args.n, args.seed)
    n_val = args.n // 4
    train_set = TensorDataset(torch.from_numpy(x[n_val:]), torch.from_numpy(y[n_val:]))
    val_set = TensorDataset(torch.from_numpy(x[:n_val]), torch.from_numpy(y[:n_val]))
    train_loader = DataLoader(train_set, batch_size=args.micro_batch, shuffle=True, drop_last=True)
    val_loader = DataLoader(val_set, batch_size=128)

    model = TCN(args.channels, args.dropout)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, nesterov=True, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=args.milestones, gamma=0.1)

    best = 0.0
    for epoch in range(1, args.epochs + 1):
        train_loss = train_one_epoch(model, train_loader, criterion, optimizer, args.accumulate)
        val_loss, val_acc = validate(model, val_loader, criterion)
        scheduler.step()
        best = max(best, val_acc)
        print(f"epoch {epoch:3d} | train loss {train_loss:.4f} | val loss {val_loss:.4f} | val acc {val_acc:.4f}")
    print(f"final {val_acc:.4f}, best {best:.4f}, chance {1 / len(GASES):.4f}")


if __name__ == "__main__":
    main()
