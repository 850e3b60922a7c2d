#!/usr/bin/env python
# Sperm whales click in codas, and every clan has its own dialect. Which clan is heard in a stretch of 32 clicks?
# Convolution and LSTM over the clicks, one attention layer, attention pooling. The recordings are simulated.
import argparse
import math
import os
import random

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

SEED = int(os.environ.get("SEED", "0"))
torch.set_num_threads(1)

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--batch", type=int, default=64)
parser.add_argument("--lr", type=float, default=5e-3)
parser.add_argument("--width", type=int, default=48)
parser.add_argument("--keep", type=float, default=0.9, help="share of the features that the locked dropout keeps")
args = parser.parse_args()

CLICKS, N_STRETCHES, CLANS = 32, 2600, ["regular", "plus-one", "palindrome", "four-plus", "short"]
CODAS = [  # intervals between clicks, relative
    [1, 1, 1, 1],
    [0.8, 0.8, 0.8, 1.6],
    [1.6, 1.6, 0.8, 0.8],
    [1.6, 0.8, 0.8, 1.6],
    [0.8, 1.6, 1.6, 0.8],
    [0.9, 0.9, 1.5],
    [1.5, 0.9, 0.9],
    [0.8, 0.8, 1.6, 0.8],
]
REPERTOIRE = np.array(
    [
        [0.50, 0.10, 0.10, 0.05, 0.05, 0.10, 0.05, 0.05],
        [0.10, 0.50, 0.10, 0.05, 0.05, 0.05, 0.05, 0.10],
        [0.05, 0.05, 0.10, 0.35, 0.30, 0.05, 0.05, 0.05],
        [0.05, 0.10, 0.40, 0.05, 0.05, 0.05, 0.05, 0.25],
        [0.10, 0.05, 0.05, 0.05, 0.05, 0.35, 0.30, 0.05],
    ]
)


def hear_stretch(clan, rng):
    tempo, loud = math.exp(rng.normal(-1.6, 0.2)), rng.normal(0, 1)
    gaps, level = [], []
    while len(gaps) < CLICKS:
        coda = CODAS[rng.choice(len(CODAS), p=REPERTOIRE[clan])]
        gaps += [tempo * rng.uniform(3, 6), *(tempo * math.exp(rng.normal(0, 0.05)) * np.array(coda))]
        level += list(loud + np.linspace(0.6, -0.3, len(coda) + 1))
    gaps = np.array(gaps[:CLICKS]) * np.exp(rng.normal(0, 0.05, CLICKS))
    level = np.array(level[:CLICKS]) + rng.normal(0, 0.4, CLICKS)
    pitch = 0.3 * level + rng.normal(0, 1, CLICKS)
    rhythm = np.log(gaps / np.median(gaps))
    return np.stack([rhythm, np.diff(rhythm, prepend=0.0), level, pitch], axis=1)


def load_recordings(rng):
    """The archive: clicks by name of the stretch, and the expert's list (in the order of recording)."""
    clans = rng.integers(0, len(CLANS), N_STRETCHES)
    archive = {f"stretch{i}": hear_stretch(clan, rng) for i, clan in enumerate(clans)}
    names = list(archive)
    x = torch.tensor(np.stack([archive[name] for name in names]), dtype=torch.float32)
    y = torch.tensor(clans)
    return x, y


def locked_dropout(x, keep):
    """One mask for all time steps of a sequence (Gal and Ghahramani)."""
    mask = x.new_empty(x.shape[0], 1, x.shape[2]).bernoulli_(keep)
    return x * mask / keep


class DialectNet(nn.Module):
    def __init__(self, n_in, width, n_out, keep):
        super().__init__()
        self.keep = keep
        self.lift = nn.Conv1d(n_in, width, 3, padding=1)
        self.rnn = nn.LSTM(width, width, batch_first=True)
        self.attend = nn.MultiheadAttention(width, 4, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.score = nn.Linear(width, 1)
        self.value = nn.Linear(width, width)
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, n_out))

    def forward(self, clicks):
        z = F.gelu(self.lift(clicks.mT)).mT
        h, _ = self.rnn(z)
        if self.training:
            h = locked_dropout(h, self.keep)
        seen, _ = self.attend(h, h, h, need_weights=False)
        h = self.norm(h + seen)
        weights = F.softmax(self.score(h), dim=1)
        pooled = (weights * self.value(h)).sum(dim=1)
        return self.head(pooled)


def criterion(logits, clan):
    return F.cross_entropy(logits, clan)


def accuracy(model, loader):
    model.eval()
    hits = seen = total = 0
    with torch.no_grad():
        for clicks, clan in loader:
            logits = model(clicks)
            total += criterion(logits, clan).item() * len(clan)
            hits += (logits.argmax(1) == clan).sum().item()
            seen += len(clan)
    return hits / seen, total / seen


random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
x, y = load_recordings(np.random.default_rng(SEED))
cut = int(0.75 * len(x))
train_set, held_out = TensorDataset(x[:cut], y[:cut]), TensorDataset(x[cut:], y[cut:])
train_loader = DataLoader(train_set, batch_size=args.batch, shuffle=True)
test_loader = DataLoader(held_out, batch_size=250)

model = DialectNet(x.shape[2], args.width, len(CLANS), args.keep)
opt = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-3)

for epoch in range(1, args.epochs + 1):
    model.train()
    losses = []
    for clicks, clan in train_loader:
        loss = criterion(model(clicks), clan)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        opt.step()
        losses.append(loss.item())
    acc, test_loss = accuracy(model, test_loader)
    print(f"epoch {epoch:2d} | train {np.mean(losses):.3f} | held out {test_loss:.3f}, right {acc:.1%}")

common = (y[cut:] == y[:cut].mode().values).float().mean().item()
print(f"final: {acc:.4f} of the stretches right (most common clan: {common:.4f})")
