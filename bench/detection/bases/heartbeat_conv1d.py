"""Heartbeat recordings of different lengths, four rhythms of unequal frequency, and a 1-D convolutional network."""

import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.utils.class_weight import compute_class_weight
from torch import nn, optim
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

RHYTHMS = ["normal", "fast", "dropped", "irregular"]
SHARES = [0.5, 0.2, 0.15, 0.15]


def beat(t, centre, wide):
    """P wave, QRS complex and T wave around one moment."""
    p = 0.15 * np.exp(-(((t - centre + 5) / 1.5) ** 2))
    r = 1.2 * np.exp(-(((t - centre) / wide) ** 2)) - 0.3 * np.exp(-(((t - centre - 2) / 1.0) ** 2))
    return p + r + 0.3 * np.exp(-(((t - centre - 7) / 2.5) ** 2))


def record(rhythm, rng):
    length = rng.integers(110, 171)
    t = np.arange(length, dtype=float)
    interval = rng.uniform(11, 15) if rhythm == "fast" else rng.uniform(18, 25)
    moments, now = [], rng.uniform(0, interval)
    while now < length:
        moments.append(now)
        now += interval * (rng.uniform(0.6, 1.5) if rhythm == "irregular" else rng.normal(1, 0.03))
    if rhythm == "dropped":
        del moments[rng.integers(1, len(moments) - 1)]
    signal = sum(beat(t, m, rng.uniform(0.9, 1.2)) for m in moments)
    drift = 0.3 * np.sin(2 * np.pi * t / rng.uniform(60, 140) + rng.uniform(0, 6))
    return rng.uniform(0.8, 1.3) * signal + drift + rng.normal(0, 0.08, length)


class Recordings(Dataset):
    def __init__(self, signals, targets):
        self.signals = signals
        self.targets = targets

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, idx):
        s = torch.as_tensor(self.signals[idx], dtype=torch.float)
        s = (s - s.mean()) / s.std()
        return s, torch.tensor(self.targets[idx])


def pad_batch(samples):
    signals, targets = zip(*samples, strict=True)
    lengths = torch.tensor([len(s) for s in signals])
    padded = pad_sequence(signals, batch_first=True).unsqueeze(1)
    return padded, lengths, torch.stack(targets)


class RhythmNet(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.conv1 = nn.Conv1d(1, hidden, kernel_size=9, padding=4)
        self.norm1 = nn.GroupNorm(4, hidden)
        self.conv2 = nn.Conv1d(hidden, hidden, kernel_size=9, padding=8, dilation=2)
        self.norm2 = nn.GroupNorm(4, hidden)
        self.conv3 = nn.Conv1d(hidden, hidden * 2, kernel_size=9, padding=16, dilation=4)
        self.fc1 = nn.Linear(hidden * 4, 32)
        self.fc2 = nn.Linear(32, len(RHYTHMS))

    def forward(self, x, lengths):
        x = F.leaky_relu(self.norm1(self.conv1(x)))
        x = F.leaky_relu(self.norm2(self.conv2(x)))
        x = F.leaky_relu(self.conv3(x))
        mask = (torch.arange(x.shape[-1]) < lengths[:, None]).unsqueeze(1)
        mean = (x * mask).sum(-1) / lengths[:, None]
        peak = x.masked_fill(~mask, -1e4).amax(-1)
        x = F.leaky_relu(self.fc1(torch.cat([mean, peak], 1)))
        return self.fc2(x)


def evaluate(net, loader, loss_fn):
    net.eval()
    losses, truth, guess = [], [], []
    with torch.no_grad():
        for signals, lengths, targets in loader:
            out = net(signals, lengths)
            losses.append(loss_fn(out, targets).item())
            truth.extend(targets.numpy())
            guess.extend(out.argmax(-1).numpy())
    return np.mean(losses), balanced_accuracy_score(truth, guess)


def main(opt):
    torch.manual_seed(opt.seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(opt.seed)
    targets = rng.choice(len(RHYTHMS), size=1200, p=SHARES)
    signals = np.array([record(RHYTHMS[k], rng) for k in targets], dtype=object)
    s_train, s_val, t_train, t_val = train_test_split(
        signals, targets, test_size=0.25, stratify=targets, random_state=opt.seed
    )
    train_loader = DataLoader(Recordings(s_train, t_train), opt.batch, shuffle=True, collate_fn=pad_batch)
    val_loader = DataLoader(Recordings(s_val, t_val), opt.batch * 4, collate_fn=pad_batch)

    net = RhythmNet()
    weight = compute_class_weight("balanced", classes=np.arange(len(RHYTHMS)), y=t_train)
    loss_fn = nn.CrossEntropyLoss(weight=torch.tensor(weight, dtype=torch.float))
    optimizer = optim.RMSprop(net.parameters(), lr=opt.lr)
    scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=1)

    for epoch in range(opt.epochs):
        net.train()
        epoch_loss = 0
        for signals, lengths, targets in train_loader:
            optimizer.zero_grad()
            out = net(signals, lengths)
            loss = loss_fn(out, targets)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            optimizer.step()
            epoch_loss += loss.item()
        val_loss, score = evaluate(net, val_loader, loss_fn)
        scheduler.step(val_loss)
        rate = optimizer.param_groups[0]["lr"]
        print(
            f"epoch {epoch + 1:02d} - loss: {epoch_loss / len(train_loader):.3f} - val_loss: {val_loss:.3f}"
            f" - balanced accuracy: {score:.3f} - lr: {rate:.1e}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", "0")))
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--batch", type=int, default=30)
    parser.add_argument("--lr", type=float, default=1e-3)
    main(parser.parse_args())
