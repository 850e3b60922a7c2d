"""Root causes from a window of cluster log events, with a small encoder of our own in the Hugging Face Trainer.

What went wrong shows in the order of a few events (a link that flaps before time-outs is the network; time-outs that
come before the link flaps are an overload), hidden among ordinary chatter that contains the same events too.
"""

import os
import random
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel, Trainer, TrainerCallback, TrainingArguments
from transformers.modeling_outputs import SequenceClassifierOutput

SEED = int(os.environ.get("SEED", "0"))
torch.set_num_threads(1)

CAUSES = ["network", "overload", "disk", "bad_deploy", "memory_leak", "clock"]
MOTIFS = {
    "network": ["link_flap", "timeout", "failover"],
    "overload": ["failover", "timeout", "link_flap"],
    "disk": ["io_retry", "fsck", "remount"],
    "bad_deploy": ["remount", "fsck", "io_retry"],
    "memory_leak": ["gc_pause", "oom_kill", "restart"],
    "clock": ["restart", "oom_kill", "gc_pause"],
}
CHATTER = [f"svc{i}.{what}" for i in range(8) for what in ("get", "put", "heartbeat", "login")]
EVENTS = ["<cls>"] + sorted({e for m in MOTIFS.values() for e in m}) + CHATTER
EVENT_ID = {e: i for i, e in enumerate(EVENTS)}
WINDOW = 31


def make_windows(n, rng):
    """Windows of event ids and the index of the cause in CAUSES."""
    suspects = [e for m in MOTIFS.values() for e in m]
    ids, causes = np.zeros((n, WINDOW), dtype=np.int64), rng.integers(0, len(CAUSES), n)
    habits = rng.dirichlet(np.full(len(CHATTER), 0.5), size=12)  # what a service's chatter looks like
    for row, cause in enumerate(causes):
        line = list(rng.choice(CHATTER, WINDOW, p=habits[rng.integers(12)]))
        for spot in rng.integers(0, WINDOW, rng.integers(0, 3)):
            line[spot] = rng.choice(suspects)  # the same events happen for no reason, too
        motif = MOTIFS[CAUSES[cause]]
        for start in rng.choice(3, rng.integers(2, 4), replace=False):
            at = 1 + start * 10 + np.sort(rng.choice(10, 3, replace=False))
            for spot, event in zip(at, motif, strict=True):
                line[spot] = event
        ids[row] = [EVENT_ID[e] for e in line]
    ids[:, 0] = EVENT_ID["<cls>"]
    return ids, causes


class Windows(torch.utils.data.Dataset):
    def __init__(self, ids, causes):
        self.ids, self.causes = torch.from_numpy(ids), torch.from_numpy(causes)

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return {"input_ids": self.ids[i], "labels": self.causes[i]}


class LogConfig(PretrainedConfig):
    model_type = "log_encoder"

    def __init__(self, hidden=48, heads=4, depth=2, event_dropout=0.05, **kwargs):
        super().__init__(**kwargs)
        self.hidden, self.heads, self.depth, self.event_dropout = hidden, heads, depth, event_dropout


class EventDropout(nn.Module):
    """Drop whole events, so that the model doesn't rely on a single one."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        kept = torch.rand(x.shape[:2], device=x.device) > self.p
        return x * kept.unsqueeze(-1) / (1 - self.p)


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.heads = cfg.heads
        self.norm1, self.norm2 = nn.LayerNorm(cfg.hidden), nn.LayerNorm(cfg.hidden)
        self.qkv, self.out = nn.Linear(cfg.hidden, 3 * cfg.hidden), nn.Linear(cfg.hidden, cfg.hidden)
        wide = 2 * cfg.hidden
        self.mlp = nn.Sequential(nn.Linear(cfg.hidden, wide), nn.GELU(), nn.Linear(wide, cfg.hidden))

    def attention(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).unbind(2)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).reshape(b, t, d))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class LogClassifier(PreTrainedModel):
    config_class = LogConfig

    def __init__(self, config):
        super().__init__(config)
        self.events = nn.Embedding(len(EVENTS), config.hidden)
        self.positions = nn.Embedding(WINDOW, config.hidden)
        self.drop = EventDropout(config.event_dropout)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.depth)])
        self.norm = nn.LayerNorm(config.hidden)
        self.pooler = nn.Linear(config.hidden, config.hidden)
        self.classifier = nn.Linear(config.hidden, config.num_labels)
        self.post_init()

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.08)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)

    def encode(self, input_ids):
        h = self.events(input_ids) + self.positions(torch.arange(input_ids.shape[1], device=input_ids.device))
        h = self.drop(h)
        for block in self.blocks:
            h = block(h)
        return self.norm(h)

    def forward(self, input_ids, labels=None):
        h = self.encode(input_ids)
        pooled = torch.tanh(self.pooler(h.mean(1)))
        logits = self.classifier(pooled)
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


class Say(TrainerCallback):
    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        loss, accuracy = metrics["eval_loss"], metrics["eval_accuracy"]
        print(f"epoch {state.epoch:4.1f}  eval loss {loss:.4f}  accuracy {accuracy:.4f}")


def compute_metrics(pred):
    guess = pred.predictions.argmax(-1)
    return {"accuracy": float((guess == pred.label_ids).mean())}


def main():
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)
    ids, causes = make_windows(3200, np.random.default_rng(SEED))
    train, held_out = Windows(ids[:2560], causes[:2560]), Windows(ids[2560:], causes[2560:])
    model = LogClassifier(LogConfig(num_labels=len(CAUSES)))
    with tempfile.TemporaryDirectory() as folder:
        args = TrainingArguments(
            output_dir=folder, num_train_epochs=6, per_device_train_batch_size=32, per_device_eval_batch_size=200,
            eval_strategy="epoch", save_strategy="no", logging_strategy="no", report_to="none", disable_tqdm=True,
            use_cpu=True, seed=SEED, max_grad_norm=1.0,
        )  # fmt: skip
        optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
        steps = args.num_train_epochs * -(-len(train) // args.per_device_train_batch_size)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min((s + 1) / 40, 1 - s / (steps + 1)))
        trainer = Trainer(
            model=model, args=args, train_dataset=train, eval_dataset=held_out, compute_metrics=compute_metrics,
            optimizers=(optimizer, scheduler), callbacks=[Say()],
        )  # fmt: skip
        trainer.train()
        scores = trainer.evaluate()
    print(f"held-out accuracy {scores['eval_accuracy']:.4f} (chance {1 / len(CAUSES):.2f})")


if __name__ == "__main__":
    main()
