"""Which complaints does a vine leaf show? Several may stand on one photo. Small network, Hugging Face Trainer."""

import os
import tempfile
from itertools import pairwise

import numpy as np
import torch
from sklearn.metrics import average_precision_score, f1_score
from torch import nn
from transformers import Trainer, TrainingArguments, set_seed

SEED = int(os.environ.get("SEED", "0"))
set_seed(SEED)  # random, numpy and torch
torch.set_num_threads(1)

COMPLAINTS = ["rust", "mildew", "scorch", "holes", "mosaic"]
PREVALENCE = np.array([0.35, 0.3, 0.25, 0.3, 0.2])
SIDE = 24
yy, xx = np.mgrid[0:SIDE, 0:SIDE].astype(float)


def disc(cx, cy, r):
    return (xx - cx) ** 2 + (yy - cy) ** 2 < r**2


def photograph(signs, rng):
    """An 8-bit colour photo (SIDE, SIDE, 3) of a leaf that shows the complaints in ``signs``."""
    photo = np.ones((SIDE, SIDE, 3)) * rng.uniform(110, 170) + rng.normal(0, 6, 3)  # the table it lies on
    table = photo[0, 0].copy()
    cx, cy = rng.normal(SIDE / 2, 1.2, 2)
    a, b, turn = rng.uniform(9, 11.5), rng.uniform(7.5, 10), rng.uniform(0, np.pi)
    u = (xx - cx) * np.cos(turn) + (yy - cy) * np.sin(turn)
    v = (yy - cy) * np.cos(turn) - (xx - cx) * np.sin(turn)
    radius = np.sqrt((u / a) ** 2 + (v / b) ** 2) * (1 + 0.06 * np.cos(5 * np.arctan2(v, u)))
    leaf = radius < 1
    green = np.array([60, 125, 45]) + rng.normal(0, 12, 3)
    photo[leaf] = green
    photo[leaf & (np.abs(v) < 0.7)] = green + 25  # the midrib
    if signs[4]:  # mosaic: yellowish patches that follow the veins
        wave = np.sin(u * rng.uniform(0.9, 1.4) + rng.uniform(0, 6)) * np.sin(v * rng.uniform(0.9, 1.4))
        photo[leaf & (wave > 0.35)] += np.array([75, 50, 0])
    if signs[2]:  # scorch: part of the edge is brown
        side = np.cos(np.arctan2(v, u) - rng.uniform(0, 6.28)) > rng.uniform(-0.2, 0.5)
        photo[leaf & (radius > 0.8) & side] = np.array([105, 75, 45]) + rng.normal(0, 8, 3)
    inside = np.argwhere(radius < 0.85)
    if signs[1]:  # mildew: pale, soft blotches
        for y, x in inside[rng.integers(0, len(inside), rng.integers(1, 4))]:
            soft = np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / rng.uniform(4, 12))[..., None] * leaf[..., None]
            photo += 0.6 * soft * (205 - photo)
    if signs[0]:  # rust: small orange dots
        for y, x in inside[rng.integers(0, len(inside), rng.integers(3, 12))]:
            photo[disc(x, y, rng.uniform(0.6, 1.3))] = np.array([185, 95, 35]) + rng.normal(0, 15, 3)
    if signs[3]:  # holes: one sees the table
        for y, x in inside[rng.integers(0, len(inside), rng.integers(1, 5))]:
            photo[disc(x, y, rng.uniform(1.0, 2.2))] = table
    photo = photo * rng.uniform(0.75, 1.2) + rng.normal(0, 8, photo.shape)
    return np.clip(photo, 0, 255).astype(np.uint8)


def collect(n, rng):
    signs = (rng.random((n, len(COMPLAINTS))) < PREVALENCE).astype(np.float32)
    return np.stack([photograph(s, rng) for s in signs]), signs


def to_tensor(photos):
    return torch.from_numpy(photos).permute(0, 3, 1, 2).float()


def prepare(photos):
    return (to_tensor(photos) / 255 - 0.45) / 0.2


class LeafDataset(torch.utils.data.Dataset):
    def __init__(self, pixels, signs):
        self.pixels, self.signs = pixels, torch.from_numpy(signs)

    def __len__(self):
        return len(self.pixels)

    def __getitem__(self, index):
        return {"pixel_values": self.pixels[index], "labels": self.signs[index]}


class LeafNet(nn.Module):
    def __init__(self, widths=(24, 32, 64), hidden=96, dropout=0.1):
        super().__init__()
        stages = [nn.Conv2d(3, widths[0], 5, stride=2, padding=2), nn.ReLU()]
        for before, after in pairwise(widths):
            stages += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        self.backbone = nn.Sequential(*stages, nn.Flatten())
        self.neck = nn.Sequential(nn.Linear(widths[-1] * 9, hidden), nn.ReLU(), nn.Dropout(dropout))
        self.classifier = nn.Linear(hidden, len(COMPLAINTS))
        for module in self.backbone:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        self.criterion = nn.BCEWithLogitsLoss()

    def forward(self, pixel_values, labels=None):
        features = self.neck(self.backbone(pixel_values))
        logits = self.classifier(features)
        if labels is None:
            return {"logits": logits}
        return {"loss": self.criterion(logits, labels), "logits": logits}


def compute_metrics(prediction):
    logits, labels = prediction
    return {
        "f1": f1_score(labels, logits > 0, average="macro", zero_division=0),
        "average_precision": average_precision_score(labels, logits, average="macro"),
    }


if __name__ == "__main__":
    rng = np.random.default_rng(SEED)
    photos, signs = collect(1500, rng)
    train_rows, valid_rows = np.arange(1000), np.arange(1000, 1500)
    train_set = LeafDataset(prepare(photos[train_rows]), signs[train_rows])
    valid_set = LeafDataset(prepare(photos[valid_rows]), signs[valid_rows])
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=13,
            per_device_train_batch_size=32,
            per_device_eval_batch_size=100,
            learning_rate=2e-3,
            weight_decay=0.01,
            warmup_steps=30,
            lr_scheduler_type="linear",
            eval_strategy="epoch",
            logging_strategy="epoch",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            seed=SEED,
        )
        trainer = Trainer(
            model=LeafNet(),
            args=arguments,
            train_dataset=train_set,
            eval_dataset=valid_set,
            compute_metrics=compute_metrics,
        )
        trainer.train()
        result = trainer.evaluate()
    print(f"macro F1 {result['eval_f1']:.3f}, mean average precision {result['eval_average_precision']:.3f}")
    print(f"(without looking, the average precision is about {signs[valid_rows].mean():.3f})")
