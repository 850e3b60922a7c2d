"""What will be seen at the end of an optical bench? A bench is a set of elements, in any order on paper."""

import os

import numpy as np
import torch
import torch.nn as nn

SEED = int(os.environ.get("SEED", "0"))
KINDS = ["lens", "mirror", "filter", "polariser", "prism", "diffuser", "grey glass", "splitter"]
DENSITY = np.array([0.02, 0.04, 0.5, 0.3, 0.02, 0.2, 0.0, 0.3])  # of the last but one: its own
SHARE = np.full(len(KINDS), 1 / len(KINDS))
LENS, MIRROR, FILTER, POLARISER, PRISM, DIFFUSER, GREY, SPLITTER = range(len(KINDS))
LABELS = ["dim", "crossed", "spectrum", "converging", "ghost"]
SLOTS = 9
NOTHING = len(KINDS)


def make_benches(n, rng):
    """kinds [n, slots], numbers [n, slots, 3] (position, two settings) and labels [n, 5]."""
    kind = rng.choice(len(KINDS), size=(n, SLOTS), p=SHARE)
    kind[np.arange(SLOTS) >= rng.integers(4, SLOTS + 1, size=(n, 1))] = NOTHING
    position = rng.uniform(-1, 1, (n, SLOTS))
    power = rng.uniform(-1, 1, (n, SLOTS))
    angle = rng.uniform(0, np.pi, (n, SLOTS))
    density = rng.uniform(0.1, 1.0, (n, SLOTS))

    numbers = np.zeros((n, SLOTS, 3))
    numbers[..., 0] = position * (kind != NOTHING)
    numbers[..., 1] = power * (kind == LENS) + np.cos(2 * angle) * (kind == POLARISER) + density * (kind == GREY)
    numbers[..., 2] = np.sin(2 * angle) * (kind == POLARISER)

    def pairs(first, second, condition):
        both = (kind == first)[:, :, None] & (kind == second)[:, None, :]
        return (both & condition).any(axis=(1, 2))

    later = position[:, None, :] > position[:, :, None]
    total = np.append(DENSITY, 0)[kind].sum(axis=1) + (density * (kind == GREY)).sum(axis=1)
    apart = np.cos(2 * (angle[:, :, None] - angle[:, None, :])) < -0.3
    spoilt = ((kind == PRISM)[:, :, None] & (kind == DIFFUSER)[:, None, :] & later).any(axis=2)
    labels = [
        total > 1.6,
        pairs(POLARISER, POLARISER, apart),
        ((kind == PRISM) & ~spoilt).any(axis=1),
        (power * (kind == LENS)).sum(axis=1) > 0.1,
        pairs(SPLITTER, MIRROR, later),
    ]
    return kind, numbers, np.stack(labels, axis=1)


class Attend(nn.Module):
    """Every element looks at the others."""

    def __init__(self, dim):
        super().__init__()
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)

    def forward(self, x, empty):
        scores = self.query(x) @ self.key(x).transpose(1, 2) / x.shape[-1] ** 0.5
        scores = scores.masked_fill(empty.unsqueeze(1), -1e9)
        return torch.softmax(scores, dim=2) @ self.value(x)


class BenchNet(nn.Module):
    def __init__(self, dim=40, hidden=64):
        super().__init__()
        self.kind = nn.Embedding(len(KINDS) + 1, dim, padding_idx=NOTHING)
        self.numbers = nn.Linear(3, dim)
        self.element = nn.Sequential(nn.Linear(dim, dim), nn.ReLU())
        self.attend = Attend(dim)
        self.refine = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))
        self.hidden = nn.Linear(dim, hidden)
        self.out = nn.Linear(hidden, len(LABELS))

    def forward(self, kind, numbers):
        empty = kind == NOTHING
        x = self.element(self.kind(kind) + self.numbers(numbers))
        h = x + self.attend(x, empty)
        h = h + self.refine(h)
        pooled = h.masked_fill(empty.unsqueeze(2), 0.0).sum(dim=1) / SLOTS**0.5
        return self.out(torch.relu(self.hidden(pooled)))


def evaluate(model, data, loss_fn):
    model.eval()
    with torch.no_grad():
        kind, numbers, labels = data
        logits = model(kind, numbers)
        hits = (logits > 0) == (labels > 0.5)
    return loss_fn(logits, labels).item(), hits.float().mean(dim=0), hits.all(dim=1).float().mean().item()


def fit(model, train, val, epochs, batch_size, lr):
    kind, numbers, labels = train
    loss_fn = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    steps = epochs * -(-len(labels) // batch_size)
    warm = 30
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, max(0.02, (steps - step) / (steps - warm)))
    )
    for epoch in range(epochs):
        model.train()
        order = torch.randperm(len(labels))
        running = 0.0
        for rows in order.split(batch_size):
            optimizer.zero_grad()
            loss = loss_fn(model(kind[rows], numbers[rows]), labels[rows])
            loss.backward()
            optimizer.step()
            schedule.step()
            running += loss.item() * len(rows)
        val_loss, hits, whole = evaluate(model, val, loss_fn)
        each = " ".join(f"{name} {hit:.3f}" for name, hit in zip(LABELS, hits.tolist(), strict=True))
        print(f"{epoch + 1:2d} | train {running / len(labels):.4f} | val {val_loss:.4f} | all {whole:.3f} | {each}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    kind, numbers, labels = make_benches(5500, rng)
    kind = torch.from_numpy(kind)
    numbers = torch.tensor(numbers, dtype=torch.float32)
    labels = torch.tensor(labels, dtype=torch.float32)
    cut = 4700
    train = kind[:cut], numbers[:cut], labels[:cut]
    val = kind[cut:], numbers[cut:], labels[cut:]

    share = train[2].mean(dim=0)
    prior = nn.functional.binary_cross_entropy(share.expand(len(val[2]), -1), val[2])
    print(f"always the shares {[round(s, 2) for s in share.tolist()]}: loss {prior:.4f}")

    fit(BenchNet(), train, val, epochs=9, batch_size=50, lr=4e-3)
