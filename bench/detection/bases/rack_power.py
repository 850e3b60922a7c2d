#!/usr/bin/env python
# Predict the draw (watts) of a server rack from its telemetry. One trunk for all racks, one head per way of cooling.
import argparse
import copy
import os
import random

import numpy as np
import torch
from torch import nn

SEED = int(os.environ.get("SEED", "0"))
torch.set_num_threads(1)

ap = argparse.ArgumentParser()
ap.add_argument("--racks", type=int, default=2400, help="rows for training")
ap.add_argument("--epochs", type=int, default=28)
ap.add_argument("--batch-size", type=int, default=48)
ap.add_argument("--lr", type=float, default=1e-3)
ap.add_argument("--width", type=int, default=64)
ap.add_argument("--depth", type=int, default=5)
opt = ap.parse_args()

COOLING = ("air", "rear door", "liquid")


def telemetry(n, rng, noise=0.06):
    cool = rng.integers(0, len(COOLING), n)
    servers = rng.integers(6, 42, n).astype(float)
    util = 100 * rng.beta(1.6, 2.2, n)
    mhz = rng.normal(2600, 450, n).clip(1200, 3900)
    inlet = rng.normal(np.array([24.0, 27.0, 31.0])[cool], 3.0)
    gigs = servers * rng.choice([64, 128, 256, 512], n)
    disks = rng.poisson(servers * 1.5).astype(float)
    mbit = rng.gamma(2.0, 900.0, n) * (0.3 + util / 100)
    hot = np.maximum(inlet - 22, 0)
    rpm = np.array([5200.0, 3100.0, 900.0])[cool] * (1 + 0.06 * hot) * (0.8 + 0.5 * util / 100) * rng.normal(1, 0.05, n)
    cpu = servers * (62 + 210 * (util / 100) ** 0.8 * (mhz / 2600) ** 2.2) * (1 + 0.012 * hot)
    fans = servers * 14 * (rpm / 5000) ** 3
    rest = 0.28 * gigs + 6.5 * disks + 0.02 * mbit + np.array([0.0, 180.0, 420.0])[cool]
    load = (cpu + fans + rest) / 15000
    watts = (cpu + fans + rest) / (0.95 - 0.08 * np.exp(-9 * load)) * np.exp(rng.normal(0, noise, n))
    return np.c_[servers, util, mhz, inlet, gigs, disks, mbit, rpm], cool, watts


class RackNet(nn.Module):
    def __init__(self, n_in, width, depth):
        super().__init__()
        trunk, last = [], n_in
        for _ in range(depth):
            trunk += [nn.Linear(last, width), nn.ReLU()]
            last = width
        self.trunk = nn.Sequential(*trunk)
        self.heads = nn.Linear(width, len(COOLING))
        self.reset()

    def reset(self):
        for m in self.trunk:
            if isinstance(m, nn.Linear):
                nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
                nn.init.zeros_(m.bias)

    def forward(self, x, cool):
        every = self.heads(self.trunk(x))
        return every.gather(1, cool[:, None]).squeeze(1)


random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)

X, C, Y = telemetry(opt.racks, rng)
Xv, Cv, Yv = telemetry(800, rng)
Xt, Ct, Yt = telemetry(800, rng)
mu, sd = X.mean(0), X.std(0)
y_mu, y_sd = Y.mean(), Y.std()


def tensors(x, c, y):
    return (
        torch.tensor((x - mu) / sd, dtype=torch.float32),
        torch.tensor(c),
        torch.tensor((y - y_mu) / y_sd, dtype=torch.float32),
    )


tr, va, te = tensors(X, C, Y), tensors(Xv, Cv, Yv), tensors(Xt, Ct, Yt)
net = RackNet(X.shape[1], opt.width, opt.depth)
optim = torch.optim.Adam(net.parameters(), lr=opt.lr)
mse = nn.MSELoss()


@torch.no_grad()
def check(split):
    net.eval()
    return mse(net(split[0], split[1]), split[2]).item()


best_loss, best_epoch, best = float("inf"), -1, copy.deepcopy(net.state_dict())
for ep in range(opt.epochs):
    net.train()
    perm, total = torch.randperm(len(tr[0])), 0.0
    for lo in range(0, len(perm), opt.batch_size):
        idx = perm[lo : lo + opt.batch_size]
        out = net(tr[0][idx], tr[1][idx])
        loss = mse(out, tr[2][idx])
        optim.zero_grad()
        loss.backward()
        optim.step()
        total += loss.item() * len(idx)
    val = check(va)
    if val < best_loss:
        best_loss, best_epoch, best = val, ep, copy.deepcopy(net.state_dict())
    if ep % 4 == 3:
        print(f"epoch {ep + 1}: train mse {total / len(perm):.4f}, validation mse {val:.4f}")

net.load_state_dict(best)
print(f"kept epoch {best_epoch + 1}, validation mse {best_loss:.4f}")
with torch.no_grad():
    watts = net(te[0], te[1]).numpy() * y_sd + y_mu
off, spread = watts - Yt, Yt - Y.mean()
print(f"test: mean absolute error {abs(off).mean():.0f} W (always the mean: {abs(spread).mean():.0f} W)")
print(f"test R2 {1 - (off**2).sum() / (spread**2).sum():.4f}")
