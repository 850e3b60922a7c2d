"""A convolutional network for the handwritten digits, with random shifts as augmentation."""

import os

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

SEED = int(os.environ.get("SEED", "0"))
EPOCHS = 12
BATCH_SIZE = 32

torch.manual_seed(SEED)
torch.set_num_threads(1)

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1)
labels = torch.tensor(digits.target)
order = torch.randperm(len(images))
train, val = order[:1400], order[1400:]
mean, std = images[train].mean(), images[train].std()
images = (images - mean) / std
x_train, y_train, x_val, y_val = images[train], labels[train], images[val], labels[val]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.dropout = nn.Dropout(0.25)
        self.fc1 = nn.Linear(32 * 2 * 2, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.flatten(1)
        x = self.dropout(F.relu(self.fc1(x)))
        return self.fc2(x)


def augment(x):
    """Shift the whole batch by up to one pixel."""
    dy, dx = torch.randint(-1, 2, (2,)).tolist()
    return torch.roll(x, (dy, dx), dims=(2, 3))


net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.3)


def evaluate():
    net.eval()
    with torch.no_grad():
        logits = net(x_val)
    return F.cross_entropy(logits, y_val).item(), (logits.argmax(1) == y_val).float().mean().item()


for epoch in range(EPOCHS):
    net.train()
    losses = []
    permutation = torch.randperm(len(x_train))
    for i in range(0, len(x_train), BATCH_SIZE):
        batch = permutation[i : i + BATCH_SIZE]
        x, y = augment(x_train[batch]), y_train[batch]
        logits = net(x)
        loss = F.cross_entropy(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    val_loss, val_accuracy = evaluate()
    print(f"[{epoch + 1}/{EPOCHS}] loss {sum(losses) / len(losses):.4f}  val {val_loss:.4f}  acc {val_accuracy:.2%}")
