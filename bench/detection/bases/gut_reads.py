"""Which genus does a short DNA read from a gut sample come from? Reads as 4-mers, one attention layer."""

import argparse
import os
import random

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

SEED = int(os.environ.get("SEED", "0"))
torch.set_num_threads(1)

GENERA = (
    "Bacteroides Prevotella Alistipes Faecalibacterium Roseburia Blautia Ruminococcus Akkermansia "
    "Bifidobacterium Escherichia Lactobacillus Clostridium"
).split()
K = 4
READ = 120
PAD = 4**K


def make_genomes(rng, length=18000):
    """Genomes as third-order chains; genera share a common ancestor and so differ by degrees."""
    ancestor = rng.dirichlet([4.0] * 4, size=64)
    genomes = []
    for _ in GENERA:
        table = np.stack([rng.dirichlet(7 * row + 0.3) for row in ancestor])
        steps = table.cumsum(axis=1)
        bases, state, throws = np.zeros(length, dtype=np.int64), 0, rng.random(length)
        for i in range(length):
            bases[i] = min(int(np.searchsorted(steps[state], throws[i])), 3)
            state = (state * 4 + bases[i]) % 64
        genomes.append(bases)
    return genomes


def sequence(genomes, n, part, rng, error=0.01):
    """n reads from a part of every genome (fractions), trimmed where the quality falls, as numbers of 4-mers."""
    y = rng.integers(len(genomes), size=n)
    tokens = np.full((n, READ - K + 1), PAD)
    for i, genus in enumerate(y):
        low, high = (int(p * len(genomes[genus])) for p in part)
        start = rng.integers(low, high - READ)
        read = genomes[genus][start : start + rng.integers(70, READ + 1)].copy()
        wrong = rng.random(len(read)) < error
        read[wrong] = rng.integers(4, size=wrong.sum())
        mers = sum(read[j : len(read) - K + 1 + j] * 4 ** (K - 1 - j) for j in range(K))
        tokens[i, : len(mers)] = mers
    return torch.from_numpy(tokens[:, ::3].copy()), torch.from_numpy(y)


class RMSNorm(nn.Module):
    def __init__(self, dim, eps=1e-8):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x):
        return self.gain * x * torch.rsqrt(x.pow(2).mean(dim=-1, keepdim=True) + self.eps)


class ReadClassifier(nn.Module):
    def __init__(self, dim=32, hidden=48):
        super().__init__()
        self.embed = nn.Embedding(4**K + 1, dim, padding_idx=PAD)
        self.inner = nn.Linear(dim, dim, bias=False)
        self.norm = RMSNorm(dim)
        self.attention = nn.MultiheadAttention(dim, num_heads=2)  # time first
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, len(GENERA))

    def forward(self, tokens):
        pad = tokens == PAD
        x = self.norm(self.inner(self.embed(tokens)))
        x = x.permute(1, 0, 2)
        x = x + self.attention(x, x, x, key_padding_mask=pad, need_weights=False)[0]
        x = x.permute(1, 0, 2).masked_fill(pad.unsqueeze(2), 0.0)
        pooled = x.sum(dim=1) / (~pad).sum(dim=1, keepdim=True)
        return self.fc2(torch.relu(self.fc1(pooled)))


class Trainer:
    def __init__(self, model, train, test, lr, batch_size):
        self.model = model
        self.x, self.y = train
        self.test = test
        self.batch_size = batch_size
        self.optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=lr)

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def epoch(self):
        self.model.train()
        losses = [self.step(self.x[i], self.y[i]) for i in torch.randperm(len(self.y)).split(self.batch_size)]
        return torch.stack(losses).mean().item()

    @torch.no_grad()
    def evaluate(self):
        self.model.eval()
        x, y = self.test
        logits = torch.cat([self.model(part) for part in x.split(256)])
        return cross_entropy(logits, y).item(), (logits.argmax(dim=1) == y).float().mean().item()

    def fit(self, epochs):
        for number in range(1, epochs + 1):
            train_loss = self.epoch()
            test_loss, accuracy = self.evaluate()
            print(f"epoch {number}  train {train_loss:.3f}  test {test_loss:.3f}  accuracy {accuracy:.1%}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reads", type=int, default=8000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=3e-3)
    args = parser.parse_args()

    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)

    genomes = make_genomes(rng)
    train = sequence(genomes, args.reads, (0.0, 0.8), rng)
    test = sequence(genomes, 1500, (0.8, 1.0), rng)

    model = ReadClassifier()
    trainer = Trainer(model, train, test, args.lr, args.batch_size)
    trainer.fit(args.epochs)


if __name__ == "__main__":
    main()
