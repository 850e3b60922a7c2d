"""Trains one experiment that uses everything with a state; a test kills this program. ``python resumable.py FOLDER``"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from trainwright import Config, Experiment, train

SETTINGS = {
    "data.source": "digits-200",
    "model.width": 8,
    "model.dropout": 0.2,
    "loss.label_smoothing": 0.1,
    "optimizer.name": "adamw",
    "optimizer.weight_decay": 0.01,
    "schedule.name": "cosine",
    "schedule.warmup": 0.1,
    "training.epochs": 12,
    "training.batch_size": 16,
    "training.accumulate": 2,
    "training.augmentation": "auto",
    "training.average": 0.9,
    "training.clip_norm": 1.0,
    "training.keep": "best",
    "training.snapshots": 3,
    "training.checkpoint_seconds": 0.0,
}


def main(folder: str) -> None:
    torch.set_num_threads(1)
    experiment = Experiment.from_config(Config()).with_changes(SETTINGS)
    train(experiment, seed=3, folder=Path(folder), on_epoch=lambda record: print(record.epoch, flush=True))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
