"""Which teams must see a support ticket? Several labels per ticket, read by a packed bidirectional GRU."""

import copy
import os
import random
from collections import Counter

import torch
import torch.nn as nn
from sklearn.metrics import f1_score
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

seed = int(os.environ.get("SEED", "0"))
random.seed(seed)
torch.manual_seed(seed)
torch.set_num_threads(1)

TOPICS = ["billing", "delivery", "account", "returns", "technical"]
PHRASES = {
    "billing": ["charged twice", "wrong amount on the invoice", "the invoice is missing", "card was declined"],
    "delivery": ["parcel never arrived", "courier left no note", "tracking has not moved", "still waiting for it"],
    "account": ["cannot log in", "password link expired", "change my email address", "locked out again"],
    "returns": ["want to send it back", "wrong size came", "refund not here yet", "where is the return label"],
    "technical": ["the app crashes", "screen stays blank", "update failed again", "error when i press save"],
}
SOLVED = ["is solved now", "was fixed yesterday", "is no longer a problem", "can be ignored"]
OPEN = ["please help", "any news", "this is urgent", "what now", "i am tired of this"]
SMALL_TALK = "hello good morning dear team i wrote last week about my order number and hope you are well thanks".split()


def write_ticket():
    labels = [0] * len(TOPICS)
    words = random.choices(SMALL_TALK, k=random.randint(1, 8))
    for topic in random.sample(TOPICS, random.choice([1, 1, 2, 2, 3])):
        words += random.choice(PHRASES[topic]).split()
        if random.random() < 0.3:
            words += random.choice(SOLVED).split()
        else:
            words += random.choice(OPEN).split()
            labels[TOPICS.index(topic)] = 1
    words = [w for w in words if random.random() > 0.05]
    return " ".join(words), labels


class Vocab:
    def __init__(self, texts, min_freq=1):
        counts = Counter(word for text in texts for word in text.split())
        self.itos = ["<pad>", "<unk>"] + [w for w, c in counts.most_common() if c >= min_freq]
        self.stoi = {w: i for i, w in enumerate(self.itos)}

    def __len__(self):
        return len(self.itos)

    def encode(self, text):
        return [self.stoi.get(w, 1) for w in text.split()] or [1]


class TicketDataset(Dataset):
    def __init__(self, tickets, vocab):
        self.texts = [vocab.encode(text) for text, _ in tickets]
        self.labels = [labels for _, labels in tickets]

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, i):
        return {"ids": torch.tensor(self.texts[i]), "labels": torch.tensor(self.labels[i], dtype=torch.float)}


def collate(items):
    return {
        "ids": pad_sequence([item["ids"] for item in items], batch_first=True),
        "lengths": torch.tensor([len(item["ids"]) for item in items]),
        "labels": torch.stack([item["labels"] for item in items]),
    }


class TopicGRU(nn.Module):
    def __init__(self, vocab_size, emb_dim=32, hidden=32, n_labels=5):
        super().__init__()
        self.emb = nn.Embedding(vocab_size, emb_dim, padding_idx=0)
        self.gru = nn.GRU(emb_dim, hidden, bidirectional=True, batch_first=True)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(2 * hidden, n_labels)

    def forward(self, ids, lengths):
        x = self.drop(self.emb(ids))
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, h_n = self.gru(packed)
        h = torch.cat([h_n[0], h_n[1]], dim=1)
        return self.fc(self.drop(h))


def train_one_epoch(model, loader, criterion, optimizer):
    model.train()
    total = 0.0
    for batch in loader:
        optimizer.zero_grad()
        logits = model(batch["ids"], batch["lengths"])
        loss = criterion(logits, batch["labels"])
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader, criterion):
    model.eval()
    total, predicted, wanted = 0.0, [], []
    for batch in loader:
        logits = model(batch["ids"], batch["lengths"])
        total += criterion(logits, batch["labels"]).item()
        predicted.append(torch.sigmoid(logits) > 0.5)
        wanted.append(batch["labels"])
    predicted, wanted = torch.cat(predicted).numpy(), torch.cat(wanted).numpy()
    return total / len(loader), f1_score(wanted, predicted, average="micro", zero_division=0)


tickets = [write_ticket() for _ in range(1500)]
train_tickets, val_tickets = tickets[:1200], tickets[1200:]
vocab = Vocab(text for text, _ in train_tickets)
train_loader = DataLoader(TicketDataset(train_tickets, vocab), batch_size=25, shuffle=True, collate_fn=collate)
val_loader = DataLoader(TicketDataset(val_tickets, vocab), batch_size=200, collate_fn=collate)

model = TopicGRU(len(vocab))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
best_f1, best_state = 0.0, None
for epoch in range(1, 9):
    train_loss = train_one_epoch(model, train_loader, criterion, optimizer)
    val_loss, f1 = evaluate(model, val_loader, criterion)
    print(f"epoch {epoch}: train {train_loss:.4f} val {val_loss:.4f} micro-F1 {f1:.4f}")
    if f1 > best_f1:
        best_f1, best_state = f1, copy.deepcopy(model.state_dict())

if best_state is not None:
    model.load_state_dict(best_state)
print(f"kept weights: micro-F1 {evaluate(model, val_loader, criterion)[1]:.4f}")
