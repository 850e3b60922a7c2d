"""Which form does a chord chart follow? A small Transformer encoder under the Hugging Face Trainer.

The charts are written in degrees (ii7, V7, ...), some with a pick-up bar, with substitutions and slips of the pen.
"""

import os
import random
import tempfile

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, f1_score
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

FORMS = {
    "blues": "I7 IV7 I7 I7 IV7 ivm I7 VI7 ii7 V7 I7 V7",
    "rhythm": "Imaj vi7 ii7 V7 iii7 VI7 ii7 V7 Imaj I7 IV7 ivm",
    "bridge": "Imaj I7 IV7 ivm iii7 vi7 ii7 V7 Imaj VI7 ii7 V7",
    "cycle": "iii7 VI7 ii7 V7 I7 IV7 ivm V7 Imaj ii7 vi7 Imaj",
    "plagal": "Imaj IV7 ivm I7 vi7 ii7 iii7 VI7 ii7 V7 Imaj V7",
}
STYLES = list(FORMS)
SHARE = [0.30, 0.24, 0.20, 0.15, 0.11]
CHORDS = sorted({c for f in FORMS.values() for c in f.split()} | {"II7", "bII7", "bVII7", "%", "dim"})
PAD = len(CHORDS)
SWAPS = {"V7": ["bII7", "ii7"], "IV7": ["bVII7"], "Imaj": ["iii7", "vi7"], "vi7": ["VI7"], "ii7": ["II7"]}
LENGTH, WIDTH, LAYERS, EPOCHS, BATCH = 24, 48, 2, 5, 32


def scribble(rng):
    """One chart: degrees as numbers, and the form it was taken from."""
    style = rng.choices(range(len(STYLES)), SHARE)[0]
    bars = FORMS[STYLES[style]].split()
    at = rng.choice([0, 0, 0, 0, len(bars) - 1])
    chart = []
    for i in range(rng.randint(10, LENGTH)):
        chord = bars[(at + i) % len(bars)]
        luck = rng.random()
        if luck < 0.14 and chord in SWAPS:
            chord = rng.choice(SWAPS[chord])
        elif luck < 0.34:
            chord = rng.choice(CHORDS)
        elif luck < 0.40 and chart:
            continue
        chart.append(CHORDS.index(chord))
    return chart, style


class Charts(Dataset):
    def __init__(self, n, rng):
        self.rows = [scribble(rng) for _ in range(n)]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        chart, style = self.rows[i]
        ids = chart + [PAD] * (LENGTH - len(chart))
        return {"input_ids": torch.tensor(ids), "labels": torch.tensor(style)}


class ChartReader(nn.Module):
    def __init__(self, width=WIDTH, layers=LAYERS):
        super().__init__()
        self.chord = nn.Embedding(len(CHORDS) + 1, width, padding_idx=PAD)
        self.bar = nn.Embedding(LENGTH, width)
        self.blocks = nn.ModuleList(
            [
                nn.TransformerEncoderLayer(
                    width, 4, 3 * width, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
                )
                for _ in range(layers)
            ]
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, len(STYLES))

    def encode(self, input_ids):
        empty = input_ids == PAD
        x = self.chord(input_ids) + self.bar.weight
        for block in self.blocks:
            x = block(x, src_key_padding_mask=empty)
        keep = (~empty).unsqueeze(-1)
        pooled = (self.norm(x) * keep).sum(1) / keep.sum(1)
        return pooled

    def forward(self, input_ids, labels=None):
        logits = self.head(self.encode(input_ids))
        if labels is None:
            return {"logits": logits}
        loss = F.cross_entropy(logits, labels)
        return {"loss": loss, "logits": logits}


def metrics(pred):
    guess = pred.predictions.argmax(-1)
    return {
        "accuracy": accuracy_score(pred.label_ids, guess),
        "macro_f1": f1_score(pred.label_ids, guess, average="macro"),
    }


def main():
    rng = random.Random(SEED + 1)
    train_charts, dev_charts = Charts(1920, rng), Charts(600, rng)
    model = ChartReader()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    steps_per_epoch = len(train_charts) // BATCH
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2 * steps_per_epoch, gamma=0.4)

    with tempfile.TemporaryDirectory() as folder:
        args = TrainingArguments(
            output_dir=folder,
            num_train_epochs=EPOCHS,
            per_device_train_batch_size=BATCH,
            per_device_eval_batch_size=200,
            eval_strategy="epoch",
            save_strategy="no",
            logging_steps=30,
            report_to=[],
            use_cpu=True,
            seed=SEED,
            disable_tqdm=True,
        )
        trainer = Trainer(
            model=model,
            args=args,
            train_dataset=train_charts,
            eval_dataset=dev_charts,
            compute_metrics=metrics,
            optimizers=(optimizer, scheduler),
        )
        trainer.train()
        final = trainer.evaluate()
    print(f"accuracy {final['eval_accuracy']:.3f}  macro F1 {final['eval_macro_f1']:.3f}  (always blues: {SHARE[0]})")


if __name__ == "__main__":
    main()
