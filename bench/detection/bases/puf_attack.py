# Modelling attack on a security chip. An arbiter PUF races two signals through a row of switches; the challenge sets
# the switches, the answer is the side that comes first. Two such chains are XORed. Can a net learn to answer for it?
import os
import random
import sys

import numpy as np
import torch
from torch import nn, optim

SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED), np.random.seed(SEED), random.seed(SEED)
torch.set_num_threads(1)

STAGES = 20
CHAINS = 2
N_TRAIN, N_TEST = 14000, 2000
JITTER = 0.12  # of each race, in units of the spread of a chain's delays
WIDTH, DEPTH = 64, 5
BATCH, EPOCHS, RATE = 128, 8, 1e-3


def measure(n, rng):
    """Challenges, as the attacker transforms them (+1/-1, parity of the switches still ahead), and the answers."""
    bits = rng.integers(0, 2, (n, STAGES))
    signs = 1 - 2 * bits
    ahead = np.cumprod(signs[:, ::-1], axis=1)[:, ::-1]
    phi = np.hstack([ahead, np.ones((n, 1))])
    chips = rng.normal(0, 1, (CHAINS, STAGES + 1)) / np.sqrt(STAGES + 1)
    delays = phi @ chips.T + rng.normal(0, JITTER, (n, CHAINS))
    answer = (delays > 0).sum(1) % 2
    return phi.astype("float32"), answer.astype("float32")


class Attacker(nn.Module):
    def __init__(self, n_in, width, depth):
        super().__init__()
        self.first = nn.Linear(n_in, width)
        self.middle = nn.ModuleList([nn.Linear(width, width) for _ in range(depth - 1)])
        self.last = nn.Linear(width, 1)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
                nn.init.zeros_(m.bias)

    def forward(self, x):
        h = torch.relu(self.first(x))
        for layer in self.middle:
            h = torch.relu(layer(h))
        return self.last(h).squeeze(1)


class Trainer:
    def __init__(self, net, train, test):
        self.net = net
        self.x, self.y = train
        self.xt, self.yt = test
        self.loss_fn = nn.BCEWithLogitsLoss()
        self.opt = optim.Adam(net.parameters(), lr=RATE, weight_decay=1e-5)
        self.log = []

    def batches(self):
        order = torch.randperm(len(self.x))
        for i in range(0, len(order), BATCH):
            rows = order[i : i + BATCH]
            yield self.x[rows], self.y[rows]

    def epoch(self):
        self.net.train()
        losses = []
        for x, y in self.batches():
            loss = self.loss_fn(self.net(x), y)
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            losses.append(loss.item())
        return float(np.mean(losses))

    @torch.no_grad()
    def test(self):
        self.net.eval()
        z = self.net(self.xt)
        right = ((torch.sigmoid(z) > 0.5).float() == self.yt).float().mean().item()
        return self.loss_fn(z, self.yt).item(), right

    def fit(self, epochs):
        for e in range(epochs):
            tr = self.epoch()
            te, score = self.test()
            self.log.append((tr, te, score))
            print(f"{e + 1:3d}   train {tr:.4f}   test {te:.4f}   score {score:.4f}")
            sys.stdout.flush()


rng = np.random.default_rng(SEED)
X, Y = measure(N_TRAIN + N_TEST, rng)
X, Y = torch.from_numpy(X), torch.from_numpy(Y)

train = X[:N_TRAIN], Y[:N_TRAIN]
test = X[N_TRAIN:], Y[N_TRAIN:]
net = Attacker(X.shape[1], WIDTH, DEPTH)
trainer = Trainer(net, train, test)
trainer.fit(EPOCHS)
guess = max(Y.mean().item(), 1 - Y.mean().item())
print(f"final score {trainer.log[-1][2]:.4f}, always the commoner answer {guess:.4f}")
