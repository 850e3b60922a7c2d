# %% [markdown]
# How much water is in the flood basin, hour by hour? A DeepONet learns the map "inflow forecast -> stored volume".
# First on the planners' simulation of a standard basin, then fine-tuned on the few floods measured at ours.

# %%
import os
import random
import tempfile

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED), np.random.seed(SEED), torch.manual_seed(SEED)
torch.set_num_threads(1)
rng = np.random.default_rng(SEED)
H = 48  # hours


# %% floods and basins
def floods(n):
    """Inflow (m3/s): one to three overlapping waves on a base flow."""
    t = np.arange(H)
    q = np.repeat(rng.uniform(2, 8, (n, 1)), H, 1)
    for k in range(3):
        on = rng.random((n, 1)) < (1, 0.5, 0.3)[k]
        peak, start, rise = rng.gamma(4, 11, (n, 1)), rng.uniform(-4, 30, (n, 1)), rng.uniform(2, 9, (n, 1))
        s = np.clip((t - start) / rise, 0, None)
        q = q + on * peak * s * np.exp(1 - s)
    return q


def basin(q, gate, v0, area, crest, spill):
    """Volume (m3) at the end of each hour: orifice below, spillway above the crest (m)."""
    v, out = v0.copy(), []
    for h in range(H):
        for _ in range(6):
            level = v / area
            gone = 6.0 * gate * np.sqrt(np.clip(level, 0, None)) + spill * np.clip(level - crest, 0, None) ** 1.5
            v = np.clip(v + 600 * (q[:, h] - gone), 0, None)
        out.append(v)
    return np.stack(out, 1)


def events(n, noise, **kind):
    q, gate, v0 = floods(n), rng.uniform(0.3, 2.2, n), rng.uniform(0, 4e5, n)
    v = basin(q, gate, v0, **kind)
    v = v * np.exp(rng.normal(0, noise, v.shape)) + rng.normal(0, 2e5 * noise, v.shape)  # gauge error
    x = np.hstack([q / 30, gate[:, None], v0[:, None] / 4e5])
    return TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(v, dtype=torch.float32))


standard = {"area": 3.0e5, "crest": 5.0, "spill": 45.0}
ours = {"area": 4.2e5, "crest": 3.6, "spill": 30.0}
sim, sim_test = events(2400, 0.0, **standard), events(300, 0.0, **standard)
measured, measured_test = events(96, 0.03, **ours), events(400, 0.03, **ours)
MEAN, STD = float(sim.tensors[1].mean()), float(sim.tensors[1].std())
hours = torch.linspace(-1, 1, H).unsqueeze(1)
print(f"volume in the simulation {MEAN:.0f} +- {STD:.0f} m3")


# %% the net
class DeepONet(nn.Module):
    def __init__(self, width=96, modes=40):
        super().__init__()
        self.branch = nn.ModuleList([nn.Linear(H + 2, width), nn.Linear(width, width), nn.Linear(width, modes)])
        self.trunk = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, modes))

    def forward(self, x):
        for layer in self.branch[:-1]:
            x = torch.relu(layer(x))
        z = self.branch[-1](x) @ self.trunk(hours).T
        return MEAN + STD * z  # m3


def score(net, data):
    net.eval()
    x, v = data.tensors
    with torch.no_grad():
        p = net(x)
    return 1 - ((p - v) ** 2).mean().item() / v.var().item(), (p - v).abs().mean().item()


def fit(net, data, test, epochs, lr, batch):
    loader = DataLoader(data, batch_size=batch, shuffle=True)
    opt = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=lr)
    for epoch in range(epochs):
        net.train()
        total = 0.0
        for x, v in loader:
            loss = ((net(x) - v) / STD).pow(2).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() / len(loader)
        if epoch % 4 == 3 or epoch == epochs - 1:
            r2, mae = score(net, test)
            print(f"  epoch {epoch + 1:3d} loss {total:.5f}  held-out R2 {r2:.4f}  MAE {mae:.0f} m3")


# %% stage 1: the standard basin
net = DeepONet()
print("simulated floods")
fit(net, sim, sim_test, epochs=32, lr=2e-3, batch=32)
folder = tempfile.TemporaryDirectory()
path = os.path.join(folder.name, "standard.pt")
torch.save({"model": net.state_dict(), "basin": standard}, path)

# %% stage 2: our basin
tuned = DeepONet()
tuned.load_state_dict(torch.load(path)["model"])
print("before tuning: R2 {:.4f}  MAE {:.0f} m3".format(*score(tuned, measured_test)))
fit(tuned, measured, measured_test, epochs=24, lr=5e-4, batch=16)
r2, mae = score(tuned, measured_test)
v = measured_test.tensors[1]
print(f"our basin: R2 {r2:.4f}, MAE {mae:.0f} m3 (always the mean: {(v - v.mean()).abs().mean():.0f} m3)")
folder.cleanup()
