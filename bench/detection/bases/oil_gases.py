# %% [markdown]
# What is wrong inside a power transformer? The gases dissolved in its oil tell (Duval's triangle, but from the lab's
# noisy numbers, and with all seven gases). Six kinds of fault, a deep plain MLP.

# %%
import os
import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

# %% the lab's table: ppm of methane, ethylene, acetylene, hydrogen, ethane, CO, CO2, and the code of the fault (1-6)
KINDS = ["T1 below 300", "T2 300-700", "T3 above 700", "D1 sparks", "D2 arcs", "DT both"]
rng = np.random.default_rng(SEED)
n = 8000
alpha = np.array([[8, 1.2, 0.3], [5, 3, 0.3], [2, 6, 0.5], [2, 0.8, 5], [2, 3, 5], [3, 4, 2.5]])[rng.integers(0, 6, n)]
frac = rng.gamma(alpha)
frac /= frac.sum(1, keepdims=True)
_, ethylene, acetylene = frac.T
code = np.select(
    [
        (acetylene < 0.04) & (ethylene < 0.2),
        (acetylene < 0.04) & (ethylene < 0.5),
        (acetylene < 0.15) & (ethylene > 0.5),
        (acetylene > 0.13) & (ethylene < 0.23),
        (acetylene > 0.29) | ((acetylene > 0.13) & (ethylene < 0.4)),
    ],
    [1, 2, 3, 4, 5],
    6,
)
total = np.exp(rng.normal(5.2, 0.9, n))
arc = np.isin(code, [4, 5])
other = np.stack(
    [
        total * np.exp(rng.normal(np.where(arc, 0.2, -0.9), 0.6)),
        total * np.exp(rng.normal(np.where(code <= 2, -0.6, -1.5), 0.6)),
        np.exp(rng.normal(5.8, 0.6, n)),
        np.exp(rng.normal(8.0, 0.6, n)),
    ],
    1,
)
ppm = np.hstack([frac * total[:, None], other]) * np.exp(rng.normal(0, 0.07, (n, 7))) + 0.5
wrong = rng.random(n) < 0.03  # the inspection named another fault
code = np.where(wrong, rng.integers(1, 7, n), code)
print(dict(zip(KINDS, np.bincount(code)[1:].tolist(), strict=True)))

# %%
perm = rng.permutation(n)
tr, te = perm[:6000], perm[6000:]
Z = np.log10(ppm)
mu, sd = Z[tr].mean(0), Z[tr].std(0)
X = torch.tensor((Z - mu) / sd, dtype=torch.float32)
ytr = torch.tensor(code[tr] - 1)
yte = torch.tensor(code[te] - 1)
Xtr, Xte = X[tr], X[te]
n_cls = int(ytr.max()) + 1

# %%
depth, width = 6, 96
lay = [nn.Linear(7, width), nn.ReLU()]
for _ in range(depth - 1):
    lay += [nn.Linear(width, width), nn.ReLU()]
net = nn.Sequential(*lay, nn.Linear(width, n_cls))
for m in net:
    if isinstance(m, nn.Linear):
        nn.init.kaiming_normal_(m.weight, nonlinearity="linear")
        nn.init.zeros_(m.bias)
print(sum(p.numel() for p in net.parameters()), "parameters")

# %%
epochs, bs = 24, 64
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs * (len(Xtr) // bs))
hist = []
for ep in range(epochs):
    net.train()
    idx, run, hit, steps = torch.randperm(len(Xtr)), 0.0, 0, len(Xtr) // bs
    for i in range(steps):
        b = idx[i * bs : (i + 1) * bs]
        out = net(Xtr[b])
        loss = F.cross_entropy(out, ytr[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        run += loss.item()
        hit += (out.argmax(1) == ytr[b]).float().mean().item()
    net.eval()
    with torch.no_grad():
        score = net(Xte)
        vl, va = F.cross_entropy(score, yte).item(), (score.argmax(1) == yte).float().mean().item()
    hist.append((run / steps, hit / steps, vl, va))
    if ep % 2 == 1:
        print(f"ep {ep + 1:2d}  loss {hist[-1][0]:.3f}  acc {hist[-1][1]:.3f}  |  test {vl:.3f}  {va:.3f}")

# %%
guess = score.argmax(1)
for k, kind in enumerate(KINDS):
    print(f"{kind:14s} recall {(guess[yte == k] == k).float().mean():.3f}")
print(f"test accuracy {va:.4f}   (commonest fault always: {np.bincount(code[te]).max() / len(te):.4f})")
