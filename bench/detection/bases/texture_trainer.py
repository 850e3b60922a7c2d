"""Classify small grey textures (woven, dotted, striped...). Usage: python texture_trainer.py --epochs 7 --lr 0.003"""

import argparse
import copy
import os
import random

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import f1_score
from torch.utils.data import DataLoader, Dataset

TEXTURES = ("rows", "columns", "checks", "dots", "cloth", "marble")


def render(name, rng, size=28):
    y, x = np.mgrid[0:size, 0:size].astype(np.float64)
    period, shift = rng.uniform(3.5, 7.0), rng.uniform(0, 7, 2)
    bend = rng.uniform(0.3, 1.2) * np.sin(2 * np.pi * (x + y) / rng.uniform(18, 30) + rng.uniform(0, 6))
    v = np.sin(2 * np.pi * (y + shift[0] + bend) / period)
    u = np.sin(2 * np.pi * (x + shift[1] + bend) / period)
    if name == "rows":
        field = v
    elif name == "columns":
        field = u
    elif name == "checks":
        field = np.sign(u * v)
    elif name == "dots":
        field = 2.0 * (u * v > 0.55) - 1
    elif name == "cloth":
        field = np.maximum(u, v)
    else:
        coarse = rng.normal(size=(7, 7))
        field = 1.5 * np.kron(coarse, np.ones((4, 4)))
        field = (field + np.roll(field, 2, 0) + np.roll(field, 2, 1) + np.roll(field, (2, 2), (0, 1))) / 4
    grey = 128 + rng.uniform(15, 35) * field + rng.uniform(-30, 30) + rng.normal(0, 28, (size, size))
    return grey.clip(0, 255).astype(np.uint8)


def make_split(count, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(TEXTURES)
    rng.shuffle(labels)
    return np.stack([render(TEXTURES[k], rng) for k in labels]), labels


class TextureDataset(Dataset):
    """Random crops and flips while training, the middle crop otherwise."""

    def __init__(self, images, labels, crop=24, train=True):
        self.images = images
        self.labels = labels
        self.crop = crop
        self.train = train

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = self.images[i]
        margin = image.shape[0] - self.crop
        if self.train:
            top, left = random.randint(0, margin), random.randint(0, margin)
        else:
            top = left = margin // 2
        image = image[top : top + self.crop, left : left + self.crop]
        if self.train and random.random() < 0.5:
            image = image[:, ::-1]
        image = torch.from_numpy(image.astype(np.float32) / 255.0)
        image = (image - 0.5) / 0.2
        return image.unsqueeze(0), int(self.labels[i])


def conv_block(inp, out):
    return nn.Sequential(nn.Conv2d(inp, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True))


class TextureNet(nn.Module):
    def __init__(self, n_classes, width=12, p_drop=0.2):
        super().__init__()
        self.block1 = conv_block(1, width)
        self.block2 = conv_block(width, width * 2)
        self.block3 = conv_block(width * 2, width * 3)
        self.pool = nn.MaxPool2d(2)
        self.drop = nn.Dropout(p_drop)
        self.fc = nn.Linear(width * 3, n_classes)

    def forward(self, x):
        x = self.pool(self.block1(x))
        x = self.pool(self.block2(x))
        x = self.block3(x)
        x = torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1)
        x = self.drop(x)
        return self.fc(x)


class Trainer:
    def __init__(self, model, train_loader, val_loader, args):
        self.model = model
        self.train_loader = train_loader
        self.val_loader = val_loader
        self.args = args
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=args.epochs)
        self.best_f1 = -1.0
        self.best_weights = None

    def train_epoch(self):
        self.model.train()
        running = 0.0
        for images, labels in self.train_loader:
            logits = self.model(images)
            loss = self.criterion(logits, labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            running += loss.item() * images.size(0)
        self.scheduler.step()
        return running / len(self.train_loader.dataset)

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        total, y_true, y_pred = 0.0, [], []
        for images, labels in self.val_loader:
            logits = self.model(images)
            total += self.criterion(logits, labels).item() * images.size(0)
            y_true += labels.tolist()
            y_pred += logits.argmax(dim=1).tolist()
        return total / len(y_true), f1_score(y_true, y_pred, average="macro", zero_division=0)

    def fit(self):
        for epoch in range(1, self.args.epochs + 1):
            train_loss = self.train_epoch()
            val_loss, f1 = self.validate()
            print(f"Epoch [{epoch}/{self.args.epochs}] train={train_loss:.4f} val={val_loss:.4f} f1={f1:.4f}")
            if f1 > self.best_f1:
                self.best_f1 = f1
                self.best_weights = copy.deepcopy(self.model.state_dict())
        self.model.load_state_dict(self.best_weights)
        print(f"Restored the best weights: f1={self.validate()[1]:.4f} (best seen {self.best_f1:.4f})")


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--batch-size", type=int, default=48)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--weight-decay", type=float, default=1e-2)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", "0")))
    return parser.parse_args()


def main():
    args = parse_args()
    random.seed(args.seed)
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    x_train, y_train = make_split(1500, seed=args.seed * 2 + 1)
    x_val, y_val = make_split(480, seed=args.seed * 2 + 2)
    train_set = TextureDataset(x_train, y_train, train=True)
    val_set = TextureDataset(x_val, y_val, train=False)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=120)
    model = TextureNet(len(TEXTURES))
    Trainer(model, train_loader, val_loader, args).fit()


if __name__ == "__main__":
    main()
