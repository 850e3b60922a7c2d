"""Which machine fails within the week? A rare-event classifier with category embeddings and a trainer of its own."""

import os
import random
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import average_precision_score, balanced_accuracy_score, roc_auc_score
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Config:
    seed: int = int(os.environ.get("SEED", "0"))
    rows: int = 6000
    batch_size: int = 64
    epochs: int = 10
    lr: float = 2e-3
    weight_decay: float = 1e-3
    hidden: int = 64
    dropout: float = 0.2


def set_seed(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def make_table(n):
    """Numeric: air temperature, process temperature, speed, torque, tool wear. Categories: quality, site."""
    quality = np.random.choice(3, n, p=[0.6, 0.3, 0.1])
    site = np.random.randint(0, 8, n)
    air = 300 + 2 * np.random.randn(n) + 0.3 * site
    process = air + 10 + np.random.randn(n)
    torque = 40 + 10 * np.random.randn(n)
    speed = 1500 * (40 / np.clip(torque, 10, None)) ** 0.35 + 60 * np.random.randn(n)
    wear = np.random.uniform(0, 250, n)
    power = torque * speed * 2 * np.pi / 60
    hazard = -8.0 + np.array([0.6, 0.0, -0.6])[quality] + np.array([0, 1.2, 0, -0.8, 0, 0.8, 0, -0.4])[site]
    hazard += 5.0 * (power > 8000) + 5.0 * (power < 4400) + 4.5 * (process - air < 8.8) * (speed < 1450)
    hazard += 6.0 / (1 + np.exp(-(wear - 200) / 8)) + 0.0004 * np.maximum(wear * torque - 8000, 0)
    failed = (np.random.rand(n) < 1 / (1 + np.exp(-hazard))).astype(np.float32)
    numeric = np.stack([air, process, speed, torque, wear], axis=1).astype(np.float32)
    return numeric, np.stack([quality, site], axis=1), failed


def get_dataloaders(cfg):
    numeric, categories, failed = make_table(cfg.rows)
    n_train = int(0.75 * cfg.rows)
    mean, std = numeric[:n_train].mean(0), numeric[:n_train].std(0)
    numeric = (numeric - mean) / std
    tensors = [torch.from_numpy(a) for a in (numeric, categories, failed)]
    train_set = TensorDataset(*[t[:n_train] for t in tensors])
    valid_set = TensorDataset(*[t[n_train:] for t in tensors])
    train_dl = DataLoader(train_set, batch_size=cfg.batch_size, shuffle=True, drop_last=True)
    valid_dl = DataLoader(valid_set, batch_size=250, shuffle=False)
    return train_dl, valid_dl


class FailureModel(nn.Module):
    def __init__(self, cfg, cardinalities=(3, 8), n_numeric=5):
        super().__init__()
        self.embeddings = nn.ModuleList([nn.Embedding(c, min(4, c)) for c in cardinalities])
        n_in = n_numeric + sum(e.embedding_dim for e in self.embeddings)
        self.block1 = nn.Sequential(nn.Linear(n_in, cfg.hidden), nn.BatchNorm1d(cfg.hidden), nn.SiLU())
        self.block2 = nn.Sequential(nn.Linear(cfg.hidden, cfg.hidden), nn.BatchNorm1d(cfg.hidden), nn.SiLU())
        self.drop = nn.Dropout(cfg.dropout)
        self.head = nn.Linear(cfg.hidden, 1)

    def forward(self, numeric, categories):
        embedded = [emb(categories[:, i]) for i, emb in enumerate(self.embeddings)]
        h = torch.cat([numeric, *embedded], dim=1)
        h = self.block1(h)
        h = self.drop(self.block2(h))
        return self.head(h).flatten()


class Trainer:
    def __init__(self, model, criterion, optimizer, train_dl, valid_dl):
        self.model = model
        self.criterion = criterion
        self.optimizer = optimizer
        self.train_dl = train_dl
        self.valid_dl = valid_dl
        self.history = defaultdict(list)

    def fit(self, epochs):
        for epoch in range(1, epochs + 1):
            train_loss = self._train()
            scores = self._validate()
            self.history["train_loss"].append(train_loss)
            for name, value in scores.items():
                self.history[name].append(value)
            print(f"[{epoch:>2}/{epochs}] loss={train_loss:.4f} " + " ".join(f"{k}={v:.4f}" for k, v in scores.items()))
        return self.history

    def _train(self):
        self.model.train()
        losses = []
        for numeric, categories, target in self.train_dl:
            loss = self.criterion(self.model(numeric, categories), target)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return float(np.mean(losses))

    def _validate(self):
        self.model.eval()
        losses, outputs, targets = [], [], []
        with torch.no_grad():
            for numeric, categories, target in self.valid_dl:
                logits = self.model(numeric, categories)
                losses.append(self.criterion(logits, target).item())
                outputs.append(logits)
                targets.append(target)
        proba = torch.sigmoid(torch.cat(outputs)).numpy()
        truth = torch.cat(targets).numpy()
        return {
            "val_loss": float(np.mean(losses)),
            "auc": roc_auc_score(truth, proba),
            "ap": average_precision_score(truth, proba),
            "bal_acc": balanced_accuracy_score(truth, proba > 0.5),
        }


def run():
    cfg = Config()
    set_seed(cfg.seed)
    torch.set_num_threads(1)
    train_dl, valid_dl = get_dataloaders(cfg)
    share = train_dl.dataset.tensors[2].mean().item()
    print(f"{share:.1%} of the machines fail")
    model = FailureModel(cfg)
    criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor((1 - share) / share).sqrt())
    optimizer = optim.AdamW(model.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)
    trainer = Trainer(model, criterion, optimizer, train_dl, valid_dl)
    history = trainer.fit(cfg.epochs)
    print("best average precision:", round(max(history["ap"]), 4))


if __name__ == "__main__":
    run()
