"""Five classes from twenty columns, a network with batch normalisation, plain SGD and accumulated gradients."""

import os

import numpy as np
import torch
from sklearn.datasets import make_classification
from torch import nn

seed = int(os.environ.get("SEED", "0"))
torch.manual_seed(seed)
torch.set_num_threads(1)
rng = np.random.default_rng(seed)

features, classes = make_classification(
    n_samples=4000,
    n_features=20,
    n_informative=10,
    n_classes=5,
    n_clusters_per_class=2,
    class_sep=1.4,
    flip_y=0.02,
    random_state=seed,
)
order = rng.permutation(len(features))
train_rows, val_rows = order[:3000], order[3000:]
x_train = torch.tensor(features[train_rows], dtype=torch.float32)
y_train = torch.tensor(classes[train_rows])
x_val = torch.tensor(features[val_rows], dtype=torch.float32)
y_val = torch.tensor(classes[val_rows])

center, scale = x_train.mean(0), x_train.std(0)
x_train = (x_train - center) / scale
x_val = (x_val - center) / scale


class Network(nn.Module):
    def __init__(self, width=96):
        super().__init__()
        self.input = nn.Linear(20, width)
        self.norm1 = nn.BatchNorm1d(width)
        self.hidden = nn.Linear(width, width)
        self.norm2 = nn.BatchNorm1d(width)
        self.output = nn.Linear(width, 5)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        h1 = torch.relu(self.norm1(self.input(x)))
        h2 = torch.relu(self.norm2(self.hidden(h1)))
        h2 = self.dropout(h2)
        return self.output(h2)


network = Network()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
batch_size, accumulate = 32, 2

for epoch in range(15):
    network.train()
    epoch_loss, step = 0.0, 0
    shuffled = torch.randperm(len(x_train))
    for rows in shuffled.split(batch_size):
        loss = criterion(network(x_train[rows]), y_train[rows])
        (loss / accumulate).backward()
        step += 1
        if step % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
        epoch_loss += loss.item() * len(rows)

    network.eval()
    with torch.no_grad():
        scores = network(x_val)
        val_loss = criterion(scores, y_val).item()
        accuracy = (scores.argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch:2d} | train {epoch_loss / len(x_train):.4f} | val {val_loss:.4f} | accuracy {accuracy:.4f}")
