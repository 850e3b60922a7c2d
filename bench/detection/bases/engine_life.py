"""How many flights has an aircraft engine left? A transformer encoder on windows of its sensors, split by engine."""

import copy
import os

import numpy as np
import torch
from sklearn.metrics import mean_absolute_error, mean_squared_error
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset

N_ENGINES = 150
N_SENSORS = 8
WINDOW = 24
MAX_LIFE = 110

params = {
    "batch_size": 64,
    "d_model": 24,
    "n_heads": 4,
    "n_layers": 2,
    "dropout": 0.1,
    "lr": 1e-3,
    "epochs": 6,
    "patience": 4,
    "seed": int(os.environ.get("SEED", "0")),
}


def simulate_fleet(rng):
    """Per engine: the sensors at each flight until it fails. Wear grows, and each engine wears in its own way."""
    mixing = rng.normal(0, 1, (3, N_SENSORS))
    levels = np.array([640.0, 1590.0, 1400.0, 554.0, 2388.0, 47.0, 8.4, 392.0])
    scales = np.array([1.2, 9.0, 14.0, 2.0, 0.15, 0.5, 0.06, 2.4])
    fleet = []
    for _ in range(N_ENGINES):
        life = int(rng.integers(120, 220))
        flights = np.arange(life)
        left = life - 1 - flights
        wear = np.exp(-left / rng.uniform(32, 42))
        slow = np.exp(-left / rng.uniform(70, 90))
        altitude = np.convolve(rng.normal(0, 1, life + 4), np.ones(5) / 5, mode="valid")
        hidden = np.stack([2.2 * wear, 1.5 * slow, 0.8 * altitude], axis=1)
        own = rng.normal(0, 0.2, N_SENSORS)
        noise = rng.normal(0, 0.8, (life, N_SENSORS))
        fleet.append(levels + scales * (hidden @ mixing + own + noise))
    return fleet


class WindowDataset(Dataset):
    """All windows of some engines; the target is the flights left after the window's last one, capped."""

    def __init__(self, engines, mean, std, stride=9):
        self.items = []
        for sensors in engines:
            scaled = (sensors - mean) / std
            for end in range(WINDOW, len(sensors) + 1, stride):
                left = min(len(sensors) - end, MAX_LIFE)
                self.items.append((scaled[end - WINDOW : end].astype(np.float32), np.float32(left)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, idx):
        window, left = self.items[idx]
        return torch.from_numpy(window), torch.tensor(left)


class LifeTransformer(nn.Module):
    def __init__(self, n_sensors, window, d_model, n_heads, n_layers, dropout):
        super().__init__()
        self.input_proj = nn.Linear(n_sensors, d_model)
        self.pos_emb = nn.Parameter(torch.randn(window, d_model) * 0.02)
        layer = nn.TransformerEncoderLayer(
            d_model, n_heads, dim_feedforward=2 * d_model, dropout=dropout, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, n_layers)
        self.regressor = nn.Sequential(nn.Linear(d_model, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        x = self.input_proj(x) + self.pos_emb
        x = self.encoder(x)
        x = x.mean(dim=1)
        return self.regressor(x).squeeze(-1)


class LifeTrainer:
    def __init__(self, model, params, target_mean, target_std):
        self.model = model
        self.params = params
        self.target_mean, self.target_std = target_mean, target_std
        self.criterion = nn.MSELoss()
        self.optimizer = optim.Adam(self.model.parameters(), lr=params["lr"])
        self.scheduler = optim.lr_scheduler.ReduceLROnPlateau(self.optimizer, mode="min", factor=0.5, patience=1)
        self.best_rmse = float("inf")
        self.best_state = copy.deepcopy(self.model.state_dict())
        self.bad_epochs = 0

    def to_scaled(self, left):
        return (left - self.target_mean) / self.target_std

    def to_flights(self, output):
        return output * self.target_std + self.target_mean

    def train_epoch(self, loader):
        self.model.train()
        losses = []
        for windows, left in loader:
            self.optimizer.zero_grad()
            output = self.model(windows)
            loss = self.criterion(output, self.to_scaled(left))
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return np.mean(losses)

    @torch.no_grad()
    def evaluate(self, loader):
        self.model.eval()
        predicted, true = [], []
        for windows, left in loader:
            predicted.append(self.to_flights(self.model(windows)).numpy())
            true.append(left.numpy())
        predicted, true = np.concatenate(predicted).ravel(), np.concatenate(true)
        return np.sqrt(mean_squared_error(true, predicted)), mean_absolute_error(true, predicted)

    def fit(self, train_loader, valid_loader):
        for epoch in range(self.params["epochs"]):
            train_loss = self.train_epoch(train_loader)
            rmse, mae = self.evaluate(valid_loader)
            self.scheduler.step(rmse)
            print(f"epoch {epoch + 1:2d} | train mse {train_loss:.4f} | valid rmse {rmse:6.2f} mae {mae:6.2f} flights")
            if rmse < self.best_rmse:
                self.best_rmse = rmse
                self.best_state = copy.deepcopy(self.model.state_dict())
                self.bad_epochs = 0
            else:
                self.bad_epochs += 1
                if self.bad_epochs >= self.params["patience"]:
                    print("no better for a while, stopping")
                    break
        self.model.load_state_dict(self.best_state)


if __name__ == "__main__":
    torch.manual_seed(params["seed"])
    torch.set_num_threads(1)
    rng = np.random.default_rng(params["seed"])
    fleet = simulate_fleet(rng)
    train_engines, valid_engines, test_engines = fleet[:100], fleet[100:125], fleet[125:]
    readings = np.concatenate(train_engines)
    mean, std = readings.mean(axis=0), readings.std(axis=0)

    train_set = WindowDataset(train_engines, mean, std)
    valid_set = WindowDataset(valid_engines, mean, std)
    test_set = WindowDataset(test_engines, mean, std)
    train_loader = DataLoader(train_set, batch_size=params["batch_size"], shuffle=True)
    valid_loader = DataLoader(valid_set, batch_size=256)
    test_loader = DataLoader(test_set, batch_size=256)

    train_left = np.array([left for _, left in train_set.items])
    model = LifeTransformer(
        N_SENSORS, WINDOW, params["d_model"], params["n_heads"], params["n_layers"], params["dropout"]
    )
    trainer = LifeTrainer(model, params, float(train_left.mean()), float(train_left.std()))
    trainer.fit(train_loader, valid_loader)

    rmse, mae = trainer.evaluate(test_loader)
    print(f"test: rmse {rmse:.2f}, mae {mae:.2f} flights")
    print(f"always the average would be off by {train_left.std():.2f} flights")
