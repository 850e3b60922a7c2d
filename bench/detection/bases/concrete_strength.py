"""Compressive strength of concrete from its mix and age: regression on a table.

usage: concrete_strength.py [--epochs N] [--batch-size N] [--lr RATE] [--hidden N] [--patience N]
"""

import argparse
import copy
import os

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", "0"))


def simulate_mixes(n, rng):
    """Columns: cement, slag, fly ash, water, plasticiser, coarse, fine (all kg per m3), age (days)."""
    cement = rng.uniform(120, 520, n)
    slag = np.where(rng.random(n) < 0.5, 0.0, rng.uniform(10, 300, n))
    ash = np.where(rng.random(n) < 0.55, 0.0, rng.uniform(20, 180, n))
    plasticiser = np.where(rng.random(n) < 0.4, 0.0, rng.uniform(1, 20, n))
    water = np.clip(rng.normal(195, 18, n) - 1.4 * plasticiser, 120, 250)
    coarse = rng.normal(970, 75, n)
    fine = rng.normal(770, 80, n)
    age = rng.choice([1, 3, 7, 14, 28, 56, 90, 180, 365], n, p=[0.05, 0.12, 0.13, 0.1, 0.3, 0.1, 0.1, 0.06, 0.04])
    binder = cement + 0.8 * slag * (1 - np.exp(-age / 40)) + 0.6 * ash * (1 - np.exp(-age / 90))
    maturity = np.exp(0.28 * (1 - np.sqrt(28 / age)))
    strength = 118 * maturity / 8.0 ** (0.95 * water / binder) + 0.004 * (coarse - 970) - 0.003 * (fine - 770)
    strength = np.clip(strength * np.exp(rng.normal(0, 0.08, n)), 1, None)
    return np.column_stack([cement, slag, ash, water, plasticiser, coarse, fine, age]), strength


class MixDataset(Dataset):
    def __init__(self, features, strength):
        self.features = torch.as_tensor(features, dtype=torch.float32)
        self.strength = torch.as_tensor(strength, dtype=torch.float32)

    def __len__(self):
        return len(self.strength)

    def __getitem__(self, i):
        return self.features[i], self.strength[i]


class StrengthNet(nn.Module):
    def __init__(self, n_features, hidden):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features, hidden),
            nn.LeakyReLU(0.1),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.1),
            nn.Linear(hidden, hidden // 2),
            nn.LeakyReLU(0.1),
        )
        self.head = nn.Linear(hidden // 2, 1)
        self.apply(self._init)

    @staticmethod
    def _init(m):
        if isinstance(m, nn.Linear):
            nn.init.kaiming_normal_(m.weight, a=0.1)
            nn.init.zeros_(m.bias)

    def forward(self, x):
        return self.head(self.layers(x)).squeeze(-1)


def train_one_epoch(model, loader, criterion, optimizer):
    model.train()
    running, seen = 0.0, 0
    for features, strength in loader:
        optimizer.zero_grad()
        pred = model(features)
        loss = criterion(pred, strength)
        loss.backward()
        optimizer.step()
        running += loss.item() * features.size(0)
        seen += features.size(0)
    return running / seen


@torch.no_grad()
def evaluate(model, loader, criterion):
    model.eval()
    preds, truth, running = [], [], 0.0
    for features, strength in loader:
        pred = model(features)
        running += criterion(pred, strength).item() * features.size(0)
        preds.append(pred)
        truth.append(strength)
    preds, truth = torch.cat(preds).flatten().numpy(), torch.cat(truth).numpy()
    return running / len(truth), r2_score(truth, preds), mean_absolute_error(truth, preds)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--patience", type=int, default=6)
    args = parser.parse_args()

    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    x, y = simulate_mixes(2500, np.random.default_rng(SEED))
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=SEED)
    x_train, x_val, y_train, y_val = train_test_split(x_train, y_train, test_size=0.2, random_state=SEED)

    x_mean, x_std = x_train.mean(axis=0), x_train.std(axis=0)
    y_mean, y_std = y_train.mean(), y_train.std()
    x_train = (x_train - x_mean) / x_std
    x_val = (x_val - x_mean) / x_std
    x_test = (x_test - x_mean) / x_std
    y_train, y_val, y_test = (y_train - y_mean) / y_std, (y_val - y_mean) / y_std, (y_test - y_mean) / y_std

    train_loader = DataLoader(MixDataset(x_train, y_train), batch_size=args.batch_size, shuffle=True)
    val_loader = DataLoader(MixDataset(x_val, y_val), batch_size=256)
    test_loader = DataLoader(MixDataset(x_test, y_test), batch_size=256)

    model = StrengthNet(x_train.shape[1], args.hidden)
    criterion = nn.SmoothL1Loss()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, weight_decay=1e-5)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=3)

    best_loss, best_weights, bad_epochs = float("inf"), None, 0
    for epoch in range(1, args.epochs + 1):
        train_loss = train_one_epoch(model, train_loader, criterion, optimizer)
        val_loss, r2, mae = evaluate(model, val_loader, criterion)
        scheduler.step(val_loss)
        print(
            f"Epoch {epoch:03d} | train {train_loss:.4f} | val {val_loss:.4f} | R2 {r2:.3f} | MAE {mae * y_std:.2f} MPa"
        )
        if val_loss < best_loss:
            best_loss, bad_epochs = val_loss, 0
            best_weights = copy.deepcopy(model.state_dict())
        else:
            bad_epochs += 1
            if bad_epochs >= args.patience:
                print(f"Stopping early after {epoch} epochs")
                break

    model.load_state_dict(best_weights)
    _, r2, mae = evaluate(model, val_loader, criterion)
    print(f"Best weights on validation: R2 {r2:.4f}, MAE {mae * y_std:.3f} MPa")
    _, r2, mae = evaluate(model, test_loader, criterion)
    print(f"Test: R2 {r2:.3f}, MAE {mae * y_std:.2f} MPa")


if __name__ == "__main__":
    main()
