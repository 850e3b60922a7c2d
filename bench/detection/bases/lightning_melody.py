"""A language model of tunes: given the notes so far, which note comes next?

The tunes are in some key, follow a chord progression in bars of four notes, and move mostly by small steps.
"""

import logging
import os
import warnings
from dataclasses import dataclass

import lightning as L
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))

LOWEST, NOTES = 55, 28  # MIDI number of the lowest note, how many there are
START = NOTES
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
PROGRESSIONS = ((0, 3, 4, 0), (0, 5, 3, 4), (0, 4, 5, 3), (1, 4, 0, 5))


@dataclass
class Config:
    tunes: int = 1500
    held_out: int = 400
    length: int = 32
    dim: int = 64
    dropout: float = 0.2
    batch_size: int = 32
    lr: float = 5e-3
    epochs: int = 8
    decay_steps: int = 376


def compose(rng: np.random.Generator, length: int) -> list[int]:
    tonic, scale = rng.integers(12), MAJOR if rng.random() < 0.6 else MINOR
    progression = PROGRESSIONS[rng.integers(len(PROGRESSIONS))]
    tune, now = [], float(rng.integers(8, 20))
    for t in range(length):
        degree = progression[(t // 4) % 4]
        chord = {(tonic + scale[(degree + k) % 7]) % 12 for k in (0, 2, 4)}
        in_scale = {(tonic + s) % 12 for s in scale}
        allowed = chord if t % 2 == 0 else in_scale
        if rng.random() < 0.04:
            allowed = set(range(12))  # a chromatic note
        candidates = np.array([n for n in range(NOTES) if (n + LOWEST) % 12 in allowed])
        weight = np.exp(-np.abs(candidates - now) / 1.7 - ((candidates - 14) / 12.0) ** 2)
        weight[candidates == now] *= 0.3
        now = float(rng.choice(candidates, p=weight / weight.sum()))
        tune.append(int(now))
    return tune


class Tunes(L.LightningDataModule):
    def __init__(self, cfg: Config):
        super().__init__()
        self.cfg = cfg

    def setup(self, stage=None):
        rng = np.random.default_rng(SEED)
        songs = torch.tensor([compose(rng, self.cfg.length) for _ in range(self.cfg.tunes + self.cfg.held_out)])
        before = torch.cat([torch.full((len(songs), 1), START), songs[:, :-1]], dim=1)
        cut = self.cfg.tunes
        self.train_set = TensorDataset(before[:cut], songs[:cut])
        self.val_set = TensorDataset(before[cut:], songs[cut:])
        self.common = int(songs[:cut].flatten().bincount().argmax())
        counts = songs[:cut].flatten().bincount(minlength=NOTES).float() + 1
        self.unigram = -(counts / counts.sum()).log()[songs[cut:]].mean().item()

    def train_dataloader(self):
        return DataLoader(self.train_set, batch_size=self.cfg.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val_set, batch_size=100)


class TuneModel(L.LightningModule):
    def __init__(self, cfg: Config):
        super().__init__()
        self.cfg = cfg
        self.embed = nn.Embedding(NOTES + 1, cfg.dim)
        self.rnn = nn.LSTM(cfg.dim, cfg.dim, num_layers=1, batch_first=True)
        self.mix = nn.Linear(cfg.dim, cfg.dim)
        self.norm = nn.LayerNorm(cfg.dim)
        self.drop = nn.Dropout(cfg.dropout)
        self.out = nn.Linear(cfg.dim, NOTES)
        self.history = []
        self.sums = [0.0, 0.0, 0]

    def forward(self, notes):
        x = self.drop(self.embed(notes))
        h, _ = self.rnn(x)
        h = F.gelu(self.mix(self.drop(h)))
        h = self.drop(self.norm(h))
        return self.out(h)

    def loss(self, logits, target):
        return F.cross_entropy(logits.flatten(0, 1), target.flatten())

    def training_step(self, batch, _):
        before, after = batch
        loss = self.loss(self(before), after)
        self.history.append(loss.item())
        return loss

    def validation_step(self, batch, _):
        before, after = batch
        logits = self(before)
        self.sums[0] += self.loss(logits, after).item() * after.numel()
        self.sums[1] += (logits.argmax(-1) == after).sum().item()
        self.sums[2] += after.numel()

    def on_validation_epoch_end(self):
        loss, hits, n = self.sums
        recent = float(np.mean(self.history[-50:])) if self.history else float("nan")
        print(f"epoch {self.current_epoch}: train {recent:.3f}  val {loss / n:.3f}  next note right {hits / n:.1%}")
        self.sums = [0.0, 0.0, 0]

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.cfg.lr)
        decay = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=self.cfg.decay_steps, power=1.0)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": decay, "interval": "step"}}


if __name__ == "__main__":
    L.seed_everything(SEED, verbose=False)
    cfg = Config()
    data = Tunes(cfg)
    model = TuneModel(cfg)
    trainer = L.Trainer(
        max_epochs=cfg.epochs,
        accelerator="cpu",
        logger=False,
        gradient_clip_val=1.0,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(model, data)
    print(f"for comparison, note frequencies alone: {data.unigram:.3f}")
