"""Rewrite dates as people write them into one form: an encoder-decoder transformer with warm-up."""

import datetime
import math
import os
import random

import torch
import torch.nn as nn
from torch.utils.data import DataLoader

SEED = int(os.environ.get("SEED", "0"))
PAD, BOS, EOS = 0, 1, 2
SPECIALS = ["<pad>", "<s>", "</s>"]
FORMATS = [
    "{d} {b} {y}",
    "{b} {d} {y}",
    "{b} the {d} of {y}",
    "{a} {d} {b} {y}",
    "the {d} of {b} in {y}",
    "{y} {b} {d}",
]

hparams = {
    "d_model": 48,
    "nhead": 4,
    "layers": 1,
    "ffn": 96,
    "dropout": 0.0,
    "batch_size": 50,
    "epochs": 6,
    "lr": 4e-3,
    "warmup": 60,
    "clip": 1.0,
}


def sample_pair(rng):
    day = datetime.date(1950, 1, 1) + datetime.timedelta(days=rng.randrange(36500))
    names = {"d": " ".join(str(day.day)), "y": " ".join(str(day.year))}
    month = day.strftime("%B" if rng.random() < 0.6 else "%b").lower()
    source = rng.choice(FORMATS).format(a=day.strftime("%A").lower(), b=month, **names).split()
    return source, list(day.strftime("%Y%m%d"))


def build_vocab(sequences):
    symbols = sorted({symbol for sequence in sequences for symbol in sequence})
    return {symbol: i for i, symbol in enumerate(SPECIALS + symbols)}


class Collator:
    def __init__(self, src_vocab, tgt_vocab):
        self.src_vocab, self.tgt_vocab = src_vocab, tgt_vocab

    @staticmethod
    def pad(rows):
        width = max(map(len, rows))
        return torch.tensor([row + [PAD] * (width - len(row)) for row in rows])

    def __call__(self, pairs):
        src = self.pad([[self.src_vocab[s] for s in source] for source, _ in pairs])
        tgt = self.pad([[BOS] + [self.tgt_vocab[t] for t in target] + [EOS] for _, target in pairs])
        return {
            "src": src,
            "src_mask": src == PAD,
            "tgt_in": tgt[:, :-1],
            "tgt_out": tgt[:, 1:],
        }


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=40):
        super().__init__()
        position = torch.arange(max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, d_model)
        pe[:, 0::2] = torch.sin(position * div)
        pe[:, 1::2] = torch.cos(position * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[: x.size(1)]


class Seq2SeqTransformer(nn.Module):
    def __init__(self, src_size, tgt_size, hp):
        super().__init__()
        d = hp["d_model"]
        self.scale = math.sqrt(d)
        self.src_emb = nn.Embedding(src_size, d, padding_idx=PAD)
        self.tgt_emb = nn.Embedding(tgt_size, d, padding_idx=PAD)
        self.pos = PositionalEncoding(d)
        encoder_layer = nn.TransformerEncoderLayer(d, hp["nhead"], hp["ffn"], hp["dropout"], batch_first=True)
        decoder_layer = nn.TransformerDecoderLayer(d, hp["nhead"], hp["ffn"], hp["dropout"], batch_first=True)
        self.encoder = nn.TransformerEncoder(encoder_layer, hp["layers"], enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(decoder_layer, hp["layers"])
        self.generator = nn.Linear(d, tgt_size)
        for table in (self.src_emb, self.tgt_emb):
            nn.init.normal_(table.weight, std=d**-0.5)

    def encode(self, src, src_mask):
        return self.encoder(self.pos(self.src_emb(src) * self.scale), src_key_padding_mask=src_mask)

    def decode(self, tgt, memory, src_mask):
        size = tgt.size(1)
        causal = torch.triu(torch.ones(size, size, dtype=torch.bool), diagonal=1)
        x = self.pos(self.tgt_emb(tgt) * self.scale)
        x = self.decoder(x, memory, tgt_mask=causal, memory_key_padding_mask=src_mask)
        return self.generator(x)

    def forward(self, batch):
        memory = self.encode(batch["src"], batch["src_mask"])
        return self.decode(batch["tgt_in"], memory, batch["src_mask"])


@torch.no_grad()
def greedy(model, batch, steps=8):
    memory = model.encode(batch["src"], batch["src_mask"])
    out = torch.full((len(memory), 1), BOS)
    for _ in range(steps):
        logits = model.decode(out, memory, batch["src_mask"])
        out = torch.cat([out, logits[:, -1].argmax(-1, keepdim=True)], dim=1)
    return out[:, 1:]


def compute_loss(logits, target, loss_fn):
    return loss_fn(logits.reshape(-1, logits.size(-1)), target.reshape(-1))


def validate(model, loader, loss_fn):
    model.eval()
    total, exact, count = 0.0, 0, 0
    with torch.no_grad():
        for batch in loader:
            total += compute_loss(model(batch), batch["tgt_out"], loss_fn).item() * len(batch["src"])
            exact += (greedy(model, batch) == batch["tgt_out"][:, :8]).all(1).sum().item()
            count += len(batch["src"])
    return total / count, exact / count


def train(hp):
    rng = random.Random(SEED)
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    pairs = [sample_pair(rng) for _ in range(3400)]
    src_vocab, tgt_vocab = build_vocab(p[0] for p in pairs), build_vocab(p[1] for p in pairs)
    collate = Collator(src_vocab, tgt_vocab)
    train_loader = DataLoader(pairs[:3000], hp["batch_size"], shuffle=True, collate_fn=collate)
    val_loader = DataLoader(pairs[3000:], 200, collate_fn=collate)

    model = Seq2SeqTransformer(len(src_vocab), len(tgt_vocab), hp)
    loss_fn = nn.CrossEntropyLoss(ignore_index=PAD)
    optimizer = torch.optim.Adam(model.parameters(), lr=hp["lr"], betas=(0.9, 0.98), eps=1e-9)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / hp["warmup"], (hp["warmup"] / (step + 1)) ** 0.5)
    )
    for epoch in range(hp["epochs"]):
        model.train()
        running = 0.0
        for batch in train_loader:
            logits = model(batch)
            loss = compute_loss(logits, batch["tgt_out"], loss_fn)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), hp["clip"])
            optimizer.step()
            scheduler.step()
            running += loss.item()
        val_loss, exact = validate(model, val_loader, loss_fn)
        train_loss = running / len(train_loader)
        print(f"epoch {epoch + 1}: train loss {train_loss:.4f}, val loss {val_loss:.4f}, dates right {exact:.1%}")
    return model


if __name__ == "__main__":
    train(hparams)
