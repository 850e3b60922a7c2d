import copy
import os
import random

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

# ---------------------------------------------------------------------------------------------------------
#  Seabed from side-scan sonar: 24 x 24 snippets, an MLP-Mixer, plain SGD on small pieces of a larger batch
# ---------------------------------------------------------------------------------------------------------

seed = int(os.environ.get("SEED", "0"))
random.seed(seed)
np.random.seed(seed)
torch.manual_seed(seed)
torch.set_num_threads(1)

BOTTOMS = ("sand", "ripples", "rocks", "seagrass", "scars")
SIDE = 24
PIECE = 16  # that much fits into the memory of the survey laptop
PIECES = 4  # pieces per step


def snippet(bottom, rng):
    yy, xx = np.mgrid[0:SIDE, 0:SIDE].astype(float)
    echo = np.ones((SIDE, SIDE)) + gaussian_filter(rng.normal(0, 1.2, (SIDE, SIDE)), 5)
    if bottom == "ripples":
        turn, wave = rng.uniform(0, np.pi), rng.uniform(4, 7)
        bend = gaussian_filter(rng.normal(0, 8, (SIDE, SIDE)), 4)
        echo += rng.uniform(0.3, 0.6) * np.sin(2 * np.pi * (xx * np.cos(turn) + yy * np.sin(turn) + bend) / wave)
    elif bottom == "rocks":
        for _ in range(rng.integers(2, 7)):
            cy, cx, r = rng.uniform(2, 22), rng.uniform(2, 20), rng.uniform(0.8, 1.8)
            echo += rng.uniform(0.6, 1.6) * np.exp(-((yy - cy) ** 2 + (xx - cx) ** 2) / (2 * r * r))
            echo -= 0.8 * np.exp(-((yy - cy) ** 2) / (2 * r * r) - ((xx - cx - 2.5 * r) / (1.6 * r)) ** 2)
    elif bottom == "seagrass":
        echo += rng.uniform(0.9, 1.8) * np.maximum(gaussian_filter(rng.normal(0, 1, (SIDE, SIDE)), 1.3) * 4 - 0.4, 0)
    elif bottom == "scars":  # a trawl door has been dragged along
        turn, off = rng.uniform(0, np.pi), rng.uniform(-6, 6)
        away = (xx - 12) * np.cos(turn) + (yy - 12) * np.sin(turn) - off
        depth = rng.uniform(0.5, 0.9)
        echo += depth * (np.exp(-((away - 1.5) ** 2) / 1.5) - np.exp(-(away**2) / 1.5))
    echo = np.maximum(echo, 0.05) * rng.gamma(12, 1 / 12, (SIDE, SIDE))  # speckle
    return np.log(echo * rng.uniform(0.7, 1.4) * (1.2 - 0.4 * xx / SIDE))


def survey(n, rng):
    labels = rng.integers(0, len(BOTTOMS), n)
    images = np.stack([snippet(BOTTOMS[k], rng) for k in labels])
    return torch.tensor(images, dtype=torch.float32), torch.tensor(labels)


class MixerBlock(nn.Module):
    def __init__(self, tokens, dim):
        super().__init__()
        self.norm_a, self.norm_b = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.across = nn.Sequential(nn.Linear(tokens, tokens), nn.GELU(), nn.Linear(tokens, tokens))
        self.within = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x):
        x = x + self.across(self.norm_a(x).transpose(1, 2)).transpose(1, 2)
        return x + self.within(self.norm_b(x))


class PatchMixer(nn.Module):
    def __init__(self, patch=4, dim=40, depth=2):
        super().__init__()
        self.patch = patch
        tokens = (SIDE // patch) ** 2
        self.embed = nn.Linear(patch * patch, dim)
        self.blocks = nn.Sequential(*[MixerBlock(tokens, dim) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Sequential(nn.Linear(dim, 32), nn.ReLU(), nn.Linear(32, len(BOTTOMS)))

    def forward(self, images):
        p = self.patch
        patches = images.unfold(1, p, p).unfold(2, p, p).reshape(len(images), -1, p * p)
        tokens = self.blocks(self.embed(patches))
        feature = self.norm(tokens).mean(dim=1)
        return self.head(feature)


class Trainer:
    """Trains, watches the validation loss, and goes back to the best epoch at the end."""

    def __init__(self, net, rate, momentum=0.9):
        self.net = net
        self.opt = torch.optim.SGD(net.parameters(), lr=rate, momentum=momentum, weight_decay=1e-4)
        self.loss = nn.CrossEntropyLoss()
        self.best_loss, self.best_epoch, self.best_weights = float("inf"), 0, None

    def step(self, images, labels):
        self.net.train()
        images = torch.where(torch.rand(len(images), 1, 1) < 0.5, images.flip(1), images)  # along the track
        self.opt.zero_grad()
        value = 0.0
        for piece, answer in zip(images.split(PIECE), labels.split(PIECE), strict=True):
            loss = self.loss(self.net(piece), answer) / PIECES
            loss.backward()
            value += loss.item()
        self.opt.step()
        return value

    @torch.no_grad()
    def check(self, images, labels):
        self.net.eval()
        logits = self.net(images)
        accuracy = (logits.argmax(1) == labels).float().mean().item()
        return nn.functional.cross_entropy(logits, labels).item(), accuracy

    def fit(self, train, val, epochs):
        images, labels = train
        size = PIECE * PIECES
        for epoch in range(1, epochs + 1):
            order = torch.randperm(len(images))
            values = [self.step(images[rows], labels[rows]) for rows in order.split(size) if len(rows) == size]
            val_loss, val_acc = self.check(*val)
            print(f"{epoch:>3} | loss {np.mean(values):.3f} | val loss {val_loss:.3f} | val acc {val_acc:.3f}")
            if val_loss < self.best_loss:
                self.best_loss, self.best_epoch = val_loss, epoch
                self.best_weights = copy.deepcopy(self.net.state_dict())
        self.net.load_state_dict(self.best_weights)


rng = np.random.default_rng(seed)
x, y = survey(2400, rng)
places = torch.randperm(len(x))
train_rows, val_rows = places[:1800], places[1800:]
x = (x - x[train_rows].mean()) / x[train_rows].std()
train, val = (x[train_rows], y[train_rows]), (x[val_rows], y[val_rows])

net = PatchMixer()
trainer = Trainer(net, rate=0.05)
trainer.fit(train, val, epochs=16)
final_loss, final_acc = trainer.check(*val)
print(f"best epoch {trainer.best_epoch} with {trainer.best_loss:.3f}; restored: {final_loss:.3f}, {final_acc:.3f}")
