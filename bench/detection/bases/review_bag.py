"""Good or bad or mixed: short reviews as bags of words, classified with an EmbeddingBag."""

import os
import random

import torch
import torch.nn.functional as F
from torch import nn

SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
torch.set_num_threads(1)
rng = random.Random(SEED)

GOOD = "great lovely superb charming brilliant moving clever delightful fresh tender gripping warm funny fine".split()
BAD = "dull awful clumsy tedious boring weak silly flat stale hollow noisy bleak lazy messy".split()
THINGS = "plot cast music script ending pace camera dialogue story humour scenery lead villain score costume".split()
FILLERS = "the a and with its film this was is rather quite some of in again really but still".split()
LABELS = ["bad", "mixed", "good"]


def write_review(label):
    share = {"bad": 0.1, "mixed": 0.5, "good": 0.9}[label]
    words = []
    for _ in range(rng.randint(5, 9)):
        words += rng.choices(FILLERS, k=rng.randint(0, 3))
        words.append(rng.choice(GOOD if rng.random() < share else BAD))
        words.append(rng.choice(THINGS))
    return " ".join(words)


labels = [rng.choice(LABELS) for _ in range(2500)]
reviews = [(write_review(label), LABELS.index(label)) for label in labels]
train_reviews, val_reviews = reviews[:2000], reviews[2000:]
vocabulary = {"<unk>": 0}
for review, _ in train_reviews:
    for word in review.split():
        vocabulary.setdefault(word, len(vocabulary))


def collate(batch):
    ids = [[vocabulary.get(word, 0) for word in review.split()] for review, _ in batch]
    offsets = torch.tensor([0] + [len(row) for row in ids[:-1]]).cumsum(0)
    flat = torch.tensor([token for row in ids for token in row])
    return flat, offsets, torch.tensor([label for _, label in batch])


class BagClassifier(nn.Module):
    def __init__(self, words, dim=32, classes=3):
        super().__init__()
        self.embedding = nn.EmbeddingBag(words, dim, mode="mean")
        self.fc1 = nn.Linear(dim, 32)
        self.fc2 = nn.Linear(32, classes)

    def forward(self, tokens, offsets):
        bag = self.embedding(tokens, offsets)
        hidden = F.relu(self.fc1(bag))
        return self.fc2(hidden)


train_loader = torch.utils.data.DataLoader(train_reviews, batch_size=25, shuffle=True, collate_fn=collate)
val_loader = torch.utils.data.DataLoader(val_reviews, batch_size=100, collate_fn=collate)
model = BagClassifier(len(vocabulary))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

for epoch in range(8):
    model.train()
    total_loss, total_right = 0.0, 0
    for tokens, offsets, target in train_loader:
        output = model(tokens, offsets)
        loss = F.cross_entropy(output, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total_loss += loss.item()
        total_right += (output.argmax(1) == target).sum().item()
    model.eval()
    val_loss, val_right = 0.0, 0
    with torch.no_grad():
        for tokens, offsets, target in val_loader:
            output = model(tokens, offsets)
            val_loss += F.cross_entropy(output, target).item()
            val_right += (output.argmax(1) == target).sum().item()
    print(
        f"epoch {epoch}: loss {total_loss / len(train_loader):.3f} accuracy {total_right / 2000:.3f}"
        f" | validation loss {val_loss / len(val_loader):.3f} accuracy {val_right / 500:.3f}"
    )
