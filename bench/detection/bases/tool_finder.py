"""Find the one tool in a cluttered picture: its box and its kind."""

import copy
import os

import numpy as np
import torch
from sklearn.metrics import accuracy_score
from torch import nn
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", "0"))
KINDS = ["hammer", "spanner", "saw", "disc", "frame"]
SIZE = 32


def stamp(kind, h, w):
    """A mask of h x w for one kind of tool."""
    y, x = np.mgrid[0:h, 0:w]
    y, x = (y + 0.5) / h, (x + 0.5) / w
    if kind == "hammer":
        return (y < 0.3) | (abs(x - 0.5) < 0.14)
    if kind == "spanner":
        return (abs(y - 0.5) < 0.16) | (abs(x - 0.15) < 0.16) | (abs(x - 0.85) < 0.16)
    if kind == "saw":
        return y > 0.75 * x
    if kind == "disc":
        return np.hypot(x - 0.5, y - 0.5) < 0.5
    return np.maximum(abs(x - 0.5), abs(y - 0.5)) > 0.28


def make_scene(rng):
    kind = rng.integers(len(KINDS))
    h, w = rng.integers(9, 19, 2)
    top, left = rng.integers(0, SIZE - h + 1), rng.integers(0, SIZE - w + 1)
    scene = rng.normal(0.45, 0.06, (SIZE, SIZE))
    for _ in range(4):  # scratches and dust
        r, c = rng.integers(0, SIZE - 4, 2)
        scene[r : r + rng.integers(1, 4), c : c + rng.integers(1, 4)] += rng.uniform(-0.2, 0.2)
    scene[top : top + h, left : left + w][stamp(KINDS[kind], h, w)] += rng.uniform(0.25, 0.45)
    return (scene.clip(0, 1) * 255).astype(np.uint8), (left, top, left + w, top + h), kind


class Scenes(Dataset):
    """Yields a picture, its box as (x1, y1, x2, y2) in pixels, and its kind."""

    def __init__(self, n, seed, flip=False):
        rng = np.random.default_rng(seed)
        self.items = [make_scene(rng) for _ in range(n)]
        self.flip = flip

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        image, box, kind = self.items[i]
        image = torch.from_numpy(image).float().div(255).sub(0.5).div(0.2)
        x1, y1, x2, y2 = box
        if self.flip and torch.rand(1).item() < 0.5:
            image = image.flip(-1)
            x1, x2 = SIZE - x2, SIZE - x1
        return image, (x1, y1, x2, y2), kind


def collate(batch):
    images = torch.stack([item[0] for item in batch])[:, None]
    boxes = torch.tensor([item[1] for item in batch], dtype=torch.float) / SIZE
    kinds = torch.tensor([int(item[2]) for item in batch])
    return images, {"boxes": boxes, "kinds": kinds}


def to_centre(boxes):
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], dim=-1)


def to_corners(boxes):
    cx, cy, w, h = boxes.unbind(-1)
    return torch.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], dim=-1)


def iou(a, b):
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    inter = (high - low).clamp(min=0).prod(1)
    area_a = (a[:, 2:] - a[:, :2]).clamp(min=0).prod(1)
    area_b = (b[:, 2:] - b[:, :2]).clamp(min=0).prod(1)
    return inter / (area_a + area_b - inter + 1e-7)


class Finder(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        layers, channels = [], 1
        for out in (width, width * 2, width * 4):
            layers += [nn.Conv2d(channels, out, 3, stride=2, padding=1), nn.BatchNorm2d(out), nn.SiLU()]
            channels = out
        self.backbone = nn.Sequential(*layers, nn.Flatten())
        self.neck = nn.Sequential(nn.Linear(channels * 16, 96), nn.SiLU())
        self.box_head = nn.Linear(96, 4)
        self.kind_head = nn.Linear(96, len(KINDS))

    def forward(self, images):
        features = self.neck(self.backbone(images))
        boxes = torch.sigmoid(self.box_head(features))
        return {"boxes": boxes, "kinds": self.kind_head(features)}


class FinderLoss(nn.Module):
    def __init__(self, box_weight=5.0):
        super().__init__()
        self.box_weight = box_weight
        self.box_loss = nn.SmoothL1Loss(beta=0.1)
        self.kind_loss = nn.CrossEntropyLoss()

    def forward(self, outputs, targets):
        box = self.box_loss(outputs["boxes"], to_centre(targets["boxes"]))
        kind = self.kind_loss(outputs["kinds"], targets["kinds"])
        return self.box_weight * box + kind


class EarlyStopping:
    def __init__(self, patience):
        self.patience = patience
        self.best = -np.inf
        self.waited = 0
        self.state = None

    def __call__(self, score, model):
        if score > self.best:
            self.best, self.waited = score, 0
            self.state = copy.deepcopy(model.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience


def run_epoch(model, loader, loss_fn, optimizer):
    model.train()
    total = 0.0
    for images, targets in loader:
        outputs = model(images)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


def evaluate(model, loader, loss_fn):
    model.eval()
    total, overlaps, kinds, guesses = 0.0, [], [], []
    with torch.inference_mode():
        for images, targets in loader:
            outputs = model(images)
            total += loss_fn(outputs, targets).item()
            overlaps.append(iou(to_corners(outputs["boxes"]), targets["boxes"]))
            guesses += outputs["kinds"].argmax(-1).tolist()
            kinds += targets["kinds"].tolist()
    return {
        "loss": total / len(loader),
        "iou": torch.cat(overlaps).mean().item(),
        "accuracy": accuracy_score(kinds, guesses),
    }


if __name__ == "__main__":
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    train_data, val_data = Scenes(1400, seed=2 * SEED, flip=True), Scenes(400, seed=2 * SEED + 1)
    train_loader = DataLoader(train_data, batch_size=32, shuffle=True, collate_fn=collate)
    val_loader = DataLoader(val_data, batch_size=100, collate_fn=collate)

    model = Finder()
    loss_fn = FinderLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.5e-3, weight_decay=1e-2)
    stopper = EarlyStopping(patience=3)
    for epoch in range(1, 11):
        train_loss = run_epoch(model, train_loader, loss_fn, optimizer)
        val = evaluate(model, val_loader, loss_fn)
        print(f"{epoch:3d}  train {train_loss:.3f}  " + "  ".join(f"val_{k} {v:.3f}" for k, v in val.items()))
        if stopper(val["iou"] + val["accuracy"], model):
            break

    model.load_state_dict(stopper.state)
    val = evaluate(model, val_loader, loss_fn)
    print(f"best weights: iou {val['iou']:.3f}, accuracy {val['accuracy']:.3f}")
