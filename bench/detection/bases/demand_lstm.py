"""Forecast tomorrow's demand from the last four weeks with an LSTM; the later part of the series validates."""

import os

import numpy as np
import torch
from torch import nn

SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
torch.set_num_threads(1)
rng = np.random.default_rng(SEED)

DAYS, WINDOW = 2200, 28
day = np.arange(DAYS)
weekly = np.array([1.0, 0.9, 0.85, 0.9, 1.2, 1.5, 1.3])[day % 7]
disturbance = np.zeros(DAYS)
for t in range(1, DAYS):
    disturbance[t] = 0.7 * disturbance[t - 1] + rng.normal(0, 5)
demand = 100 * weekly * (1 + 0.25 * np.sin(2 * np.pi * day / 365)) + disturbance

cut = 1700
mean, std = demand[:cut].mean(), demand[:cut].std()
series = torch.tensor((demand - mean) / std, dtype=torch.float32)
windows = series.unfold(0, WINDOW + 1, 1)
x, y = windows[:, :-1].unsqueeze(2), windows[:, -1]
x_train, y_train = x[: cut - WINDOW], y[: cut - WINDOW]
x_val, y_val = x[cut:], y[cut:]


class Forecaster(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.readout = nn.Linear(hidden, 1)

    def forward(self, x):
        output, (h, c) = self.lstm(x)
        return self.readout(h[-1])[:, 0]


model = Forecaster()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)

for epoch in range(14):
    model.train()
    epoch_losses = []
    for index in torch.randperm(len(x_train)).split(32):
        optimizer.zero_grad()
        forecast = model(x_train[index])
        loss = criterion(forecast, y_train[index])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        epoch_losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        val_loss = criterion(model(x_val), y_val).item()
    print(f"epoch {epoch}: train mse {np.mean(epoch_losses):.4f}, val mse {val_loss:.4f}")

same_as_last_week = (y_val - x_val[:, -7, 0]).pow(2).mean().item()
print(f"the same day last week: mse {same_as_last_week:.4f}")
