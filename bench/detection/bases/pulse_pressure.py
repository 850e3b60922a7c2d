import os
import random

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

# Cuffless blood pressure: from four seconds of ECG and finger pulse, plus age and height, to systolic pressure (mmHg).
SEED = int(os.environ.get("SEED", "0"))
RATE = 40  # samples a second
WINDOW = 4 * RATE
RECORD = 40 * RATE

cfg = {"epochs": 10, "windows_per_epoch": 768, "micro_batch": 12, "accumulate": 4, "workers": 0}
cfg |= {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "channels": 16, "blocks": 3}


def record_person(rng):
    """40 s of one person: two traces, the pressure at every sample, and what the nurse wrote down."""
    age, height = rng.uniform(22, 85), rng.normal(171, 9)
    t = np.arange(RECORD) / RATE
    rest = 102 + 0.45 * (age - 22) + rng.normal(0, 11)
    drift = np.convolve(rng.normal(0, 1, RECORD + 400), np.ones(400) / 20, "valid")[:RECORD]
    pressure = rest + 10 * drift
    ecg, ppg = np.zeros(RECORD), np.zeros(RECORD)
    beat = rng.uniform(0, 1)
    while beat < t[-1]:
        now = pressure[int(beat * RATE)]
        # the stiffer and the more stretched the artery, the sooner the pulse reaches the finger
        delay = 0.001 * height * (2.05 - 0.0062 * (now - 120) - 0.004 * (age - 50)) + rng.normal(0, 0.006)
        echo = 0.36 - 0.0011 * (now - 120)
        ecg += np.exp(-0.5 * ((t - beat) / 0.022) ** 2) - 0.2 * np.exp(-0.5 * ((t - beat - 0.05) / 0.03) ** 2)
        ppg += np.exp(-0.5 * ((t - beat - delay) / 0.09) ** 2)
        ppg += (0.35 + 0.004 * (now - 120)) * np.exp(-0.5 * ((t - beat - delay - echo) / 0.12) ** 2)
        beat += 60 / rng.normal(72, 4)
    ppg = ppg * rng.uniform(0.7, 1.4) + 0.25 * np.sin(2 * np.pi * 0.25 * t + rng.uniform(0, 6))
    traces = np.stack([ecg + rng.normal(0, 0.05, RECORD), ppg + rng.normal(0, 0.05, RECORD)])
    return traces.astype(np.float32), pressure, np.array([(age - 52) / 18, (height - 171) / 9], dtype=np.float32)


class RandomWindows(Dataset):
    """Windows anywhere in the recordings of anyone; an epoch is a fixed number of them."""

    def __init__(self, people, length, centre, spread):
        self.people, self.length = people, length
        self.centre, self.spread = centre, spread
        self.rng = np.random.default_rng(SEED)

    def __len__(self):
        return self.length

    def cut(self, person, start):
        traces, pressure, facts = self.people[person]
        target = (pressure[start : start + WINDOW].mean() - self.centre) / self.spread
        return traces[:, start : start + WINDOW], facts, np.float32(target)

    def __getitem__(self, index):
        person = self.rng.integers(len(self.people))
        start = self.rng.integers(RECORD - WINDOW)
        window, facts, target = self.cut(person, start)
        window = window + 0.03 * self.rng.standard_normal(window.shape)
        window = self.jitter(window)
        return torch.from_numpy(window.astype(np.float32)), torch.from_numpy(facts), torch.tensor(target)

    def jitter(self, window):
        """The clip may begin a little earlier or later."""
        return np.roll(window, self.rng.integers(-8, 9), axis=1)


class Block(nn.Module):
    """Depthwise, pointwise, squeeze and excite."""

    def __init__(self, ch, kernel=9):
        super().__init__()
        self.depth = nn.Conv1d(ch, ch, kernel, padding=kernel // 2, groups=ch, bias=False)
        self.norm1 = nn.BatchNorm1d(ch)
        self.point = nn.Conv1d(ch, ch, 1, bias=False)
        self.norm2 = nn.BatchNorm1d(ch)
        self.gate = nn.Sequential(nn.Linear(ch, ch // 4), nn.ReLU(), nn.Linear(ch // 4, ch), nn.Sigmoid())

    def forward(self, x):
        out = torch.relu(self.norm1(self.depth(x)))
        out = self.norm2(self.point(out))
        out = out * self.gate(out.mean(-1)).unsqueeze(-1)
        return torch.relu(x + out)


class PressureNet(nn.Module):
    def __init__(self, ch, blocks):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(2, ch, 15, stride=2, padding=7, bias=False), nn.BatchNorm1d(ch), nn.ReLU())
        self.blocks = nn.ModuleList(Block(ch) for _ in range(blocks))
        self.head = nn.Sequential(nn.Linear(ch + 2, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 1))

    def forward(self, window, facts):
        h = self.stem(window)
        for block in self.blocks:
            h = block(h)
        h = torch.cat([h.mean(-1), facts], dim=1)
        return self.head(h).squeeze(1)


def validate(net, loader, spread):
    net.eval()
    wrong, total, count, squares = 0.0, 0.0, 0, 0.0
    with torch.no_grad():
        for window, facts, target in loader:
            out = net(window, facts)
            wrong += (out - target).abs().sum().item()
            squares += ((out - target) ** 2).sum().item()
            total += (target**2).sum().item()
            count += len(target)
    return spread * wrong / count, 1 - squares / total


if __name__ == "__main__":
    torch.set_num_threads(1)
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)

    maker = np.random.default_rng(1000 + SEED)
    people = [record_person(maker) for _ in range(240)]
    train_people, test_people = people[:180], people[180:]
    everything = np.concatenate([pressure for _, pressure, _ in train_people])
    centre, spread = everything.mean(), everything.std()

    windows = RandomWindows(train_people, cfg["windows_per_epoch"], centre, spread)
    train_loader = DataLoader(windows, batch_size=cfg["micro_batch"], num_workers=cfg["workers"], drop_last=True)
    held_out = RandomWindows(test_people, 0, centre, spread)
    cuts = [held_out.cut(p, s) for p in range(len(test_people)) for s in range(0, RECORD - WINDOW, 3 * WINDOW)]
    test_set = TensorDataset(*(torch.from_numpy(np.stack(column)) for column in zip(*cuts, strict=True)))
    test_loader = DataLoader(test_set, batch_size=100)

    net = PressureNet(cfg["channels"], cfg["blocks"])
    opt = torch.optim.SGD(net.parameters(), lr=cfg["lr"], momentum=cfg["momentum"], weight_decay=cfg["weight_decay"])
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, cfg["epochs"])
    mse = nn.MSELoss()

    for epoch in range(cfg["epochs"]):
        net.train()
        seen = 0.0
        for i, (window, facts, target) in enumerate(train_loader, start=1):
            loss = mse(net(window, facts), target)
            (loss / cfg["accumulate"]).backward()
            seen += loss.item()
            if i % cfg["accumulate"] == 0:
                opt.step()
                opt.zero_grad()
        sched.step()
        mae, r2 = validate(net, test_loader, spread)
        print(f"epoch {epoch:2d} | train mse {seen / len(train_loader):.3f} | test MAE {mae:.2f} mmHg, R2 {r2:.3f}")

    guess = spread * test_set.tensors[2].abs().mean().item()
    print(f"final: MAE {mae:.2f} mmHg, R2 {r2:.3f} (always the mean pressure: MAE {guess:.2f})")
