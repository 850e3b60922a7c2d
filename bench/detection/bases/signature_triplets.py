"""Metric learning with triplets: signatures of one writer end up close together, also those of writers never seen."""

import os

import numpy as np
import torch
import torch.nn as nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Sampler, TensorDataset

seed = int(os.environ.get("SEED", "0"))
np.random.seed(seed)
torch.manual_seed(seed)
torch.set_num_threads(1)

POINTS = 48
MARGIN = 0.3
WRITERS_PER_BATCH, SAMPLES_PER_WRITER = 12, 4


def sign(writer, generator):
    """One signature, as pen positions over time: the habit of its writer, and the day's mood."""
    t = np.linspace(0, 1, POINTS)
    amplitude = writer["amplitude"] * (1 + 0.15 * generator.normal(size=writer["amplitude"].shape))
    phase = writer["phase"] + 0.22 * generator.normal(size=writer["phase"].shape)
    waves = np.arange(1, 6)[:, None, None]
    xy = (amplitude[..., None] * np.sin(2 * np.pi * waves * t + phase[..., None])).sum(0)
    xy[0] += 2.5 * t * writer["width"]
    slant, turn = 0.3 * generator.normal(), 0.3 * generator.normal()
    rotate = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    xy = rotate @ np.array([[1, slant], [0, 1]]) @ xy * generator.uniform(0.8, 1.25)
    xy = xy[:, np.clip(np.arange(POINTS) + generator.integers(-4, 5), 0, POINTS - 1)]
    return xy + 0.1 * generator.normal(size=xy.shape)


def collect(n_writers, n_each, generator):
    usual = np.array([[0.4, 2.5], [1.9, 0.7], [5.1, 3.3], [2.2, 4.4], [0.9, 1.6]])
    signatures, names = [], []
    for name in range(n_writers):
        writer = {
            "amplitude": (1 + 0.5 * generator.normal(size=(5, 2))) / np.arange(1, 6)[:, None] ** 0.7,
            "phase": usual + 1.0 * generator.normal(size=(5, 2)),
            "width": generator.uniform(0.5, 1.5),
        }
        signatures += [sign(writer, generator) for _ in range(n_each)]
        names += [name] * n_each
    return torch.tensor(np.array(signatures), dtype=torch.float32), torch.tensor(names)


def standardise(x):
    x = x - x.mean(dim=2, keepdim=True)
    return x / x.pow(2).mean(dim=(1, 2), keepdim=True).sqrt()


class WriterSampler(Sampler):
    """Batches of P writers with K signatures each."""

    def __init__(self, names, p, k, n_batches):
        self.by_writer = [torch.where(names == n)[0] for n in names.unique()]
        self.p, self.k, self.n_batches = p, k, n_batches

    def __len__(self):
        return self.n_batches

    def __iter__(self):
        for _ in range(self.n_batches):
            batch = []
            for w in torch.randperm(len(self.by_writer))[: self.p]:
                mine = self.by_writer[w]
                batch += mine[torch.randperm(len(mine))[: self.k]].tolist()
            yield batch


class Embedder(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(2, 32, 7, padding=3),
            nn.ReLU(),
            nn.AvgPool1d(2),
            nn.Conv1d(32, 64, 5, padding=2),
            nn.ReLU(),
            nn.AvgPool1d(2),
        )
        self.fc = nn.Linear(64 * POINTS // 4, 64)
        self.out = nn.Linear(64, dim)

    def forward(self, x):
        x = self.conv(x).flatten(1)
        x = F.relu(self.fc(x))
        return F.normalize(self.out(x), dim=1)


def batch_all_triplet_loss(embeddings, names, margin):
    """The mean over every triplet of the batch that still violates the margin."""
    distances = torch.cdist(embeddings, embeddings)
    same = names[:, None] == names[None, :]
    other = torch.eye(len(names)) == 0
    violation = distances[:, :, None] - distances[:, None, :] + margin  # anchor, positive, negative
    valid = (same & other)[:, :, None] & ~same[:, None, :]
    violation = F.relu(violation[valid])
    return violation.sum() / ((violation > 0).sum() + 1e-8)


@torch.no_grad()
def recall_at_1(model, x, names):
    model.eval()
    e = model(x)
    d = torch.cdist(e, e).fill_diagonal_(float("inf"))
    return (names[d.argmin(1)] == names).float().mean().item()


generator = np.random.default_rng(seed)
x_known, n_known = collect(200, 6, generator)
x_new, n_new = collect(60, 6, generator)
x_known, x_new = standardise(x_known), standardise(x_new)

sampler = WriterSampler(n_known, WRITERS_PER_BATCH, SAMPLES_PER_WRITER, n_batches=40)
loader = DataLoader(TensorDataset(x_known, n_known), batch_sampler=sampler)
new_sampler = WriterSampler(n_new, WRITERS_PER_BATCH, SAMPLES_PER_WRITER, n_batches=5)
new_loader = DataLoader(TensorDataset(x_new, n_new), batch_sampler=new_sampler)
net = Embedder()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, gamma=0.85)

print(f"before training: recall@1 of new writers {recall_at_1(net, x_new, n_new):.3f}")
for epoch in range(10):
    net.train()
    losses = []
    for x, names in loader:
        opt.zero_grad()
        loss = batch_all_triplet_loss(net(x), names, MARGIN)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    sched.step()
    net.eval()
    with torch.no_grad():
        val_loss = np.mean([batch_all_triplet_loss(net(x), names, MARGIN).item() for x, names in new_loader])
    recall = recall_at_1(net, x_new, n_new)
    print(f"epoch {epoch}  loss {np.mean(losses):.4f}  new writers: loss {val_loss:.4f}  recall@1 {recall:.3f}")
