"""Which bird is calling? Short recordings -> log spectrograms -> a small CNN with attention over time.

Everything that one may want to turn is in CONFIG; Trainer runs it and EarlyStopping ends it.
"""

import copy
import os

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import classification_report, f1_score
from torch.utils.data import DataLoader, Dataset, Subset

SPECIES = ["chiffchaff", "warbler", "owl", "pipit", "nightjar", "cuckoo"]

CONFIG = {
    "sample_rate": 4000,
    "seconds": 0.5,
    "n_fft": 128,
    "hop": 64,
    "recordings": 1200,
    "valid_share": 0.25,
    "batch_size": 8,
    "accumulate": 4,
    "lr": 0.04,
    "momentum": 0.9,
    "epochs": 10,
    "patience": 5,
    "seed": int(os.environ.get("SEED", "0")),
}


def sing(species, rng, cfg):
    n = int(cfg["sample_rate"] * cfg["seconds"])
    t = np.arange(n) / cfg["sample_rate"]
    f0 = rng.uniform(650, 1150)
    span = rng.uniform(250, 450)
    u = t / cfg["seconds"]
    if species == "chiffchaff":  # two notes, high and low
        freq = np.where((u * rng.uniform(3.5, 4.5)).astype(int) % 2 == 0, f0 + span / 2, f0 - span / 2)
    elif species == "warbler":  # up and down quickly
        freq = f0 + span / 2 * np.sin(2 * np.pi * rng.uniform(9, 13) * t + rng.uniform(0, 6))
    elif species == "owl":  # falling
        freq = f0 + span * (0.5 - u)
    elif species == "pipit":  # rising
        freq = f0 + span * (u - 0.5)
    elif species == "nightjar":  # a dry rattle on one note
        freq = np.full(n, f0)
    else:  # a high note, then a longer low one
        freq = np.where(u < rng.uniform(0.35, 0.5), f0 + span / 2, f0 - span / 2)
    wave = np.sin(2 * np.pi * np.cumsum(freq) / cfg["sample_rate"])
    if species == "nightjar":
        wave *= (np.sin(2 * np.pi * rng.uniform(18, 26) * t) > 0).astype(float)
    start, end = rng.uniform(0, 0.12), rng.uniform(0.85, 1.0)
    wave *= (u > start) & (u < end)
    background = np.convolve(rng.normal(0, 1, n + 2), [0.3, 0.5, 0.3], mode="valid")
    return (rng.uniform(0.4, 1.0) * wave + rng.uniform(0.5, 1.0) * background).astype(np.float32)


class CallDataset(Dataset):
    def __init__(self, cfg):
        rng = np.random.default_rng(cfg["seed"])
        self.labels = rng.integers(0, len(SPECIES), cfg["recordings"])
        waves = torch.from_numpy(np.stack([sing(SPECIES[k], rng, cfg) for k in self.labels]))
        window = torch.hann_window(cfg["n_fft"])
        spec = torch.stft(waves, cfg["n_fft"], cfg["hop"], window=window, return_complex=True)
        self.spectrograms = torch.log1p(spec.abs())[:, 4:52]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"spectrogram": self.spectrograms[i].unsqueeze(0), "species": int(self.labels[i])}


class Normalize(nn.Module):
    """Mean and spread of the training recordings, kept with the weights."""

    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("mean", torch.as_tensor(mean))
        self.register_buffer("std", torch.as_tensor(std))

    def forward(self, x):
        return (x - self.mean) / self.std


class CallNet(nn.Module):
    def __init__(self, normalize, n_species, channels=12):
        super().__init__()
        self.normalize = normalize
        self.conv = nn.Sequential(
            nn.Conv2d(1, channels, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d((4, 1)),
        )
        self.frame = nn.Linear(2 * channels * 6, 48)
        self.attention = nn.Linear(48, 1)
        self.classifier = nn.Linear(48, n_species)
        for layer in (self.conv[0], self.conv[2], self.frame):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, x):
        h = self.conv(self.normalize(x))  # recordings, channels, pitch, time
        h = h.flatten(1, 2).transpose(1, 2)  # recordings, time, channels * pitch
        h = torch.relu(self.frame(h))
        weights = torch.softmax(self.attention(h), dim=1)
        return self.classifier((weights * h).sum(dim=1))


class EarlyStopping:
    def __init__(self, patience):
        self.patience, self.waited, self.best = patience, 0, None

    def __call__(self, score):
        if self.best is None or score > self.best:
            self.best, self.waited = score, 0
            return True
        self.waited += 1
        return False

    @property
    def stop(self):
        return self.waited >= self.patience


class Trainer:
    def __init__(self, model, cfg):
        self.model, self.cfg = model, cfg
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(model.parameters(), lr=cfg["lr"], momentum=cfg["momentum"])
        self.scheduler = torch.optim.lr_scheduler.PolynomialLR(self.optimizer, total_iters=cfg["epochs"], power=1.0)
        self.stopping = EarlyStopping(cfg["patience"])
        self.history = []

    def fit(self, train_loader, valid_loader):
        best = copy.deepcopy(self.model.state_dict())
        for epoch in range(self.cfg["epochs"]):
            train_loss = self.train_one_epoch(train_loader)
            valid_loss, f1, _, _ = self.evaluate(valid_loader)
            self.scheduler.step()
            self.history.append({"train_loss": train_loss, "valid_loss": valid_loss, "f1": f1})
            print(f"epoch {epoch:2d}: " + ", ".join(f"{k} {v:.4f}" for k, v in self.history[-1].items()))
            if self.stopping(f1):
                best = copy.deepcopy(self.model.state_dict())
            if self.stopping.stop:
                print("early stopping")
                break
        self.model.load_state_dict(best)

    def train_one_epoch(self, loader):
        self.model.train()
        total = 0.0
        for step, batch in enumerate(loader):
            logits = self.model(batch["spectrogram"])
            loss = self.criterion(logits, batch["species"])
            (loss / self.cfg["accumulate"]).backward()
            if (step + 1) % self.cfg["accumulate"] == 0:
                self.optimizer.step()
                self.optimizer.zero_grad(set_to_none=True)
            total += loss.item()
        return total / len(loader)

    @torch.no_grad()
    def evaluate(self, loader):
        self.model.eval()
        total, y_true, y_pred = 0.0, [], []
        for batch in loader:
            logits = self.model(batch["spectrogram"])
            total += self.criterion(logits, batch["species"]).item()
            y_true.extend(batch["species"].tolist())
            y_pred.extend(logits.argmax(dim=-1).tolist())
        return total / len(loader), f1_score(y_true, y_pred, average="macro", zero_division=0), y_true, y_pred


def run(cfg):
    torch.set_num_threads(1)
    torch.manual_seed(cfg["seed"])
    data = CallDataset(cfg)
    order = torch.randperm(len(data)).tolist()
    n_valid = int(cfg["valid_share"] * len(data))
    train, valid = Subset(data, order[n_valid:]), Subset(data, order[:n_valid])
    known = data.spectrograms[train.indices]
    train_loader = DataLoader(train, cfg["batch_size"], shuffle=True, drop_last=True)
    valid_loader = DataLoader(valid, 100)

    model = CallNet(Normalize(known.mean(), known.std()), len(SPECIES))
    trainer = Trainer(model, cfg)
    trainer.fit(train_loader, valid_loader)
    loss, f1, y_true, y_pred = trainer.evaluate(valid_loader)
    print(f"best weights: loss {loss:.4f}, macro F1 {f1:.4f}")
    print(classification_report(y_true, y_pred, target_names=SPECIES, labels=range(len(SPECIES)), zero_division=0))


if __name__ == "__main__":
    run(CONFIG)
