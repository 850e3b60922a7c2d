"""Handwritten digits with a small multi-layer perceptron."""

import os

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

seed = int(os.environ.get("SEED", "0"))
torch.manual_seed(seed)
torch.set_num_threads(1)

images, labels = load_digits(return_X_y=True)
images = images / 16.0
x_train, x_val, y_train, y_val = train_test_split(images, labels, test_size=0.25, random_state=seed, stratify=labels)


def dataset(x, y):
    return TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.long))


train_loader = DataLoader(dataset(x_train, y_train), batch_size=32, shuffle=True)
val_loader = DataLoader(dataset(x_val, y_val), batch_size=256)

model = nn.Sequential(
    nn.Linear(64, 128),
    nn.ReLU(),
    nn.Linear(128, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(1, 26):
    model.train()
    train_loss = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        output = model(x)
        loss = criterion(output, y)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(x)

    model.eval()
    val_loss, correct = 0.0, 0
    with torch.no_grad():
        for x, y in val_loader:
            output = model(x)
            val_loss += criterion(output, y).item() * len(x)
            correct += (output.argmax(1) == y).sum().item()
    print(
        f"epoch {epoch:2d}  train loss {train_loss / len(x_train):.4f}  "
        f"val loss {val_loss / len(x_val):.4f}  val accuracy {correct / len(x_val):.3f}"
    )
