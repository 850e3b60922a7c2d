"""Contrastive learning on digits without labels (NT-Xent); nearest neighbours in the learned space judge it."""

import os

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
torch.set_num_threads(1)
TEMPERATURE, BATCH, EPOCHS = 0.3, 128, 12

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16.0
labels = torch.tensor(digits.target)
order = torch.randperm(len(images))
train, val = order[:1400], order[1400:]


def view_of(x):
    """Another view of the same digits: a small random affine map and noise."""
    count = len(x)
    theta = torch.eye(2, 3).repeat(count, 1, 1)
    theta[:, :, :2] += 0.15 * torch.randn(count, 2, 2)
    theta[:, :, 2] += 0.1 * torch.randn(count, 2)
    x = F.grid_sample(x, F.affine_grid(theta, list(x.shape), align_corners=False), align_corners=False)
    return x + 0.05 * torch.randn_like(x)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 24, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(24, 48, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.represent = nn.Linear(48 * 4 * 4, 64)
        self.project = nn.Sequential(nn.ReLU(), nn.Linear(64, 32))

    def forward(self, x):
        h = self.represent(self.features(x))
        return F.normalize(self.project(h), dim=1)


def nt_xent(a, b):
    z = torch.cat([a, b])
    similarity = z @ z.T / TEMPERATURE
    similarity = similarity.masked_fill(torch.eye(len(z), dtype=torch.bool), float("-inf"))
    partner = torch.arange(len(z)).roll(len(a))
    return F.cross_entropy(similarity, partner)


encoder = Encoder()
optimizer = torch.optim.AdamW(encoder.parameters(), lr=2e-3)


@torch.no_grad()
def neighbour_accuracy():
    encoder.eval()
    train_codes, val_codes = (F.normalize(encoder.represent(encoder.features(images[i])), dim=1) for i in (train, val))
    nearest = (val_codes @ train_codes.T).argmax(1)
    return (labels[train][nearest] == labels[val]).float().mean().item()


for epoch in range(EPOCHS):
    encoder.train()
    losses = []
    for index in train[torch.randperm(len(train))].split(BATCH):
        first, second = view_of(images[index]), view_of(images[index])
        loss = nt_xent(encoder(first), encoder(second))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        encoder.eval()
        held_out = images[val[:BATCH]]
        val_loss = nt_xent(encoder(view_of(held_out)), encoder(view_of(held_out))).item()
    print(f"{epoch}: loss {sum(losses) / len(losses):.3f}, val {val_loss:.3f}, neighbours {neighbour_accuracy():.2%}")
