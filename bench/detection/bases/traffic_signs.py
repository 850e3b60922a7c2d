"""Which way does the sign point? Seven traffic signs on small colour pictures, SGD and a trainer of its own."""

import math
import os
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.metrics import balanced_accuracy_score
from torch.utils.data import DataLoader, Dataset

SIGNS = ["turn_left", "turn_right", "keep_left", "keep_right", "ahead", "no_entry", "yield"]
HEADING = {"turn_left": 180, "turn_right": 0, "keep_left": 225, "keep_right": 315, "ahead": 90}
SIZE = 24

config = {
    "seed": int(os.environ.get("SEED", "0")),
    "n_train": 1200,
    "n_val": 350,
    "batch_size": 32,
    "lr": 0.04,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "dropout": 0.4,
    "epochs": 8,
    "milestones": [6, 7],
}


def photograph(sign, rng):
    """One sign seen from a car: SIZE x SIZE x 3 bytes."""
    rows, cols = np.mgrid[:SIZE, :SIZE]
    radius = rng.uniform(8, 10.5)
    y = -(rows - rng.uniform(10.5, 12.5)) / radius
    x = (cols - rng.uniform(10.5, 12.5)) / radius
    street = rng.uniform(40, 190, 3) + 30 * (rows / SIZE - 0.5)[..., None] * rng.uniform(-1, 1, 3)
    picture = street + rng.normal(0, 6, (SIZE, SIZE, 3))
    white, red, blue = np.array([225, 225, 225]), np.array([190, 35, 40]), np.array([35, 75, 170])
    disc = np.hypot(x, y) < 1
    if sign == "yield":
        triangle = (y < 0.75) & (np.abs(x) < (y + 1.05) * 0.58)
        inner = (y < 0.5) & (np.abs(x) < (y + 0.65) * 0.5)
        picture[triangle], picture[inner] = red, white
    elif sign == "no_entry":
        picture[disc] = red
        picture[(np.abs(y) < 0.2) & (np.abs(x) < 0.7)] = white
    else:
        angle = math.radians(HEADING[sign] + rng.uniform(-18, 18))
        along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
        shaft = (np.abs(across) < 0.17) & (along > -0.75) & (along < 0.3)
        tip = (along > 0.1) & (along < 0.8) & (np.abs(across) < 0.8 * (0.8 - along))
        picture[disc] = blue
        picture[shaft | tip] = white
    if rng.random() < 0.5:
        top, left = rng.integers(0, SIZE - 8, 2)
        picture[top : top + rng.integers(6, 13), left : left + rng.integers(6, 13)] = rng.uniform(20, 120, 3)
    light = rng.uniform(0.45, 1.15)
    picture = picture * light + rng.normal(0, 18, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


class SignDataset(Dataset):
    def __init__(self, count, rng, train):
        self.labels = rng.integers(0, len(SIGNS), count)
        self.pictures = [photograph(SIGNS[k], rng) for k in self.labels]
        self.train = train

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, idx):
        img = torch.from_numpy(self.pictures[idx]).permute(2, 0, 1).float().div(255)
        label = int(self.labels[idx])
        if self.train:
            img = F.pad(img, (2, 2, 2, 2), mode="replicate")
            top, left = random.randint(0, 4), random.randint(0, 4)
            img = img[:, top : top + SIZE, left : left + SIZE]
        return (img - 0.4) / 0.25, label


class SignNet(nn.Module):
    def __init__(self, n_classes, dropout):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 24, 5, stride=2, padding=2)
        self.conv2 = nn.Conv2d(24, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 3 * 3, 96)
        self.fc2 = nn.Linear(96, n_classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.max_pool2d(F.relu(self.conv3(x)), 2)
        x = self.dropout(x.flatten(1))
        x = self.dropout(F.relu(self.fc1(x)))
        return self.fc2(x)


class Trainer:
    def __init__(self, model, config):
        self.model = model
        self.config = config
        self.optimizer = torch.optim.SGD(
            model.parameters(), lr=config["lr"], momentum=config["momentum"], weight_decay=config["weight_decay"]
        )
        self.scheduler = torch.optim.lr_scheduler.MultiStepLR(self.optimizer, config["milestones"], gamma=0.2)
        self.history = []

    def step(self, batch):
        images, labels = batch
        loss = F.cross_entropy(self.model(images), labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def evaluate(self, loader):
        self.model.eval()
        losses, y_true, y_pred = [], [], []
        with torch.no_grad():
            for images, labels in loader:
                out = self.model(images)
                losses.append(F.cross_entropy(out, labels).item())
                y_true.extend(labels.tolist())
                y_pred.extend(out.argmax(1).tolist())
        return float(np.mean(losses)), balanced_accuracy_score(y_true, y_pred)

    def run(self, train_loader, val_loader):
        for epoch in range(self.config["epochs"]):
            self.model.train()
            train_loss = np.mean([self.step(batch) for batch in train_loader])
            self.scheduler.step()
            val_loss, score = self.evaluate(val_loader)
            self.history.append({"train": train_loss, "val": val_loss, "score": score})
            print(f"[{epoch + 1:02d}] train {train_loss:.4f}  val {val_loss:.4f}  balanced accuracy {score:.4f}")
        return self.history


def seed_everything(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


if __name__ == "__main__":
    seed_everything(config["seed"])
    torch.set_num_threads(1)
    rng = np.random.default_rng(config["seed"])
    train_set = SignDataset(config["n_train"], rng, train=True)
    val_set = SignDataset(config["n_val"], rng, train=False)
    train_loader = DataLoader(train_set, batch_size=config["batch_size"], shuffle=True)
    val_loader = DataLoader(val_set, batch_size=70)
    trainer = Trainer(SignNet(len(SIGNS), config["dropout"]), config)
    history = trainer.run(train_loader, val_loader)
    print(f"final balanced accuracy: {history[-1]['score']:.3f} (chance {1 / len(SIGNS):.3f})")
