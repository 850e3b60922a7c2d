# Minutes until the geyser's next eruption: a mixture density network, since the answer often has two humps.
# The log is one long series; the last quarter of it is for testing.
import itertools
import os
import random

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED), np.random.seed(SEED), torch.manual_seed(SEED)
torch.set_num_threads(1)

cfg = {"eruptions": 8000, "hidden": 48, "layers": 3, "components": 3, "lr": 1e-3, "batch": 64, "epochs": 20}


def keep_log(n):
    """Eruption after eruption: how long it lasted, what was seen at the pool, how long one then had to wait."""
    rng = np.random.default_rng(SEED)
    hour, charge, log = 0.0, 0.5, []
    for i in range(n):
        long = rng.random() < (0.9 if charge < 0.45 else 0.35 + 0.2 * (charge > 0.6))
        lasted = rng.normal(4.3, 0.35) if long else rng.normal(2.0, 0.25)
        season = np.sin(2 * np.pi * i / 2200)
        air = 4 + 14 * season + 5 * np.sin(2 * np.pi * hour / 24) + rng.normal(0, 2)
        hpa = 772 + 6 * np.sin(i / 90) + rng.normal(0, 2)
        preplay = rng.gamma(4, 1.5) * (1.3 if charge < 0.45 else 1.0)
        overflow = rng.lognormal(0.5 + 0.25 * long, 0.4)
        refill = 52 + 9.5 * lasted - 0.45 * (hpa - 772) - 0.12 * air - 0.5 * (preplay - 6) + 5 * (charge - 0.5)
        stolen = rng.random() < 1 / (1 + np.exp(-(1.3 * (overflow - 2.2))))  # a neighbouring vent drains the pool
        wait = refill + (17 + 1.2 * (hpa - 772) if stolen else 0) + rng.normal(0, 2.5)
        log.append((lasted, preplay, overflow, air, hpa, hour % 24, wait))
        charge = np.clip(0.6 * charge + 0.4 * (wait - 70) / 50 + rng.normal(0, 0.08), 0, 1)
        hour += wait / 60
    return np.array(log).T


lasted, preplay, overflow, air, hpa, hour, wait = keep_log(cfg["eruptions"])

past = 5
rows = np.arange(past, len(wait))
seen = [lasted[rows], preplay[rows], overflow[rows], air[rows]]
seen += [lasted[rows - 1], wait[rows - 1], wait[rows - 2], wait[rows - 3]]
seen += [np.array([wait[r - past : r].mean() for r in rows])]
seen += [np.sin(2 * np.pi * hour[rows] / 24), np.cos(2 * np.pi * hour[rows] / 24)]
X = np.stack(seen, axis=1)
weather_hut = hpa[rows][:, None]
Y = wait[rows]

cut = int(0.75 * len(rows))
standardise = lambda a: (a - a[:cut].mean(axis=0)) / a[:cut].std(axis=0)  # noqa: E731
inputs = torch.from_numpy(np.hstack([standardise(X), standardise(weather_hut)])).float()
target = torch.from_numpy(standardise(Y)).float()
x_train, y_train = inputs[:cut], target[:cut]
x_test, y_test = inputs[cut:], target[cut:]
minutes = Y[:cut].std()


class MixtureNet(nn.Module):
    def __init__(self, n_in, hidden, layers, k):
        super().__init__()
        widths = [n_in] + [hidden] * layers
        self.trunk = nn.Sequential()
        for a, b in itertools.pairwise(widths):
            self.trunk.append(nn.Linear(a, b))
            self.trunk.append(nn.ReLU())
        self.weight = nn.Linear(hidden, k)
        self.centre = nn.Linear(hidden, k)
        self.spread = nn.Linear(hidden, k)
        self.start()

    def start(self):
        """Narrow humps to begin with, next to each other."""
        nn.init.constant_(self.spread.bias, -0.7)
        with torch.no_grad():
            self.centre.bias.copy_(torch.linspace(-1, 1, self.centre.out_features))

    def forward(self, x):
        h = self.trunk(x)
        log_w = F.log_softmax(self.weight(h), dim=1)
        mu, _ = self.centre(h).sort(dim=1)  # so that the first hump is always the early one
        log_s = self.spread(h).clamp(-5, 3)
        return log_w, mu, log_s


def log_likelihood(mixture, y):
    log_w, mu, log_s = mixture
    z = (y[:, None] - mu) / log_s.exp()
    return torch.logsumexp(log_w - 0.5 * z**2 - log_s - 0.919, dim=1)


def test():
    net.eval()
    with torch.no_grad():
        out = net(x_test)
        nll = -log_likelihood(out, y_test).mean().item()
        mean = (out[0].exp() * out[1]).sum(1)
        mae = (mean - y_test).abs().mean().item() * minutes
    net.train()
    return nll, mae


net = MixtureNet(inputs.shape[1], cfg["hidden"], cfg["layers"], cfg["components"])
opt = torch.optim.AdamW(net.parameters(), lr=cfg["lr"], weight_decay=0.1)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, cfg["epochs"])

for epoch in range(1, cfg["epochs"] + 1):
    perm = torch.randperm(len(x_train))
    losses = []
    for i in range(0, len(perm), cfg["batch"]):
        take = perm[i : i + cfg["batch"]]
        loss = -log_likelihood(net(x_train[take]), y_train[take]).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    sched.step()
    if epoch % (cfg["epochs"] // 10) == 0 or epoch == 1:
        nll, mae = test()
        print(f"{epoch:3d}  train nll {np.mean(losses):.3f}   test nll {nll:.3f}   off by {mae:.1f} min")

one_hump = 0.5 * y_test.var().log().item() + 1.419
mae = (y_test.mean() - y_test).abs().mean() * minutes
print(f"always the same normal curve: nll {one_hump:.3f}, off by {mae:.1f} min")
