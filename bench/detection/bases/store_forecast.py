"""The next week's sales of a dozen stores from their last eight weeks: one temporal convolutional network for all."""

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


def generate_sales(n_stores, n_days, rng):
    """Units sold per store and day, and whether the day was a promotion."""
    t = np.arange(n_days)
    sales, promos = [], []
    for _ in range(n_stores):
        level, slope = rng.uniform(20, 400), rng.uniform(-0.1, 0.3)
        week = np.exp(rng.normal(0, 0.35, 7))
        year = 1 + rng.uniform(0.1, 0.35) * np.sin(2 * np.pi * (t / 365 + rng.random()))
        promo = np.repeat(rng.random(n_days // 7 + 1) < 0.25, 7)[:n_days]
        noise = np.zeros(n_days)
        for i in range(1, n_days):
            noise[i] = 0.6 * noise[i - 1] + rng.normal(0, 0.05)
        mean = level * (1 + slope * t / 365) * week[t % 7] * year * np.exp(noise) * (1 + rng.uniform(0.3, 0.9) * promo)
        sales.append(rng.poisson(mean))
        promos.append(promo)
    return np.stack(sales).astype(float), np.stack(promos).astype(float)


class WindowDataset(Dataset):
    """x: [window, 4] scaled sales, promotion, promotion a week later, weekday; y: [horizon] scaled sales."""

    def __init__(self, scaled, promos, first, last, window, horizon):
        self.scaled, self.promos = scaled, promos
        self.window, self.horizon = window, horizon
        self.index = [(s, t) for s in range(len(scaled)) for t in range(first, last - horizon + 1, 3)]

    def __len__(self):
        return len(self.index)

    def __getitem__(self, i):
        store, now = self.index[i]
        past = slice(now - self.window, now)
        ahead = slice(now - self.window + self.horizon, now + self.horizon)
        weekday = np.arange(now - self.window, now) % 7 / 3.0 - 1.0
        x = np.stack([self.scaled[store, past], self.promos[store, past], self.promos[store, ahead], weekday], axis=1)
        y = self.scaled[store, now : now + self.horizon]
        return torch.tensor(x, dtype=torch.float32), store, torch.tensor(y, dtype=torch.float32)


class TemporalBlock(nn.Module):
    def __init__(self, channels, kernel_size, dilation, dropout):
        super().__init__()
        self.pad = (kernel_size - 1) * dilation
        self.conv1 = nn.Conv1d(channels, channels, kernel_size, dilation=dilation)
        self.conv2 = nn.Conv1d(channels, channels, kernel_size, dilation=dilation)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        out = self.dropout(F.relu(self.conv1(F.pad(x, (self.pad, 0)))))
        out = self.dropout(F.relu(self.conv2(F.pad(out, (self.pad, 0)))))
        return F.relu(x + out)


class TCN(nn.Module):
    def __init__(
        self, n_stores, n_features=4, channels=24, kernel_size=3, dilations=(1, 2, 4, 8), horizon=7, dropout=0.05
    ):
        super().__init__()
        self.store = nn.Embedding(n_stores, 4)
        self.inp = nn.Conv1d(n_features + 4, channels, 1)
        self.blocks = nn.ModuleList([TemporalBlock(channels, kernel_size, d, dropout) for d in dilations])
        self.out = nn.Linear(channels, horizon)

    def forward(self, x, store):
        x = x.transpose(1, 2)
        who = self.store(store).unsqueeze(2).expand(-1, -1, x.size(2))
        h = self.inp(torch.cat([x, who], dim=1))
        for block in self.blocks:
            h = block(h)
        return self.out(h[:, :, -1])


def run_epoch(model, loader, optimizer=None, scheduler=None):
    training = optimizer is not None
    model.train(training)
    total, count = 0.0, 0
    with torch.set_grad_enabled(training):
        for x, store, y in loader:
            forecast = model(x, store)
            loss = F.smooth_l1_loss(forecast, y)
            if training:
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                scheduler.step()
            total += loss.item() * len(y)
            count += len(y)
    return total / count


def weighted_error(model, loader, mean, std):
    """Sum of absolute errors over the sum of sales, in units."""
    model.eval()
    error = sold = naive = 0.0
    with torch.no_grad():
        for x, store, y in loader:
            m, s = mean[store].unsqueeze(1), std[store].unsqueeze(1)
            actual = y * s + m
            error += (model(x, store) * s + m - actual).abs().sum().item()
            naive += (x[:, -7:, 0] * s + m - actual).abs().sum().item()
            sold += actual.sum().item()
    return error / sold, naive / sold


def main(args):
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    sales, promos = generate_sales(args.stores, args.days, np.random.default_rng(args.seed))
    cut = int(0.8 * args.days)
    mean, std = sales[:, :cut].mean(1, keepdims=True), sales[:, :cut].std(1, keepdims=True)
    scaled = (sales - mean) / std
    train_set = WindowDataset(scaled, promos, args.window, cut, args.window, 7)
    val_set = WindowDataset(scaled, promos, cut, args.days, args.window, 7)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=256)
    mean = torch.tensor(mean[:, 0], dtype=torch.float32)
    std = torch.tensor(std[:, 0], dtype=torch.float32)

    model = TCN(args.stores)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    steps = args.epochs * len(train_loader)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=args.lr, total_steps=steps)
    with TemporaryDirectory() as folder:
        checkpoint, best = Path(folder) / "best.pt", float("inf")
        for epoch in range(args.epochs):
            train_loss = run_epoch(model, train_loader, optimizer, scheduler)
            val_loss = run_epoch(model, val_loader)
            wape, naive = weighted_error(model, val_loader, mean, std)
            print(f"{epoch + 1}/{args.epochs} train={train_loss:.4f} val={val_loss:.4f} wape={wape:.3f}")
            if val_loss < best:
                best = val_loss
                torch.save(model.state_dict(), checkpoint)
        if checkpoint.exists():
            model.load_state_dict(torch.load(checkpoint))
    wape, naive = weighted_error(model, val_loader, mean, std)
    print(f"best: wape {wape:.3f}; as in the week before: {naive:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", "0")))
    parser.add_argument("--stores", type=int, default=12)
    parser.add_argument("--days", type=int, default=730)
    parser.add_argument("--window", type=int, default=56)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--lr", type=float, default=4e-3)
    main(parser.parse_args())
