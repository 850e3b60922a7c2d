# How many days will a patient stay on the ward? Known at admission: vital signs, laboratory, diagnosis codes, ward.
# A mixture of four small experts on embeddings, with Lightning.
import argparse
import logging
import os
import warnings

import lightning as L
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", ".*does not have many workers.*")
SEED = int(os.environ.get("SEED", "0"))
torch.set_num_threads(1)
N_CODES, N_WARDS, N_ARRIVALS, MAX_CODES = 60, 8, 3, 6


def admissions(n: int, seed: int):
    g = np.random.default_rng(seed)
    age = np.clip(g.normal(62, 17, n), 18, 98)
    height = g.normal(1.70, 0.09, n)
    weight = g.normal(27, 4.5, n) * height**2
    heart = g.normal(84, 15, n)
    systolic = g.normal(132, 20, n) - 0.2 * (heart - 84)
    creatinine = np.exp(g.normal(4.4, 0.4, n))
    crp = np.exp(g.normal(2.8, 1.1, n))
    before = g.poisson(0.9, n)
    night, weekend, referred = (g.integers(0, 2, n) for _ in range(3))
    ward, arrival = g.integers(0, N_WARDS, n), g.choice(N_ARRIVALS, n, p=[0.5, 0.35, 0.15])
    burden = g.gamma(1.5, 0.8, N_CODES + 1)  # what each diagnosis adds
    burden[0] = 0.0
    codes = np.zeros((n, MAX_CODES), dtype=np.int64)
    popular = 1 / np.arange(2, N_CODES + 2)
    for i in range(n):
        k = g.integers(1, MAX_CODES + 1)
        codes[i, :k] = 1 + g.choice(N_CODES, k, replace=False, p=popular / popular.sum())
    bmi = weight / height**2
    pace = np.array([0.7, 1.0, 1.5, 0.8, 1.2, 0.6, 1.0, 1.3])[ward]  # some wards discharge earlier
    illness = burden[codes].sum(1) + 1.2 * np.log(crp / 10) + 1.5 * np.maximum(np.log(creatinine / 90), 0)
    frail = 0.06 * np.maximum(age - 60, 0) + 0.10 * np.abs(bmi - 26) + 0.5 * before + 2.0 * (systolic < 105)
    days = pace * (1.5 + np.maximum(illness, 0) + frail) + np.array([0.0, 1.0, 2.5])[arrival]
    days = days + 0.9 * night + 0.8 * weekend - 0.5 * referred
    days = days * np.exp(g.normal(0, 0.2, n))
    vital = [age, bmi, heart, systolic, np.log(creatinine), np.log(crp)]
    numbers = np.stack([*vital, before, night, weekend, referred], 1)
    return numbers, codes, np.stack([ward, arrival], 1), days


class StayData(L.LightningDataModule):
    def __init__(self, n: int = 4500, batch_size: int = 64):
        super().__init__()
        self.n, self.batch_size = n, batch_size

    def setup(self, stage=None):
        numbers, codes, places, days = admissions(self.n, SEED)
        rows = TensorDataset(torch.arange(self.n))
        train, val = random_split(rows, [0.8, 0.2], generator=torch.Generator().manual_seed(SEED))
        scale = StandardScaler().fit(numbers[train.indices])
        self.centre, self.spread = float(days[train.indices].mean()), float(days[train.indices].std())
        everything = TensorDataset(
            torch.tensor(scale.transform(numbers), dtype=torch.float32),
            torch.tensor(codes),
            torch.tensor(places),
            torch.tensor((days - self.centre) / self.spread, dtype=torch.float32),
        )
        self.train = torch.utils.data.Subset(everything, train.indices)
        self.val = torch.utils.data.Subset(everything, val.indices)

    def train_dataloader(self):
        return DataLoader(self.train, self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val, 450)


def hidden(inputs: int, units: int) -> nn.Sequential:
    layer = nn.Linear(inputs, units)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.constant_(layer.bias, 0.0)
    return nn.Sequential(layer, nn.ReLU())


class WardStay(L.LightningModule):
    def __init__(self, lr: float, experts: int = 4, width: int = 32):
        super().__init__()
        self.save_hyperparameters()
        self.codes = nn.EmbeddingBag(N_CODES + 1, 12, mode="sum", padding_idx=0)
        self.ward = nn.Embedding(N_WARDS, 4)
        self.arrival = nn.Embedding(N_ARRIVALS, 2)
        for table in (self.codes, self.ward, self.arrival):
            nn.init.normal_(table.weight, std=0.3)
        inputs = 10 + 12 + 4 + 2
        self.experts = nn.ModuleList(nn.Sequential(hidden(inputs, width), nn.Linear(width, 1)) for _ in range(experts))
        self.gate = nn.Linear(inputs, experts)
        self.r2 = []

    def forward(self, numbers, codes, places):
        x = torch.cat([numbers, self.codes(codes), self.ward(places[:, 0]), self.arrival(places[:, 1])], dim=1)
        share = torch.softmax(self.gate(x), dim=1)
        opinions = torch.cat([expert(x) for expert in self.experts], dim=1)
        return (share * opinions).sum(dim=1)

    def training_step(self, batch, batch_idx):
        *inputs, days = batch
        loss = F.smooth_l1_loss(self(*inputs), days)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def on_validation_epoch_start(self):
        self.seen = []

    def validation_step(self, batch, batch_idx):
        *inputs, days = batch
        guess = self(*inputs)
        self.log("val_loss", F.smooth_l1_loss(guess, days))
        self.seen.append((guess, days))

    def on_validation_epoch_end(self):
        guess, days = (torch.cat(part) for part in zip(*self.seen, strict=True))
        self.r2.append(1 - ((guess - days) ** 2).mean().item() / days.var().item())
        metrics = self.trainer.callback_metrics
        print(f"epoch {self.current_epoch:2d}  val_loss {metrics['val_loss']:.4f}  R2 {self.r2[-1]:.4f}")

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams.lr)
        steps = self.trainer.estimated_stepping_batches
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, 1 - step / steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--epochs", type=int, default=8)
    args = parser.parse_args()
    L.seed_everything(SEED, verbose=False)
    data = StayData()
    model = WardStay(lr=args.lr)
    trainer = L.Trainer(
        max_epochs=args.epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(model, datamodule=data)
    with torch.no_grad():
        numbers, codes, places, days = data.val[:]
        miss = (model.eval()(numbers, codes, places) - days).abs().mean().item() * data.spread
    print(f"mean absolute error {miss:.2f} days; always the mean: {days.abs().mean().item() * data.spread:.2f} days")
    print(f"R2 {model.r2[-1]:.4f}")
