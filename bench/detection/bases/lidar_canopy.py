#!/usr/bin/env python3
# Full-waveform lidar over forest: canopy height, cover and terrain slope from one digitised return (8 bits).
# The training pulses are simulated on the fly by the loader's workers, the validation pulses are a fixed set.
import argparse
import os
import random

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

SEED = int(os.environ.get("SEED", "0"))
torch.set_num_threads(1)
torch.manual_seed(SEED)
np.random.seed(SEED)
random.seed(SEED)

BINS = 96  # half a metre each
DARK, GAIN = 12.0, 25.0  # counts without light, and what brings the echoes to about one
TARGETS = ["height_m", "cover", "slope_deg"]
# what the simulator draws from: needed to bring the targets to one scale
Y_MEAN = np.array([17.0, 0.5, 12.5], dtype=np.float32)
Y_STD = np.array([7.5, 0.23, 7.2], dtype=np.float32)


def simulate(rng):
    """One pulse: waveform (0..255), range of the ground (m), [height, cover, slope]."""
    depth = np.arange(BINS) * 0.5
    height, cover, slope = rng.uniform(4, 30), rng.uniform(0.1, 0.9), rng.uniform(0, 25)
    distance = rng.uniform(700, 1300)
    ground = rng.uniform(34, 44)
    energy = 9.0e7 * rng.normal(1, 0.08) / distance**2

    spread = 0.6 + 12.0 * np.tan(np.radians(slope)) / 2.0
    g = np.exp(-0.5 * ((depth - ground) / spread) ** 2) / spread
    layers = np.zeros(BINS)
    top = ground - height
    for _ in range(4):  # clumps of leaves, more of them high up
        at = top + height * rng.beta(1.3, 2.5)
        wide = 0.05 * height + 0.5
        layers += rng.uniform(0.5, 1.5) * np.exp(-0.5 * ((depth - at) / wide) ** 2) / wide
    layers *= 1 / (layers.sum() * 0.5 + 1e-6)
    wave = energy * (0.8 * cover * layers + 0.5 * (1 - cover) * g / 2.507)
    wave = DARK + 4 * wave + rng.normal(0, 1.2, BINS)
    return (
        np.clip(np.round(wave), 0, 255).astype(np.float32),
        np.float32(distance),
        np.array([height, cover, slope], dtype=np.float32),
    )


class PulseStream(Dataset):
    """New pulses each epoch; call set_epoch before iterating."""

    def __init__(self, length, seed):
        self.length = length
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return self.length

    def __getitem__(self, i):
        rng = np.random.default_rng([self.seed, self.epoch, i])
        wave, distance, y = simulate(rng)
        wave = (wave - DARK) / GAIN
        return torch.from_numpy(wave), torch.tensor(distance), torch.from_numpy((y - Y_MEAN) / Y_STD)


def validation_set(n, seed):
    rng = np.random.default_rng([seed, 10_000_019])
    waves, distances, ys = zip(*(simulate(rng) for _ in range(n)))  # noqa: B905
    waves = (np.stack(waves) - DARK) / GAIN
    return TensorDataset(
        torch.from_numpy(waves), torch.tensor(np.array(distances)), torch.from_numpy((np.stack(ys) - Y_MEAN) / Y_STD)
    )


class WaveNet(nn.Module):
    def __init__(self, channels=24, hidden=64):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(1, channels, 7, padding=3),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Conv1d(channels, channels, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Conv1d(channels, channels, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool1d(2),
        )
        self.fc = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * (BINS // 8), hidden),
            nn.ReLU(),
            nn.Linear(hidden, len(TARGETS)),
        )

    def forward(self, wave, distance):
        # echoes fade with the square of the range
        corrected = wave * (distance**2 / 1000.0**2)[:, None]
        return self.fc(self.conv(corrected[:, None, :]))


@torch.no_grad()
def validate(net, loader):
    net.eval()
    total, n = torch.zeros(len(TARGETS)), 0
    for wave, distance, y in loader:
        total += ((net(wave, distance) - y) ** 2).sum(0)
        n += len(y)
    return total / n


def parse():
    p = argparse.ArgumentParser()
    p.add_argument("--epochs", type=int, default=12)
    p.add_argument("--pulses", type=int, default=1600, help="pulses in an epoch")
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--lr", type=float, default=0.05)
    p.add_argument("--workers", type=int, default=2)
    return p.parse_args()


if __name__ == "__main__":
    args = parse()
    stream = PulseStream(args.pulses, SEED)
    train_loader = DataLoader(stream, batch_size=args.batch, num_workers=args.workers, drop_last=True)
    val_loader = DataLoader(validation_set(600, SEED), batch_size=200)

    net = WaveNet()
    opt = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4)
    drops = [args.epochs * 5 // 8, args.epochs * 7 // 8]
    sched = torch.optim.lr_scheduler.MultiStepLR(opt, milestones=drops, gamma=0.3)
    loss_fn = nn.MSELoss()
    for epoch in range(args.epochs):
        stream.set_epoch(epoch)
        net.train()
        losses = []
        for wave, distance, y in train_loader:
            loss = loss_fn(net(wave, distance), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            losses.append(loss.item())
        sched.step()
        mse = validate(net, val_loader)
        rmse = ", ".join(f"{t} {(m.sqrt() * s).item():.3f}" for t, m, s in zip(TARGETS, mse, Y_STD))  # noqa: B905
        print(f"epoch {epoch:2d}  train {np.mean(losses):.4f}  val {mse.mean():.4f}  rmse: {rmse}")
    print(f"final val mse {mse.mean():.4f} (1.0 would be the mean of the prior)")
