# %% will two drones come too close? (0 clear, 1 advisory, 2 warning), from one radar fix
import os
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.metrics import confusion_matrix, f1_score
from sklearn.preprocessing import StandardScaler

SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
np.random.seed(SEED)
random.seed(SEED)
torch.set_num_threads(1)

# %% the log: N encounters, in the order of the day they were flown
N, N_TRAIN = 12000, 9000
g = np.random.default_rng(SEED)
rng_m = g.uniform(150, 1500, N)  # range of the intruder
brg = g.uniform(-np.pi, np.pi, N)
pos = np.stack([rng_m * np.cos(brg), rng_m * np.sin(brg), g.normal(0, 60, N)], 1)
own = np.stack([g.uniform(5, 20, N), g.normal(0, 2, N), g.normal(0, 1, N)], 1)
aim = np.arctan2(-pos[:, 1], -pos[:, 0]) + g.normal(0, 0.6, N)  # traffic converges on the same corridor
spd = g.uniform(5, 30, N)
intruder = np.stack([spd * np.cos(aim), spd * np.sin(aim), g.normal(0, 1.5, N)], 1) + own * [0.7, 0.7, 0]
wind, latency = g.gamma(2, 2, N), g.uniform(0, 2, N)

# what happened in the next minute: both fly on, pushed about by the wind
t = np.linspace(0, 60, 61)
push = g.normal(0, 1, (N, 3)) * 0.05 * wind[:, None]
path = pos[:, None] + (intruder - own + push)[:, None] * t[None, :, None]
miss = np.sqrt((path**2 * [1, 1, 4]).sum(2)).min(1)
y = np.where(miss < 120, 2, np.where(miss < 300, 1, 0))
X = np.column_stack([pos + g.normal(0, 5, pos.shape), own, intruder + g.normal(0, 0.3, own.shape), wind, latency])

# %% the first three quarters to train on, the last to check
sc = StandardScaler().fit(X[:N_TRAIN])
Xt = torch.tensor(sc.transform(X), dtype=torch.float32)
yt = torch.tensor(y)
Xtr, ytr, Xva, yva = Xt[:N_TRAIN], yt[:N_TRAIN], Xt[N_TRAIN:], yt[N_TRAIN:]
print("share of classes", np.bincount(y) / N)


# %% the net
class Block(nn.Module):
    """Linear, norm, ReLU, dropout, added to what came in."""

    def __init__(self, d, p):
        super().__init__()
        self.fc, self.bn, self.drop = nn.Linear(d, d, bias=False), nn.BatchNorm1d(d), nn.Dropout(p)

    def forward(self, h):
        return h + self.drop(F.relu(self.bn(self.fc(h))))


class Net(nn.Module):
    def __init__(self, d_in, d=96, depth=3, p=0.2, classes=3):
        super().__init__()
        self.stem = nn.Linear(d_in, d)
        self.blocks = nn.Sequential(*[Block(d, p) for _ in range(depth)])
        self.head = nn.Linear(d, classes)

    def forward(self, x):
        h = F.relu(self.stem(x))
        h = self.blocks(h)
        return self.head(h)


net = Net(Xt.shape[1])
opt = torch.optim.AdamW(net.parameters(), lr=1.5e-3, weight_decay=1e-2)
EPOCHS, B = 16, 64
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS)


def loss_fn(logits, target):
    return F.cross_entropy(logits, target)


# %% train
for ep in range(EPOCHS):
    net.train()
    losses = []
    for i in torch.randperm(N_TRAIN).split(B):
        opt.zero_grad()
        loss = loss_fn(net(Xtr[i]), ytr[i])
        loss.backward()
        opt.step()
        losses.append(loss.item())
    sched.step()
    net.eval()
    with torch.no_grad():
        out = net(Xva)
    pred = out.argmax(1)
    acc, f1 = (pred == yva).float().mean().item(), f1_score(yva, pred, average="macro")
    print(f"{ep:2d}  loss {np.mean(losses):.4f}  val {F.cross_entropy(out, yva):.4f}  acc {acc:.4f}  macro F1 {f1:.4f}")

# %% where it errs
print(confusion_matrix(yva, pred))
print("always clear:", round((yva == 0).float().mean().item(), 4))
