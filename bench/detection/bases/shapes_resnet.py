"""A residual network with batch normalisation that tells coloured shapes apart; the best weights are kept."""

import copy
import os

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
torch.set_num_threads(1)
CLASSES = ["circle", "square", "cross", "ring"]


def draw(shape, rng, size=16):
    """One picture of height x width x 3 bytes: a shape of any colour, place and size on a noisy background."""
    rows, columns = np.mgrid[:size, :size]
    radius = rng.uniform(3.0, 5.5)
    dy, dx = rows - rng.uniform(6, size - 6), columns - rng.uniform(6, size - 6)
    distance = np.hypot(dy, dx)
    if shape == "circle":
        mask = distance < radius
    elif shape == "square":
        mask = np.maximum(abs(dy), abs(dx)) < radius * 0.85
    elif shape == "cross":
        mask = (np.minimum(abs(dy), abs(dx)) < 1.2) & (np.maximum(abs(dy), abs(dx)) < radius)
    else:
        mask = (distance < radius) & (distance > radius - 1.6)
    picture = rng.normal(90, 25, (size, size, 3))
    picture[mask] += rng.uniform(-90, 140, 3)
    return np.clip(picture, 0, 255).astype(np.uint8)


class Shapes(Dataset):
    def __init__(self, count, seed):
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, len(CLASSES), count)
        self.images = np.stack([draw(CLASSES[label], rng) for label in self.labels])

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = torch.from_numpy(self.images[index]).permute(2, 0, 1).float() / 255
        image = (image - 0.4) / 0.2
        return image, int(self.labels[index])


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(x + out)


class ResNet(nn.Module):
    def __init__(self, width=16, classes=4):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.stage1 = Block(width)
        self.down = nn.Conv2d(width, 2 * width, 2, stride=2)
        self.stage2 = Block(2 * width)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, x):
        x = self.stage1(self.stem(x))
        x = self.stage2(self.down(x))
        return self.head(x.mean((2, 3)))


train_set, val_set = Shapes(2000, seed=2 * SEED), Shapes(600, seed=2 * SEED + 1)
train_loader = DataLoader(train_set, batch_size=64, shuffle=True, drop_last=True)
val_loader = DataLoader(val_set, batch_size=200)

EPOCHS = 8
model = ResNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=EPOCHS * len(train_loader))


def validate():
    model.eval()
    loss, correct = 0.0, 0
    with torch.no_grad():
        for images, labels in val_loader:
            logits = model(images)
            loss += F.cross_entropy(logits, labels, reduction="sum").item()
            correct += (logits.argmax(1) == labels).sum().item()
    return loss / len(val_set), correct / len(val_set)


best_accuracy, best_state = 0.0, None
for epoch in range(EPOCHS):
    model.train()
    running = 0.0
    for images, labels in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        scheduler.step()
        running += loss.item()
    val_loss, accuracy = validate()
    if accuracy > best_accuracy:
        best_accuracy, best_state = accuracy, copy.deepcopy(model.state_dict())
    print(f"epoch {epoch}: train {running / len(train_loader):.3f}, val {val_loss:.3f}, accuracy {accuracy:.3f}")

model.load_state_dict(best_state)
print(f"best weights: accuracy {validate()[1]:.3f}")
