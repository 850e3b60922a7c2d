"""What is the cow doing? Eight-second windows of a collar's accelerometer, a small transformer over patches.

The split is by cow: every collar sits a little differently.
"""

import argparse
import os
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

BEHAVIOURS = ["graze", "ruminate", "walk", "lie_down", "stand_up"]
STEPS, PATCH = 64, 4
COUNTS_PER_G = 4096.0


def rotation(angles: np.ndarray) -> np.ndarray:
    (a, b), i = angles, np.eye(3)
    roll, pitch = i.copy(), i.copy()
    roll[1:, 1:] = [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
    pitch[::2, ::2] = [[np.cos(b), np.sin(b)], [-np.sin(b), np.cos(b)]]
    return roll @ pitch


def swing(at: float, width: float) -> np.ndarray:
    return 1 / (1 + np.exp(-(np.arange(STEPS) - at) / width))


def one_window(what: str, rng: np.random.Generator) -> np.ndarray:
    """Posture (roll, pitch) over time turned into gravity, and the shaking on top of it; 8 values a second."""
    t = np.arange(STEPS) / 8
    roll, pitch = np.full(STEPS, rng.normal(0, 0.2)), np.full(STEPS, rng.normal(0, 0.25))
    shake = rng.normal(0, 0.04, (STEPS, 3))
    if what in ("graze", "ruminate"):
        hertz = rng.normal(1.7, 0.12) if what == "graze" else rng.normal(1.0, 0.1)
        chew = rng.uniform(0.15, 0.35) * np.sin(2 * np.pi * hertz * t + rng.uniform(0, 6.3))
        shake += chew[:, None] * rng.normal([1.0, 0.4, 0.3], 0.15)
    elif what == "walk":
        step = rng.uniform(0.35, 0.7) * np.sin(2 * np.pi * rng.normal(2.4, 0.15) * t + rng.uniform(0, 6.3))
        shake += step[:, None] * rng.normal([0.4, 0.7, 1.0], 0.15)
    else:  # front knees first on the way down, front last on the way up
        at, gap = rng.uniform(14, 40), rng.uniform(5, 12)
        nod = swing(at, 1.0) - swing(at + gap, 1.5)
        fall = swing(at + gap, 2.0) * rng.normal(0.5, 0.12) * rng.choice([-1, 1])
        if what == "stand_up":
            nod, fall = nod[::-1], fall[::-1]
        roll, pitch = roll + fall, pitch + rng.normal(0.6, 0.15) * nod + 0.9 * np.abs(fall)
        shake += rng.normal(0, 0.08, (STEPS, 3)) * (nod + 0.2)[:, None]
    gravity = np.stack([-np.sin(pitch), np.sin(roll) * np.cos(pitch), np.cos(roll) * np.cos(pitch)], axis=1)
    return gravity + shake


def herd(cows: int, per_cow: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    windows, labels, owner = [], [], []
    for cow in range(cows):
        seat = rotation(rng.uniform(-0.6, 0.6, 2))
        for _ in range(per_cow):
            label = rng.choice(5, p=[0.27, 0.25, 0.2, 0.14, 0.14])
            windows.append(one_window(BEHAVIOURS[label], rng) @ seat.T)
            labels.append(label)
            owner.append(cow)
    counts = np.clip(np.round(np.array(windows) * COUNTS_PER_G), -32768, 32767).astype(np.int16)
    return counts, np.array(labels), np.array(owner)


def random_tilt(limit: float) -> np.ndarray:
    """As if the collar had slipped."""
    return rotation(np.random.uniform(-limit, limit, 2))


class Windows(Dataset):
    def __init__(self, counts: np.ndarray, labels: np.ndarray, augment: bool) -> None:
        self.g = counts / COUNTS_PER_G
        self.labels, self.augment = labels, augment

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        w = self.g[i]
        if self.augment:
            w = w @ random_tilt(0.6).T
            w = w * np.random.uniform(0.9, 1.1)
        return torch.tensor(w, dtype=torch.float32), int(self.labels[i])


class Attention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, n, d = x.shape
        q, k, v = (part.view(b, n, self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).reshape(b, n, d))


class Block(nn.Module):
    def __init__(self, dim: int, heads: int, drop: float) -> None:
        super().__init__()
        self.attention, self.drop = Attention(dim, heads), nn.Dropout(drop)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 3 * dim), nn.GELU(), nn.Linear(3 * dim, dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = x + self.drop(self.attention(self.norm1(x)))
        return seen + self.drop(self.mlp(self.norm2(seen)))


class CollarNet(nn.Module):
    def __init__(self, dim: int = 40, depth: int = 2, drop: float = 0.1) -> None:
        super().__init__()
        self.patches = nn.Linear(3 * PATCH, dim)
        self.place = nn.Parameter(0.1 * torch.randn(1, STEPS // PATCH, dim))
        self.blocks = nn.ModuleList(Block(dim, 4, drop) for _ in range(depth))
        self.motifs = nn.Linear(dim, 64)
        self.head = nn.Linear(64, len(BEHAVIOURS))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.08)
                nn.init.zeros_(module.bias)

    def forward(self, w: torch.Tensor) -> torch.Tensor:
        x = self.patches(w.reshape(len(w), STEPS // PATCH, -1)) + self.place
        for block in self.blocks:
            x = block(x)
        motifs = F.gelu(self.motifs(x.mean(dim=1)))
        return self.head(motifs)


def evaluate(model: nn.Module, loader: DataLoader) -> tuple[float, float]:
    model.eval()
    loss, right, seen = 0.0, 0, 0
    with torch.no_grad():
        for w, y in loader:
            out = model(w)
            loss += F.cross_entropy(out, y, reduction="sum").item()
            right += (out.argmax(1) == y).sum().item()
            seen += len(y)
    return loss / seen, right / seen


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-3)
    args = parser.parse_args()

    counts, labels, owner = herd(cows=36, per_cow=54, rng=np.random.default_rng(SEED))
    train, valid = owner < 26, owner >= 26
    train_loader = DataLoader(
        Windows(counts[train], labels[train], True), args.batch_size, shuffle=True, drop_last=True
    )
    valid_loader = DataLoader(Windows(counts[valid], labels[valid], False), 128)

    model = CollarNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, total_steps=args.epochs * len(train_loader))
    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for w, y in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(w), y)
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item()
        val_loss, val_acc = evaluate(model, valid_loader)
        print(f"epoch {epoch}: train {total / len(train_loader):.3f} | unseen cows {val_loss:.3f}, {val_acc:.1%} right")
    print(f"most frequent behaviour: {np.bincount(labels[valid]).max() / valid.sum():.1%}")


if __name__ == "__main__":
    main()
