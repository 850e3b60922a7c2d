"""An auto-encoder squeezes the 64 pixels of a digit into ten numbers and back."""

import os

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, random_split

torch.manual_seed(int(os.environ.get("SEED", "0")))
torch.set_num_threads(1)

pixels = torch.tensor(load_digits().data, dtype=torch.float32) / 16
train_set, val_set = random_split(pixels, [1500, 297])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=297)


class AutoEncoder(nn.Module):
    def __init__(self, code=10):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, code))
        self.decoder = nn.Sequential(nn.Linear(code, 48), nn.ReLU(), nn.Linear(48, 96), nn.ReLU(), nn.Linear(96, 64))

    def forward(self, x):
        code = self.encoder(x)
        return torch.sigmoid(self.decoder(code))


model = AutoEncoder()
mse = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
blank = (pixels - pixels.mean(0)).pow(2).mean().item()
print(f"error of the average digit: {blank:.4f}")

for epoch in range(30):
    model.train()
    train_error = 0.0
    for x in train_loader:
        loss = mse(model(x), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        train_error += loss.item() * len(x)
    model.eval()
    val_error = 0.0
    with torch.no_grad():
        for x in val_loader:
            val_error += mse(model(x), x).item() * len(x)
    print(f"epoch {epoch:2d}  train {train_error / len(train_set):.4f}  validation {val_error / len(val_set):.4f}")
