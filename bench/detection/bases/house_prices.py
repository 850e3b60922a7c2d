"""House prices from a table of six numbers; the network sees standardised columns and standardised prices."""

import os

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
torch.set_num_threads(1)
rng = np.random.default_rng(SEED)


def make_houses(count):
    """Area (m2), rooms, age (years), distance to the centre (km), garden (m2), energy class (0 to 6); price (1000)."""
    area = rng.gamma(8, 14, count)
    rooms = np.clip(np.round(area / 28 + rng.normal(0, 0.8, count)), 1, 9)
    age = rng.uniform(0, 90, count)
    distance = rng.gamma(2, 5, count)
    garden = rng.exponential(180, count) * (rng.random(count) < 0.6)
    energy = rng.integers(0, 7, count)
    price = area * (2.2 + 3 * np.exp(-distance / 6)) * (1 - 0.004 * age + 0.00004 * age**2)
    price = price + 0.25 * garden * np.exp(-distance / 20) - 6 * energy + 8 * np.sin(rooms)
    return np.stack([area, rooms, age, distance, garden, energy], 1), price * np.exp(rng.normal(0, 0.05, count))


x, price = make_houses(3000)
x_train, x_val = x[:2400], x[2400:]
price_train, price_val = price[:2400], price[2400:]
x_mean, x_std = x_train.mean(0), x_train.std(0)
price_mean, price_std = price_train.mean(), price_train.std()


def tensors(x, price):
    x = (x - x_mean) / x_std
    target = (price - price_mean) / price_std
    return torch.tensor(x, dtype=torch.float32), torch.tensor(target, dtype=torch.float32)


train_loader = DataLoader(TensorDataset(*tensors(x_train, price_train)), batch_size=50, shuffle=True)
inputs_val, targets_val = tensors(x_val, price_val)

model = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40)

for epoch in range(40):
    model.train()
    losses = []
    for inputs, targets in train_loader:
        prediction = model(inputs).squeeze(1)
        loss = loss_fn(prediction, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()

    model.eval()
    with torch.no_grad():
        prediction = model(inputs_val).squeeze(1)
        val_loss = loss_fn(prediction, targets_val).item()
    error = (prediction.flatten() - targets_val).pow(2).mean().sqrt().item() * price_std
    print(f"epoch {epoch:2d}  train {np.mean(losses):.4f}  val {val_loss:.4f}  RMSE {error:.1f} thousand")
print(f"predicting the mean: RMSE {price_val.std():.1f} thousand")
