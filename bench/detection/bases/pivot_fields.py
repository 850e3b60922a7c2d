"""What is wrong with a pivot-irrigated field? Round fields from above, several troubles at once are possible.

An encoder is trained on the fields of the plains, where there are plenty of reports, and frozen;
a head is then trained on the few reported fields of the valley. The stress maps are simulated.
"""

import os
import random
import tempfile

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED), np.random.seed(SEED), torch.manual_seed(SEED)
torch.set_num_threads(1)

SIDE = 24
TROUBLES = ["wheel_track", "weeds", "dry_sector", "clogged_nozzle", "end_gun", "pivot_leak"]
MEAN, STD = 0.12, 0.30  # of both planes, on the scale from 0 to 1
GAMMA, PRIOR = 1.0, 0.25

yy, xx = np.mgrid[:SIDE, :SIDE] / (SIDE - 1) * 2 - 1
RADIUS, ANGLE = np.hypot(xx, yy), np.arctan2(yy, xx)
FIELD = RADIUS <= 1.0


def draw_field(names, rng, strength):
    """Two planes of bytes (red, infrared), height x width x 2: 255 where the plants are under stress."""
    risk = np.full((SIDE, SIDE), 0.05)
    for name in names:
        x0, y0 = rng.normal(0, 0.06, 2)
        if name == "pivot_leak":
            area = np.hypot(xx - x0, yy - y0) < rng.uniform(0.22, 0.36)
        elif name == "clogged_nozzle":
            area = np.abs(np.hypot(xx - x0, yy - y0) - rng.uniform(0.48, 0.6)) < 0.11
        elif name == "end_gun":
            inner = rng.uniform(0.84, 0.9)
            area = inner < RADIUS
        elif name == "dry_sector":
            area = (RADIUS > 0.72) & (np.cos(ANGLE - rng.uniform(-np.pi, np.pi)) > np.cos(rng.uniform(0.4, 0.7)))
        elif name == "weeds":
            where, far = rng.uniform(-np.pi, np.pi), rng.uniform(0.45, 0.6)
            area = np.hypot(xx - far * np.cos(where), yy - far * np.sin(where)) < rng.uniform(0.2, 0.3)
        else:
            tilt, off = rng.uniform(0, np.pi), rng.uniform(-0.5, 0.5)
            along = xx * np.cos(tilt) + yy * np.sin(tilt)
            across = -xx * np.sin(tilt) + yy * np.cos(tilt)
            area = (np.abs(across - off - 0.15 * along**2) < 0.05) & (np.abs(along) < rng.uniform(0.5, 0.8))
        risk = np.where(area, rng.uniform(0.6, 0.85), risk)
    red = (rng.random((SIDE, SIDE)) < risk * strength) & FIELD
    infrared = (red & (rng.random((SIDE, SIDE)) < 0.9)) | ((rng.random((SIDE, SIDE)) < risk * 0.4) & FIELD)
    return np.stack([red, infrared], axis=2).astype(np.uint8) * 255


def survey(n, rng, strength):
    reports = [[name for name in TROUBLES if rng.random() < PRIOR] for _ in range(n)]
    return np.stack([draw_field(names, rng, strength) for names in reports]), reports


def multi_hot(reports, columns):
    return torch.tensor([[float(name in names) for name in columns] for names in reports])


def to_planes(maps):
    """Bytes, N x H x W x 2, to standardised floats, N x 2 x H x W."""
    planes = torch.from_numpy(maps).float().permute(0, 3, 1, 2) / 255
    return (planes - MEAN) / STD


def augment(planes):
    """A round field may lie any way round; a small cloud may hide a part of it."""
    turns, flip = random.randrange(4), random.random() < 0.5
    row, col = random.randrange(SIDE), random.randrange(SIDE)
    planes = torch.rot90(planes, turns, dims=(1, 2))
    planes = planes.flip(2) if flip else planes.clone()
    planes[:, row : row + 5, col : col + 5] = -MEAN / STD
    return planes


class Fields(Dataset):
    def __init__(self, planes, target, train):
        self.planes, self.target, self.train = planes, target, train

    def __len__(self):
        return len(self.target)

    def __getitem__(self, i):
        return (augment(self.planes[i]) if self.train else self.planes[i]), self.target[i]


def conv_block(n_in, n_out):
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU())


def make_encoder():
    return nn.Sequential(conv_block(2, 12), nn.MaxPool2d(2), conv_block(12, 24), conv_block(24, 32))


class Inspector(nn.Module):
    def __init__(self, encoder, frozen):
        super().__init__()
        self.encoder, self.frozen = encoder, frozen
        self.head = nn.Sequential(
            nn.Conv2d(32, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(32 * 9, 64),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(64, len(TROUBLES)),
        )
        nn.init.constant_(self.head[-1].bias, -np.log((1 - PRIOR) / PRIOR))
        self.encoder.requires_grad_(not frozen)

    def train(self, mode=True):
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def forward(self, planes):
        return self.head(self.encoder(planes))


def focal_loss(logits, target):
    p = logits.sigmoid().clamp(1e-6, 1 - 1e-6)
    hit = (1 - p) ** GAMMA * p.log() * target
    miss = p**GAMMA * (1 - p).log() * (1 - target)
    return -(hit + miss).mean()


@torch.no_grad()
def review(model, loader):
    model.eval()
    outs, targets = zip(*[(model(planes), target) for planes, target in loader], strict=True)
    out, target = torch.cat(outs), torch.cat(targets)
    said = out > 0
    f1 = 2 * (said * target).sum(0) / (said.sum(0) + target.sum(0)).clamp(min=1)
    return focal_loss(out, target).item(), f1.mean().item(), (said == target.bool()).all(1).float().mean().item()


def fit(model, train_loader, test_loader, epochs, rate, title):
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=rate)
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for planes, target in train_loader:
            optimizer.zero_grad()
            loss = focal_loss(model(planes), target)
            loss.backward()
            optimizer.step()
            total += loss.item() / len(train_loader)
        held, f1, whole = review(model, test_loader)
        print(f"{title} {epoch + 1:2d}: loss {total:.4f} / {held:.4f}  F1 {f1:.3f}  all troubles right {whole:.3f}")


def loaders(maps, reports, n_train):
    planes = to_planes(maps)
    train = Fields(planes[:n_train], multi_hot(reports[:n_train], TROUBLES), True)
    test = Fields(planes[n_train:], multi_hot(reports[n_train:], TROUBLES), False)
    return DataLoader(train, batch_size=32, shuffle=True), DataLoader(test, batch_size=128)


if __name__ == "__main__":
    rng = np.random.default_rng(SEED)
    plains, valley = survey(1500, rng, 0.8), survey(1000, rng, 1.0)
    with tempfile.TemporaryDirectory() as folder:
        teacher = Inspector(make_encoder(), frozen=False)
        fit(teacher, *loaders(*plains, 1200), epochs=4, rate=2e-3, title="plains")
        torch.save(teacher.encoder.state_dict(), f"{folder}/encoder.pt")
        encoder = make_encoder()
        encoder.load_state_dict(torch.load(f"{folder}/encoder.pt"))
    model = Inspector(encoder, frozen=True)
    fit(model, *loaders(*valley, 600), epochs=16, rate=2e-3, title="valley")
