# Porosity from wireline logs. Cores are dear, logs are cheap: learn the porosity of the core plugs from the five logs
# around each depth, on some wells, and test on wells that were never seen. A mixture of experts, since sandstone,
# shale and limestone answer differently.
import os
import random

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

seed = int(os.environ.get("SEED", "0"))
random.seed(seed)
np.random.seed(seed)
torch.manual_seed(seed)
torch.set_num_threads(1)

n_wells = 26
n_test_wells = 7
plugs_per_well = 150
half_window = 2  # samples above and below the plug
width = 64
latent = 32
n_experts = 4
epochs = 24
batch_size = 64
learning_rate = 1e-3
core_noise = 0.9


# ---------------------------------------------------------------- data
def drill(rng):
    """One well: logs at every half metre and the true porosity in percent."""
    depth = np.arange(420)
    rock, thickness = [], []
    while sum(thickness) < len(depth):
        rock.append(rng.choice(3, p=[0.45, 0.35, 0.2]))  # sand, shale, lime
        thickness.append(int(rng.integers(6, 30)))
    rock = np.repeat(rock, thickness)[: len(depth)]
    wander = np.convolve(rng.normal(0, 1, len(depth) + 8), np.ones(9) / 3, mode="valid")
    compaction = rng.uniform(0.008, 0.016)
    phi = np.array([24.0, 9.0, 12.0])[rock] - compaction * depth + np.array([3.5, 1.5, 4.5])[rock] * wander
    phi = np.clip(phi, 0.5, 36)
    clay = np.clip(np.array([0.12, 0.75, 0.05])[rock] + rng.normal(0, 0.07, len(depth)), 0, 1)
    gas = (rock == 0) * (rng.random() < 0.5) * 0.6
    matrix = np.array([2.65, 2.70, 2.71])[rock]
    density = matrix - phi / 100 * (matrix - 1.0 + 0.5 * gas) - 0.08 * clay + rng.normal(0, 0.02, len(depth))
    neutron = phi * (1 - 0.5 * gas) + 26 * clay + np.array([4.0, 0.0, 0.0])[rock] + rng.normal(0, 1.2, len(depth))
    sonic = np.array([55.0, 62.0, 47.0])[rock] + 1.35 * phi + 20 * clay + rng.normal(0, 2.0, len(depth))
    gamma = 18 + 120 * clay * rng.uniform(0.85, 1.15) + rng.normal(0, 5, len(depth))
    ohm = 0.9 * (100 / (phi + 4)) ** 1.7 * (1 + 3 * gas) * np.exp(-1.5 * clay + rng.normal(0, 0.15, len(depth)))
    return np.stack([gamma, density, neutron, sonic, np.log10(ohm)], axis=1), phi


def sample_plugs(n, rng):
    windows, porosity = [], []
    for _ in range(n):
        logs, phi = drill(rng)
        for at in rng.choice(np.arange(half_window, len(phi) - half_window), plugs_per_well, replace=False):
            windows.append(logs[at - half_window : at + half_window + 1].ravel())
            porosity.append(phi[at] + rng.normal(0, core_noise))
    return np.array(windows), np.array(porosity)


rng = np.random.default_rng(seed)
X_train, y_train = sample_plugs(n_wells - n_test_wells, rng)
X_test, y_test = sample_plugs(n_test_wells, rng)

mean, std = X_train.mean(axis=0), X_train.std(axis=0)
X_train = (X_train - mean) / std
X_test = (X_test - mean) / std
y_mean, y_std = y_train.mean(), y_train.std()

to_tensor = lambda a: torch.tensor(a, dtype=torch.float32)  # noqa: E731
train_data = TensorDataset(to_tensor(X_train), to_tensor((y_train - y_mean) / y_std))
test_data = TensorDataset(to_tensor(X_test), to_tensor((y_test - y_mean) / y_std))
train_loader = DataLoader(train_data, batch_size=batch_size, shuffle=True)
test_loader = DataLoader(test_data, batch_size=256)


# ---------------------------------------------------------------- model
def hidden(n_in, n_out):
    layer = nn.Linear(n_in, n_out)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)
    return [layer, nn.ReLU()]


class MixtureOfExperts(nn.Module):
    def __init__(self, n_in):
        super().__init__()
        self.trunk = nn.Sequential(*hidden(n_in, width), *hidden(width, width), *hidden(width, latent))
        self.gate = nn.Linear(latent, n_experts)
        self.experts = nn.ModuleList(
            nn.Sequential(*hidden(latent, width), *hidden(width, width), nn.Linear(width, 1)) for _ in range(n_experts)
        )

    def forward(self, logs):
        h = self.trunk(logs)
        share = torch.softmax(self.gate(h), dim=-1)
        answers = torch.cat([expert(h) for expert in self.experts], dim=-1)
        return (share * answers).sum(dim=-1, keepdim=True)


model = MixtureOfExperts(X_train.shape[1])
loss_fn = nn.MSELoss()
opt = torch.optim.Adam(model.parameters(), lr=learning_rate)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=epochs * len(train_loader))

# ---------------------------------------------------------------- training
for epoch in range(epochs):
    model.train()
    train_sum = 0.0
    for xb, yb in train_loader:
        opt.zero_grad()
        pred = model(xb).squeeze(-1)
        loss = loss_fn(pred, yb)
        loss.backward()
        opt.step()
        sched.step()
        train_sum += (pred.detach().view(-1) - yb).pow(2).sum().item()
    model.eval()
    with torch.no_grad():
        guess = torch.cat([model(xb) for xb, _ in test_loader]).squeeze(-1).numpy() * y_std + y_mean
    rmse = np.sqrt(np.mean((guess - y_test) ** 2))
    train_rmse = np.sqrt(train_sum / len(train_data)) * y_std
    if epoch % 2 == 1:
        print(f"epoch {epoch + 1:2d}: train rmse {train_rmse:.3f} p.u., unseen wells {rmse:.3f} p.u.")

constant = np.sqrt(np.mean((y_test - y_mean) ** 2))
print(f"R2 {1 - rmse**2 / constant**2:.4f}  rmse {rmse:.3f} (constant {constant:.3f}, core noise {core_noise})")
