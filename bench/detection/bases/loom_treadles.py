"""
Next pick on the loom.

A weaver's treadling is a row of foot presses: a motif from the pattern book, moved along the treadles, repeated,
sometimes walked back in mirror image, and in many cloths with a tabby pick (left foot, right foot) between any two
pattern picks. An LSTM reads the picks and says what comes next.
"""

import math
import os

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

SEED = int(os.environ.get("SEED", "0"))

TREADLES = 10
LEFT, RIGHT, START = TREADLES, TREADLES + 1, TREADLES + 2
VOCABULARY = TREADLES + 3
LENGTH = 28


def pattern_book(rng, motifs=6):
    """Motifs as rows of steps from treadle to treadle; small steps are the rule."""
    steps, odds = [-2, -1, 0, 1, 2, 4], [0.12, 0.26, 0.1, 0.3, 0.12, 0.1]
    return [rng.choice(steps, rng.integers(3, 8), p=odds) for _ in range(motifs)]


def weave(book, rng):
    """One cloth: START and LENGTH picks."""
    motif = book[rng.integers(len(book))]
    rows = np.concatenate([[0], np.cumsum(motif)])
    mirrored = rng.random() < 0.4
    if mirrored:
        rows = np.concatenate([rows, rows[-2:0:-1]])
    drift = 0 if mirrored else rng.choice([0, 1])
    start = rng.integers(TREADLES)
    repeats = LENGTH // len(rows) + 1
    picks = np.concatenate([rows + start + k * drift for k in range(repeats)]) % TREADLES
    slips = rng.random(len(picks)) < 0.03
    picks[slips] = rng.integers(TREADLES, size=slips.sum())
    if rng.random() < 0.5:
        foot = rng.integers(2)
        tabby = np.where((np.arange(len(picks)) + foot) % 2 == 0, LEFT, RIGHT)
        picks = np.stack([picks, tabby], axis=1).ravel()
    return np.concatenate([[START], picks[:LENGTH]])


def weave_many(n, book, rng):
    return torch.from_numpy(np.stack([weave(book, rng) for _ in range(n)])).long()


class PickModel(nn.Module):
    def __init__(self, embedding=32, hidden=64):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, embedding)
        self.rnn = nn.LSTM(embedding, hidden, batch_first=True)
        self.out = nn.Linear(hidden, VOCABULARY)

    def forward(self, picks):
        states, _ = self.rnn(self.embed(picks))
        return self.out(states)


class Weaver:
    """Trains a model of picks and keeps its diary."""

    def __init__(self, model, lr, total_steps, warmup=20):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer,
            lambda s: min((s + 1) / warmup, 0.5 + 0.5 * math.cos(math.pi * min(s / total_steps, 1.0))),
        )
        self.diary = []

    def loss(self, cloth):
        logits = self.model(cloth[:, :-1])
        return cross_entropy(logits.flatten(0, 1), cloth[:, 1:].flatten()), logits

    def train_epoch(self, cloths, batch_size):
        self.model.train()
        total = 0.0
        order = torch.randperm(len(cloths))
        for rows in order.split(batch_size):
            loss, _ = self.loss(cloths[rows])
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            self.optimizer.step()
            self.schedule.step()
            total += loss.item() * len(rows)
        return total / len(cloths)

    @torch.no_grad()
    def validate(self, cloths):
        self.model.eval()
        total = hits = 0.0
        for part in cloths.split(200):
            loss, logits = self.loss(part)
            total += loss.item() * len(part)
            hits += (logits.argmax(dim=2) == part[:, 1:]).float().mean().item() * len(part)
        return total / len(cloths), hits / len(cloths)

    def fit(self, train, val, epochs, batch_size):
        for epoch in range(1, epochs + 1):
            train_loss = self.train_epoch(train, batch_size)
            val_loss, accuracy = self.validate(val)
            self.diary.append((train_loss, val_loss, accuracy))
            print(f"[{epoch:2d}/{epochs}] train {train_loss:.3f}  val {val_loss:.3f}  next pick right {accuracy:.1%}")


def main(cloths=1920, epochs=6, batch_size=32, lr=1e-2):
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    book = pattern_book(rng)
    train, val = weave_many(cloths, book, rng), weave_many(400, book, rng)

    counts = torch.bincount(train[:, 1:].flatten(), minlength=VOCABULARY).float()
    frequency = (counts / counts.sum()).clamp(min=1e-6)
    constant = cross_entropy(frequency.log().expand(val[:, 1:].numel(), -1), val[:, 1:].flatten())
    print(f"{len(train)} cloths; the frequencies of the picks alone have a loss of {constant:.3f}")

    weaver = Weaver(PickModel(), lr, total_steps=epochs * math.ceil(cloths / batch_size))
    weaver.fit(train, val, epochs, batch_size)
    best = min(range(epochs), key=lambda e: weaver.diary[e][1])
    print(f"best epoch {best + 1}: val loss {weaver.diary[best][1]:.3f}")


if __name__ == "__main__":
    main()
