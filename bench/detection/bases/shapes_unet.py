"""Segment bright blobs and bars on noisy pictures with a small U-Net."""

import os

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
torch.set_num_threads(1)
rng = np.random.default_rng(SEED)


def scene(size=24):
    rows, columns = np.mgrid[:size, :size]
    mask = np.zeros((size, size), dtype=bool)
    for _ in range(rng.integers(1, 4)):
        y, x = rng.uniform(3, size - 3, 2)
        if rng.random() < 0.5:
            mask |= np.hypot(rows - y, columns - x) < rng.uniform(2, 5)
        else:
            mask |= (abs(rows - y) < rng.uniform(1, 3)) & (abs(columns - x) < rng.uniform(3, 7))
    shade = rng.uniform(-0.5, 0.5) * (columns - size / 2) / size
    image = shade + mask * rng.uniform(0.7, 1.2) + rng.normal(0, 0.35, (size, size))
    return image, mask


def make_set(count):
    images, masks = zip(*(scene() for _ in range(count)), strict=True)
    images = torch.tensor(np.stack(images), dtype=torch.float32).unsqueeze(1)
    return TensorDataset(images, torch.tensor(np.stack(masks), dtype=torch.float32).unsqueeze(1))


def double_conv(cin, cout):
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(cout, cout, 3, padding=1),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.down1 = double_conv(1, width)
        self.down2 = double_conv(width, 2 * width)
        self.bottom = double_conv(2 * width, 4 * width)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.dec2 = double_conv(4 * width, 2 * width)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.dec1 = double_conv(2 * width, width)
        self.out = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        c = self.bottom(F.max_pool2d(b, 2))
        d = self.dec2(torch.cat([self.up2(c), b], dim=1))
        e = self.dec1(torch.cat([self.up1(d), a], dim=1))
        return self.out(e)


def iou(logits, masks):
    predicted, wanted = logits > 0, masks > 0.5
    return (predicted & wanted).sum().item() / max((predicted | wanted).sum().item(), 1)


train_loader = DataLoader(make_set(400), batch_size=16, shuffle=True)
val_loader = DataLoader(make_set(120), batch_size=60)
model = UNet()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(10):
    model.train()
    losses = []
    for images, masks in train_loader:
        optimizer.zero_grad()
        logits = model(images)
        loss = criterion(logits, masks)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    val_losses, overlaps = [], []
    with torch.no_grad():
        for images, masks in val_loader:
            logits = model(images)
            val_losses.append(criterion(logits, masks).item())
            overlaps.append(iou(logits, masks))
    print(f"epoch {epoch}  loss {np.mean(losses):.4f}  val loss {np.mean(val_losses):.4f}  IoU {np.mean(overlaps):.3f}")
