"""Which dance is it? Ten ballroom dances told apart by an accelerometer on the shoe.

Dancers wear a sensor (3 axes, 25 Hz) on the right shoe. We cut the recordings into windows of some three seconds and
classify each window. Evaluation is on dancers that the network has never seen.
"""

import os
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

# name: (bars a minute, beats in a bar, accent of each beat up / forward / sideways)
DANCES = {
    "slow waltz": (29, 3, [(1.6, 1.0, 0.2), (0.5, 0.2, 1.1), (0.7, 0.1, 0.3)]),
    "viennese waltz": (59, 3, [(1.5, 0.9, 0.3), (0.5, 0.5, 0.9), (0.6, 0.1, 0.3)]),
    "tango": (32, 4, [(0.9, 1.7, 0.1), (0.9, 1.5, 0.1), (1.1, 0.7, 0.7), (0.3, 0.0, 0.2)]),
    "foxtrot": (29, 4, [(0.8, 1.4, 0.1), (0.0, 0.3, 0.1), (0.8, 1.1, 0.3), (0.8, 0.4, 0.8)]),
    "quickstep": (50, 4, [(1.3, 1.3, 0.1), (0.4, 0.2, 0.1), (1.3, 0.9, 0.6), (1.1, 0.6, 0.7)]),
    "rumba": (26, 4, [(0.1, 0.0, 0.2), (0.6, 1.0, 0.3), (0.5, -0.8, 0.3), (0.6, 0.1, 1.3)]),
    "cha-cha": (31, 4, [(0.7, 0.2, 1.2), (0.8, 1.1, 0.2), (0.8, -0.9, 0.2), (1.0, 0.1, 1.0)]),
    "samba": (51, 2, [(1.7, 0.6, 0.4), (1.2, 0.2, 0.7)]),
    "jive": (43, 4, [(1.4, -0.8, 0.2), (1.0, 0.6, 0.2), (1.5, 0.2, 1.1), (1.5, 0.1, -1.0)]),
    "paso doble": (60, 2, [(1.5, 1.6, 0.0), (1.3, 1.4, 0.1)]),
}
RATE, LENGTH = 25, 80
DANCERS, WINDOWS = 24, 8
BATCH_SIZE = 32
N_EPOCHS = 12
LEARNING_RATE = 2e-3


def dance_window(dance, tempo, vigour, mount, rng):
    """One window of LENGTH x 3: kicks at the beats, ringing of the shoe, gravity and the noise of the sensor."""
    bars, beats, accents = DANCES[dance]
    gap = 60 / (bars * beats * tempo)
    t = np.arange(LENGTH) / RATE
    window = rng.normal(0, 0.18, (LENGTH, 3))
    first = rng.integers(beats)
    begin = -rng.uniform(0, gap)
    for i in range(int(LENGTH / RATE / gap) + 2):
        hit = begin + i * gap + rng.normal(0, 0.025)
        since = np.clip(t - hit, 0, None)
        kick = np.where(t >= hit, np.exp(-since / 0.09) * np.cos(2 * np.pi * 4.5 * since), 0)
        accent = np.array(accents[(first + i) % beats]) * vigour * rng.normal(1, 0.18, 3)
        window += kick[:, None] * accent[None, :]
        if dance in ("cha-cha", "samba", "jive") and rng.random() < 0.8:  # the "and" between the beats
            half = np.exp(-(((t - hit - gap / 2) / 0.05) ** 2))
            window += half[:, None] * np.array([0.7, 0.1, 0.5]) * vigour
    window[:, 0] += 1.0
    return window @ mount


def record_everybody(rng):
    """All windows, filed dance by dance, as they lie on the disk. Dances are numbered from 1, as on the sheet."""
    people = []
    for _ in range(DANCERS):
        skew = rng.normal(0, 0.08, (3, 3))
        people.append((rng.normal(1, 0.03), rng.uniform(0.75, 1.3), np.linalg.qr(np.eye(3) + skew - skew.T)[0]))
    windows, numbers, who = [], [], []
    for number, dance in enumerate(DANCES, start=1):
        for person, (tempo, vigour, mount) in enumerate(people):
            mount = mount * np.sign(np.diag(mount))
            for _ in range(WINDOWS):
                windows.append(dance_window(dance, tempo, vigour, mount, rng))
                numbers.append(number)
                who.append(person)
    return np.array(windows, dtype=np.float32), np.array(numbers), np.array(who)


class StepData(Dataset):
    def __init__(self, windows, labels):
        self.windows = torch.from_numpy(windows)
        self.labels = torch.from_numpy(labels)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.windows[i], self.labels[i]


class SeparableBlock(nn.Module):
    def __init__(self, width, dilation):
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, 5, padding=2 * dilation, dilation=dilation, groups=width)
        self.pointwise = nn.Conv1d(width, width, 1)
        self.norm = nn.GroupNorm(4, width)

    def forward(self, x):
        return x + F.relu(self.norm(self.pointwise(self.depthwise(x))))


class StepNet(nn.Module):
    """Dilated separable convolutions over time, then attention that picks the moments that matter."""

    def __init__(self, n_out, width=28, neck=24):
        super().__init__()
        self.stem = nn.Conv1d(3, width, 5, padding=2)
        self.blocks = nn.Sequential(*[SeparableBlock(width, d) for d in (1, 2, 4, 8)])
        self.score = nn.Linear(width, 1)
        self.neck = nn.Linear(width, neck)
        self.out = nn.Linear(neck, n_out)

    def encode(self, x):
        x = x.permute(0, 2, 1)  # [batch, time, axis] -> [batch, axis, time]
        return self.blocks(F.relu(self.stem(x))).permute(0, 2, 1)

    def forward(self, x):
        h = self.encode(x)
        attention = torch.softmax(self.score(h), dim=1)
        pooled = (attention * h).sum(dim=1)
        logits = self.out(F.relu(self.neck(pooled)))
        return F.log_softmax(logits, dim=1)


def train_one_epoch(model, loader, optimizer):
    model.train()
    total = 0.0
    for windows, labels in loader:
        optimizer.zero_grad()
        log_probs = model(windows)
        loss = F.nll_loss(log_probs, labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    loss, hits, n = 0.0, 0, 0
    for windows, labels in loader:
        log_probs = model(windows)
        loss += F.nll_loss(log_probs, labels, reduction="sum").item()
        hits += (log_probs.argmax(dim=1) == labels).sum().item()
        n += len(labels)
    return loss / n, hits / n


if __name__ == "__main__":
    windows, numbers, who = record_everybody(np.random.default_rng(SEED))
    new = who >= DANCERS - 6
    mean, std = windows[~new].mean(axis=(0, 1)), windows[~new].std(axis=(0, 1))
    windows = (windows - mean) / std
    train_set = StepData(windows[~new], numbers[~new] - 1)
    test_set = StepData(windows[new], numbers[new] - 1)
    train_loader = DataLoader(train_set, batch_size=BATCH_SIZE, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=120)

    model = StepNet(n_out=int(train_set.labels.max()) + 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    for epoch in range(1, N_EPOCHS + 1):
        train_loss = train_one_epoch(model, train_loader, optimizer)
        test_loss, accuracy = evaluate(model, test_loader)
        print(
            f"epoch {epoch:2d}: train loss {train_loss:.3f}, new dancers: loss {test_loss:.3f}, accuracy {accuracy:.3f}"
        )
    print(f"accuracy on new dancers: {accuracy:.3f} (chance: {1 / len(DANCES):.3f})")
