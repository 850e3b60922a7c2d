"""Solubility of small molecules: message passing over batched graphs, without a graph library.

usage: molecule_graphs.py [--epochs N] [--batch-size B] [--hidden H] [--layers L] [--lr R]
"""

import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

ATOMS, VALENCE = ["C", "N", "O", "F", "S"], [4, 3, 2, 1, 2]


def grow_molecule(rng):
    """A random tree of atoms, sometimes closed to a ring."""
    size = int(rng.integers(6, 18))
    kinds, free, bonds = [0], [4], []
    while len(kinds) < size and any(free):
        parent = int(rng.choice(np.flatnonzero(free)))
        kind = int(rng.choice(5, p=[0.62, 0.12, 0.14, 0.06, 0.06]))
        bonds.append((parent, len(kinds)))
        kinds.append(kind)
        free[parent] -= 1
        free.append(VALENCE[kind] - 1)
    spare = [i for i, f in enumerate(free) if f > 0]
    if len(spare) > 3 and rng.random() < 0.5:
        a, b = rng.choice(spare, 2, replace=False)
        if (a, b) not in bonds and (b, a) not in bonds:
            bonds.append((int(a), int(b)))
    return np.array(kinds), np.array(bonds)


def solubility(kinds, bonds, rng):
    neighbours = [[] for _ in kinds]
    for a, b in bonds:
        neighbours[a].append(kinds[b])
        neighbours[b].append(kinds[a])
    value = 1.5
    for kind, around in zip(kinds, neighbours, strict=True):
        if kind == 0:
            value -= 0.35 if all(k == 0 for k in around) else 0.1
        elif kind == 1:
            value += 0.7 if len(around) == 1 else 0.2
        elif kind == 2:
            value += 0.9 if len(around) == 1 else -0.2
        elif kind == 3:
            value -= 0.25
        else:
            value -= 0.4 * (1 in around)
    if len(bonds) >= len(kinds):
        value -= 0.6
    return value + rng.normal(0, 0.1)


class MoleculeDataset(Dataset):
    def __init__(self, graphs, targets):
        self.graphs, self.targets = graphs, targets

    def __len__(self):
        return len(self.graphs)

    def __getitem__(self, index):
        kinds, bonds = self.graphs[index]
        x = F.one_hot(torch.from_numpy(kinds), len(ATOMS)).float()
        edges = torch.from_numpy(np.concatenate([bonds, bonds[:, ::-1]])).t()
        return x, edges, self.targets[index]


def collate(samples):
    xs, edge_lists, ys, graph_of_atom = [], [], [], []
    offset = 0
    for number, (x, edges, y) in enumerate(samples):
        xs.append(x)
        edge_lists.append(edges + offset)
        ys.append(y)
        graph_of_atom.append(torch.full((len(x),), number))
        offset += len(x)
    return {
        "x": torch.cat(xs),
        "edges": torch.cat(edge_lists, dim=1),
        "graph": torch.cat(graph_of_atom),
        "y": torch.tensor(ys, dtype=torch.float32),
    }


class MessageLayer(nn.Module):
    def __init__(self, width, dropout):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(2 * width, width), nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, h, edges):
        source, target = edges
        messages = torch.zeros_like(h).index_add(0, target, h[source])
        return self.dropout(F.relu(self.mlp(torch.cat([h, messages], dim=1))))


class MoleculeNet(nn.Module):
    def __init__(self, width, layers, dropout=0.05):
        super().__init__()
        self.embed = nn.Linear(len(ATOMS), width)
        self.layers = nn.ModuleList([MessageLayer(width, dropout) for _ in range(layers)])
        self.readout = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, batch):
        h = self.embed(batch["x"])
        for layer in self.layers:
            h = h + layer(h, batch["edges"])
        n_graphs = len(batch["y"])
        pooled = torch.zeros(n_graphs, h.size(1)).index_add(0, batch["graph"], h) / 10.0
        return self.readout(pooled).squeeze(-1)


def run_epoch(model, loader, optimizer):
    model.train()
    losses = []
    for batch in loader:
        out = model(batch)
        loss = F.mse_loss(out, batch["y"])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.mean(losses)


@torch.inference_mode()
def mean_absolute_error(model, loader):
    model.eval()
    wrong = [(model(batch) - batch["y"]).abs().flatten() for batch in loader]
    return torch.cat(wrong).mean().item()


def main(args):
    seed = int(os.environ.get("SEED", "0"))
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    graphs = [grow_molecule(rng) for _ in range(1500)]
    targets = np.array([solubility(kinds, bonds, rng) for kinds, bonds in graphs])
    split = 1200
    mean, std = targets[:split].mean(), targets[:split].std()
    targets = (targets - mean) / std
    train_set = MoleculeDataset(graphs[:split], targets[:split])
    val_set = MoleculeDataset(graphs[split:], targets[split:])
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True, collate_fn=collate)
    val_loader = DataLoader(val_set, batch_size=100, collate_fn=collate)

    model = MoleculeNet(args.hidden, args.layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[10, 14], gamma=0.3)
    trivial = np.abs(targets[split:] - np.median(targets[:split])).mean() * std
    print(f"always the median: MAE {trivial:.3f} log mol/l")
    for epoch in range(args.epochs):
        train_loss = run_epoch(model, train_loader, optimizer)
        mae = mean_absolute_error(model, val_loader) * std
        print(f"epoch {epoch:2d} | train mse {train_loss:.4f} | val MAE {mae:.3f} log mol/l")
        scheduler.step()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=48)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--lr", type=float, default=2e-3)
    main(parser.parse_args())
