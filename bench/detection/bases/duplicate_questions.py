"""Do two questions to the help desk ask the same? A siamese text CNN, trained on pairs."""

import os
import random
import re
from collections import Counter
from itertools import chain

import torch
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

SEED = int(os.environ.get("SEED", "0"))
PAD, UNK = 0, 1
HP = {
    "emb_dim": 48,
    "n_filters": 32,
    "sizes": (1, 2, 3),
    "hidden": 64,
    "dropout": 0.2,
    "lr": 3e-3,
    "batch_size": 32,
    "epochs": 6,
}

THINGS = "passport visa invoice password parcel ticket refund account card contract phone laptop router licence".split()
INTENTS = {
    "cost": ["how much is a new {}", "what does a {} cost", "what is the price of a {}", "do i have to pay for a {}"],
    "time": ["how long does a {} take", "when will i get my {}", "how many days until the {} is here"],
    "lost": ["i cannot find my {} any more what now", "what do i do when i lost my {}", "my {} is gone who can help"],
    "cancel": ["how do i cancel my {}", "i do not want the {} any more", "can i give the {} back", "please stop my {}"],
    "change": [
        "can i change my {}",
        "how do i edit the {}",
        "i would like to have another {} how",
        "swap my {} please",
    ],
    "where": ["where do i get a {}", "which office has my {}", "where can i pick up the {}", "who hands out a {}"],
    "broken": ["my {} does not work", "the {} is broken what now", "why is there an error with my {}"],
    "renew": [
        "how can i renew my {}",
        "my {} runs out soon",
        "the {} has expired what do i do",
        "is my {} still valid",
    ],
}
OPENINGS = ["", "", "hello", "hi", "excuse me", "good morning", "quick question", "dear team"]
CLOSINGS = ["", "", "thanks", "thank you", "please", "it is urgent", "many thanks in advance"]


def ask(intent, thing, but_not=None):
    templates = [t for t in INTENTS[intent] if t != but_not]
    template = random.choice(templates)
    text = f"{random.choice(OPENINGS)} {template.format(thing)} {random.choice(CLOSINGS)}".strip()
    if random.random() < 0.1:  # a typing mistake
        spot = random.randrange(len(text) - 1)
        text = text[:spot] + text[spot + 1] + text[spot] + text[spot + 2 :]
    return text, template


def make_pairs(n):
    """Pairs of questions, and for each pair whether both want the same."""
    pairs, labels = [], []
    for _ in range(n):
        intent, thing = random.choice(list(INTENTS)), random.choice(THINGS)
        first, template = ask(intent, thing)
        same = random.random() < 0.5
        if same:
            second, _ = ask(intent, thing, but_not=template)
        elif random.random() < 0.5:
            second, _ = ask(intent, random.choice([t for t in THINGS if t != thing]))
        else:
            second, _ = ask(random.choice([i for i in INTENTS if i != intent]), thing)
        pairs.append((first, second))
        labels.append(float(same))
    return pairs, labels


def tokenize(text):
    return re.findall(r"[a-z]+", text.lower())


def build_vocab(pairs, min_freq=2):
    counts = Counter(chain.from_iterable(tokenize(q) for pair in pairs for q in pair))
    words = [word for word, n in counts.most_common() if n >= min_freq]
    return {word: i for i, word in enumerate(words, start=2)}


class Collate:
    def __init__(self, vocab):
        self.vocab = vocab

    def encode(self, texts):
        rows = [torch.tensor([self.vocab.get(w, UNK) for w in tokenize(t)]) for t in texts]
        return pad_sequence(rows, batch_first=True, padding_value=PAD)

    def __call__(self, items):
        pairs, labels = zip(*items, strict=True)
        first, second = zip(*pairs, strict=True)
        return {"q1": self.encode(first), "q2": self.encode(second), "label": torch.tensor(labels)}


class TextCNN(nn.Module):
    def __init__(self, vocab_size, emb_dim, n_filters, sizes):
        super().__init__()
        self.emb = nn.Embedding(vocab_size, emb_dim, padding_idx=PAD)
        self.convs = nn.ModuleList([nn.Conv1d(emb_dim, n_filters, size, padding=size // 2) for size in sizes])

    def forward(self, tokens):
        x = self.emb(tokens).transpose(1, 2)
        return torch.cat([torch.relu(conv(x)).max(dim=2).values for conv in self.convs], dim=1)


class SiameseNet(nn.Module):
    def __init__(self, vocab_size, hp):
        super().__init__()
        self.encoder = TextCNN(vocab_size, hp["emb_dim"], hp["n_filters"], hp["sizes"])
        code = hp["n_filters"] * len(hp["sizes"])
        self.dropout = nn.Dropout(hp["dropout"])
        self.fc1 = nn.Linear(2 * code, hp["hidden"])
        self.fc2 = nn.Linear(hp["hidden"], 1)

    def forward(self, q1, q2):
        a, b = self.encoder(q1), self.encoder(q2)
        features = torch.cat([torch.abs(a - b), a * b], dim=1)
        h = torch.relu(self.fc1(self.dropout(features)))
        out = self.fc2(self.dropout(h))
        return out.squeeze(1)


def train_one_epoch(model, loader, criterion, optimizer):
    model.train()
    running_loss = 0.0
    for batch in loader:
        optimizer.zero_grad()
        outputs = model(batch["q1"], batch["q2"])
        loss = criterion(outputs, batch["label"])
        loss.backward()
        optimizer.step()
        running_loss += loss.item() * len(outputs)
    return running_loss / len(loader.dataset)


@torch.no_grad()
def validate(model, loader, criterion):
    model.eval()
    running_loss, probs, labels = 0.0, [], []
    for batch in loader:
        outputs = model(batch["q1"], batch["q2"])
        running_loss += criterion(outputs, batch["label"]).item() * len(outputs)
        probs += torch.sigmoid(outputs).tolist()
        labels += batch["label"].tolist()
    predicted = [p > 0.5 for p in probs]
    return running_loss / len(labels), accuracy_score(labels, predicted), roc_auc_score(labels, probs)


def main():
    random.seed(SEED)
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    pairs, labels = make_pairs(2500)
    train_pairs, val_pairs, train_labels, val_labels = train_test_split(
        pairs, labels, test_size=0.2, random_state=SEED, stratify=labels
    )
    vocab = build_vocab(train_pairs)
    collate = Collate(vocab)
    train_set = list(zip(train_pairs, train_labels, strict=True))
    val_set = list(zip(val_pairs, val_labels, strict=True))
    train_loader = DataLoader(train_set, batch_size=HP["batch_size"], shuffle=True, collate_fn=collate)
    val_loader = DataLoader(val_set, batch_size=200, collate_fn=collate)
    model = SiameseNet(len(vocab) + 2, HP)
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=HP["lr"])
    print(f"{len(train_pairs)} pairs to learn from, {len(vocab)} words")
    for epoch in range(HP["epochs"]):
        train_loss = train_one_epoch(model, train_loader, criterion, optimizer)
        val_loss, val_acc, val_auc = validate(model, val_loader, criterion)
        print(
            f"Epoch {epoch + 1}/{HP['epochs']}: train_loss={train_loss:.4f} val_loss={val_loss:.4f} "
            f"val_acc={val_acc:.4f} val_auc={val_auc:.4f}"
        )


if __name__ == "__main__":
    main()
