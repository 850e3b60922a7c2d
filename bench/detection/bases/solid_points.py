"""PointNet on point clouds of simple solids, in bfloat16 where it pays.

python solid_points.py --epochs 8 --accumulate 2
"""

import argparse
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

SOLIDS = ["ball", "box", "can", "cone", "ring", "saddle"]


def surface(kind, n, rng):
    """n points on the surface of a solid, about the origin."""
    u, v = rng.uniform(0, 2 * np.pi, n), rng.uniform(0, 1, n)
    a, b = rng.uniform(0.6, 1.4, 2)
    if kind == "ball":
        p = rng.normal(size=(n, 3))
        return p / np.linalg.norm(p, axis=1, keepdims=True) * [1, a, b]
    if kind == "box":
        p = rng.uniform(-1, 1, (n, 3))
        side = rng.integers(0, 3, n)
        p[np.arange(n), side] = rng.choice([-1, 1], n)
        return p * [1, a, b]
    if kind == "can":
        lid = rng.random(n) < 0.3
        r = np.where(lid, np.sqrt(rng.random(n)), 1.0)
        z = np.where(lid, rng.choice([-1, 1], n), 2 * v - 1)
        return np.column_stack([r * np.cos(u), r * np.sin(u), a * z])
    if kind == "cone":
        r = np.sqrt(v)
        bottom = rng.random(n) < 0.3
        z = np.where(bottom, -1, 1 - 2 * r)
        return np.column_stack([r * np.cos(u), r * np.sin(u), a * z])
    if kind == "ring":
        w, thin = rng.uniform(0, 2 * np.pi, n), rng.uniform(0.25, 0.45)
        return np.column_stack(
            [(1 + thin * np.cos(w)) * np.cos(u), (1 + thin * np.cos(w)) * np.sin(u), thin * np.sin(w)]
        )
    x, y = rng.uniform(-1, 1, n), rng.uniform(-1, 1, n)
    return np.column_stack([x, y, a * (x**2 - y**2)])


def tilt(points, rng, limit=0.5):
    """Any turn about the vertical axis, a small one about another."""
    t, s = rng.uniform(0, 2 * np.pi), rng.uniform(-limit, limit)
    about_z = np.array([[np.cos(t), -np.sin(t), 0], [np.sin(t), np.cos(t), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(s), -np.sin(s)], [0, np.sin(s), np.cos(s)]])
    return points @ about_x.T @ about_z.T


class PointClouds(Dataset):
    def __init__(self, size, n_points, seed, augment=False):
        self.rng = np.random.default_rng(seed)
        self.labels = self.rng.integers(0, len(SOLIDS), size)
        self.clouds = []
        for label in self.labels:
            cloud = tilt(surface(SOLIDS[label], n_points, self.rng), self.rng)
            cloud = cloud * self.rng.uniform(20, 60) + self.rng.uniform(-100, 100, 3)
            self.clouds.append(cloud + self.rng.normal(0, 1.0, cloud.shape))
        self.augment = augment

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        cloud = self.clouds[idx]
        cloud = cloud - cloud.mean(axis=0)
        cloud = cloud / np.linalg.norm(cloud, axis=1).max()
        if self.augment:
            cloud = tilt(cloud, self.rng, limit=0.1)
            cloud = cloud + self.rng.normal(0, 0.01, cloud.shape)
        return {"points": torch.from_numpy(cloud).float(), "label": torch.tensor(self.labels[idx])}


class PointNet(nn.Module):
    def __init__(self, num_classes, width=32):
        super().__init__()
        self.conv1 = nn.Conv1d(3, width, 1)
        self.conv2 = nn.Conv1d(width, width * 2, 1)
        self.conv3 = nn.Conv1d(width * 2, width * 4, 1)
        self.bn1 = nn.BatchNorm1d(width)
        self.bn2 = nn.BatchNorm1d(width * 2)
        self.bn3 = nn.BatchNorm1d(width * 4)
        self.fc1 = nn.Linear(width * 4, width * 2)
        self.bn4 = nn.BatchNorm1d(width * 2)
        self.dropout = nn.Dropout(0.3)
        self.fc2 = nn.Linear(width * 2, num_classes)

    def forward(self, points):
        x = points.transpose(1, 2)  # B x 3 x N
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        x = torch.max(x, dim=2)[0]
        x = self.dropout(F.relu(self.bn4(self.fc1(x))))
        return self.fc2(x)


def train_epoch(model, loader, optimizer, args):
    model.train()
    total, hits, seen = 0.0, 0, 0
    optimizer.zero_grad()
    for step, batch in enumerate(loader):
        points, label = batch["points"], batch["label"]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.amp):
            out = model(points)
            loss = F.cross_entropy(out, label)
        (loss / args.accumulate).backward()
        if (step + 1) % args.accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
        total += loss.item() * len(label)
        hits += (out.argmax(1) == label).sum().item()
        seen += len(label)
    return total / seen, hits / seen


@torch.no_grad()
def test(model, loader):
    model.eval()
    total, hits, seen = 0.0, 0, 0
    for batch in loader:
        points, label = batch["points"], batch["label"]
        out = model(points)
        total += F.cross_entropy(out, label, reduction="sum").item()
        hits += (out.argmax(1) == label).sum().item()
        seen += len(label)
    return total / seen, hits / seen


def get_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--accumulate", type=int, default=2)
    parser.add_argument("--n-points", type=int, default=96)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", "0")))
    parser.add_argument("--no-amp", dest="amp", action="store_false")
    return parser.parse_args()


def main():
    args = get_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    train_set = PointClouds(960, args.n_points, seed=10 * args.seed + 1, augment=True)
    test_set = PointClouds(360, args.n_points, seed=10 * args.seed + 2)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True, drop_last=True)
    test_loader = DataLoader(test_set, batch_size=120)

    model = PointNet(len(SOLIDS))
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.5)
    for epoch in range(1, args.epochs + 1):
        train_loss, train_acc = train_epoch(model, train_loader, optimizer, args)
        test_loss, test_acc = test(model, test_loader)
        scheduler.step()
        print(
            f"[{epoch}/{args.epochs}] train loss {train_loss:.4f} acc {train_acc:.3f} |"
            f" test loss {test_loss:.4f} acc {test_acc:.3f}"
        )


if __name__ == "__main__":
    main()
