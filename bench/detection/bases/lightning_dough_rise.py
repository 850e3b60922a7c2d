# Volume of a loaf (ml per 100 g of dough) from what the bakery wrote down about flour, dough and proofing.
import logging
import os
import tempfile
import warnings

import lightning as L
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

SEED = int(os.environ.get("SEED", "0"))
FLOURS = {"T45": 0.0, "T65": 0.05, "spelt": 0.35, "rye": 0.9}  # how weak the gluten is


def bake(n, rng):
    """A bakery's log: n batches of dough and the volume of the loaves."""
    flour = rng.choice(len(FLOURS), n, p=[0.3, 0.4, 0.2, 0.1])
    protein = rng.normal(11.5, 1.1, n)
    water = rng.normal(66, 5, n)
    yeast = rng.gamma(6.0, 0.25, n)
    salt = rng.normal(1.9, 0.25, n)
    dough_temp = rng.normal(25.5, 2.2, n)
    knead_min = rng.uniform(4, 18, n)
    proof_min = rng.gamma(9.0, 12.0, n)
    room_humidity = rng.normal(62, 10, n)
    oven_temp = rng.normal(228, 12, n)
    weak = np.array(list(FLOURS.values()))[flour]
    # gas: yeast works faster in the warm and slower in salt, until the sugar is gone
    speed = yeast * 2.2 ** ((dough_temp - 25) / 8) * np.exp(-0.45 * (salt - 1.9))
    gas = 1 - np.exp(-speed * proof_min / 130)
    # gluten: wants its own amount of water and of kneading; an overripe dough falls back
    ideal_water = 60 + 2.0 * (protein - 10)
    gluten = np.exp(-(((water - ideal_water) / 11) ** 2) - ((knead_min - 11) / 9) ** 2)
    hold = (1 - 0.75 * weak) * gluten * (0.75 + 0.08 * (protein - 10))
    overripe = 1 / (1 + np.exp(-(speed * proof_min - 260) / 40))
    spring = 1 - ((oven_temp - 232) / 60) ** 2 - 0.003 * np.abs(room_humidity - 65)
    volume = 190 + 330 * gas * hold * spring * (1 - 0.45 * overripe)
    volume = volume + rng.normal(0, 9, n)
    columns = [protein, water, yeast, salt, dough_temp, knead_min, proof_min, room_humidity, oven_temp]
    return np.stack(columns, axis=1), flour, volume


class DoughData(L.LightningDataModule):
    def __init__(self, log_book, batch_size=32):
        super().__init__()
        self.log_book, self.batch_size = log_book, batch_size

    def setup(self, stage=None):
        numbers, flour, volume = self.log_book
        train, val = train_test_split(np.arange(len(volume)), test_size=0.25, random_state=SEED)
        self.scaler = StandardScaler().fit(numbers[train])
        self.mean, self.std = volume[train].mean(), volume[train].std()
        features = np.concatenate([self.scaler.transform(numbers), np.eye(len(FLOURS))[flour]], axis=1)
        target = (volume - self.mean) / self.std
        self.train_set = self.pack(features[train], target[train])
        self.val_set = self.pack(features[val], target[val])

    @staticmethod
    def pack(*arrays):
        return TensorDataset(*(torch.tensor(a, dtype=torch.float32) for a in arrays))

    def train_dataloader(self):
        return DataLoader(self.train_set, batch_size=self.batch_size, shuffle=True, drop_last=True)

    def val_dataloader(self):
        return DataLoader(self.val_set, batch_size=200)


class LoafModel(L.LightningModule):
    def __init__(self, features, ml, widths=(64, 64, 32), lr=4e-3):
        super().__init__()
        self.lr, self.ml = lr, ml
        sizes = [features, *widths]
        self.hidden = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)])
        self.out = nn.Linear(sizes[-1], 1)

    def forward(self, x):
        for layer in self.hidden:
            x = torch.relu(layer(x))
        return self.out(x).squeeze(1)

    def training_step(self, batch, _):
        x, volume = batch
        loss = F.mse_loss(self(x), volume)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, _):
        x, volume = batch
        pred = self(x)
        self.log("val_loss", F.mse_loss(pred, volume))
        self.log("val_error", (pred - volume).abs().mean() * self.ml)

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.lr, weight_decay=1e-3)
        steps = self.trainer.estimated_stepping_batches
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


class Diary(L.Callback):
    def on_train_epoch_end(self, trainer, module):
        m = {k: float(v) for k, v in trainer.callback_metrics.items()}
        print(
            f"epoch {trainer.current_epoch + 1:2d} | train {m['train_loss']:.4f} | val {m['val_loss']:.4f} | "
            f"error {m['val_error']:.1f} ml"
        )


def main():
    torch.set_num_threads(1)
    L.seed_everything(SEED, verbose=False)
    data = DoughData(bake(1600, np.random.default_rng(SEED)))
    data.setup()
    volume = data.val_set.tensors[1]
    print(f"the mean volume alone: loss {volume.square().mean():.3f}, error {volume.abs().mean() * data.std:.1f} ml")
    model = LoafModel(features=data.train_set.tensors[0].shape[1], ml=float(data.std))
    with tempfile.TemporaryDirectory() as folder:
        trainer = L.Trainer(
            max_epochs=8,
            accelerator="cpu",
            callbacks=[Diary()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            default_root_dir=folder,
        )
        trainer.fit(model, datamodule=data)


if __name__ == "__main__":
    main()
