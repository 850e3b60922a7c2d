"""Where in the cell does a protein live? ESM encoder from a configuration, own head, Hugging Face Trainer."""

import os
import random
import tempfile
from dataclasses import dataclass

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import nn
from transformers import EsmConfig, EsmModel, Trainer, TrainingArguments, set_seed
from transformers.utils import logging as hf_logging

SEED = int(os.environ.get("SEED", "0"))
torch.set_num_threads(1)
hf_logging.set_verbosity_error()

HOMES = ["cytosol", "nucleus", "mitochondrion", "reticulum", "secreted", "membrane", "peroxisome"]
AMINO = "ACDEFGHIKLMNPQRSTVWY"
BACKGROUND = np.array(
    [8.3, 1.4, 5.5, 6.7, 3.9, 7.1, 2.3, 5.9, 5.8, 9.7, 2.4, 4.1, 4.7, 3.9, 5.5, 6.6, 5.3, 6.9, 1.1, 2.9]
)
PAD, CLS, EOS, MASK = 0, 1, 2, 3
TOKEN = {letter: 4 + i for i, letter in enumerate(AMINO)}


def letters(rng, n, boosted="", factor=1.0):
    p = BACKGROUND * np.array([factor if a in boosted else 1.0 for a in AMINO])
    return "".join(rng.choice(list(AMINO), n, p=p / p.sum()))


def make_protein(home, rng):
    """The two ends of a protein (the signals sit there), with the habits of its home."""
    n = int(rng.integers(24, 36))
    body = letters(rng, n)
    if home == "cytosol":
        return "M" + letters(rng, n, "EDK", 1.5)
    if home == "nucleus":
        cut = int(rng.integers(5, n - 5))
        patch = letters(rng, 6, "KR", 12) + letters(rng, 3) + letters(rng, 5, "KR", 12)
        return "M" + body[:cut] + patch + body[cut:]
    if home == "mitochondrion":
        leader = letters(rng, int(rng.integers(14, 22)), "RLAS", 3.5).replace("D", "R").replace("E", "S")
        return "M" + leader + body[:-12]
    signal = "M" + letters(rng, 3, "KR", 5) + letters(rng, int(rng.integers(8, 13)), "LAVF", 9) + "ASA"
    if home == "reticulum":
        return signal + body[:-14] + ("KDEL" if rng.random() < 0.6 else "HDEL")
    if home == "secreted":
        return signal + letters(rng, n - 12, "CGSTN", 2)
    if home == "membrane":
        spans = [letters(rng, int(rng.integers(12, 17)), "LIVFAG", 6) for _ in range(2)]
        return "M" + body[:4] + spans[0] + body[4:9] + spans[1] + body[9:12]
    return "M" + body + rng.choice(["SKL", "AKL", "SRL"])


def proteome(per_home, rng):
    """Database dump: home after home, as the query returned it. One record in 25 is annotated wrongly."""
    records = []
    for home in HOMES:
        for _ in range(int(per_home * rng.uniform(0.8, 1.2))):
            noted = home if rng.random() > 0.04 else str(rng.choice(HOMES))
            records.append((make_protein(home, rng), HOMES.index(noted)))
    return records


class ProteinSet(torch.utils.data.Dataset):
    def __init__(self, records):
        self.records = records

    def __len__(self):
        return len(self.records)

    def __getitem__(self, i):
        sequence, home = self.records[i]
        return {"input_ids": [CLS, *(TOKEN[a] for a in sequence), EOS], "labels": home}


@dataclass
class Pad:
    def __call__(self, features):
        longest = max(len(f["input_ids"]) for f in features)
        ids = torch.full((len(features), longest), PAD)
        for row, f in zip(ids, features, strict=True):
            row[: len(f["input_ids"])] = torch.tensor(f["input_ids"])
        return {
            "input_ids": ids,
            "attention_mask": (ids != PAD).long(),
            "labels": torch.tensor([f["labels"] for f in features]),
        }


class HomeFinder(nn.Module):
    def __init__(self, config, n_homes):
        super().__init__()
        self.config = config
        self.stem = nn.Conv1d(config.hidden_size, config.hidden_size, 5, padding=2)  # motifs are short
        self.esm = EsmModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(3 * config.hidden_size, n_homes)

    def forward(self, input_ids, attention_mask, labels=None):
        local = self.stem(self.esm.get_input_embeddings()(input_ids).transpose(1, 2)).relu().transpose(1, 2)
        hidden = self.esm(inputs_embeds=local, attention_mask=attention_mask).last_hidden_state
        keep = attention_mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * keep).sum(1) / keep.sum(1)
        peak = hidden.masked_fill(keep == 0, -1e4).amax(1)
        logits = self.head(self.dropout(torch.cat([hidden[:, 0], mean, peak], dim=-1)))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return {"loss": loss, "logits": logits}


def compute_metrics(prediction):
    guess = prediction.predictions.argmax(-1)
    truth = prediction.label_ids
    return {"accuracy": float((guess == truth).mean()), "macro_f1": float(f1_score(truth, guess, average="macro"))}


def main():
    set_seed(SEED)
    random.seed(SEED)
    rng = np.random.default_rng(SEED)
    records = proteome(240, rng)
    held_out = set(rng.choice(len(records), 350, replace=False).tolist())
    train_set = ProteinSet([r for i, r in enumerate(records) if i not in held_out])
    eval_set = ProteinSet([r for i, r in enumerate(records) if i in held_out])

    config = EsmConfig(
        vocab_size=4 + len(AMINO),
        pad_token_id=PAD,
        mask_token_id=MASK,
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=128,
        position_embedding_type="rotary",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        token_dropout=False,
    )
    model = HomeFinder(config, len(HOMES))

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=5,
            per_device_train_batch_size=32,
            per_device_eval_batch_size=100,
            learning_rate=3e-3,
            weight_decay=0.01,
            lr_scheduler_type="linear",
            warmup_steps=20,
            eval_strategy="epoch",
            logging_steps=25,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            seed=SEED,
        )
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=train_set,
            eval_dataset=eval_set,
            data_collator=Pad(),
            compute_metrics=compute_metrics,
        )
        trainer.train()
        final = trainer.evaluate()
    print(f"held out: accuracy {final['eval_accuracy']:.3f}, macro F1 {final['eval_macro_f1']:.3f}")


if __name__ == "__main__":
    main()
