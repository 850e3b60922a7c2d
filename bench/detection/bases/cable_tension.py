# Force in the stays of a cable bridge from how they tremble in the wind.
# Each record: 256 samples of one accelerometer (counts of the logger, 20 Hz) and what the drawings say of the stay.
import os
import random

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

seed = int(os.environ.get("SEED", "0"))
random.seed(seed)
np.random.seed(seed)
torch.manual_seed(seed)
torch.set_num_threads(1)

n_records, n_samples, rate_hz = 3400, 256, 20.0
batch_size, n_epochs, lr = 32, 30, 0.02

# ---------------------------------------------------------------- the survey
rng = np.random.default_rng(seed + 10)
length = rng.uniform(35, 140, n_records)  # m
mass = rng.uniform(40, 95, n_records)  # kg / m
age = rng.integers(1, 30, n_records)  # years
celsius = rng.normal(12, 8, n_records)
tension = mass * 9.81 * length * rng.uniform(3.5, 9.0, n_records) * (1 - 0.004 * age) / 1e3 + 900  # kN
tension *= 1 - 0.002 * (celsius - 12)

f1 = np.sqrt(tension * 1e3 / mass) / (2 * length)
t = np.arange(n_samples) / rate_hz
records = np.zeros((n_records, n_samples))
for k in range(1, 7):  # the harmonics, each a little off because a stay is stiff and sags
    fk = f1 * k * (1 + 0.0015 * k**2) * (1 + rng.normal(0, 0.004, n_records))
    heard = fk < 0.48 * rate_hz
    loud = heard * rng.gamma(2.0, 0.5, n_records) / np.sqrt(k)
    phase = rng.uniform(0, 2 * np.pi, n_records)
    decay = np.exp(-rng.uniform(0.005, 0.03, n_records)[:, None] * k * t)
    records += loud[:, None] * decay * np.cos(2 * np.pi * fk[:, None] * t + phase[:, None])
deck = rng.gamma(1.5, 0.2, n_records)[:, None] * np.sin(2 * np.pi * 0.7 * t + rng.uniform(0, 6.28, n_records)[:, None])
records += deck + rng.normal(0, 0.25, records.shape)
records = np.round(records * rng.lognormal(np.log(600), 0.5, n_records)[:, None])  # logger gain, whole counts

facts = np.stack([length, mass, age, celsius], axis=1)

shuffled = rng.permutation(n_records)
train_rows, val_rows = shuffled[:2400], shuffled[2400:]

facts = (facts - facts[train_rows].mean(0)) / facts[train_rows].std(0)
y_mean, y_std = tension[train_rows].mean(), tension[train_rows].std()
goal = (tension - y_mean) / y_std


def tensors(rows):
    return TensorDataset(
        torch.tensor(records[rows], dtype=torch.float32),
        torch.tensor(facts[rows], dtype=torch.float32),
        torch.tensor(goal[rows], dtype=torch.float32),
    )


train_loader = DataLoader(tensors(train_rows), batch_size=batch_size, shuffle=True)
val_loader = DataLoader(tensors(val_rows), batch_size=250)


# ---------------------------------------------------------------- the model
def band_filters(n_bands):
    """Triangles over the bins of the spectrum, evenly spaced on a logarithmic axis (as in a mel filter bank)."""
    bins = np.fft.rfftfreq(n_samples, 1 / rate_hz)
    edges = np.geomspace(0.3, 9.8, n_bands + 2)
    low, mid, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    width = np.maximum(np.minimum(mid - low, high - mid), rate_hz / n_samples)
    return torch.tensor(np.clip(1 - np.abs(bins - mid) / width, 0, 1).T, dtype=torch.float32)


class StayNet(nn.Module):
    def __init__(self, n_bands=56, hidden=96, n_facts=4):
        super().__init__()
        self.register_buffer("window", torch.hann_window(n_samples))
        self.register_buffer("filters", band_filters(n_bands))
        self.trunk = nn.Sequential(
            nn.Linear(n_bands + n_facts, hidden),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 48),
            nn.ReLU(),
        )
        self.out = nn.Linear(48, 1)

    def forward(self, signal, known):
        power = torch.fft.rfft(signal * self.window).abs() ** 2
        bands = torch.log(power @ self.filters + 1.0)
        bands = bands - bands.mean(1, keepdim=True)  # the gain of the logger does not matter
        h = self.trunk(torch.cat([bands / 2, known], dim=1))
        return self.out(h).squeeze(1)


net = StayNet()
optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=n_epochs)

always_mean = np.abs(tension[val_rows] - y_mean).mean()
print("mean absolute error of saying the mean:", round(always_mean), "kN")

# ---------------------------------------------------------------- training
for epoch in range(n_epochs):
    net.train()
    total = 0.0
    for signal, known, target in train_loader:
        optimizer.zero_grad()
        loss = ((net(signal, known) - target) ** 2).mean()
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step()

    net.eval()
    guesses = []
    with torch.no_grad():
        for signal, known, _ in val_loader:
            guesses.append(net(signal, known).reshape(-1))
    kn = torch.cat(guesses).numpy() * y_std + y_mean
    mae = np.abs(kn - tension[val_rows]).mean()
    r2 = 1 - ((kn - tension[val_rows]) ** 2).mean() / tension[val_rows].var()
    print(f"epoch {epoch + 1:2d}   train mse {total / len(train_loader):.4f}   val mae {mae:6.1f} kN   val R2 {r2:.4f}")
