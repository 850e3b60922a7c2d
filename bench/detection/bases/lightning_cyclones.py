# Maximum wind of a tropical cyclone from one infrared picture (16 levels of cloud-top cold) and four numbers.
import logging
import os
import tempfile
import warnings

import lightning as L
import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
SIDE = 24
MAX_LEVEL = 16.0


def picture(wind, lat, rng):
    """Cold cloud shield, spiral arms, and, in a strong storm, a warm eye."""
    yy, xx = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    cx, cy = rng.normal(0, 1.3, 2)
    r, phi = np.hypot(xx - cx, yy - cy), np.arctan2(yy - cy, xx - cx)
    strength = np.clip((wind - 20) / 120, 0, 1)
    size = rng.normal(7.5, 1.0) + 0.05 * abs(lat)
    shear = rng.gamma(2.0, 1.2) * (1.1 - strength)
    angle = rng.uniform(0, 2 * np.pi)
    shield = 13 * (0.45 + 0.55 * strength) * np.exp(-((r / size) ** 4)) * (1 - 0.12 * shear * np.cos(phi - angle))
    arms = 4 * (1 - 0.4 * strength) * np.cos(2 * phi * np.sign(lat) - (0.5 + 0.5 * strength) * r + angle)
    arms = arms * np.exp(-(((r - size) / 4) ** 2))
    eye = 14 * np.clip(strength - 0.35, 0, 1) * np.exp(-((r / rng.uniform(1.2, 2.2)) ** 2))
    noise = rng.normal(0, 1.3, (SIDE, SIDE))
    return np.clip(np.round(shield + arms - eye + noise + 1), 0, MAX_LEVEL)


def load_storms(n, rng):
    lat = rng.uniform(8, 34, n) * rng.choice([-1, 1], n, p=[0.35, 0.65])
    sst = 30.5 - 0.12 * np.maximum(np.abs(lat) - 10, 0) + rng.normal(0, 0.8, n)
    hours = rng.gamma(3.0, 30.0, n)
    moving = rng.gamma(4.0, 3.0, n)
    life = np.minimum(hours / 90, 1.6 - hours / 400)
    wind = 28 + 70 * np.clip(life, 0.1, 1.2) * np.clip((sst - 25) / 4, 0.2, 1.5) * rng.lognormal(-0.1, 0.45, n)
    wind = np.clip(wind, 22, 165)
    images = np.stack([picture(w, a, rng) for w, a in zip(wind, lat, strict=True)])
    table = np.stack([lat, sst, hours, moving], axis=1)
    return images[:, None], table, wind


class Cyclones(L.LightningDataModule):
    def setup(self, stage=None):
        images, table, wind = load_storms(2600, np.random.default_rng(SEED))
        split = 2000
        self.scaler = StandardScaler().fit(table[:split])
        self.mean, self.std = wind[:split].mean(), wind[:split].std()
        images = images / MAX_LEVEL
        train_table = self.scaler.transform(table[:split])
        val_table = self.scaler.transform(table[split:])
        target = (wind - self.mean) / self.std
        self.train_set = self.pack(images[:split], train_table, target[:split])
        self.val_set = self.pack(images[split:], val_table, target[split:])

    @staticmethod
    def pack(*arrays):
        return TensorDataset(*(torch.tensor(a, dtype=torch.float32) for a in arrays))

    def train_dataloader(self):
        return DataLoader(self.train_set, batch_size=32, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val_set, batch_size=200)


class WindModel(L.LightningModule):
    def __init__(self, knots, lr=1e-3):
        super().__init__()
        self.lr, self.knots = lr, knots
        self.eye = nn.Sequential(
            nn.Conv2d(1, 12, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(12, 24, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(24, 24, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(24 * 6 * 6, 48),
            nn.ReLU(),
        )
        self.book = nn.Sequential(nn.Linear(4, 24), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(48 + 24, 32), nn.ReLU(), nn.Linear(32, 1))
        self.loss = nn.MSELoss()

    def forward(self, image, table):
        return self.head(torch.cat([self.eye(image), self.book(table)], dim=1)).squeeze(1)

    def training_step(self, batch, _):
        image, table, wind = batch
        loss = self.loss(self(image, table), wind)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, _):
        image, table, wind = batch
        pred = self(image, table)
        self.log("val_loss", self.loss(pred, wind))
        self.log("val_mae", (pred - wind).abs().mean() * self.knots)

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.lr)
        scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[6, 8], gamma=0.1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "epoch"}}


class Printer(L.Callback):
    def on_train_epoch_end(self, trainer, module):
        m = {k: float(v) for k, v in trainer.callback_metrics.items()}
        print(
            f"{trainer.current_epoch:3d}  train {m['train_loss']:.4f}  val {m['val_loss']:.4f}  "
            f"mean error {m['val_mae']:.1f} kt"
        )


if __name__ == "__main__":
    L.seed_everything(SEED, verbose=False)
    data = Cyclones()
    data.setup()
    wind = data.val_set.tensors[2]
    constant = (wind.abs().mean() * data.std).item()
    print(f"always the mean would be wrong by {constant:.1f} kt, loss {wind.square().mean():.3f}")
    with tempfile.TemporaryDirectory() as folder:
        trainer = L.Trainer(
            max_epochs=10,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[Printer()],
            default_root_dir=folder,
            num_sanity_val_steps=0,
        )
        trainer.fit(WindModel(knots=float(data.std)), datamodule=data)
