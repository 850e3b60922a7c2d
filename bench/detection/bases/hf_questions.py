"""What is being asked for? A tiny BERT from a configuration, trained with the Hugging Face Trainer."""

import os
import random
import tempfile

import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

SEED = int(os.environ.get("SEED", "0"))
set_seed(SEED)
torch.set_num_threads(1)
rng = random.Random(SEED)

PLACES = "rome paris the museum the station a harbour the old bridge the market a small village".split()
PEOPLE = "the queen my neighbour a painter the mayor her uncle that singer our teacher".split()
TEMPLATES = {
    "place": ["where is {p} kept", "in which town did {w} live", "where can i meet {w}", "at what place does {w} work"],
    "person": ["who painted {p}", "which man met {w}", "who is the owner of {p}", "by whom was {p} built"],
    "time": [
        "when did {w} leave {p}",
        "in which year was {p} built",
        "at what hour does {p} open",
        "since when is {w} here",
    ],
    "number": ["how many people live near {p}", "how much did {w} pay", "what is the price of {p}", "how old is {w}"],
}
KINDS = sorted(TEMPLATES)


def question():
    kind = rng.choice(KINDS)
    text = rng.choice(TEMPLATES[kind]).format(p=" ".join(rng.sample(PLACES, 2)), w=" ".join(rng.sample(PEOPLE, 2)))
    opening = rng.choice(["", "please tell me ", "do you know ", "i would like to hear "])
    words = (opening + text).split()
    if rng.random() < 0.3:
        words[rng.randrange(len(words))] = "hm"
    return words, KINDS.index(kind)


questions = [question() for _ in range(1000)]
vocabulary = {word: i + 2 for i, word in enumerate(sorted({w for words, _ in questions for w in words}))}
LENGTH = 14


def encode(words):
    ids = [1] + [vocabulary[word] for word in words][: LENGTH - 1]
    padding = LENGTH - len(ids)
    return ids + [0] * padding, [1] * len(ids) + [0] * padding


class Questions(torch.utils.data.Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        words, kind = self.rows[index]
        ids, mask = encode(words)
        return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask), "labels": kind}


config = BertConfig(
    vocab_size=len(vocabulary) + 2,
    hidden_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=96,
    max_position_embeddings=32,
    num_labels=len(KINDS),
)
model = BertForSequenceClassification(config)


def metrics(prediction):
    return {"accuracy": float(np.mean(prediction.predictions.argmax(1) == prediction.label_ids))}


with tempfile.TemporaryDirectory() as folder:
    arguments = TrainingArguments(
        output_dir=folder,
        num_train_epochs=5,
        per_device_train_batch_size=16,
        per_device_eval_batch_size=100,
        learning_rate=2e-3,
        warmup_steps=20,
        weight_decay=0.01,
        eval_strategy="epoch",
        save_strategy="no",
        logging_steps=25,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        seed=SEED,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=Questions(questions[:800]),
        eval_dataset=Questions(questions[800:]),
        compute_metrics=metrics,
    )
    trainer.train()
    print(trainer.evaluate())
