# Which method are they ringing? Six church bells, 18 rows of blows as a microphone in the tower hears them.
import os
import tempfile

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments, set_seed

SEED = int(os.environ.get("SEED", "0"))
torch.set_num_threads(1)

BELLS, ROWS = 6, 18
# number in the register of the tower: name, changes from one lead end to the next (mirrored), lead end
REGISTER = {
    1: ("Plain Bob", "x 16 x 16 x 16", "12"),
    2: ("Double Bob", "x 16 x 16 x 56", "12"),
    3: ("St Clement's", "x 16 x 36 x 36", "12"),
    4: ("Little Bob", "x 16 x 14", "12"),
    5: ("Cambridge", "x 36 x 14 x 12 x 36 x 14 x 56", "12"),
    6: ("Oxford Treble Bob", "x 34 x 16 x 12 x 16 x 12 x 16", "12"),
}


def change(row, places):
    """The next row: neighbours swap, but for the bells in these places."""
    row, i = list(row), 0
    while i < BELLS - 1:
        if str(i + 1) in places:
            i += 1
        else:
            row[i], row[i + 1] = row[i + 1], row[i]
            i += 2
    return row


def ring(method, rng):
    """Place of every bell in each of 18 rows of a touch, from anywhere in it, with a bob now and then."""
    _, half, lead_end = REGISTER[method]
    half = half.split()
    lead = half + half[-2::-1]
    row = [0, *(1 + rng.permutation(BELLS - 1))]
    skip = rng.integers(len(lead) + 1)
    places = []
    while len(places) < skip + ROWS:
        for notation in [*lead, "14" if rng.random() < 0.2 else lead_end]:
            row = change(row, notation)
            places.append(np.argsort(row))
    return np.array(places[skip : skip + ROWS])


def record(n, rng):
    """Blows of n touches in milliseconds from the start of their row, [n, rows, bells], and the methods' numbers."""
    numbers = rng.integers(1, len(REGISTER) + 1, size=n)
    blows = np.empty((n, ROWS, BELLS), dtype=np.float32)
    for i, number in enumerate(numbers):
        gap = rng.uniform(180, 230)
        ringers = rng.normal(0, 0.2, size=BELLS)  # some are always late
        blows[i] = gap * (ring(number, rng) + ringers + rng.normal(0, 0.8, size=(ROWS, BELLS)))
    return blows, numbers


class Touches(Dataset):
    def __init__(self, blows, numbers):
        self.blows = torch.from_numpy((blows - 500) / 350)
        self.labels = torch.from_numpy(numbers) - 1

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"blows": self.blows[i], "labels": self.labels[i]}


class BlueLines(nn.Module):
    """Reads the line of each bell by the same convolutions, then looks at all lines together."""

    def __init__(self, classes=len(REGISTER), width=24):
        super().__init__()
        self.lines = nn.Sequential(
            nn.Conv1d(1, width, 5, padding=2),
            nn.GELU(),
            nn.Conv1d(width, width, 3, padding=1),
            nn.GELU(),
            nn.MaxPool1d(2),
            nn.Conv1d(width, width, 3, padding=1),
            nn.GELU(),
        )
        self.hidden = nn.Linear(2 * width, 2 * width)
        self.drop = nn.Dropout(0.1)
        self.classify = nn.Linear(2 * width, classes)
        self.loss = nn.CrossEntropyLoss()

    def forward(self, blows, labels=None):
        n, rows, bells = blows.shape
        x = blows.permute(0, 2, 1).reshape(n * bells, 1, rows)
        x = self.lines(x)
        x = torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1)
        x = x.reshape(n, bells, -1).mean(dim=1)
        x = self.drop(torch.relu(self.hidden(x)))
        logits = self.classify(x)
        if labels is None:
            return {"logits": logits}
        return {"loss": self.loss(logits, labels), "logits": logits}


def accuracy(prediction):
    return {"accuracy": float((prediction.predictions.argmax(axis=1) == prediction.label_ids).mean())}


def main():
    set_seed(SEED)
    rng = np.random.default_rng(SEED)
    train_blows, train_numbers = record(1500, rng)
    val_blows, val_numbers = record(500, rng)
    train_set = Touches(train_blows, train_numbers)
    val_set = Touches(val_blows, val_numbers)

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=7,
            per_device_train_batch_size=32,
            per_device_eval_batch_size=250,
            learning_rate=4e-3,
            lr_scheduler_type="linear",
            max_grad_norm=5.0,
            eval_strategy="epoch",
            save_strategy="epoch",
            save_total_limit=1,
            load_best_model_at_end=True,
            metric_for_best_model="eval_loss",
            logging_strategy="epoch",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            seed=SEED,
        )
        trainer = Trainer(
            model=BlueLines(),
            args=arguments,
            train_dataset=train_set,
            eval_dataset=val_set,
            compute_metrics=accuracy,
        )
        trainer.train()
        print("best model:", trainer.evaluate())


if __name__ == "__main__":
    main()
