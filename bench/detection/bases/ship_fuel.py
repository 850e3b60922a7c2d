# How much fuel does a ship burn in a day? Regression on noon reports: weather, loading, hull and type of ship.
# Plain PyTorch, no DataLoader: everything fits into memory, batches are slices of a permutation.
import math
import os
import time

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))

SHIPS = {  # tonnes a day at 12 knots in calm water, metres of draught when full, share of the wind that is felt
    "bulker": (26.0, 13.0, 0.7),
    "tanker": (34.0, 15.0, 0.6),
    "container": (48.0, 12.0, 1.6),
    "roro": (30.0, 7.0, 2.0),
}
EPOCHS = 30
BATCH = 64
LR = 2e-3


def noon_reports(n, rng):
    """One row per ship and day, the numbers as the crew would send them."""
    kind = rng.choice(list(SHIPS), n)
    base, full, windage = (np.array([SHIPS[k][i] for k in kind]) for i in range(3))
    speed = rng.uniform(9, 17, n)
    draught = full * rng.uniform(0.55, 1.0, n)
    trim = rng.normal(0.3, 0.6, n)
    wind = rng.gamma(3.0, 4.0, n)
    angle = rng.uniform(0, 180, n)
    wave = np.abs(0.12 * wind + rng.normal(0, 0.6, n))
    docked = rng.uniform(0, 1500, n)
    sea = rng.uniform(2, 30, n)
    hull = base * (speed / 12) ** 3 * (draught / full) ** 0.67 * (1 + 0.03 * (trim - 0.5) ** 2)
    fouling = 1 + 0.22 * (docked / 1500) * (0.4 + sea / 30)
    weather = windage * 0.010 * wind**1.5 * np.cos(np.radians(angle)) + 1.1 * wave**2 * (1 + np.cos(np.radians(angle)))
    auxiliary = rng.normal(3.0, 0.4, n)
    fuel = (hull * fouling + np.maximum(weather, -0.25 * hull) + auxiliary) * np.exp(rng.normal(0, 0.1, n))
    numbers = np.stack([speed, draught, trim, wind, angle, wave, docked, sea], axis=1)
    return numbers, kind, fuel


def mlp(sizes, dropout=0.0):
    layers = []
    for i in range(len(sizes) - 2):
        layers += [nn.Linear(sizes[i], sizes[i + 1]), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)


def run_epoch(net, x, y, optimizer):
    net.train()
    running = 0.0
    order = torch.randperm(len(x))
    for rows in order.split(BATCH):
        xb, yb = x[rows], y[rows]
        pred = net(xb)
        loss = F.mse_loss(pred, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item() * len(rows)
    return running / len(x)


def predict(net, x):
    net.eval()
    with torch.inference_mode():
        return net(x)


def main():
    rng = np.random.default_rng(SEED)
    torch.manual_seed(SEED)

    numbers, kind, fuel = noon_reports(3600, rng)
    onehot = OneHotEncoder(sparse_output=False).fit_transform(kind.reshape(-1, 1))
    idx_train, idx_test = train_test_split(np.arange(len(fuel)), test_size=0.25, random_state=SEED)

    x_scaler = StandardScaler().fit(numbers[idx_train])
    y_scaler = StandardScaler().fit(fuel[idx_train].reshape(-1, 1))
    features = np.hstack([x_scaler.transform(numbers), onehot])
    target = y_scaler.transform(fuel.reshape(-1, 1))
    x = torch.tensor(features, dtype=torch.float32)
    y = torch.tensor(target, dtype=torch.float32)
    x_train, y_train, x_test, y_test = x[idx_train], y[idx_train], x[idx_test], y[idx_test]

    net = mlp([x.shape[1], 64, 64, 1])
    n_params = sum(p.numel() for p in net.parameters())
    print(f"{len(x_train)} reports to train on, {len(x_test)} to test on, {n_params} parameters")
    optimizer = torch.optim.Adam(net.parameters(), lr=LR)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda e: 0.5 * (1 + math.cos(math.pi * e / EPOCHS)))

    start = time.time()
    for epoch in range(EPOCHS):
        train_loss = run_epoch(net, x_train, y_train, optimizer)
        scheduler.step()
        test_loss = F.mse_loss(predict(net, x_test), y_test).item()
        print(f"[{epoch + 1:02d}/{EPOCHS}] train {train_loss:.4f}  test {test_loss:.4f}  ({time.time() - start:.1f} s)")

    tonnes = y_scaler.inverse_transform(predict(net, x_test).numpy().reshape(-1, 1)).ravel()
    error, deviation = tonnes - fuel[idx_test], fuel[idx_test] - fuel[idx_train].mean()
    print(f"R2 {1 - (error**2).sum() / (deviation**2).sum():.4f}")
    print(
        f"mean absolute error {np.abs(error).mean():.2f} t/day; always the mean: {np.abs(deviation).mean():.2f} t/day"
    )


if __name__ == "__main__":
    main()
