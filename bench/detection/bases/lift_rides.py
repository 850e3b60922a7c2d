"""How many floors did the lift travel? A phone in the pocket, its accelerometer at 5 Hz, a dilated convolution net."""

import argparse
import os
import random
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", "0"))
N_STEPS, DT = 80, 0.2
MAX_FLOORS = 6


def seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def one_ride(rng: np.random.Generator, floors: int, storey: float = 3.2, noise: float = 0.11) -> np.ndarray:
    """Vertical and sideways acceleration (2, N_STEPS): pull away, cruise, brake, and a hand that is not still."""
    climb = floors * storey + rng.normal(0, 0.05)
    top, pull = rng.normal(1.75, 0.1), rng.normal(0.95, 0.08)
    top = min(top, np.sqrt(climb * pull))
    ramp, cruise = top / pull, climb / top - top / pull
    t = np.arange(N_STEPS) * DT - rng.uniform(0.2, 2.0)
    shape = ((t > 0) & (t < ramp)) * pull - ((t > ramp + cruise) & (t < 2 * ramp + cruise)) * pull
    shape = np.convolve(np.pad(shape, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    vertical = rng.choice([-1.0, 1.0]) * shape * rng.normal(1, 0.03) + rng.normal(0, 0.04)
    sideways = rng.normal(0, 0.05, N_STEPS) + 0.1 * shape * rng.normal()
    if rng.random() < 0.4:  # the phone is taken out or a bag is put down
        at = rng.integers(0, N_STEPS - 6)
        jolt = rng.normal(0, 0.6, (2, 5))
        vertical[at : at + 5] += jolt[0]
        sideways[at : at + 5] += jolt[1]
    return np.stack([vertical + rng.normal(0, noise, N_STEPS), sideways])


class Rides(Dataset):
    def __init__(self, n: int, seed: int, storey: float = 3.2) -> None:
        rng = np.random.default_rng(seed)
        self.floors = rng.choice(np.arange(1, MAX_FLOORS + 1), n, p=[0.24, 0.2, 0.18, 0.15, 0.13, 0.1])
        rides = np.stack([one_ride(rng, int(f), storey) for f in self.floors])
        self.signals = torch.tensor(rides / 0.3, dtype=torch.float32)

    def __len__(self) -> int:
        return len(self.floors)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.signals[i], int(self.floors[i]) - 1


def layer(width: int, dilation: int) -> nn.Module:
    return nn.Sequential(nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation), nn.ReLU())


class TemporalNet(nn.Module):
    def __init__(self, width: int = 16, dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 1, 2, 4, 8)) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(2, width, 3, padding=1), nn.ReLU())
        self.layers = nn.ModuleList(layer(width, d) for d in dilations)
        self.head = nn.Linear(2 * width, MAX_FLOORS)
        for m in self.modules():
            if isinstance(m, nn.Conv1d):
                nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
                nn.init.zeros_(m.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        h = x
        for f in self.layers:
            h = f(h)
        return self.head(torch.cat([h.mean(-1), h.amax(-1)], dim=1))


def train_one_epoch(model, loader, optimizer, scheduler):
    model.train()
    losses = []
    for signals, floors in loader:
        logits = model(signals)
        loss = F.cross_entropy(logits, floors)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    return float(np.mean(losses))


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    hits = loss = seen = 0
    for signals, floors in loader:
        logits = model(signals)
        hits += (logits.argmax(1) == floors).sum().item()
        loss += F.cross_entropy(logits, floors, reduction="sum").item()
        seen += len(floors)
    return hits / seen, loss / seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=18)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--lr", type=float, default=0.03)
    parser.add_argument("--momentum", type=float, default=0.9)
    args = parser.parse_args()
    torch.set_num_threads(1)
    seed_everything(SEED)

    train_set = Rides(1200, seed=1000 + SEED)
    valid_set = Rides(600, seed=2000 + SEED)
    train_loader = DataLoader(train_set, args.batch_size, shuffle=True)
    valid_loader = DataLoader(valid_set, 300)
    model = TemporalNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=args.momentum, weight_decay=5e-4)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=6, gamma=0.3)

    best = 0.0
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "best.pt"
        for epoch in range(1, args.epochs + 1):
            train_loss = train_one_epoch(model, train_loader, optimizer, scheduler)
            acc, valid_loss = accuracy(model, valid_loader)
            if acc >= best:
                best = acc
                torch.save(model.state_dict(), kept)
            print(f"{epoch:3d} | train loss {train_loss:.3f} | valid loss {valid_loss:.3f} | valid accuracy {acc:.3f}")
        model.load_state_dict(torch.load(kept))
    commonest = np.bincount(valid_set.floors).max() / len(valid_set)
    print(f"best valid accuracy {best:.3f} (always the commonest: {commonest:.3f})")


if __name__ == "__main__":
    main()
