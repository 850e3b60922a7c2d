"""Predict which adverse effects a patient will get from the list of medicines they take (multi-label).

Records are simulated from a small table of mechanisms: an effect comes mostly from two medicines together, the more so
at high doses, at high age and with weak kidneys. The model is a small BERT encoder over the set of medicines.
"""

import argparse
import os
import random
import tempfile

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset
from transformers import BertConfig, BertModel, Trainer, TrainingArguments, set_seed

SEED = int(os.environ.get("SEED", "0"))
EFFECTS = ["bleeding", "drowsiness", "arrhythmia", "kidney injury", "serotonin syndrome", "low potassium"]
MECHANISMS = ["thins", "irritates", "sedates", "slows", "prolongs", "inhibits", "filters", "serotonergic", "drains"]
PAIRS = [  # effect, mechanism of one medicine, mechanism of the other, strength
    (0, "thins", "irritates", 3.2),
    (0, "thins", "inhibits", 2.4),
    (1, "sedates", "slows", 3.0),
    (1, "sedates", "inhibits", 2.2),
    (2, "prolongs", "inhibits", 2.8),
    (2, "prolongs", "drains", 2.8),
    (3, "filters", "irritates", 2.6),
    (3, "filters", "drains", 2.6),
    (4, "serotonergic", "inhibits", 3.0),
    (5, "drains", "slows", 2.6),
    (5, "drains", "filters", 2.2),
]
N_MEDICINES, MAX_LEN, PAD = 48, 8, 0


def simulate(n, rng):
    """Prescriptions as they come from the ward: ids (1..48), relative doses, age and kidney function, effects seen."""
    main = np.arange(N_MEDICINES) % len(MECHANISMS)
    has = np.eye(len(MECHANISMS))[main]
    for row in range(0, N_MEDICINES, 5):  # some medicines act in two ways
        has[row, (main[row] + 4) % len(MECHANISMS)] = 0.7
    popularity = rng.dirichlet(np.full(N_MEDICINES, 4.0))
    ids, doses = np.zeros((n, MAX_LEN), dtype=np.int64), np.zeros((n, MAX_LEN), dtype=np.float32)
    age = np.clip(rng.normal(66, 14, n), 18, 97)
    egfr = np.clip(125 - 0.75 * age + rng.normal(0, 15, n), 12, 130)
    score = np.full((n, len(EFFECTS)), -2.9)
    for i in range(n):
        k = rng.integers(2, MAX_LEN + 1)
        taken = rng.choice(N_MEDICINES, k, replace=False, p=popularity)
        dose = rng.choice([0.5, 1.0, 2.0], k, p=[0.25, 0.55, 0.2])
        ids[i, :k], doses[i, :k] = taken + 1, dose
        load = dict(zip(MECHANISMS, (has[taken] * dose[:, None]).sum(0), strict=True))
        for effect, one, other, strength in PAIRS:
            score[i, effect] += 1.5 * strength * np.sqrt(load[one] * load[other])
        score[i] += 0.03 * (age[i] - 66) - 0.012 * (egfr[i] - 75)
    seen = rng.random(score.shape) < 1 / (1 + np.exp(-score))
    patient = np.stack([(age - 66) / 14, (egfr - 75) / 20], axis=1)
    return ids, doses, patient.astype(np.float32), seen.astype(np.float32)


class Prescriptions(Dataset):
    def __init__(self, ids, doses, patient, effects):
        self.columns = {"input_ids": ids, "doses": doses, "patient": patient, "labels": effects}

    def __len__(self):
        return len(self.columns["labels"])

    def __getitem__(self, i):
        return {name: torch.as_tensor(values[i]) for name, values in self.columns.items()}


class EffectModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.medicine = nn.Embedding(N_MEDICINES + 1, config.hidden_size, padding_idx=PAD)
        self.dose = nn.Linear(1, config.hidden_size)
        self.patient = nn.Linear(2, config.hidden_size)
        self.encoder = BertModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.head = nn.Linear(config.hidden_size, len(EFFECTS))

    def forward(self, input_ids, doses, patient, labels=None):
        tokens = self.medicine(input_ids) + self.dose(doses.unsqueeze(-1))
        tokens = torch.cat([self.patient(patient).unsqueeze(1), tokens], dim=1)
        mask = torch.cat([torch.ones_like(input_ids[:, :1]), (input_ids != PAD).long()], dim=1)
        hidden = self.encoder(inputs_embeds=tokens, attention_mask=mask).last_hidden_state[:, 0]
        logits = self.head(self.dropout(hidden))
        if labels is None:
            return {"logits": logits}
        loss = nn.functional.binary_cross_entropy_with_logits(logits, labels)
        return {"loss": loss, "logits": logits}


def compute_metrics(prediction):
    said, true = prediction.predictions > 0, prediction.label_ids > 0.5
    hit = (said & true).sum(0)
    f1 = 2 * hit / np.maximum(said.sum(0) + true.sum(0), 1)
    return {"macro_f1": float(f1.mean()), "accuracy": float((said == true).mean()), "none": float((~true).mean())}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--batch-size", type=int, default=48)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    random.seed(SEED)
    set_seed(SEED)

    ids, doses, patient, effects = simulate(3000, np.random.default_rng(SEED))
    train = Prescriptions(ids[:2400], doses[:2400], patient[:2400], effects[:2400])
    test = Prescriptions(ids[2400:], doses[2400:], patient[2400:], effects[2400:])

    config = BertConfig(
        vocab_size=N_MEDICINES + 1,
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        hidden_dropout_prob=0.1,
        max_position_embeddings=16,
    )
    with tempfile.TemporaryDirectory() as folder:
        training = TrainingArguments(
            output_dir=folder,
            num_train_epochs=args.epochs,
            per_device_train_batch_size=args.batch_size,
            per_device_eval_batch_size=200,
            learning_rate=args.learning_rate,
            weight_decay=0.01,
            warmup_steps=30,
            eval_strategy="epoch",
            save_strategy="no",
            logging_steps=50,
            report_to="none",
            use_cpu=True,
            disable_tqdm=True,
            seed=SEED,
        )
        trainer = Trainer(
            model=EffectModel(config),
            args=training,
            train_dataset=train,
            eval_dataset=test,
            compute_metrics=compute_metrics,
        )
        trainer.train()
        result = trainer.evaluate()
    print({name: round(value, 4) for name, value in result.items() if "_per_" not in name})


if __name__ == "__main__":
    main()
