# %% Reading old teleprinter tape: 5 photo cells per row, light bleeds over from neighbours, paper is dirty
import copy
import os
import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED), np.random.seed(SEED), torch.manual_seed(SEED)
torch.set_num_threads(1)

# %% ITA2 letters, bit i = hole i
CODES = dict(zip(" abcdefghijklmnopqrstuvwxyz", [
    4, 3, 25, 14, 9, 1, 13, 26, 20, 6, 11, 15, 18, 28, 12, 24, 22, 23, 10, 5, 16, 7, 30, 19, 29, 21, 17,
], strict=True))  # fmt: skip
CHARS = "".join(CODES)
WORDS = """arrived berlin stop vessel delayed fog quay cargo wheat sixty bags jute market firm price up five pence sell
copper zinc exchange rate wire kindly confirm order invoice lost mail steamer leaves monday evening harbour jam weather
gale warning north coast keep boxes dry query answer soon love mother well happy birthday dozen quilts""".split()
T, N_TRAIN, N_VALID = 24, 1000, 300


def telegram():
    line = ""
    while len(line) < T:
        line += random.choice(WORDS) + " "
    return line[:T]


def scan(lines):
    holes = np.array([[[CODES[c] >> i & 1 for i in range(5)] for c in line] for line in lines], float)
    light = holes.copy()
    light[:, 1:] += 0.25 * holes[:, :-1]
    light[:, :-1] += 0.25 * holes[:, 1:]
    light[:, :, 1:] += 0.15 * holes[:, :, :-1]
    light *= np.random.uniform(0.75, 1.25, (len(lines), 1, 1))  # lamp
    light += np.random.normal(0, 0.3, holes.shape) + np.random.normal(0, 0.1, (len(lines), T, 1))
    labels = np.array([[CHARS.index(c) for c in line] for line in lines])
    return torch.tensor(light, dtype=torch.float32), torch.tensor(labels)


X, Y = scan([telegram() for _ in range(N_TRAIN)])
XV, YV = scan([telegram() for _ in range(N_VALID)])
mu, sd = X.mean((0, 1)), X.std((0, 1))
X, XV = (X - mu) / sd, (XV - mu) / sd
K = len(CHARS)


# %% model: rows -> features -> both directions -> character
class Reader(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.row = nn.Linear(5, d)
        self.gru = nn.GRU(d, d, bidirectional=True)
        self.out = nn.Linear(2 * d, K)

    def forward(self, x):
        h = torch.relu(self.row(x))
        h = h.permute(1, 0, 2)  # time first
        h, _ = self.gru(h)
        return self.out(h).permute(1, 0, 2)


def loss_of(z, y):
    return F.nll_loss(F.log_softmax(z.reshape(-1, K), 1), y.reshape(-1))


def read(z):
    return z.argmax(-1)


def check(net):
    net.eval()
    with torch.no_grad():
        z = net(XV)
    return loss_of(z, YV).item(), (read(z) == YV).float().mean().item()


# %% train
EPOCHS, B, LR = 14, 50, 8e-3
net = Reader()
opt = torch.optim.Adam(net.parameters(), lr=LR)
best, kept = float("inf"), None
for epoch in range(EPOCHS):
    net.train()
    tot = 0.0
    for i in torch.randperm(N_TRAIN).split(B):
        loss = loss_of(net(X[i]), Y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() * len(i) / N_TRAIN
    vl, va = check(net)
    if vl < best:
        best, kept = vl, copy.deepcopy(net.state_dict())
    print(f"{epoch:2d} train {tot:.4f} valid {vl:.4f} acc {va:.4f}")

# %% the best one
net.load_state_dict(kept)
vl, va = check(net)
print(f"kept: valid loss {vl:.4f} (best seen {best:.4f}), characters right {va:.4f}")
z = net(XV[:3])
for y, g in zip(YV[:3], read(z), strict=True):
    print("".join(CHARS[j] for j in y), "|", "".join(CHARS[int(j) % K] for j in g))
