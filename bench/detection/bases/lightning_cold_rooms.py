# Cold store monitoring: four hours of a cold room's sensors, is the refrigerant leaking? (yes/no, with Lightning)
import logging
import os
import tempfile
import warnings

import lightning as L
import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))

STEPS = 48  # one reading in five minutes
SENSORS = ["air", "evaporator", "humidity", "door", "current", "outside"]


def simulate(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Thermostat on and off, doors opened, and in some rooms a slowly falling charge of refrigerant."""
    leak = (rng.random(n) < 0.4).astype(np.float32)
    lost = leak * rng.uniform(0.25, 0.6, n)  # share of the cooling power that is gone at the end
    setpoint = rng.uniform(1.0, 5.0, n)
    outside = rng.normal(18, 7, n)
    air = setpoint + rng.normal(0, 0.6, n)
    running = rng.random(n) < 0.5
    load, power = rng.uniform(0.015, 0.03, n), rng.uniform(1.3, 1.9, n)
    busy = rng.uniform(0.03, 0.18, n)
    onset = rng.integers(4, 18, n)
    rows = []
    for t in range(STEPS):
        gone = lost * np.clip((t - onset) / 20, 0, 1)
        door = rng.random(n) < busy
        running = np.where(air > setpoint + 1, True, np.where(air < setpoint - 1, False, running))
        warming = load * (outside - air) + 0.6 * door * (outside - air) / 15
        air = air + warming - running * power * (1 - gone) + rng.normal(0, 0.12, n)
        evaporator = air - running * (7 - 3.0 * gone) + rng.normal(0, 0.9, n)
        humidity = 78 - 5 * running + 6 * door + rng.normal(0, 3, n)
        current = running * (6.2 * power * (1 - 0.15 * gone)) + rng.normal(0, 0.5, n) + 0.8
        rows.append(np.stack([air, evaporator, humidity, door, current, outside + rng.normal(0, 0.3, n)], 1))
    return np.stack(rows, 1).astype(np.float32), leak


class ColdRooms(L.LightningDataModule):
    def __init__(self, batch_size: int = 40) -> None:
        super().__init__()
        self.batch_size = batch_size

    def setup(self, stage: str) -> None:
        rng = np.random.default_rng(SEED)
        x, y = simulate(1600, rng)
        xv, yv = simulate(600, rng)
        self.n_features = x.shape[-1]
        mean, std = x.mean((0, 1)), x.std((0, 1))
        x = (x - mean) / std
        xv = (xv - mean) / std
        self.train_set = TensorDataset(torch.tensor(x), torch.tensor(y))
        self.val_set = TensorDataset(torch.tensor(xv), torch.tensor(yv))

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.train_set, batch_size=self.batch_size, shuffle=True)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.val_set, batch_size=100)


class LeakDetector(L.LightningModule):
    def __init__(self, n_features: int, hidden: int = 32, depth: int = 2, lr: float = 3e-3) -> None:
        super().__init__()
        self.save_hyperparameters()
        layers = [nn.LSTM(n_features if i == 0 else hidden, hidden, batch_first=True) for i in range(depth)]
        self.layers = nn.ModuleList(layers)
        self.dropout = nn.Dropout(0.1)
        self.out = nn.Linear(hidden, 1)
        self.loss = nn.BCEWithLogitsLoss()
        self.seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x, _ = layer(x)
            x = self.dropout(x)
        return self.out(x[:, -1]).squeeze(-1)

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> torch.Tensor:
        x, y = batch
        loss = self.loss(self(x), y)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> None:
        x, y = batch
        logit = self(x)
        self.log("val_loss", self.loss(logit, y))
        self.seen.append((logit, y))

    def on_validation_epoch_end(self) -> None:
        logit, y = (torch.cat(part) for part in zip(*self.seen, strict=True))
        self.seen.clear()
        self.log("val_acc", ((logit > 0).float() == y).float().mean())
        self.log("val_auc", float(roc_auc_score(y.numpy(), np.nan_to_num(logit.numpy()))))

    def on_train_epoch_end(self) -> None:
        seen = {k: round(float(v), 4) for k, v in self.trainer.callback_metrics.items()}
        print(f"epoch {self.current_epoch + 1}: {seen}")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.hparams["lr"])


def main() -> None:
    L.seed_everything(SEED, verbose=False)
    data = ColdRooms()
    data.setup("fit")
    model = LeakDetector(data.n_features)
    with tempfile.TemporaryDirectory() as folder:
        trainer = L.Trainer(
            max_epochs=10,
            accelerator="cpu",
            default_root_dir=folder,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            gradient_clip_val=1.0,
        )
        trainer.fit(model, datamodule=data)
    print(f"leaks: accuracy {trainer.callback_metrics['val_acc']:.3f}, AUC {trainer.callback_metrics['val_auc']:.3f}")


if __name__ == "__main__":
    main()
