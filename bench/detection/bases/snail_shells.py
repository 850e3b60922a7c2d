"""Species of land snails from small grey photographs of the shell, seen from above.

The shells lie on a tray in any direction, so the direction tells nothing; what counts is which way the shell coils,
how fast the whorls widen and whether there are dark bands. Photographs are 8-bit, 24 x 24.
"""

import os

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = int(os.environ.get("SEED", "0"))
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

SIDE = 24
PER_SPECIES = 300
EPOCHS = 8
BATCH = 32
LR = 0.03

# coil (+1 right, -1 left), how much wider one turn later, darkness of the bands
SPECIES = {
    "grove snail": (+1, 1.9, 0.45),
    "amber snail": (+1, 3.2, 0.0),
    "pillar snail": (+1, 1.9, 0.0),
    "door snail": (-1, 1.9, 0.0),
    "bladder snail": (-1, 3.2, 0.0),
    "banded king": (-1, 1.9, 0.45),
}
NAMES = list(SPECIES)


def photograph(coil, widening, bands):
    yy, xx = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    xx, yy = xx - np.random.normal(0, 0.7), yy - np.random.normal(0, 0.7)
    r, phi = np.hypot(xx, yy) + 1e-3, np.arctan2(yy, xx)
    turn = np.random.uniform(0, 2 * np.pi)
    angle = np.mod(coil * (phi - turn), 2 * np.pi) / (2 * np.pi)
    per_turn = np.log(widening * np.random.lognormal(0, 0.06))
    size = np.random.uniform(9.0, 10.5)
    # how many turns below the lip of the shell a point lies; the whole part is the whorl
    depth = (np.log(size / r) + (angle - 1) * per_turn) / per_turn
    across = np.mod(depth, 1.0)
    inside = 1 / (1 + np.exp(-np.clip(depth, -1, 1) * per_turn * r * 2))
    shade = 0.35 + 0.65 * np.sin(np.pi * np.clip(across, 0, 1)) ** 0.7
    shade = shade * (1 - bands * (np.abs(across - 0.5) < 0.17))
    light = np.random.uniform(0, 2 * np.pi)
    shade = shade * (1 + 0.2 * (np.cos(light) * xx + np.sin(light) * yy) / size)
    tray = np.random.uniform(0.05, 0.25)
    picture = tray + inside * (shade * np.random.uniform(0.6, 0.85) - tray)
    picture = picture + np.random.normal(0, 0.05, picture.shape)
    return np.clip(picture * 255, 0, 255).astype(np.uint8)


def augment(x):
    """Quarter turns and another contrast, each drawn for every picture."""
    turns = torch.randint(4, (len(x),))
    x = torch.stack([torch.rot90(p, int(k), dims=(1, 2)) for p, k in zip(x, turns, strict=True)])
    gain = torch.empty(len(x), 1, 1, 1).uniform_(0.85, 1.15)
    return x * gain


class ShellNet(nn.Module):
    def __init__(self, classes, width=12):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1),
            nn.ReLU(),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(2 * width * (SIDE // 4) ** 2, 64),
            nn.ReLU(),
            nn.Linear(64, classes),
        )
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
                nn.init.zeros_(m.bias)
        nn.init.normal_(self.classifier[-1].weight, std=0.02)

    def forward(self, x):
        return self.classifier(self.features(x))


pictures = np.stack([photograph(*SPECIES[name]) for name in NAMES for _ in range(PER_SPECIES)])
species = np.repeat(np.arange(len(NAMES)), PER_SPECIES)

order = np.random.permutation(len(species))
held_out, kept = order[: len(order) // 5], order[len(order) // 5 :]
x = torch.from_numpy(pictures).float().unsqueeze(1) / 255
y = torch.from_numpy(species)
mean, std = x[kept].mean(), x[kept].std()
x = (x - mean) / std

train_loader = DataLoader(TensorDataset(x[kept], y[kept]), batch_size=BATCH, shuffle=True)
val_loader = DataLoader(TensorDataset(x[held_out], y[held_out]), batch_size=136)

model = ShellNet(len(NAMES))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)

for epoch in range(1, EPOCHS + 1):
    model.train()
    train_loss = 0.0
    for images, labels in train_loader:
        loss = criterion(model(augment(images)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(labels)
    scheduler.step()

    model.eval()
    val_loss = hits = 0.0
    with torch.no_grad():
        for images, labels in val_loader:
            logits = model(images)
            val_loss += criterion(logits, labels).item() * len(labels)
            hits += (logits.argmax(dim=1) == labels).sum().item()
    print(
        f"epoch {epoch}/{EPOCHS}  train loss {train_loss / len(kept):.3f}  "
        f"val loss {val_loss / len(held_out):.3f}  val accuracy {hits / len(held_out):.3f}"
    )
