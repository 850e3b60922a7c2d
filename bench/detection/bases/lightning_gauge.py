"""Read the pressure (0 to 10 bar) off pictures of a round gauge: regression from images with Lightning."""

import logging
import os
import warnings

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", ".*does not have many workers.*")


def draw_gauge(pressure, rng, size=20):
    """A dial with a needle from seven o'clock (0 bar) over noon (5 bar) to five o'clock (10 bar)."""
    rows, cols = np.mgrid[:size, :size]
    centre = size / 2 - 0.5 + rng.uniform(-1, 1, 2)
    dy, dx = centre[0] - rows, cols - centre[1]
    angle = np.deg2rad(-150 + 30 * pressure)
    along = dx * np.sin(angle) + dy * np.cos(angle)
    across = np.abs(dx * np.cos(angle) - dy * np.sin(angle))
    rim = np.abs(np.hypot(dx, dy) - 8.5) < 0.7
    needle = (along > -1) & (along < 7)
    picture = rng.uniform(150, 220) - 110 * needle * np.exp(-(across**2) / 1.2) - rng.uniform(30, 90) * rim
    return picture + rng.normal(0, 12, (size, size))


class GaugeData(L.LightningDataModule):
    def __init__(self, seed, batch_size=32):
        super().__init__()
        self.seed = seed
        self.batch_size = batch_size

    def build(self, count, rng):
        pressure = rng.uniform(0, 10, count)
        pictures = np.stack([draw_gauge(p, rng) for p in pressure])
        x = torch.tensor((pictures - 160.0) / 45.0, dtype=torch.float32).unsqueeze(1)
        y = torch.tensor(pressure, dtype=torch.float32)
        return TensorDataset(x, y)

    def setup(self, stage=None):
        rng = np.random.default_rng(self.seed)
        self.train_set = self.build(1600, rng)
        self.val_set = self.build(400, rng)

    def train_dataloader(self):
        return DataLoader(self.train_set, batch_size=self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val_set, batch_size=200)


class GaugeReader(L.LightningModule):
    def __init__(self, lr=3e-3):
        super().__init__()
        self.lr = lr
        self.features = nn.Sequential(
            nn.Conv2d(1, 12, 5, padding=2),
            nn.ELU(),
            nn.AvgPool2d(2),
            nn.Conv2d(12, 24, 3, padding=1),
            nn.ELU(),
            nn.AvgPool2d(2),
            nn.Flatten(),
        )
        self.regressor = nn.Sequential(nn.Linear(24 * 5 * 5, 64), nn.ELU(), nn.Linear(64, 1))
        self.loss_fn = nn.SmoothL1Loss()

    def forward(self, x):
        return self.regressor(self.features(x)).squeeze(-1)

    def training_step(self, batch, batch_idx):
        x, y = batch
        prediction = self(x)
        loss = self.loss_fn(prediction, y)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        prediction = self(x)
        self.log_dict({"val_loss": self.loss_fn(prediction, y), "val_mae": (prediction - y).abs().mean()})

    def configure_optimizers(self):
        optimizer = torch.optim.NAdam(self.parameters(), lr=self.lr)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.85)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "epoch"}}


class Report(Callback):
    def on_validation_epoch_end(self, trainer, module):
        self.val = {k: v.item() for k, v in trainer.callback_metrics.items() if k.startswith("val")}

    def on_train_epoch_end(self, trainer, module):
        train = trainer.callback_metrics["train_loss"].item()
        print(
            f"epoch {trainer.current_epoch}: train {train:.4f}, val {self.val['val_loss']:.4f}, "
            f"off by {self.val['val_mae']:.3f} bar"
        )


def main():
    seed = int(os.environ.get("SEED", "0"))
    torch.set_num_threads(1)
    L.seed_everything(seed, verbose=False)
    trainer = L.Trainer(
        max_epochs=9,
        accelerator="cpu",
        callbacks=[Report()],
        gradient_clip_val=5.0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(GaugeReader(), datamodule=GaugeData(seed))
    print("always saying 5 bar is off by 2.5 bar")


if __name__ == "__main__":
    main()
