# Will a subscriber open this issue of the newsletter? A neural factorisation machine under Lightning.
import logging
import os
import tempfile
import warnings
from dataclasses import dataclass

import lightning as L
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
L.seed_everything(SEED, verbose=False)

FIELDS = {"segment": 24, "topic": 18, "sender": 12, "weekday": 7, "device": 4, "region": 10}
NUMBERS = ["tenure_days", "opened_last_90", "subject_length", "hour", "emojis"]


@dataclass
class Config:
    rows: int = 12000
    batch: int = 128
    epochs: int = 9
    rate: float = 2e-3
    dim: int = 12
    hidden: int = 64
    valid_share: float = 0.25


def make_log(n, rng):
    """A log of sent mails: who, what, when, and whether it was opened."""
    log = pd.DataFrame({name: rng.integers(0, size, n) for name, size in FIELDS.items()})
    log["tenure_days"] = rng.gamma(1.5, 300.0, n)
    habit = rng.beta(2, 3, n)
    log["opened_last_90"] = rng.binomial(20, habit) / 20
    log["subject_length"] = rng.normal(48, 14, n).clip(8, 110).round()
    log["hour"] = rng.integers(5, 23, n)
    log["emojis"] = rng.poisson(0.6, n)
    world = np.random.default_rng(99)  # the same tastes whatever the seed
    taste = world.normal(0, 1, (FIELDS["segment"], 3)) @ world.normal(0, 1, (3, FIELDS["topic"]))
    trust = world.normal(0, 0.9, FIELDS["sender"])
    local = world.normal(0, 0.8, (FIELDS["sender"], FIELDS["region"]))
    rhythm = world.normal(0, 0.6, (FIELDS["device"], FIELDS["weekday"]))
    score = 1.1 * taste[log.segment, log.topic] + trust[log.sender] + local[log.sender, log.region]
    score += rhythm[log.device, log.weekday] + 5.0 * (habit - 0.4)
    score += 0.9 * np.cos((log.hour - 8) / 24 * 4 * np.pi) - 0.4 * ((log.subject_length - 45) / 20) ** 2
    score += -0.2 * log.emojis * (log.device == 0) + 0.15 * np.log1p(log.tenure_days / 100) - 0.6
    log["opened"] = (score + rng.logistic(0, 1.0, n) > 0).astype(int)
    log["seconds_read"] = np.where(log.opened == 1, rng.gamma(2.0, 20.0, n), 0.0).round()
    return log


def tensors(log, mean, std):
    fields = torch.tensor(log[list(FIELDS)].to_numpy(), dtype=torch.long)
    numbers = torch.tensor(((log[NUMBERS] - mean) / std).to_numpy(), dtype=torch.float32)
    return TensorDataset(fields, numbers, torch.tensor(log.opened.to_numpy(), dtype=torch.float32))


def init_tower(module):
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(module.bias)


class OpenModel(L.LightningModule):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.wide = nn.ModuleList([nn.Embedding(size, 1) for size in FIELDS.values()])
        self.factors = nn.ModuleList([nn.Embedding(size, cfg.dim) for size in FIELDS.values()])
        for table in [*self.wide, *self.factors]:
            nn.init.normal_(table.weight, std=0.15)
        self.lift = nn.Linear(len(NUMBERS), cfg.dim)
        width = cfg.hidden
        self.tower = nn.Sequential(
            nn.Linear(3 * cfg.dim, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
        )
        self.tower.apply(init_tower)
        self.out = nn.Linear(width, 1)
        self.scores, self.truth = [], []

    def forward(self, fields, numbers):
        linear = sum(table(fields[:, i]) for i, table in enumerate(self.wide))
        factors = torch.stack([table(fields[:, i]) for i, table in enumerate(self.factors)], dim=1)
        pairs = factors.sum(dim=1) ** 2 - (factors**2).sum(dim=1)
        both = torch.cat([pairs, factors.sum(dim=1), self.lift(numbers)], dim=1)
        return (linear + self.out(self.tower(both))).squeeze(1)

    def training_step(self, batch, _):
        fields, numbers, opened = batch
        logit = self(fields, numbers)
        return F.binary_cross_entropy_with_logits(logit, opened)

    def validation_step(self, batch, _):
        fields, numbers, opened = batch
        self.scores.append(self(fields, numbers))
        self.truth.append(opened)

    def on_validation_epoch_end(self):
        score, truth = torch.cat(self.scores).float(), torch.cat(self.truth)
        loss = F.binary_cross_entropy_with_logits(score, truth).item()
        right = ((score > 0) == (truth > 0.5)).float().mean().item()
        auc = roc_auc_score(truth, score.nan_to_num())
        print(f"epoch {self.current_epoch}: val loss {loss:.4f}  accuracy {right:.4f}  AUC {auc:.4f}")
        self.scores.clear()
        self.truth.clear()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.cfg.rate, weight_decay=2e-5)


def main():
    cfg = Config()
    log = make_log(cfg.rows, np.random.default_rng(SEED))
    train, valid = train_test_split(log, test_size=cfg.valid_share, random_state=SEED, stratify=log.opened)
    mean, std = train[NUMBERS].mean(), train[NUMBERS].std()
    print(f"{len(train)} mails to learn from, {len(valid)} to check; {valid.opened.mean():.3f} were opened")
    train_loader = DataLoader(tensors(train, mean, std), batch_size=cfg.batch, shuffle=True)
    valid_loader = DataLoader(tensors(valid, mean, std), batch_size=500)
    with tempfile.TemporaryDirectory() as folder:
        trainer = L.Trainer(
            max_epochs=cfg.epochs,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            default_root_dir=folder,
        )
        trainer.fit(OpenModel(cfg), train_loader, valid_loader)


if __name__ == "__main__":
    main()
