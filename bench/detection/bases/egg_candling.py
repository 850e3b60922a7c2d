"""Candled eggs: a camera above the lamp decides which eggs stay in the incubator.

The pictures lie in one folder per finding (24 x 24 pixels, 8 bit, one channel); here they are drawn.
"""

import copy
import os

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter, rotate
from torch import nn
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
torch.set_num_threads(1)
rng = np.random.default_rng(SEED)

FINDINGS = ["clear", "growing", "blood ring", "cracked", "rotten"]
SIDE = 24
PER_FINDING = 400
BATCH = 32
EPOCHS = 9
LR = 0.02

yy, xx = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2


def draw_egg(finding):
    """One egg in the light of the lamp, as uint8."""
    a, b = rng.normal(10.2, 0.5), rng.normal(7.8, 0.4)
    shape = (xx / a) ** 2 + (yy * (1 + 0.012 * xx) / b) ** 2
    inside = 1 / (1 + np.exp((shape - 1) * 9))
    light = rng.uniform(120, 160) * (1 - 0.25 * shape)
    light += 35 / (1 + np.exp(-(xx - rng.normal(6.5, 0.7)) * 2))  # the air cell at the blunt end
    light *= 1 + 0.25 * gaussian_filter(rng.normal(0, 1.0, (SIDE, SIDE)), 1.5)  # pores and spots of the shell
    cx, cy = rng.normal(-1.5, 1.2), rng.normal(0, 1.2)
    r, phi = np.hypot(xx - cx, yy - cy), np.arctan2(yy - cy, xx - cx)
    depth = rng.uniform(30, 75)
    if finding == "clear":  # the shadow of the yolk and nothing else
        light -= 0.7 * depth * np.exp(-((r / rng.uniform(3.0, 5.0)) ** 2))
    elif finding == "growing":  # an eye with vessels that leave it on all sides
        light -= depth * np.exp(-((r / 1.4) ** 2))
        arms = np.maximum(np.cos(rng.integers(4, 7) * phi + rng.uniform(0, 6.3) + 0.15 * r), 0) ** 3
        light -= 0.9 * depth * arms * np.exp(-r / 5.5)
    elif finding == "blood ring":
        light -= depth * np.exp(-(((r - rng.uniform(3.4, 5.2)) / 0.9) ** 2))
    elif finding == "cracked":  # a bright broken line over the shadow of the yolk
        light -= 0.5 * depth * np.exp(-((r / rng.uniform(3.0, 5.0)) ** 2))
        way = rng.uniform(0, np.pi)
        along, across = xx * np.cos(way) + yy * np.sin(way), yy * np.cos(way) - xx * np.sin(way)
        path = rng.normal(0, 3) + 1.2 * np.sin(along * rng.uniform(0.8, 1.5) + rng.uniform(0, 6.3))
        light += 1.3 * depth * np.exp(-(((across - path) / 0.7) ** 2)) * (along * rng.choice([-1, 1]) > -2)
    else:  # dark clouds without a centre
        light -= depth * np.clip(gaussian_filter(rng.normal(0, 7, (SIDE, SIDE)), 2.2), 0, 1.5)
    picture = rotate(18 + light * inside, rng.normal(0, 6), reshape=False, order=1, mode="nearest")
    return np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)


class Eggs(Dataset):
    """Pictures with their findings; in training an egg may be turned over, blunt end to the right as before."""

    def __init__(self, pictures, findings, turn=False):
        self.pictures = torch.as_tensor(pictures, dtype=torch.float32).unsqueeze(1)
        self.findings = torch.as_tensor(findings)
        self.turn = turn

    def __len__(self):
        return len(self.findings)

    def __getitem__(self, i):
        picture = self.pictures[i]
        if self.turn and torch.rand(()) < 0.5:
            picture = picture.flip(1)
        return picture, self.findings[i]


class Candler(nn.Module):
    def __init__(self, code=48):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.conv3 = nn.Conv2d(16, 32, 3, padding=1)
        self.code = nn.Linear(32 * 3 * 3, code)
        self.out = nn.Linear(code, len(FINDINGS))
        for layer in (self.conv1, self.conv2, self.conv3, self.code):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def features(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.max_pool2d(F.relu(self.conv3(x)), 2)
        return F.relu(self.code(x.flatten(1)))

    def forward(self, x):
        return self.out(self.features(x))


# ---- the folders, one after the other
labels = np.repeat(np.arange(len(FINDINGS)), PER_FINDING)
photos = np.stack([draw_egg(FINDINGS[k]) for k in labels]).astype(np.float32)

order = rng.permutation(len(labels))
cut = int(0.75 * len(labels))
train_idx, val_idx = order[:cut], order[cut:]
photos = photos - photos[train_idx].mean(axis=0)  # what is left is what is special about an egg
photos = photos / photos[train_idx].std()

train_set = Eggs(photos[train_idx], labels[train_idx], turn=True)
val_set = Eggs(photos[val_idx], labels[val_idx])
train_loader = DataLoader(train_set, batch_size=BATCH, shuffle=True)
val_loader = DataLoader(val_set, batch_size=250)

# ---- training
model = Candler()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9, weight_decay=5e-4)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)
best, best_state = float("inf"), None

for epoch in range(1, EPOCHS + 1):
    model.train()
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y)
    schedule.step()

    model.eval()
    val_loss, right = 0.0, 0
    with torch.no_grad():
        for x, y in val_loader:
            scores = model(x)
            val_loss += criterion(scores, y).item() * len(y)
            right += (scores.argmax(1) == y).sum().item()
    val_loss /= len(val_set)
    print(f"{epoch:2d}  train {total / len(train_set):.3f}  val {val_loss:.3f}  right {right / len(val_set):.1%}")
    if val_loss < best:
        best, best_state = val_loss, copy.deepcopy(model.state_dict())

model.load_state_dict(best_state)
print(f"kept the weights with validation loss {best:.3f}")
