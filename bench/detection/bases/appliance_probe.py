"""Which appliance is running? An auto-encoder learns from unlabelled mains currents, a probe from a few labelled ones.

First the denoising auto-encoder sees two periods of current from any socket; then its encoder is frozen and a small
network on top learns to name six appliances.
"""

import os

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

SEED = int(os.environ.get("SEED", "0"))
APPLIANCES = ["kettle", "charger", "drill", "fridge", "dimmer", "microwave"]
POINTS = 64


def current(appliance, rng):
    """Two mains periods, in amperes."""
    angle = np.linspace(0, 4 * np.pi, POINTS, endpoint=False) + rng.normal(0, 0.15)
    sine = np.sin(angle)
    if appliance == "kettle":
        wave = sine
    elif appliance == "charger":
        width = rng.uniform(0.25, 0.5)
        wave = np.sign(sine) * np.exp(-(((np.abs(sine) - 1) / width) ** 2) * 4)
    elif appliance == "drill":
        wave = sine + rng.uniform(0.2, 0.35) * np.sin(5 * angle + rng.uniform(0, 2 * np.pi))
    elif appliance == "fridge":
        wave = np.sin(angle - rng.uniform(0.5, 1.0)) + rng.uniform(0.05, 0.15) * np.sin(3 * angle)
    elif appliance == "dimmer":
        wave = sine * (np.mod(angle, np.pi) > rng.uniform(0.6, 1.7))
    else:
        lopsided = rng.uniform(0.2, 0.4)
        wave = np.clip(1.3 * sine + lopsided * np.cos(2 * angle), -1, 0.8)
    amperes = rng.uniform(0.6, 1.6)
    return amperes * wave + rng.normal(0, 0.1, POINTS)


def record(count, rng):
    labels = rng.integers(0, len(APPLIANCES), count)
    waves = np.stack([current(APPLIANCES[k], rng) for k in labels])
    return waves.astype(np.float32), labels


class Encoder(nn.Module):
    def __init__(self, code):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(1, 16, 7, stride=2, padding=3),
            nn.GELU(),
            nn.Conv1d(16, 24, 5, stride=2, padding=2),
            nn.GELU(),
            nn.Conv1d(24, 24, 3, stride=2, padding=1),
            nn.GELU(),
        )
        self.out = nn.Linear(24 * POINTS // 8, code)

    def forward(self, x):
        return self.out(self.conv(x.unsqueeze(1)).flatten(1))


class Decoder(nn.Module):
    def __init__(self, code):
        super().__init__()
        self.inp = nn.Linear(code, 24 * POINTS // 8)
        self.deconv = nn.Sequential(
            nn.GELU(),
            nn.ConvTranspose1d(24, 24, 4, stride=2, padding=1),
            nn.GELU(),
            nn.ConvTranspose1d(24, 16, 4, stride=2, padding=1),
            nn.GELU(),
            nn.ConvTranspose1d(16, 1, 4, stride=2, padding=1),
        )

    def forward(self, z):
        x = self.deconv(self.inp(z).unflatten(1, (24, POINTS // 8)))
        return x.squeeze(1)


class Probe(nn.Module):
    def __init__(self, encoder, code, n_classes):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Sequential(nn.Linear(code, 48), nn.ReLU(), nn.Dropout(0.2), nn.Linear(48, n_classes))

    def forward(self, x):
        return self.head(self.encoder(x))


def pretrain(encoder, decoder, loader, val_waves, epochs):
    optimizer = torch.optim.AdamW([*encoder.parameters(), *decoder.parameters()], lr=2e-3)
    for epoch in range(epochs):
        encoder.train()
        decoder.train()
        total = 0.0
        for (waves,) in loader:
            noisy = waves + 0.1 * torch.randn_like(waves)
            loss = ((decoder(encoder(noisy)) - waves) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        encoder.eval()
        decoder.eval()
        with torch.no_grad():
            val = ((decoder(encoder(val_waves)) - val_waves) ** 2).mean().item()
        print(f"pretrain {epoch + 1}: loss {total / len(loader):.4f}, val {val:.4f}, variance {val_waves.var():.4f}")


def evaluate(model, loader, criterion):
    model.eval()
    loss, truth, guess = 0.0, [], []
    with torch.no_grad():
        for waves, labels in loader:
            out = model(waves)
            loss += criterion(out, labels).item() * len(labels)
            truth += labels.tolist()
            guess += out.argmax(dim=1).tolist()
    return loss / len(truth), accuracy_score(truth, guess), confusion_matrix(truth, guess)


def fit_probe(model, train_loader, val_loader, epochs):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.head.parameters(), lr=3e-3)
    for epoch in range(1, epochs + 1):
        model.train()
        total = 0.0
        for waves, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(waves), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
        val_loss, accuracy, matrix = evaluate(model, val_loader, criterion)
        train_loss = total / len(train_loader.dataset)
        print(f"probe {epoch:2d}: loss {train_loss:.4f}, val loss {val_loss:.4f}, accuracy {accuracy:.4f}")
    print(matrix)


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    rng = np.random.default_rng(SEED)
    unlabelled, _ = record(2500, rng)
    waves, labels = record(900, rng)
    x_train, x_val, y_train, y_val = train_test_split(
        torch.from_numpy(waves), torch.from_numpy(labels), test_size=0.5, random_state=SEED, stratify=labels
    )
    code = 12
    encoder, decoder = Encoder(code), Decoder(code)
    pretrain_loader = DataLoader(TensorDataset(torch.from_numpy(unlabelled)), batch_size=64, shuffle=True)
    pretrain(encoder, decoder, pretrain_loader, x_val, epochs=8)

    for p in encoder.parameters():
        p.requires_grad = False
    model = Probe(encoder, code, len(APPLIANCES))
    train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=32, shuffle=True)
    val_loader = DataLoader(TensorDataset(x_val, y_val), batch_size=150)
    fit_probe(model, train_loader, val_loader, epochs=20)


if __name__ == "__main__":
    main()
