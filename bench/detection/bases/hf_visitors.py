"""Who is visiting the web shop? The first requests of a session tell people from four kinds of bots.

A small transformer of our own (no pretrained weights) that is trained with the Hugging Face Trainer.
"""

import os
import random
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from torch import nn
from transformers import EvalPrediction, Trainer, TrainingArguments

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

KINDS = ["person", "search-crawler", "price-scraper", "password-tester", "vulnerability-scanner"]
SHARES = [0.32, 0.20, 0.20, 0.15, 0.13]
REQUESTS = [
    "pad", "home", "list", "search", "product", "image", "style", "cart", "checkout", "login-form", "login-post",
    "login-failed", "account", "price-api", "robots", "sitemap", "not-found", "admin", "php",
    "env-file", "feed", "review",
]  # fmt: skip
ID = {name: number for number, name in enumerate(REQUESTS)}
LENGTH = 24
USUAL = {  # what each kind asks for, and the typical pause before a request in seconds
    "person": ("home list search product image image style cart checkout login-form login-post account review", 6.0),
    "search-crawler": ("home list list product product robots sitemap feed review not-found image", 2.0),
    "price-scraper": ("home list search product product price-api image style", 2.5),
    "password-tester": ("home login-form login-post login-failed login-post login-failed account style not-found", 1.5),
    "vulnerability-scanner": ("home not-found not-found admin php env-file login-form robots search", 1.0),
}
FOLLOWS = {  # habits: after the first often comes the second
    "person": {"product": "image", "image": "review", "list": "product", "cart": "checkout"},
    "search-crawler": {"robots": "sitemap", "list": "product", "product": "list", "sitemap": "list"},
    "price-scraper": {"product": "price-api", "list": "product", "price-api": "product", "image": "product"},
    "password-tester": {"login-form": "login-post", "login-post": "login-failed", "login-failed": "login-form"},
    "vulnerability-scanner": {"not-found": "admin", "admin": "php", "php": "not-found", "login-form": "admin"},
}


def make_session(kind: str, rng: np.random.Generator) -> tuple[list[int], list[int]]:
    """Requests and the bucket of the pause before each; bots hide among ordinary traffic for part of the time."""
    names, pause = USUAL[kind]
    own, ordinary = names.split(), USUAL["person"][0].split()
    disguise = rng.beta(4, 2)
    steps: list[str] = []
    for _ in range(int(rng.integers(8, LENGTH + 1))):
        follow = FOLLOWS[kind].get(steps[-1]) if steps else None
        if follow and rng.random() < 0.5 * (1 - disguise):
            steps.append(follow)
        else:
            steps.append(str(rng.choice(ordinary if rng.random() < disguise else own)))
    seconds = rng.lognormal(np.log(pause * disguise + 4 * (1 - disguise)), 1.0, len(steps))
    buckets = np.clip(np.log2(seconds + 0.1) + 4, 1, 9).astype(int)
    return [ID[s] for s in steps], buckets.tolist()


def make_sessions(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    requests, pauses = np.zeros((count, LENGTH), dtype=int), np.zeros((count, LENGTH), dtype=int)
    labels = rng.choice(len(KINDS), count, p=SHARES)
    for row, label in enumerate(labels):
        steps, buckets = make_session(KINDS[label], rng)
        requests[row, : len(steps)], pauses[row, : len(steps)] = steps, buckets
    return requests, pauses, labels


class Sessions(torch.utils.data.Dataset):
    def __init__(self, requests: np.ndarray, pauses: np.ndarray, labels: np.ndarray) -> None:
        self.requests, self.pauses, self.labels = requests, pauses, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> dict[str, torch.Tensor]:
        item = {"requests": self.requests[i], "pauses": self.pauses[i], "labels": self.labels[i]}
        return {name: torch.as_tensor(value) for name, value in item.items()}


class VisitorNet(nn.Module):
    def __init__(self, width: int = 48, depth: int = 2, dropout: float = 0.1) -> None:
        super().__init__()
        self.request = nn.Embedding(len(REQUESTS), width, padding_idx=0)
        self.pause = nn.Embedding(10, width, padding_idx=0)
        self.place = nn.Parameter(0.02 * torch.randn(LENGTH, width))
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, len(KINDS))

    def forward(self, requests, pauses, labels=None):
        padding = requests == 0
        hidden = self.request(requests) + self.pause(pauses) + self.place
        hidden = self.encoder(hidden, src_key_padding_mask=padding)
        keep = (~padding).unsqueeze(-1)
        pooled = (hidden * keep).sum(1) / keep.sum(1)
        logits = self.head(self.norm(pooled))
        loss = F.cross_entropy(logits, labels) if labels is not None else None
        return {"loss": loss, "logits": logits}


def metrics(prediction: EvalPrediction) -> dict[str, float]:
    guess = prediction.predictions.argmax(-1)
    truth = prediction.label_ids
    return {"accuracy": float((guess == truth).mean()), "macro_f1": float(f1_score(truth, guess, average="macro"))}


rng = np.random.default_rng(SEED)
requests, pauses, labels = make_sessions(2200, rng)
train_rows, test_rows = train_test_split(np.arange(len(labels)), test_size=0.25, stratify=labels, random_state=SEED)
train_set = Sessions(requests[train_rows], pauses[train_rows], labels[train_rows])
test_set = Sessions(requests[test_rows], pauses[test_rows], labels[test_rows])

model = VisitorNet()
with tempfile.TemporaryDirectory() as folder:
    arguments = TrainingArguments(
        output_dir=folder,
        num_train_epochs=5,
        per_device_train_batch_size=32,
        per_device_eval_batch_size=128,
        learning_rate=1e-3,
        lr_scheduler_type="linear",
        weight_decay=0.01,
        eval_strategy="epoch",
        logging_strategy="epoch",
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
        eval_dataset=test_set,
        compute_metrics=metrics,
    )
    trainer.train()
    result = trainer.evaluate()

print(f"always {KINDS[0]}: {(labels[test_rows] == 0).mean():.3f}")
print(f"accuracy {result['eval_accuracy']:.3f}, macro F1 {result['eval_macro_f1']:.3f}")
