"""Who sits at the keyboard? Eight colleagues, told apart by how long they hold the keys and how fast they go on.

The encoder first learns on a large public archive (other people), then gets a new head for our own office.
"""

import os
import random
import tempfile

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset
from transformers import BertConfig, BertModel, Trainer, TrainingArguments, get_linear_schedule_with_warmup

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", " ")
PLACE = {key: (row, column + 0.3 * row) for row, keys in enumerate(ROWS) for column, key in enumerate(keys)}
PLACE[" "] = (3, 4.5)
KEYS = sorted(PLACE)
WORDS = (
    "the and for that with this from have are not you all was can one our will please thanks order meeting report "
    "monday friday week invoice number send back again about where which would there their time before after still "
    "project budget today morning query answer extra just quick lazy jump zone"
).split()
LENGTH = 30
ARCHIVE, OFFICE = 16, 8


class Typist:
    """Habits of one person's hands."""

    def __init__(self, rng):
        self.hold = rng.normal(4.55, 0.13)
        self.gap = rng.normal(4.9, 0.2)
        self.finger = dict(zip(KEYS, rng.normal(0, 0.25, len(KEYS)), strict=True))
        self.reach = rng.uniform(0.01, 0.07)
        self.alternating = rng.normal(-0.12, 0.12)
        self.pause = rng.uniform(0.0, 0.5)
        self.steady = rng.uniform(0.10, 0.2)

    def write(self, rng):
        text = ""
        while len(text) < LENGTH:
            text += rng.choice(WORDS) + " "
        text = text[:LENGTH]
        mood = rng.normal(0, 0.1)
        timing = []
        last = " "
        for key in text:
            (r0, c0), (r1, c1) = PLACE[last], PLACE[key]
            hold = self.hold + self.finger[key] + 0.3 * mood + rng.normal(0, self.steady)
            gap = self.gap + mood + self.reach * np.hypot(r1 - r0, c1 - c0) + rng.normal(0, 1.6 * self.steady)
            gap += self.alternating * ((c0 < 4.5) != (c1 < 4.5)) + self.pause * (last == " ")
            timing.append((hold, gap))
            last = key
        return [KEYS.index(key) for key in text], timing


def record(typists, per_typist, rng):
    who = rng.permutation(np.repeat(np.arange(len(typists)), per_typist))
    keys, timing = zip(*(typists[label].write(rng) for label in who), strict=True)
    return np.array(keys), np.array(timing), who


class Snippets(Dataset):
    def __init__(self, keys, timing, who):
        self.keys = torch.as_tensor(keys, dtype=torch.long)
        self.timing = torch.as_tensor((timing - np.array([4.55, 4.95])) / np.array([0.28, 0.45]), dtype=torch.float32)
        self.who = torch.as_tensor(who, dtype=torch.long)

    def __len__(self):
        return len(self.who)

    def __getitem__(self, i):
        return {"keys": self.keys[i], "timing": self.timing[i], "labels": self.who[i]}


class TypistModel(nn.Module):
    def __init__(self, config, n_people):
        super().__init__()
        self.keys = nn.Embedding(config.vocab_size, config.hidden_size)
        self.timing = nn.Linear(2, config.hidden_size)
        self.mix = nn.Sequential(nn.Linear(config.hidden_size, config.hidden_size), nn.GELU())
        self.encoder = BertModel(config, add_pooling_layer=False)
        self.head = nn.Linear(config.hidden_size, n_people)
        self.criterion = nn.CrossEntropyLoss()

    def forward(self, keys, timing, labels):
        pressed = self.mix(self.keys(keys) + self.timing(timing))
        states = self.encoder(inputs_embeds=pressed).last_hidden_state
        logits = self.head(states.mean(dim=1))
        return {"loss": self.criterion(logits, labels), "logits": logits}


def metrics(prediction):
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


def fit(model, train, held_out, epochs, optimizer, folder):
    steps = epochs * -(-len(train) // 32)
    args = TrainingArguments(
        output_dir=folder,
        num_train_epochs=epochs,
        per_device_train_batch_size=32,
        per_device_eval_batch_size=128,
        eval_strategy="epoch",
        logging_strategy="epoch",
        save_strategy="no",
        report_to=[],
        seed=SEED,
        use_cpu=True,
        disable_tqdm=True,
    )
    schedule = get_linear_schedule_with_warmup(optimizer, steps // 10, steps)
    trainer = Trainer(
        model=model,
        args=args,
        train_dataset=train,
        eval_dataset=held_out,
        compute_metrics=metrics,
        optimizers=(optimizer, schedule),
    )
    trainer.train()
    return trainer.evaluate()


def main():
    rng = np.random.default_rng(SEED)
    archive = record([Typist(rng) for _ in range(ARCHIVE)], 80, rng)
    office = record([Typist(rng) for _ in range(OFFICE)], 130, rng)
    n_train = int(0.7 * len(office[2]))
    train = Snippets(*(column[:n_train] for column in office))
    held_out = Snippets(*(column[n_train:] for column in office))

    shape = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
    config = BertConfig(vocab_size=len(KEYS), max_position_embeddings=LENGTH, **shape)
    model = TypistModel(config, ARCHIVE)
    with tempfile.TemporaryDirectory() as folder:
        first = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
        public = [Snippets(*(c[:1100] for c in archive)), Snippets(*(c[1100:] for c in archive))]
        print("archive:", fit(model, *public, 3, first, folder))

        model.head = nn.Linear(config.hidden_size, OFFICE)
        head = list(model.head.parameters())
        body = [p for name, p in model.named_parameters() if not name.startswith("head.")]
        groups = [{"params": body, "lr": 5e-4}, {"params": head, "lr": 3e-3}]
        optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
        result = fit(model, train, held_out, 7, optimizer, folder)
    print(f"office: accuracy {result['eval_accuracy']:.3f} (chance {1 / OFFICE:.3f})")


if __name__ == "__main__":
    main()
