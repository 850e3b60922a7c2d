"""Find the amounts, goods and places in short orders: a sequence tagger with a packed bidirectional LSTM."""

import os
import random

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

seed = int(os.environ.get("SEED", "0"))
random.seed(seed)
torch.manual_seed(seed)
torch.set_num_threads(1)

TAGS = ["O", "B-QTY", "I-QTY", "B-ITEM", "I-ITEM", "B-PLACE", "I-PLACE"]
TAG2ID = {tag: i for i, tag in enumerate(TAGS)}
IGNORE = -100
NUMBERS = "two three four five six seven eight nine ten twelve".split()
UNITS = "boxes crates pounds bags dozen pallets".split()
COLOURS = "green red orange white dark sweet old".split()
GOODS = "apples pears oil flour tea rice orange pepper salt lemons".split()
TOWNS = "green new old port white salt".split()
ENDINGS = "harbour hill lake market ferry pepper".split()
OPENINGS = ["please send", "we need", "kindly ship", "could you bring", "i want", "add"]
CLOSINGS = ["by friday", "before ten", "as usual", "thank you", "for the two of us", ""]


def quantity():
    return random.choice([[random.choice(NUMBERS)], [random.choice(NUMBERS), random.choice(UNITS)]])


def item():
    return random.choice([[random.choice(GOODS)], [random.choice(COLOURS), random.choice(GOODS)]])


def place():
    return [random.choice(TOWNS), random.choice(ENDINGS)] if random.random() < 0.7 else [random.choice(TOWNS)]


def make_order():
    words, tags = [], []

    def add(tokens, kind=None):
        words.extend(tokens)
        tags.extend(["O"] * len(tokens) if kind is None else [f"B-{kind}"] + [f"I-{kind}"] * (len(tokens) - 1))

    add(random.choice(OPENINGS).split())
    for i in range(random.randint(1, 3)):
        if i:
            add(["and"])
        add(quantity(), "QTY")
        if random.random() < 0.5:
            add(["of"])
        add(item(), "ITEM")
    if random.random() < 0.8:
        add([random.choice(["to", "at", "from"])])
        add(place(), "PLACE")
    add(random.choice(CLOSINGS).split())
    words = [w if random.random() > 0.08 else w[::-1] for w in words]  # misspelt
    return words, tags


class OrderDataset(Dataset):
    def __init__(self, orders, word2id):
        self.orders = orders
        self.word2id = word2id

    def __len__(self):
        return len(self.orders)

    def __getitem__(self, idx):
        words, tags = self.orders[idx]
        token_ids = torch.tensor([self.word2id.get(w, 1) for w in words])
        tag_ids = torch.tensor([TAG2ID[t] for t in tags])
        return token_ids, tag_ids


def collate_fn(batch):
    batch.sort(key=lambda pair: len(pair[0]), reverse=True)
    tokens = [pair[0] for pair in batch]
    tags = [pair[1] for pair in batch]
    lengths = torch.tensor([len(t) for t in tokens])
    tokens = pad_sequence(tokens, batch_first=True, padding_value=0)
    tags = pad_sequence(tags, batch_first=True, padding_value=IGNORE)
    return tokens, tags, lengths


class BiLSTMTagger(nn.Module):
    def __init__(self, vocab_size, embedding_dim=24, hidden_dim=32, n_tags=7):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=0)
        self.dropout = nn.Dropout(0.2)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim, batch_first=True, bidirectional=True)
        self.hidden2tag = nn.Linear(2 * hidden_dim, n_tags)

    def forward(self, tokens, lengths):
        embeds = self.dropout(self.embedding(tokens))
        packed = pack_padded_sequence(embeds, lengths, batch_first=True)
        packed_out, _ = self.lstm(packed)
        out, _ = pad_packed_sequence(packed_out, batch_first=True)
        return self.hidden2tag(out)


def train_epoch(model, iterator, optimizer, criterion):
    model.train()
    epoch_loss = 0
    for tokens, tags, lengths in iterator:
        optimizer.zero_grad()
        predictions = model(tokens, lengths)
        loss = criterion(predictions.view(-1, predictions.shape[-1]), tags.view(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        epoch_loss += loss.item()
    return epoch_loss / len(iterator)


def evaluate(model, iterator, criterion):
    model.eval()
    epoch_loss, correct, total, hit, guessed, wanted = 0, 0, 0, 0, 0, 0
    with torch.no_grad():
        for tokens, tags, lengths in iterator:
            predictions = model(tokens, lengths)
            epoch_loss += criterion(predictions.view(-1, predictions.shape[-1]), tags.view(-1)).item()
            best = predictions.argmax(-1)
            mask = tags != IGNORE
            correct += (best[mask] == tags[mask]).sum().item()
            total += mask.sum().item()
            hit += ((best == tags) & (tags > 0)).sum().item()
            guessed += ((best > 0) & mask).sum().item()
            wanted += (tags > 0).sum().item()
    return epoch_loss / len(iterator), correct / total, 2 * hit / (guessed + wanted)


orders = [make_order() for _ in range(1200)]
train_orders, valid_orders = orders[:900], orders[900:]
word2id = {"<pad>": 0, "<unk>": 1}
for words, _ in train_orders:
    for word in words:
        word2id.setdefault(word, len(word2id))

train_iterator = DataLoader(OrderDataset(train_orders, word2id), batch_size=20, shuffle=True, collate_fn=collate_fn)
valid_iterator = DataLoader(OrderDataset(valid_orders, word2id), batch_size=100, collate_fn=collate_fn)

model = BiLSTMTagger(len(word2id))
criterion = nn.CrossEntropyLoss(ignore_index=IGNORE)
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
N_EPOCHS = 8

for epoch in range(N_EPOCHS):
    train_loss = train_epoch(model, train_iterator, optimizer, criterion)
    valid_loss, accuracy, f1 = evaluate(model, valid_iterator, criterion)
    print(f"Epoch: {epoch + 1:02} | Train Loss: {train_loss:.3f} | Val. Loss: {valid_loss:.3f}", end=" | ")
    print(f"Token Acc: {accuracy * 100:.2f}% | F1: {f1:.3f}")
