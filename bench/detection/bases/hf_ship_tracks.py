"""What is this vessel doing?  Six activities from two hours of (simulated) AIS reports.

A small transformer with a class token, trained with the Hugging Face Trainer.
"""

import os
import random
import tempfile

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments, get_cosine_schedule_with_warmup, set_seed

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
set_seed(SEED)
torch.set_num_threads(1)

ACTIVITIES = ["transit", "trawling", "longlining", "ferrying", "surveying", "anchored"]
STEPS = 32
WIDTH, HEADS, DEPTH, DROPOUT = 32, 4, 2, 0.05
EPOCHS, BATCH, RATE = 6, 32, 2e-3


def one_track(activity: int, rng: np.random.Generator) -> np.ndarray:
    """Speed (knots), turn since the last report (degrees), distance to the coast (nautical miles), heading - course."""
    t = np.arange(STEPS)
    turn = rng.normal(0, 4, STEPS)
    name = ACTIVITIES[activity]
    if name == "transit":
        speed = np.full(STEPS, rng.normal(8, 3))
    elif name == "trawling":
        speed = np.full(STEPS, rng.normal(4.2, 0.8))
        turn = rng.normal(0, 14, STEPS)
        turn[rng.integers(4, STEPS - 4)] += rng.choice([-1, 1]) * rng.normal(150, 25)
    elif name == "longlining":  # sets the line quickly, turns, hauls it in slowly
        change = rng.integers(8, 16)
        speed = np.where(t < change, rng.normal(8, 1.2), rng.normal(3.2, 0.8))
        turn[change] += rng.choice([-1, 1]) * rng.normal(170, 15)
    elif name == "ferrying":  # there, a stop, and back
        stop, stay = rng.integers(6, 20), rng.integers(3, 7)
        speed = np.where((t >= stop) & (t < stop + stay), 0.6, rng.normal(9, 2))
        turn[stop + stay] += 180 + rng.normal(0, 20)
    elif name == "surveying":  # parallel lines
        leg, start = rng.integers(5, 9), rng.integers(0, 5)
        speed = np.full(STEPS, rng.normal(5.0, 0.8))
        turn[(t + start) % leg == leg - 1] += 175 * rng.choice([-1, 1])
    else:
        speed = np.abs(rng.normal(0.3, 0.3, STEPS))
        turn = rng.normal(0, 60, STEPS)
    speed = np.clip(speed + rng.normal(0, 1.6, STEPS), 0, None)
    turn = (turn + rng.normal(0, 20 + 60 / (1 + speed)) + 180) % 360 - 180
    coast = rng.gamma(2.0, 6.0) + np.cumsum(rng.normal(0, 0.02, STEPS) * speed)
    lost = rng.random(STEPS) < 0.15  # a report that was not received repeats the one before
    speed[1:][lost[1:]] = speed[:-1][lost[1:]]
    turn[lost] = 0.0
    return np.stack([speed, np.abs(turn), np.maximum(coast, 0), rng.normal(0, 5, STEPS)], axis=1)


def make_tracks(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    activities = rng.choice(len(ACTIVITIES), size=count, p=[0.25, 0.2, 0.15, 0.15, 0.1, 0.15])
    return np.stack([one_track(a, rng) for a in activities]), activities


class Tracks(Dataset):
    def __init__(self, values: np.ndarray, activities: np.ndarray) -> None:
        self.values = torch.tensor(values, dtype=torch.float32)
        self.activities = torch.tensor(activities, dtype=torch.long)

    def __len__(self) -> int:
        return len(self.activities)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"values": self.values[index], "labels": self.activities[index]}


class TrackModel(nn.Module):
    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.embed = nn.Linear(features, WIDTH)
        self.cls = nn.Parameter(torch.randn(1, 1, WIDTH) * 0.02)
        self.position = nn.Parameter(torch.randn(1, STEPS + 1, WIDTH) * 0.02)
        self.blocks = nn.ModuleList(
            [
                nn.TransformerEncoderLayer(
                    WIDTH, HEADS, 2 * WIDTH, DROPOUT, activation="relu", batch_first=True, norm_first=True
                )
                for _ in range(DEPTH)
            ]
        )
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, classes)

    def forward(self, values: torch.Tensor, labels: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        tokens = torch.cat([self.cls.expand(len(values), -1, -1), self.embed(values)], dim=1) + self.position
        for block in self.blocks:
            tokens = block(tokens)
        logits = self.head(self.norm(tokens[:, 0]))
        if labels is None:
            return {"logits": logits}
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def metrics(prediction) -> dict[str, float]:
    guessed = prediction.predictions.argmax(-1)
    truth = prediction.label_ids
    recalls = [(guessed[truth == k] == k).mean() for k in np.unique(truth)]
    return {"accuracy": float((guessed == truth).mean()), "mean_recall": float(np.mean(recalls))}


def main() -> None:
    rng = np.random.default_rng(SEED)
    x_train, y_train = make_tracks(1600, rng)
    x_valid, y_valid = make_tracks(500, rng)
    mean, std = x_train.mean(axis=(0, 1)), x_train.std(axis=(0, 1))
    train = Tracks((x_train - mean) / std, y_train)
    valid = Tracks((x_valid - mean) / std, y_valid)

    model = TrackModel(x_train.shape[-1], len(ACTIVITIES))
    nn.init.normal_(model.head.weight, std=0.02)
    nn.init.zeros_(model.head.bias)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    total = EPOCHS * (len(train) // BATCH)
    schedule = get_cosine_schedule_with_warmup(optimizer, num_warmup_steps=total // 10, num_training_steps=total)

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=EPOCHS,
            per_device_train_batch_size=BATCH,
            per_device_eval_batch_size=100,
            eval_strategy="epoch",
            logging_strategy="epoch",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            seed=SEED,
        )
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=train,
            eval_dataset=valid,
            compute_metrics=metrics,
            optimizers=(optimizer, schedule),
        )
        trainer.train()
        result = trainer.evaluate()
    common = np.bincount(y_valid).max() / len(y_valid)
    print(f"accuracy {result['eval_accuracy']:.3f}, mean recall {result['eval_mean_recall']:.3f}")
    print(f"(always the commonest activity: {common:.3f})")


if __name__ == "__main__":
    main()
