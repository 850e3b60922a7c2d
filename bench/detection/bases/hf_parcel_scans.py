"""Will this parcel be late? A small transformer over the scans of its way so far, trained with the HF Trainer."""

import os
import tempfile

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset
from transformers import BertConfig, BertModel, Trainer, TrainerCallback, TrainingArguments, set_seed
from transformers.trainer_callback import PrinterCallback
from transformers.utils import logging

SEED = int(os.environ.get("SEED", "0"))
torch.set_num_threads(1)
logging.set_verbosity_error()

EVENTS = "<pad> accepted arrived departed missorted customs released storm damaged repacked".split()
CODE = {event: i for i, event in enumerate(EVENTS)}
PROMISE = {"express": 40, "standard": 60, "economy": 84}  # hours
MAX_SCANS = 18


def one_parcel(rng):
    """Scans (code, hours since the one before), the number of its service, and whether it came late."""
    service = rng.integers(len(PROMISE))
    stops = rng.integers(2, 6)
    scans, legs_left = [("accepted", 0.0)], rng.integers(0, 3)
    extra = 0.0
    for _ in range(stops):
        scans.append(("arrived", rng.gamma(4.0, 1.0 + 0.5 * service)))
        if rng.random() < 0.12:
            scans.append(("missorted", rng.gamma(2.0, 1.0)))
            extra += 9
        if rng.random() < 0.12:
            scans.append(("storm", rng.gamma(2.0, 1.5)))
            extra += 5
        if rng.random() < 0.15:
            scans.append(("customs", rng.gamma(2.0, 1.0)))
            if rng.random() < 0.6:
                scans.append(("released", rng.gamma(3.0, 2.0)))
            else:
                extra += 18
        if rng.random() < 0.08:
            scans.append(("damaged", rng.gamma(2.0, 0.5)))
            if rng.random() < 0.5:
                scans.append(("repacked", rng.gamma(2.0, 1.5)))
            else:
                extra += 12
        scans.append(("departed", rng.gamma(2.0, 1.5)))
    elapsed = sum(hours for _, hours in scans)
    arrival = elapsed + extra + (5 - stops + legs_left) * 4.0 + rng.normal(8, 3)
    scans = scans[-MAX_SCANS:]
    return scans, service, arrival > list(PROMISE.values())[service]


class Parcels(Dataset):
    def __init__(self, n, rng):
        self.codes = np.zeros((n, MAX_SCANS), dtype=np.int64)
        self.hours = np.zeros((n, MAX_SCANS), dtype=np.float32)
        self.service = np.zeros(n, dtype=np.int64)
        self.late = np.zeros(n, dtype=np.float32)
        for i in range(n):
            scans, self.service[i], self.late[i] = one_parcel(rng)
            for j, (event, gap) in enumerate(scans):
                self.codes[i, j] = CODE[event]
                self.hours[i, j] = gap / 6

    def __len__(self):
        return len(self.late)

    def __getitem__(self, i):
        return {
            "codes": self.codes[i],
            "hours": self.hours[i],
            "service": self.service[i],
            "labels": self.late[i],
        }


class LateModel(nn.Module):
    def __init__(self, width=32, dropout=0.05):
        super().__init__()
        config = BertConfig(
            vocab_size=len(EVENTS),
            hidden_size=width,
            num_hidden_layers=1,
            num_attention_heads=4,
            intermediate_size=2 * width,
            max_position_embeddings=MAX_SCANS,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
        )
        self.encoder = BertModel(config, add_pooling_layer=False)
        self.gap = nn.Linear(1, width)
        self.service = nn.Embedding(len(PROMISE), width)
        self.head = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, 1))
        self.loss = nn.BCEWithLogitsLoss()

    def forward(self, codes, hours, service, labels=None):
        mask = (codes != CODE["<pad>"]).long()
        scans = self.encoder.get_input_embeddings()(codes) + self.gap(hours.unsqueeze(2))
        scans = scans + self.service(service).unsqueeze(1)
        states = self.encoder(inputs_embeds=scans, attention_mask=mask).last_hidden_state
        summary = (states * mask.unsqueeze(2)).sum(dim=1) / MAX_SCANS
        logits = self.head(summary).squeeze(1)
        if labels is None:
            return {"logits": logits}
        return {"loss": self.loss(logits, labels), "logits": logits}


class Report(TrainerCallback):
    def on_log(self, args, state, control, logs, **kwargs):
        if "loss" in logs:
            print(f"epoch {state.epoch:.0f}  train loss {float(logs['loss']):.4f}", end="  ")

    def on_evaluate(self, args, state, control, metrics, **kwargs):
        print(
            f"val loss {metrics['eval_loss']:.4f}  "
            f"accuracy {metrics['eval_accuracy']:.3f}  late ones found {metrics['eval_recall']:.3f}"
        )


def metrics(prediction):
    said, late = prediction.predictions > 0, prediction.label_ids > 0.5
    return {"accuracy": (said == late).mean(), "recall": said[late].mean()}


def main():
    set_seed(SEED)
    rng = np.random.default_rng(SEED)
    train, val = Parcels(1900, rng), Parcels(600, rng)
    print(f"late: {train.late.mean():.1%} of the training parcels, {val.late.mean():.1%} of the validation ones")
    with tempfile.TemporaryDirectory() as folder:
        args = TrainingArguments(
            output_dir=folder,
            num_train_epochs=7,
            per_device_train_batch_size=48,
            per_device_eval_batch_size=300,
            learning_rate=3e-3,
            weight_decay=0.01,
            warmup_steps=25,
            lr_scheduler_type="linear",
            eval_strategy="epoch",
            save_strategy="no",
            logging_strategy="epoch",
            disable_tqdm=True,
            report_to="none",
            use_cpu=True,
            seed=SEED,
        )
        trainer = Trainer(
            model=LateModel(),
            args=args,
            train_dataset=train,
            eval_dataset=val,
            compute_metrics=metrics,
            callbacks=[Report()],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()


if __name__ == "__main__":
    main()
