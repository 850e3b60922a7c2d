#!/usr/bin/env python3
"""Sleep staging with an MLP-Mixer on two-channel polysomnography (EEG, EOG).

Many nights were recorded, few were scored by an expert. So the encoder first learns to tell the spectrum of unscored
windows of which it sees a part, is saved, and is then fine-tuned on the scored ones. No sleeper is in two splits.
"""

import argparse
import copy
import logging
import os
import random
import tempfile
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import cohen_kappa_score
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import ConcatDataset, DataLoader, Dataset

log = logging.getLogger("sleep")
STAGES = ("W", "N1", "N2", "N3", "REM")
UNSCORED = -1  # movement, electrode off
RATE, SECONDS, PATCH = 32, 8, 16
STAY = np.array([0.90, 0.80, 0.93, 0.93, 0.93])
NEXT = np.array(
    [
        [0.0, 0.9, 0.1, 0.0, 0.0],
        [0.2, 0.0, 0.7, 0.0, 0.1],
        [0.1, 0.15, 0.0, 0.5, 0.25],
        [0.1, 0.1, 0.8, 0.0, 0.0],
        [0.3, 0.3, 0.4, 0.0, 0.0],
    ]
)


class Night(Dataset):
    """One sleeper: windows of (2, RATE * SECONDS) in the order they were slept, and the expert's stage of each."""

    def __init__(self, sleeper: int, windows: int):
        rng = np.random.default_rng(10_000 * (sleeper + 1) + int(os.environ.get("SEED", "0")))
        self.gain, self.alpha, self.spindle = rng.normal(1, 0.2), rng.normal(10, 0.6), rng.normal(13.3, 0.4)
        stage, signal, scored = 0, [], []
        for _ in range(windows):
            signal.append(self._window(stage, rng))
            noted = int(rng.choice(5, p=NEXT[stage])) if rng.random() < 0.07 else stage  # raters do not always agree
            scored.append(UNSCORED if rng.random() < 0.03 else noted)
            if rng.random() > STAY[stage]:
                stage = int(rng.choice(5, p=NEXT[stage]))
        x = np.stack(signal)
        self.x = torch.tensor(x / np.median(x.std(axis=2), axis=0)[None, :, None], dtype=torch.float32)
        self.stage = torch.tensor(scored)

    def _window(self, stage: int, rng) -> np.ndarray:
        t = np.arange(RATE * SECONDS) / RATE
        wave = lambda f, a: a * rng.gamma(6, 1 / 6) * np.sin(2 * np.pi * (f * t + rng.random()))  # noqa: E731
        burst = lambda s: np.exp(-0.5 * ((t - rng.uniform(1, SECONDS - 1)) / s) ** 2)  # noqa: E731
        eeg, eog = rng.normal(0, 5, t.size).cumsum() * 0.25, rng.normal(0, 4, t.size)
        eeg = eeg - eeg.mean() + rng.normal(0, 3, t.size)
        if stage == 0:
            eeg += wave(self.alpha + rng.normal(0, 0.2), 14) + rng.normal(0, 6, t.size)
            eog += sum(35 * burst(0.12) for _ in range(rng.poisson(2)))
        elif stage == 1:
            eeg += wave(rng.uniform(4, 7), 9) + wave(self.alpha, 4)
            eog += wave(rng.uniform(0.2, 0.5), 22)
        elif stage == 2:
            eeg += wave(rng.uniform(3, 6), 9)
            for _ in range(1 + rng.poisson(1)):
                eeg += burst(0.35) * wave(self.spindle, 22)
            eeg += rng.poisson(0.7) * 30 * np.gradient(burst(0.3)) * RATE / 3
        elif stage == 3:
            eeg += wave(rng.uniform(0.7, 1.6), 38) + wave(rng.uniform(1.5, 3), 14)
            eog += 0.3 * eeg
        else:
            eeg += wave(rng.uniform(4, 7), 8) + wave(rng.uniform(15, 15.8), 3)
            for _ in range(1 + rng.poisson(2)):
                eog += rng.choice([-1, 1]) * 40 * np.tanh((t - rng.uniform(1, SECONDS - 1)) * 12) * burst(0.5)
        return np.stack([eeg * self.gain, eog * rng.normal(1, 0.1)])

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.stage[i]


class MixerBlock(nn.Module):
    def __init__(self, tokens: int, width: int):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.across_time = nn.Sequential(nn.Linear(tokens, 32), nn.GELU(), nn.Linear(32, tokens))
        self.across_width = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.across_time(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.across_width(self.norm2(x))


class Encoder(nn.Module):
    def __init__(self, width: int, depth: int):
        super().__init__()
        self.tokens = RATE * SECONDS // PATCH
        self.embed = nn.Sequential(nn.Linear(2 * PATCH, width), nn.GELU(), nn.Linear(width, width))
        self.blocks = nn.Sequential(*[MixerBlock(self.tokens, width) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)

    def patches(self, x: Tensor) -> Tensor:
        return x.unfold(2, PATCH, PATCH).permute(0, 2, 1, 3).flatten(2)

    def forward(self, patches: Tensor) -> Tensor:
        return self.norm(self.blocks(self.embed(patches)))


class SpectrumPretext(nn.Module):
    """Pretext task: a quarter of the patches is blanked, say how strong each rhythm of the whole window is."""

    def __init__(self, width: int, depth: int):
        super().__init__()
        self.encoder = Encoder(width, depth)
        self.decoder = nn.Linear(width, 2 * 32)

    def loss(self, x: Tensor) -> Tensor:
        power = torch.fft.rfft(x)[:, :, 1:].abs().unfold(2, 4, 4).square().mean(3)
        patches = self.encoder.patches(x)
        hidden = torch.rand(patches.shape[:2]) < 0.25
        code = self.encoder(patches.masked_fill(hidden.unsqueeze(2), 0.0)).mean(dim=1)
        return F.mse_loss(self.decoder(code), (power.log() - 4.0).flatten(1))


class Stager(nn.Module):
    def __init__(self, width: int, depth: int):
        super().__init__()
        self.encoder = Encoder(width, depth)
        self.attention = nn.Linear(width, 1)
        self.head = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.encoder(self.encoder.patches(x))
        weight = torch.softmax(self.attention(h), dim=1)
        return self.head((weight * h).sum(dim=1))


def stage_head(width: int) -> nn.Module:
    neck = width // 2
    return nn.Sequential(nn.Linear(width, neck), nn.GELU(), nn.Dropout(0.1), nn.Linear(neck, len(STAGES)))


def staging_loss(logits: Tensor, stage: Tensor) -> Tensor:
    """Negative log-likelihood of the scored windows."""
    scored = stage >= 0
    log_p = F.log_softmax(logits[scored], dim=1)
    return -log_p.gather(1, stage[scored].unsqueeze(1)).mean()


def pretrain(args: argparse.Namespace, nights: Dataset, path: Path) -> None:
    model = SpectrumPretext(args.width, args.depth)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    loader = DataLoader(nights, batch_size=64, shuffle=True)
    for epoch in range(args.pretrain_epochs):
        total = 0.0
        for x, _ in loader:
            loss = model.loss(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        log.info("pretext %d: %.4f", epoch, total / len(loader))
    torch.save(model.encoder.state_dict(), path)


@torch.no_grad()
def evaluate(model: nn.Module, loader: DataLoader) -> tuple[float, float]:
    model.eval()
    guess, truth = (torch.cat(z) for z in zip(*[(model(x).argmax(1), stage) for x, stage in loader], strict=True))
    guess, truth = guess[truth != UNSCORED], truth[truth != UNSCORED]
    return (guess == truth).float().mean().item(), float(cohen_kappa_score(truth, guess))


def finetune(args: argparse.Namespace, scored: Dataset, valid: Dataset, test: Dataset, path: Path) -> None:
    train_loader = DataLoader(scored, batch_size=args.batch_size, shuffle=True)
    valid_loader, test_loader = DataLoader(valid, batch_size=128), DataLoader(test, batch_size=128)
    model = Stager(args.width, args.depth)
    model.encoder.load_state_dict(torch.load(path))
    model.head = stage_head(args.width)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)

    best, best_state = -1.0, None
    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for x, stage in train_loader:
            loss = staging_loss(model(x), stage)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        accuracy, kappa = evaluate(model, valid_loader)
        log.info("epoch %2d  loss %.4f  accuracy %.3f  kappa %.3f", epoch, total / len(train_loader), accuracy, kappa)
        if kappa > best:
            best, best_state = kappa, copy.deepcopy(model.state_dict())
    model.load_state_dict(best_state)
    log.info("kept model on the test nights: accuracy %.3f  kappa %.3f", *evaluate(model, test_loader))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", "0")))
    parser.add_argument("--width", type=int, default=48)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--pretrain-epochs", type=int, default=9)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(args.seed)

    unscored = ConcatDataset([Night(s, 120) for s in range(100, 118)])
    scored = ConcatDataset([Night(s, 40) for s in range(8)])
    valid = ConcatDataset([Night(s, 40) for s in range(40, 48)])
    test = ConcatDataset([Night(s, 40) for s in range(50, 60)])
    log.info("%d windows without, %d with stages; %d and %d held out", *map(len, (unscored, scored, valid, test)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encoder.pt"
        pretrain(args, unscored, path)
        finetune(args, scored, valid, test, path)


if __name__ == "__main__":
    main()
