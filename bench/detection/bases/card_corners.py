"""Find the four corners of a playing card on a table: one heat map per corner, read out by a soft argmax.

python card_corners.py [--epochs 8] [--lr 0.004]
"""

import argparse
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

SIZE = 32
CORNERS = ["top left", "top right", "bottom right", "bottom left"]


def inside(poly, yy, xx):
    """Which pixels lie inside a convex polygon whose corners go round clockwise."""
    mask = np.ones_like(xx, dtype=bool)
    for (x1, y1), (x2, y2) in zip(poly, np.roll(poly, -1, axis=0), strict=True):
        mask &= (x2 - x1) * (yy - y1) - (y2 - y1) * (xx - x1) >= 0
    return mask


def make_picture(rng):
    yy, xx = np.mgrid[:SIZE, :SIZE].astype(float)
    height, width = rng.uniform(15, 19), rng.uniform(10, 13)
    angle = np.deg2rad(rng.uniform(-25, 25))
    box = np.array([[-width, -height], [width, -height], [width, height], [-width, height]]) / 2
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = box @ turn.T + rng.uniform(-0.8, 0.8, (4, 2)) + rng.uniform(13, SIZE - 14, 2)
    picture = rng.uniform(40, 110) + 14 * np.sin(0.5 * xx * rng.uniform(0.5, 1) + rng.uniform(0, 6))
    picture = np.where(inside(corners, yy, xx), rng.uniform(170, 230), picture)
    pips = corners.mean(0) + rng.uniform(-0.22, 0.22, (4, 2)) * [width, height] @ turn.T
    for px, py in pips:
        picture[(yy - py) ** 2 + (xx - px) ** 2 < 2.2] -= 80
    picture += rng.normal(0, 14, picture.shape)
    return picture.clip(0, 255).astype(np.uint8), corners.astype(np.float32)


class RandomFlip:
    """Left becomes right, for the picture, for the places and for the names of the corners."""

    def __init__(self, p=0.5):
        self.p = p

    def __call__(self, sample):
        image, corners = sample["image"], sample["corners"]
        if torch.rand(1).item() < self.p:
            image = image[:, ::-1].copy()
            corners = corners * np.float32([-1, 1]) + np.float32([SIZE - 1, 0])
            corners = corners[[1, 0, 3, 2]]
        return {"image": image, "corners": corners}


class Brightness:
    def __init__(self, spread=0.2):
        self.spread = spread

    def __call__(self, sample):
        factor = 1 + self.spread * (2 * torch.rand(1).item() - 1)
        return {"image": (sample["image"] * factor).clip(0, 255), "corners": sample["corners"]}


class ToTensor:
    def __call__(self, sample):
        image = torch.from_numpy(np.asarray(sample["image"], dtype=np.float32)).unsqueeze(0) / 255
        return {"image": (image - 0.45) / 0.25, "corners": torch.from_numpy(sample["corners"])}


class Compose:
    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, sample):
        for t in self.transforms:
            sample = t(sample)
        return sample


class CardDataset(Dataset):
    def __init__(self, n, seed, transform):
        rng = np.random.default_rng(seed)
        self.samples = [make_picture(rng) for _ in range(n)]
        self.transform = transform

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, idx):
        image, corners = self.samples[idx]
        return self.transform({"image": image, "corners": corners})


class CornerNet(nn.Module):
    def __init__(self, ch=12):
        super().__init__()
        self.down1 = nn.Conv2d(1, ch, 3, stride=2, padding=1)
        self.bn1 = nn.BatchNorm2d(ch)
        self.down2 = nn.Conv2d(ch, ch * 2, 3, stride=2, padding=1)
        self.bn2 = nn.BatchNorm2d(ch * 2)
        self.middle = nn.Conv2d(ch * 2, ch * 2, 5, padding=2)
        self.bn3 = nn.BatchNorm2d(ch * 2)
        self.up = nn.ConvTranspose2d(ch * 2, ch, 4, stride=2, padding=1)
        self.bn4 = nn.BatchNorm2d(ch)
        self.heat = nn.Conv2d(ch, len(CORNERS), 3, padding=1)

    def forward(self, x):
        skip = F.relu(self.bn1(self.down1(x)))
        x = F.relu(self.bn2(self.down2(skip)))
        x = F.relu(self.bn3(self.middle(x)))
        x = F.relu(self.bn4(self.up(x)))
        return self.heat(x + skip)


def soft_argmax(maps):
    """Expected place (x, y), in pixels of the picture, under the softmax of each map."""
    n, k, h, w = maps.shape
    weights = F.softmax(maps.view(n, k, h * w), dim=-1).view(n, k, h, w)
    ys = torch.arange(h, dtype=maps.dtype) * SIZE / h + 0.5
    xs = torch.arange(w, dtype=maps.dtype) * SIZE / w + 0.5
    return torch.stack([(weights.sum(2) * xs).sum(-1), (weights.sum(3) * ys).sum(-1)], dim=-1)


def train_one_epoch(model, loader, optimizer):
    model.train()
    total = 0.0
    for batch in loader:
        maps = model(batch["image"])
        places = soft_argmax(maps)
        loss = F.smooth_l1_loss(places, batch["corners"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(places)
    return total / len(loader.dataset)


def evaluate(model, loader):
    model.eval()
    losses, distances = [], []
    with torch.no_grad():
        for batch in loader:
            places = soft_argmax(model(batch["image"]))
            losses.append(F.smooth_l1_loss(places, batch["corners"]).item())
            distances.append((places - batch["corners"]).norm(dim=-1))
    distances = torch.cat(distances)
    return np.mean(losses), distances.mean().item(), (distances < 1.5).float().mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--epochs", type=int, default=8)
    ap.add_argument("--batch", type=int, default=32)
    ap.add_argument("--lr", type=float, default=4e-3)
    ap.add_argument("--n-train", type=int, default=1200)
    args = ap.parse_args()

    seed = int(os.environ.get("SEED", "0"))
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    train_set = CardDataset(args.n_train, 100 + seed, Compose([RandomFlip(), Brightness(), ToTensor()]))
    val_set = CardDataset(320, 5000 + seed, ToTensor())
    train_loader = DataLoader(train_set, batch_size=args.batch, shuffle=True, drop_last=True)
    val_loader = DataLoader(val_set, batch_size=160)

    model = CornerNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.4)
    history = {"train": [], "val": [], "pixels": [], "close": []}
    for epoch in range(1, args.epochs + 1):
        history["train"].append(train_one_epoch(model, train_loader, optimizer))
        scheduler.step()
        for name, value in zip(("val", "pixels", "close"), evaluate(model, val_loader), strict=True):
            history[name].append(value)
        print(f"[{epoch}/{args.epochs}] " + "  ".join(f"{name} {values[-1]:.3f}" for name, values in history.items()))
    average = np.mean([corners for _, corners in train_set.samples], axis=0)
    lazy = np.mean([np.linalg.norm(corners - average, axis=1).mean() for _, corners in val_set.samples])
    print(f"the average places are {lazy:.2f} pixels off")


if __name__ == "__main__":
    main()
