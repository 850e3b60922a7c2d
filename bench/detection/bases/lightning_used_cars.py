# Price of a used car from its advertisement: embeddings for make and fuel, residual blocks, PyTorch Lightning.
import argparse
import logging
import os
import random
import warnings

import lightning as L
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

parser = argparse.ArgumentParser()
parser.add_argument("--train-rows", type=int, default=2400)
parser.add_argument("--test-rows", type=int, default=800)
parser.add_argument("--noise", type=float, default=0.08)
parser.add_argument("--width", type=int, default=48)
parser.add_argument("--epochs", type=int, default=16)
parser.add_argument("--batch-size", type=int, default=48)
parser.add_argument("--lr", type=float, default=2e-3)
args, _ = parser.parse_known_args()

MAKES = {  # euro when new, share of the value that is kept in a year
    "Arvo": (14000, 0.86), "Belmar": (19000, 0.84), "Corsan": (24000, 0.87), "Dorn": (38000, 0.85),
    "Estrel": (52000, 0.83), "Fjord": (33000, 0.89), "Gallia": (17000, 0.81), "Hanto": (22000, 0.90),
}  # fmt: skip
FUELS = ["petrol", "diesel", "hybrid", "electric"]


def advertisements(n, rng):
    """A table as it comes from the site's database: one array for each column."""
    make = rng.integers(len(MAKES), size=n)
    fuel = rng.choice(4, n, p=[0.45, 0.35, 0.12, 0.08])
    new, keep = np.array(list(MAKES.values())).T
    age = rng.gamma(2.2, 2.6, n).clip(0.2, 20)
    mileage = age * rng.gamma(6, 2400, n) * np.where(fuel == 1, 1.5, 1.0)
    power = (new[make] / 260) * np.exp(rng.normal(0.1, 0.25, n))
    owners = 1 + rng.poisson(age / 5)
    serviced = rng.random(n) < 0.55 + 0.2 * (age < 5)
    month = rng.integers(1, 13, n)
    yearly = keep[make] - np.where(fuel == 3, 0.05, 0.0) + np.where(fuel == 2, 0.01, 0.0)
    value = new[make] * (power / (new[make] / 260)) ** 0.6 * yearly**age
    value = value * np.exp(-0.16 * (mileage - 14000 * age) / (30000 + 6000 * age)) * (1 - 0.03 * (owners - 1)).clip(0.7)
    value = value * np.where(serviced, 1.05, 0.93) * (1 + 0.02 * np.cos(2 * np.pi * (month - 5) / 12))
    price = value * np.exp(rng.normal(0, args.noise, n)) + 300
    instalment = price * 1.07 / 48 * np.exp(rng.normal(0, 0.03, n))  # the site's offer of a loan, from the price
    return {
        "make": make, "fuel": fuel, "year": 2024 - age, "mileage": mileage, "power": power, "owners": owners,
        "serviced": serviced, "month": month, "instalment": instalment, "price": price,
    }  # fmt: skip


NOT_FEATURES = ("make", "fuel", "instalment", "price")


class Scaler:
    def __init__(self, values):
        self.mean, self.std = values.mean(axis=0), values.std(axis=0)

    def to_unit(self, values):
        return (values - self.mean) / self.std


class ResidualBlock(nn.Module):
    def __init__(self, width, act):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(width, width), nn.BatchNorm1d(width), act(), nn.Linear(width, width), nn.BatchNorm1d(width)
        )
        self.act = act()

    def forward(self, x):
        return self.act(x + self.body(x))


class CarPrices(L.LightningModule):
    def __init__(self, n_numbers, width, price_mean, price_std, act=nn.ReLU):
        super().__init__()
        self.price_mean, self.price_std = float(price_mean), float(price_std)
        self.make = nn.Embedding(len(MAKES), 6)
        self.fuel = nn.Embedding(len(FUELS), 3)
        self.enter = nn.Sequential(nn.Linear(n_numbers + 9, width), act())
        self.blocks = nn.Sequential(ResidualBlock(width, act), ResidualBlock(width, act))
        self.price = nn.Linear(width, 1)
        self.errors = []

    def forward(self, codes, numbers):
        x = torch.cat([self.make(codes[:, 0]), self.fuel(codes[:, 1]), numbers], dim=1)
        return self.price(self.blocks(self.enter(x))).squeeze(1)

    def loss(self, out, price):
        return nn.functional.mse_loss(out, price)

    def point(self, out):
        return out

    def training_step(self, batch, batch_idx):
        codes, numbers, price = batch
        loss = self.loss(self(codes, numbers), price)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        codes, numbers, price = batch
        out = self(codes, numbers)
        self.log("val_loss", self.loss(out, price))
        self.errors.append((self.point(out) - price) * self.price_std)

    def on_validation_epoch_end(self):
        error = torch.cat(self.errors)
        self.errors.clear()
        self.log("val_mae", error.abs().mean())
        self.log("val_r2", 1 - error.pow(2).mean() / self.trainer.datamodule.test_variance)
        logged = self.trainer.callback_metrics
        print(f"epoch {self.current_epoch:3d}  " + "  ".join(f"{k} {v:.3f}" for k, v in sorted(logged.items())))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=args.lr)


class CarData(L.LightningDataModule):
    def __init__(self):
        super().__init__()
        table = advertisements(args.train_rows + args.test_rows, np.random.default_rng(SEED))
        cut = args.train_rows
        codes = np.stack([table["make"], table["fuel"]], axis=1)
        numbers = np.stack([column for name, column in table.items() if name not in NOT_FEATURES], axis=1).astype(float)
        price = table["price"]
        self.scaler, self.price_scaler = Scaler(numbers[:cut]), Scaler(price[:cut])
        x = torch.tensor(self.scaler.to_unit(numbers), dtype=torch.float32)
        y = torch.tensor(self.price_scaler.to_unit(price), dtype=torch.float32)
        codes = torch.from_numpy(codes)
        self.train_set = TensorDataset(codes[:cut], x[:cut], y[:cut])
        self.test_set = TensorDataset(codes[cut:], x[cut:], y[cut:])
        self.test_variance = float(price[cut:].var())

    def train_dataloader(self):
        return DataLoader(self.train_set, batch_size=args.batch_size, shuffle=True, drop_last=True)

    def val_dataloader(self):
        return DataLoader(self.test_set, batch_size=200)


data = CarData()
n_numbers = data.train_set.tensors[1].shape[1]
model = CarPrices(n_numbers, args.width, data.price_scaler.mean, data.price_scaler.std)
trainer = L.Trainer(
    max_epochs=args.epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
    enable_model_summary=False, num_sanity_val_steps=0,
)  # fmt: skip
trainer.fit(model, datamodule=data)
final = {name: float(value) for name, value in trainer.callback_metrics.items()}
print(f"held out: R2 {final['val_r2']:.3f}, mean absolute error {final['val_mae']:.0f} euro")
