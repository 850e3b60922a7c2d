# How heavy is the person on the seat? A 10 x 10 pressure mat (4-bit converters: counts from 0 to 16) goes to kilograms
# with an error bar. The network gives mean and log-variance, the loss is the Gaussian likelihood.
import os
import random
import sys

import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))

SIDE = 10
N_SITTERS = 5200
HIDDEN = [128, 128]
ACTIVATION = nn.ReLU
LEARNING_RATE = 1e-3
BATCH_SIZE = 64
N_EPOCHS = 30


def sit_down(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """The counts of one sitter (two thighs, the seat bones, a lean) and the weight on the scales."""
    mass = float(np.clip(rng.normal(74, 16) + rng.exponential(5), 38, 150))
    row, col = np.mgrid[0:SIDE, 0:SIDE] - (SIDE - 1) / 2
    hips = 1.6 + 0.008 * mass + rng.normal(0, 0.15)
    lean, slide = rng.normal(0, 0.25), rng.normal(0, 0.7)
    softness = rng.uniform(0.9, 1.3) + 0.004 * mass
    load = np.zeros((SIDE, SIDE))
    for side in (-1, 1):
        share = 0.5 * (1 + side * lean)
        bone = np.exp(-((row - 2 - slide) ** 2 + (col - side * hips) ** 2) / (2 * softness**2))
        thigh = np.exp(-((col - side * hips) ** 2) / (2 * (1.1 * softness) ** 2)) * (row < 2 + slide)
        load += share * (0.6 * bone / softness**2 + 0.22 * thigh)
    feet_carry = rng.uniform(0.16, 0.30)
    counts = load * mass * (1 - feet_carry) * 0.30 * rng.lognormal(0, 0.04)
    counts = 16 * np.tanh(counts / 16) + rng.normal(0, 0.25, counts.shape)
    return np.clip(np.round(counts * 4) / 4, 0, 16).ravel(), mass + rng.normal(0, 0.5)


def record(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    frames, masses = zip(*(sit_down(rng) for _ in range(n)), strict=True)
    frames, masses = np.array(frames), np.array(masses)
    for i in rng.choice(n, 4, replace=False):  # the cable of one row of the mat came loose for a moment
        frames[i, SIDE * 3 : SIDE * 4] = np.nan
    return frames, masses


class MassNet(nn.Module):
    def __init__(self, n_in: int, hidden: list[int]):
        super().__init__()
        sizes = [n_in, *hidden]
        body: list[nn.Module] = []
        for i in range(len(hidden)):
            body += [nn.Linear(sizes[i], sizes[i + 1]), ACTIVATION()]
        self.body = nn.Sequential(*body)
        self.out = nn.Linear(sizes[-1], 2)

    def forward(self, x):
        mean, log_var = self.out(self.body(x)).unbind(dim=1)
        return mean, log_var.clamp(-7, 5)


class Trainer:
    def __init__(self, net, train, valid):
        self.net, self.train, self.valid = net, train, valid
        self.optimizer = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
        self.best, self.best_nll = None, float("inf")

    def loss(self, x, y):
        mean, log_var = self.net(x)
        return nn.functional.gaussian_nll_loss(mean, y, log_var.exp())

    def one_epoch(self):
        self.net.train()
        x, y = self.train
        order = torch.randperm(len(x))
        losses = []
        for start in range(0, len(x), BATCH_SIZE):
            pick = order[start : start + BATCH_SIZE]
            self.optimizer.zero_grad()
            loss = self.loss(x[pick], y[pick])
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return float(np.mean(losses))

    def check(self):
        self.net.eval()
        with torch.no_grad():
            return self.loss(*self.valid).item()

    def fit(self):
        for epoch in range(N_EPOCHS):
            train_nll, valid_nll = self.one_epoch(), self.check()
            mark = ""
            if valid_nll < self.best_nll:
                self.best_nll, mark = valid_nll, " *"
                self.best = {name: value.clone() for name, value in self.net.state_dict().items()}
            print(f"epoch {epoch:3d}   train nll {train_nll:7.4f}   valid nll {valid_nll:7.4f}{mark}", file=sys.stdout)
        if self.best is not None:
            self.net.load_state_dict(self.best)


def main() -> None:
    random.seed(SEED)
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)

    frames, masses = record(N_SITTERS, rng)
    whole = np.isfinite(frames).all(axis=1)
    frames, masses = frames[whole], masses[whole]
    print(f"{len(frames)} whole frames of {len(whole)}")

    frames = frames / 16
    n_train, n_valid = 3800, 600
    mu, sigma = masses[:n_train].mean(), masses[:n_train].std()
    x = torch.tensor(frames, dtype=torch.float32)
    y = torch.tensor((masses - mu) / sigma, dtype=torch.float32)

    net = MassNet(x.shape[1], HIDDEN)
    train = x[:n_train], y[:n_train]
    valid = x[n_train : n_train + n_valid], y[n_train : n_train + n_valid]
    trainer = Trainer(net, train, valid)
    trainer.fit()

    net.eval()
    with torch.no_grad():
        mean, log_var = net(x[n_train + n_valid :])
    kilos = mean.numpy() * sigma + mu
    bar = np.exp(0.5 * log_var.numpy()) * sigma
    truth = masses[n_train + n_valid :]
    error = kilos - truth
    r2 = 1 - (error**2).sum() / ((truth - mu) ** 2).sum()
    print(f"best valid nll {trainer.best_nll:.4f}, restored {trainer.check():.4f}")
    print(
        f"test: off by {np.abs(error).mean():.2f} kg (mean only: {np.abs(truth - mu).mean():.2f} kg), R2 {r2:.3f}, "
        f"within one error bar {np.mean(np.abs(error) < bar):.0%}"
    )


if __name__ == "__main__":
    main()
