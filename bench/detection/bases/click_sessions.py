# %% [markdown]
# What is this visitor of the shop after? Next-click model on all sessions (no labels), then a small head
# on the frozen body for the few sessions whose visitor answered the survey.

# %%
import os
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

PAGES = (
    "home search sale women men kids shoes bags product photos reviews sizes basket wishlist login shipping "
    "returns stores faq checkout"
).split()
INTENT = ["browsing", "comparing", "buying", "returning"]
V, T, K, D = len(PAGES), 32, len(INTENT), 64

# %% sessions: everybody walks through the same site, each intent leans to some links
g = np.random.default_rng(SEED + 7)
site = g.dirichlet(np.full(V, 0.1), V)
lean = g.dirichlet(np.full(V, 0.08), (K, V))
back = g.dirichlet(np.full(V, 0.1), (K, V))


def sessions(n):
    k = g.choice(K, n, p=[0.42, 0.27, 0.18, 0.13])
    s = np.zeros((n, T + 1), dtype=np.int64)
    s[:, 0] = g.choice(V, n, p=np.r_[0.5, 0.2, np.full(V - 2, 0.3 / (V - 2))])
    s[:, 1] = [g.choice(V, p=site[i]) for i in s[:, 0]]
    for t in range(2, T + 1):
        p = 0.47 * site[s[:, t - 1]] + 0.38 * lean[k, s[:, t - 1]] + 0.12 * back[k, s[:, t - 2]] + 0.03 / V
        s[:, t] = (p.cumsum(1) > g.random((n, 1)) * p.sum(1, keepdims=True)).argmax(1)
    return torch.from_numpy(s), torch.from_numpy(k)


logs, _ = sessions(3200)
logs_va, _ = sessions(400)
x_tr, y_tr = sessions(1200)
x_va, y_va = sessions(600)
print(logs.shape, x_tr.shape, np.bincount(y_tr) / len(y_tr))


# %% causal dilated convolutions
class Clicks(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(V, D)
        nn.init.normal_(self.emb.weight, std=0.3)
        self.convs = nn.ModuleList([nn.Conv1d(D, D, 2, dilation=d) for d in (1, 2, 4, 8)])
        self.norms = nn.ModuleList([nn.LayerNorm(D) for _ in range(4)])
        self.head = nn.Linear(D, V)
        self.pool = False

    def forward(self, s):
        h = self.emb(s)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            z = F.pad(norm(h).transpose(1, 2), (conv.dilation[0], 0))
            h = h + F.gelu(conv(z)).transpose(1, 2)
        if self.pool:
            h = h.mean(1)
        return self.head(h)


net = Clicks()


# %%
@torch.no_grad()
def score(x, y):
    net.eval()
    out = net(x)
    loss = F.cross_entropy(out.reshape(-1, out.shape[-1]), y.reshape(-1))
    return loss.item(), (out.argmax(-1) == y).float().mean().item()


def fit(x, y, xv, yv, opt, epochs, bs, weight=None):
    for ep in range(epochs):
        net.train()
        tot = 0.0
        for b in torch.randperm(len(x)).split(bs):
            opt.zero_grad()
            out = net(x[b])
            loss = F.cross_entropy(out.reshape(-1, out.shape[-1]), y[b].reshape(-1), weight=weight)
            loss.backward()
            opt.step()
            tot += loss.item() * len(b) / len(x)
        vl, va = score(xv, yv)
        print(f"  {ep + 1:2d}  loss {tot:.3f}  val loss {vl:.3f}  val acc {va:.3f}")


# %% 1. next click
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
fit(logs[:, :-1], logs[:, 1:], logs_va[:, :-1], logs_va[:, 1:], opt, epochs=6, bs=64)

# %% 2. intent: new head, frozen body
for p in net.parameters():
    p.requires_grad_(False)
net.head, net.pool = nn.Linear(D, K), True
opt = torch.optim.Adam(net.head.parameters(), lr=1e-2)
fit(x_tr, y_tr, x_va, y_va, opt, epochs=12, bs=32)

# %%
net.eval()
with torch.no_grad():
    hat = net(x_va).argmax(1)
print("intent accuracy", (hat == y_va).float().mean().item(), "| commonest", (y_va == 0).float().mean().item())
print({n: round((hat[y_va == i] == i).float().mean().item(), 2) for i, n in enumerate(INTENT)})
