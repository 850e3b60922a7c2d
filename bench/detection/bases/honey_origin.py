"""Which flowers is this honey from? Pollen counted under the microscope and seven lab values, fused bilinearly."""

import os
import random
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

# share of the main pollen when pure; then conductivity, pH, Pfund mm, fructose/glucose, diastase, water %, rotation
KINDS = {
    "acacia": (0.30, 0.16, 3.9, 13, 1.61, 11, 17.1, -16.5),
    "lime": (0.35, 0.55, 4.3, 32, 1.16, 17, 16.9, -13.0),
    "rape": (0.75, 0.20, 4.1, 27, 0.97, 25, 17.0, -11.5),
    "sunflower": (0.55, 0.33, 3.8, 52, 1.03, 21, 17.8, -17.0),
    "chestnut": (0.86, 1.20, 5.3, 86, 1.45, 24, 17.5, -16.0),
    "heather": (0.45, 0.72, 4.2, 80, 1.22, 20, 18.9, -14.5),
    "honeydew": (0.10, 1.05, 4.9, 87, 1.20, 22, 16.1, 5.0),
}
LAB_SPREAD = np.array([0.17, 0.28, 10.0, 0.09, 4.5, 1.1, 4.0])
TAXA = 16


def collect(n, rng):
    """n jars: counts of 16 pollen taxa (the first seven are the main ones), laboratory values, kind."""
    kinds = list(KINDS.values())
    y = rng.integers(0, len(kinds), n)
    background = rng.dirichlet(np.full(TAXA, 0.5), n)
    pollen, lab = np.zeros((n, TAXA)), np.zeros((n, 7))
    for i, k in enumerate(y):
        other = rng.integers(0, len(kinds))
        w = rng.uniform(0.55, 1.0)  # no bee keeps to one flower
        share = np.zeros(TAXA)
        for kind, weight in ((k, w), (other, 1 - w)):
            s = np.clip(rng.beta(5 * kinds[kind][0], 5 * (1 - kinds[kind][0])), 0, 1)
            share[kind] += weight * s
        share += (1 - share.sum()) * background[i]
        pollen[i] = rng.multinomial(rng.integers(150, 500), share / share.sum())
        centre = w * np.array(kinds[k][1:]) + (1 - w) * np.array(kinds[other][1:])
        lab[i] = centre + LAB_SPREAD * rng.normal(size=7)
    return np.hstack([pollen, lab]).astype(np.float32), y


class Fusion(nn.Module):
    """One tower for the pollen, one for the laboratory; their product and their sum go on."""

    def __init__(self, n_lab, n_out, width=32, depth=2):
        super().__init__()
        self.n_lab = n_lab
        self.pollen = nn.Sequential(nn.Linear(TAXA, width), nn.ReLU())
        self.lab = nn.Sequential(nn.Linear(n_lab, width), nn.ReLU())
        trunk = []
        for i in range(depth):
            trunk += [nn.Linear(2 * width if i == 0 else width, width), nn.ReLU()]
        self.trunk = nn.Sequential(*trunk)
        self.out = nn.Linear(width, n_out)

    def forward(self, x):
        p, q = self.pollen(x[:, :TAXA]), self.lab(x[:, TAXA:])
        return self.out(self.trunk(torch.cat([p * q, p + q], dim=1)))


@dataclass
class Trainer:
    net: nn.Module
    lr: float = 1e-3
    epochs: int = 12
    batch: int = 64
    history: list = field(default_factory=list)

    def __post_init__(self):
        self.opt = torch.optim.AdamW(self.net.parameters(), lr=self.lr, weight_decay=1e-2)
        self.criterion = nn.CrossEntropyLoss()

    def step(self, xb, yb):
        self.opt.zero_grad()
        loss = self.criterion(self.net(xb), yb)
        loss.backward()
        self.opt.step()
        return loss.item()

    def fit(self, train, valid):
        x, y = train
        for epoch in range(self.epochs):
            self.net.train()
            perm = torch.randperm(len(x))
            losses = [self.step(x[i], y[i]) for i in perm.split(self.batch)]
            self.history.append((np.mean(losses), *self.score(*train), *self.score(*valid)))
            if epoch % 4 == 3:
                t, e, ea, v, va = self.history[-1]
                print(f"epoch {epoch + 1:3d}  train {t:.4f}  (eval {e:.4f}, {ea:.3f})  valid {v:.4f}, {va:.3f}")
        return self.history[-1]

    @torch.no_grad()
    def score(self, x, y):
        self.net.eval()
        logits = self.net(x)
        return self.criterion(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


def prepare():
    rng = np.random.default_rng(SEED)
    x, y = collect(7200, rng)
    cut = 5600
    mean, std = x[:cut].mean(0), x[:cut].std(0) + 1e-6
    x = (x - mean) / std
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


if __name__ == "__main__":
    train, valid = prepare()
    net = Fusion(train[0].shape[1] - TAXA, len(KINDS))
    trainer = Trainer(net)
    final = trainer.fit(train, valid)
    print(
        f"{len(KINDS)} kinds, validation accuracy {final[-1]:.3f} (largest class: "
        f"{torch.bincount(valid[1]).max().item() / len(valid[1]):.3f})"
    )
