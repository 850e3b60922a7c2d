# Fill the gaps in taxi tracks: a driver's phone sends the crossing it is at, some pings never arrive.
# Masked modelling with a small bidirectional transformer, trained with Lightning.
import logging
import os
import warnings

import lightning as L
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))

TOWN = 6  # crossings a side
LOST = TOWN * TOWN  # the token of a ping that did not arrive
LENGTH = 16
IGNORE = -100
CONFIG = {"dim": 48, "depth": 2, "heads": 4, "drop": 0.05, "lr": 5e-3, "decay": 0.01, "batch": 64, "epochs": 9}
MOVES = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)])


def drive(rng):
    """Crossing after crossing: mostly straight on, sometimes a turn or a wait at the lights; never out of town."""
    place, heading = rng.integers(0, TOWN, 2), rng.integers(4)
    goal = rng.integers(0, TOWN, 2)
    track = []
    for _ in range(LENGTH):
        track.append(int(place[0] * TOWN + place[1]))
        if rng.random() < 0.08:
            continue  # red light
        if rng.random() < 0.25:
            toward = goal - place
            if not toward.any():
                goal = rng.integers(0, TOWN, 2)
            axis = int(abs(toward[1]) < abs(toward[0]))
            heading = {0: (0, 2), 1: (1, 3)}[axis][int(toward[1 - axis] < 0)]
        for _ in range(4):
            there = place + MOVES[heading]
            if (there >= 0).all() and (there < TOWN).all():
                place = there
                break
            heading = (heading + rng.choice([1, 3])) % 4
    return track


def lose_pings(tracks, generator):
    """-> what arrived, and what is to be filled in (IGNORE where there is nothing to fill in)"""
    gone = torch.rand(tracks.shape, generator=generator) < 0.2
    late = torch.roll(gone, 1, dims=1) & (torch.rand(tracks.shape, generator=generator) < 0.3)
    gone = gone | late
    return tracks.masked_fill(gone, LOST), tracks.masked_fill(~gone, IGNORE)


class Tracks(L.LightningDataModule):
    def __init__(self, n_train=2560, n_val=600):
        super().__init__()
        rng = np.random.default_rng(SEED)
        tracks = torch.tensor([drive(rng) for _ in range(n_train + n_val)])
        self.train_tracks = tracks[:n_train]
        self.val_set = TensorDataset(*lose_pings(tracks[n_train:], torch.Generator().manual_seed(SEED + 1)))
        self.generator = torch.Generator().manual_seed(SEED + 2)

    def collate(self, rows):
        return lose_pings(torch.stack(rows), self.generator)

    def train_dataloader(self):
        return DataLoader(self.train_tracks, CONFIG["batch"], shuffle=True, collate_fn=self.collate)

    def val_dataloader(self):
        return DataLoader(self.val_set, 200)


class Block(nn.Module):
    def __init__(self, dim, heads, drop):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, heads, dropout=drop, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.ReLU(), nn.Dropout(drop), nn.Linear(2 * dim, dim))

    def forward(self, h):
        q = self.norm1(h)
        h = h + self.attention(q, q, q, need_weights=False)[0]
        return h + self.mlp(self.norm2(h))


class GapFiller(L.LightningModule):
    def __init__(self, dim, depth, heads, drop, lr, decay, **_):
        super().__init__()
        self.save_hyperparameters()
        self.embed = nn.Embedding(LOST + 1, dim)
        self.position = nn.Parameter(torch.zeros(LENGTH, dim))
        nn.init.normal_(self.position, std=0.5)
        nn.init.normal_(self.embed.weight, std=0.5)
        self.blocks = nn.Sequential(*[Block(dim, heads, drop) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, LOST)

    def forward(self, tokens):
        h = self.embed(tokens) + self.position
        h = self.blocks(h)
        return self.head(self.norm(h))

    def training_step(self, batch, _):
        arrived, missing = batch
        logits = self(arrived)
        loss = F.cross_entropy(logits.flatten(0, 1), missing.flatten(), ignore_index=IGNORE)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, _):
        arrived, missing = batch
        logits = self(arrived)
        asked = missing != IGNORE
        self.log("val_loss", F.cross_entropy(logits[asked], missing[asked]))
        self.log("val_acc", (logits[asked].argmax(-1) == missing[asked]).float().mean())

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.hparams.lr, weight_decay=self.hparams.decay)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.85)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "epoch"}}


class Report(L.Callback):
    def on_train_epoch_end(self, trainer, pl_module):
        m = trainer.callback_metrics
        print(
            f"epoch {trainer.current_epoch:2d}  train {m['train_loss']:.3f}  val {m['val_loss']:.3f}  "
            f"gaps filled rightly {m['val_acc']:.1%}"
        )


if __name__ == "__main__":
    L.seed_everything(SEED, verbose=False)
    data = Tracks()
    model = GapFiller(**CONFIG)
    trainer = L.Trainer(
        max_epochs=CONFIG["epochs"],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[Report()],
    )
    trainer.fit(model, data)
