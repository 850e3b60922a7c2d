# Cherenkov telescope: was this flash of light a gamma ray (signal) or a proton (background)?
# A camera of 20 x 20 pixels counts photo-electrons, at most 16 a pixel. Small residual network, one logit.
import copy
import os
import random

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

N_TRAIN, N_VAL, N_TEST = 2000, 600, 1000
SIDE = 20
FULL = 16  # photo-electrons at which a pixel saturates
BATCH_SIZE = 32
EPOCHS = 9
LEARNING_RATE = 1e-3

yy, xx = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2


def spot(x, y, angle, length, width):
    along = (xx - x) * np.cos(angle) + (yy - y) * np.sin(angle)
    across = -(xx - x) * np.sin(angle) + (yy - y) * np.cos(angle)
    return np.exp(-0.5 * ((along / length) ** 2 + (across / width) ** 2)) / (length * width)


def gamma():
    """One slim ellipse whose long axis points to the middle of the camera."""
    distance, direction = np.random.uniform(2, 7), np.random.uniform(0, 2 * np.pi)
    angle = direction + np.random.normal(0, 0.2)
    length = np.random.uniform(1.8, 3.4)
    width = length * np.random.uniform(0.35, 0.6)
    light = spot(distance * np.cos(direction), distance * np.sin(direction), angle, length, width)
    return light * np.random.lognormal(4.1, 0.45)


def proton():
    """Wider, any direction, often in several pieces, now and then with the arc of a muon."""
    x, y, angle = *np.random.uniform(-5, 5, 2), np.random.uniform(0, np.pi)
    length = np.random.uniform(1.8, 3.6)
    light = spot(x, y, angle, length, length * np.random.uniform(0.4, 0.95)) * np.random.lognormal(4.0, 0.5)
    for _ in range(np.random.poisson(0.8)):
        dx, dy = np.random.normal(0, 4, 2)
        light += spot(x + dx, y + dy, np.random.uniform(0, np.pi), 1.3, 0.9) * np.random.lognormal(2.6, 0.6)
    if np.random.rand() < 0.2:
        ring = np.hypot(xx - x, yy - y) - np.random.uniform(4, 7)
        light += 2.0 * np.exp(-0.5 * (ring / 0.7) ** 2) * (np.cos(np.arctan2(yy, xx) - angle) > 0)
    return light


def make_events(n):
    label = np.random.randint(0, 2, n)
    night_sky = np.random.uniform(0.4, 1.2, n)
    light = np.stack([gamma() if y else proton() for y in label])
    counts = np.random.poisson(light + night_sky[:, None, None])
    return np.minimum(counts, FULL).astype("float32"), label


class Block(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.skip = nn.Conv2d(cin, cout, 1, stride, bias=False)

    def forward(self, x):
        out = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.skip(x) + self.bn2(self.conv2(out)))


def build_network():
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.ReLU(),
        Block(12, 16, 2),
        Block(16, 32, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 64),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(64, 1),
    )


criterion = nn.BCEWithLogitsLoss()


def train_one_epoch(network, loader, optimizer):
    total = 0.0
    for images, target in loader:
        images = torch.rot90(images, random.randrange(4), (2, 3))  # the sky has no up
        if random.random() < 0.5:
            images = images.flip(3)
        optimizer.zero_grad()
        loss = criterion(network(images).squeeze(1), target)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(images)
    return total / len(loader.dataset)


def test(network, loader):
    network.eval()
    scores, targets = [], []
    with torch.no_grad():
        for images, target in loader:
            scores.append(network(images).squeeze(1))
            targets.append(target)
    scores, targets = torch.cat(scores), torch.cat(targets)
    loss = criterion(scores, targets).item()
    accuracy = ((scores > 0) == (targets > 0.5)).float().mean().item()
    return loss, accuracy, roc_auc_score(targets.numpy(), scores.numpy())


images, labels = make_events(N_TRAIN + N_VAL + N_TEST)
brightness = np.sqrt(images)
mean, std = brightness[:N_TRAIN].mean(), brightness[:N_TRAIN].std()
inputs = torch.from_numpy((brightness - mean) / std).float().unsqueeze(1)
targets = torch.from_numpy(labels).float()
everything = TensorDataset(inputs, targets)
train_set, val_set, test_set = torch.utils.data.random_split(everything, [N_TRAIN, N_VAL, N_TEST])
train_loader = DataLoader(train_set, batch_size=BATCH_SIZE, shuffle=True, drop_last=True)
val_loader = DataLoader(val_set, batch_size=100)
test_loader = DataLoader(test_set, batch_size=100)

network = build_network()
optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
best_loss, best_weights = float("inf"), None
for epoch in range(1, EPOCHS + 1):
    network.train()
    train_loss = train_one_epoch(network, train_loader, optimizer)
    val_loss, val_accuracy, val_auc = test(network, val_loader)
    if val_loss < best_loss:
        best_loss, best_weights = val_loss, copy.deepcopy(network.state_dict())
    print(f"epoch {epoch:2d}  loss {train_loss:.4f}  val loss {val_loss:.4f} acc {val_accuracy:.3f} auc {val_auc:.3f}")

network.load_state_dict(best_weights)
test_loss, test_accuracy, test_auc = test(network, test_loader)
print(f"test: loss {test_loss:.4f}  accuracy {test_accuracy:.4f}  AUC {test_auc:.4f}  (coin: 0.5)")
