# Right of way in foil: both lamps are on - whose touch is it? From the phrase as the video analyst typed it.
import logging
import os
import tempfile
import warnings

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
SEED = int(os.environ.get("SEED", "0"))
torch.set_num_threads(1)

ACTIONS = {"advance": 0.22, "retreat": 0.1, "feint": 0.1, "attack": 0.2, "beat": 0.08, "parry": 0.2, "short": 0.1}
WORDS = ["<pad>"] + [f"{side}.{action}" for side in "LR" for action in ACTIONS]
NUMBER = {word: i for i, word in enumerate(WORDS)}
LONGEST = 12


def referee(priority, side, action):
    """Who has the right of way after this action."""
    if action in ("attack", "beat") and priority is None:
        return side
    if action == "parry" and priority not in (None, side):
        return side
    if action in ("short", "retreat") and priority == side:
        return None
    return priority


def phrase(rng):
    """One phrase that ends with two lamps, and the side that had the right of way."""
    priority = None
    while priority is None:
        length = rng.integers(6, LONGEST + 1)
        sides = rng.choice(["L", "R"], size=length)
        actions = rng.choice(list(ACTIONS), size=length, p=list(ACTIONS.values()))
        for side, action in zip(sides, actions, strict=True):
            priority = referee(priority, side, action)
    return [f"{side}.{action}" for side, action in zip(sides, actions, strict=True)], priority


def load_bouts(n, rng, wrong_calls=0.03):
    tokens = torch.zeros(n, LONGEST, dtype=torch.long)
    touch = torch.zeros(n)
    for i in range(n):
        words, priority = phrase(rng)
        tokens[i, : len(words)] = torch.tensor([NUMBER[w] for w in words])
        touch[i] = float((priority == "L") != (rng.random() < wrong_calls))
    return TensorDataset(tokens, touch)


class Bouts(L.LightningDataModule):
    def __init__(self, batch_size=64):
        super().__init__()
        self.batch_size = batch_size

    def setup(self, stage=None):
        rng = np.random.default_rng(SEED)
        self.train_set = load_bouts(2800, rng)
        self.val_set = load_bouts(800, rng)

    def train_dataloader(self):
        return DataLoader(self.train_set, batch_size=self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val_set, batch_size=200)


class Referee(L.LightningModule):
    def __init__(self, dim=24, hidden=32, dropout=0.05, lr=6e-3):
        super().__init__()
        self.lr = lr
        self.embed = nn.Embedding(len(WORDS), dim, padding_idx=0)
        self.drop = nn.Dropout(dropout)
        self.gru = nn.GRU(dim, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)
        self.criterion = nn.BCEWithLogitsLoss()

    def read(self, tokens):
        """State after the last action of every phrase."""
        states, _ = self.gru(self.drop(self.embed(tokens)))
        last = (tokens != 0).sum(dim=1) - 1
        return states[torch.arange(len(tokens)), last]

    def forward(self, tokens):
        return self.head(self.drop(self.read(tokens))).squeeze(1)

    def training_step(self, batch, _):
        tokens, touch = batch
        loss = self.criterion(self(tokens), touch)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, _):
        tokens, touch = batch
        score = self(tokens)
        self.log("val_loss", self.criterion(score, touch))
        self.log("val_right", ((score > 0) == (touch > 0.5)).float().mean())

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.lr)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.8)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "epoch"}}


class Report(Callback):
    def on_train_epoch_end(self, trainer, module):
        m = {name: value.item() for name, value in trainer.callback_metrics.items()}
        print(
            f"epoch {trainer.current_epoch + 1:2d}  train {m['train_loss']:.3f}  "
            f"val {m['val_loss']:.3f}  right calls {m['val_right']:.1%}"
        )


def main():
    L.seed_everything(SEED, verbose=False)
    bouts = Bouts()
    model = Referee()
    with tempfile.TemporaryDirectory() as folder:
        keep = ModelCheckpoint(dirpath=folder, monitor="val_loss", mode="min")
        trainer = L.Trainer(
            max_epochs=8,
            accelerator="cpu",
            gradient_clip_val=1.0,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            callbacks=[Report(), keep],
            default_root_dir=folder,
        )
        trainer.fit(model, datamodule=bouts)
        print(f"best validation loss {keep.best_model_score:.3f}")


if __name__ == "__main__":
    main()
