# Ground-penetrating radar: is there a pipe below this stretch of road?
# First we train on many simulated scans, then carry the encoder over to the few scans from the field.
import os
import random
import tempfile
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn.functional import binary_cross_entropy

SEED = int(os.environ.get("SEED", "0"))
SIDE = 24
SHRINK = 1e-4


def seed_all(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)


def one_scan(pipe, field, rng):
    """A B-scan: along the road to the right, travel time downwards. A pipe shows as a hyperbola."""
    t, s = np.mgrid[0:SIDE, 0:SIDE].astype(float)
    scan = np.zeros((SIDE, SIDE))
    for _ in range(rng.integers(1, 4)):  # layers of the ground, nearly flat
        depth, tilt = rng.uniform(2, SIDE - 2), rng.normal(0, 0.12)
        scan += rng.uniform(0.3, 1.0) * ricker(t - depth - tilt * (s - SIDE / 2))
    for _ in range(rng.integers(0, 3)):  # stones: short, no arms
        row, col = rng.uniform(3, SIDE - 3, 2)
        scan += rng.uniform(0.5, 1.1) * ricker(t - row) * np.exp(-(((s - col) / 1.5) ** 2))
    if pipe:
        top, middle, slope = rng.uniform(4, 15), rng.uniform(6, SIDE - 6), rng.uniform(0.8, 1.5)
        arms = np.sqrt(top**2 + (slope * (s - middle)) ** 2)
        fade = np.exp(-np.abs(s - middle) / rng.uniform(5, 10))
        scan += rng.uniform(0.7, 1.4) * (0.9 if field else 1.0) * ricker(t - arms) * fade
    noise = rng.normal(0, 1, (SIDE, SIDE))
    if field:  # wet soil damps, traces are coupled unevenly, the antenna rings
        scan = scan * np.exp(-t / 60) * rng.normal(1, 0.12, (1, SIDE))
        scan += rng.uniform(0, 0.25) * np.sin(2 * np.pi * t / 5 + rng.uniform(0, 6)) + 0.17 * noise
    else:
        scan += 0.15 * noise
    return scan


def ricker(z):
    return (1 - 0.8 * z**2) * np.exp(-0.4 * z**2)


def campaign(n, field, rng):
    y = (rng.random(n) < 0.45).astype(np.float32)
    x = np.stack([one_scan(p, field, rng) for p in y]).astype(np.float32)
    x = (x - x.mean(axis=(1, 2), keepdims=True)) / x.std(axis=(1, 2), keepdims=True)
    return torch.from_numpy(x).unsqueeze(1), torch.from_numpy(y).unsqueeze(1)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.stages = nn.ModuleList([self.stage(1, 12), self.stage(12, 24), self.stage(24, 32)])

    @staticmethod
    def stage(n_in, n_out):
        return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))

    def forward(self, x):
        for stage in self.stages:
            x = stage(x)
        return x.flatten(1)


class PipeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.head = nn.Sequential(nn.Linear(32 * 3 * 3, 32), nn.ReLU(), nn.Linear(32, 1))
        self.encoder.apply(self.start)

    @staticmethod
    def start(module):
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)

    def forward(self, x):
        return torch.sigmoid(self.head(self.encoder(x)))


class Teacher:
    """Trains a network in slices of a permutation and ends with the weights that were best on the watched set."""

    def __init__(self, net, groups, batch):
        self.net, self.batch = net, batch
        self.optimizer = torch.optim.Adam(groups)

    def loss(self, x, y):
        parts = [binary_cross_entropy(self.net(x), y)]
        parts.append(SHRINK * sum(w.pow(2).sum() for w in self.net.head.parameters()))
        loss = sum(parts)
        return loss

    def teach(self, x, y, epochs, watch, title):
        best, best_loss = None, float("inf")
        for epoch in range(epochs):
            self.net.train()
            mean = 0.0
            for rows in torch.randperm(len(x)).split(self.batch):
                loss = self.loss(x[rows], y[rows])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                mean += loss.item() * len(rows) / len(x)
            watched, auc, right = examine(self.net, *watch)
            if watched < best_loss:
                best_loss, best = watched, {k: v.clone() for k, v in self.net.state_dict().items()}
            print(
                f"{title} {epoch + 1:2d}: train {mean:.3f} | held out {watched:.3f}, AUC {auc:.3f}, right {right:.3f}"
            )
        self.net.load_state_dict(best)


def examine(net, x, y):
    net.eval()
    with torch.no_grad():
        p = net(x)
    loss = binary_cross_entropy(p, y).item()
    return loss, roc_auc_score(y.numpy().ravel(), p.numpy().ravel()), ((p > 0.5) == (y > 0.5)).float().mean().item()


def pretrain(path, rng):
    net = PipeNet()
    x, y = campaign(2200, False, rng)
    teacher = Teacher(net, [{"params": net.parameters(), "lr": 2e-3}], batch=64)
    teacher.teach(x[:2000], y[:2000], 10, (x[2000:], y[2000:]), "simulated")
    torch.save(net.state_dict(), path)


def main():
    seed_all(SEED)
    rng = np.random.default_rng(SEED)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "simulated.pt"
        pretrain(path, rng)
        state = torch.load(path)

    net = PipeNet()
    net.encoder.load_state_dict({k.removeprefix("encoder."): v for k, v in state.items() if k.startswith("encoder.")})
    x, y = campaign(180, True, rng)
    watch, test = campaign(200, True, rng), campaign(600, True, rng)
    groups = [{"params": net.encoder.parameters(), "lr": 1e-4}, {"params": net.head.parameters(), "lr": 3e-3}]
    Teacher(net, groups, batch=20).teach(x, y, 30, watch, "field")
    loss, auc, right = examine(net, *test)
    print(f"test: log loss {loss:.3f}, AUC {auc:.3f}, right {right:.3f} (no pipe always: {1 - test[1].mean():.3f})")


if __name__ == "__main__":
    main()
