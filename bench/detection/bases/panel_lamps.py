"""Reads a photographed alarm panel: 3 x 3 lamps, a row is one measurement taken three times (two-out-of-three voting).
The plant trips as soon as any row has two lamps lit. A maxout network sees the whole grey picture."""

import os
import random

import numpy as np
import torch
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

SEED: int = int(os.environ.get("SEED", "0"))
SIDE: int = 21
N_TRAIN: int = 3000
N_TEST: int = 1000
EPOCHS: int = 15
BATCH: int = 50
LR: float = 0.02
PIXEL_MEAN, PIXEL_STD = 0.30, 0.22
P_LIT: float = 0.3


def voting(lit: np.ndarray) -> int:
    return int((lit.sum(axis=1) >= 2).any())


def photograph(lit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The panel as an 8-bit picture: lamps of unequal brightness, a gradient of daylight, glare, a shaky hand."""
    yy, xx = np.mgrid[0:SIDE, 0:SIDE]
    dy, dx = rng.normal(0, 0.35, 2)
    picture = 40 + rng.uniform(0, 40) + rng.uniform(-1.5, 1.5) * yy + rng.uniform(-1.5, 1.5) * xx
    for r in range(3):
        for c in range(3):
            power = rng.normal(135, 22) if lit[r, c] else rng.normal(25, 12)
            spot = (yy - (3 + 7 * r + dy)) ** 2 + (xx - (3 + 7 * c + dx)) ** 2
            picture = picture + power * np.exp(-spot / 7.0)
    picture = picture + rng.normal(0, 9, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


class Panels(Dataset):
    def __init__(self, n: int, rng: np.random.Generator) -> None:
        lit = rng.random((n, 3, 3)) < P_LIT
        self.label = np.array([voting(panel) for panel in lit])
        self.picture = np.stack([photograph(panel, rng) for panel in lit])

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        picture = torch.from_numpy(self.picture[i]).float()
        picture = (picture / 255 - PIXEL_MEAN) / PIXEL_STD
        return picture.flatten(), torch.tensor(float(self.label[i]))


class Maxout(nn.Module):
    """The largest of k linear pieces for every unit."""

    def __init__(self, n_in: int, n_out: int, k: int = 3) -> None:
        super().__init__()
        self.k = k
        self.pieces = nn.Linear(n_in, n_out * k)

    def forward(self, x: Tensor) -> Tensor:
        return self.pieces(x).unflatten(1, (-1, self.k)).amax(dim=2)


def build() -> nn.Sequential:
    return nn.Sequential(
        Maxout(SIDE * SIDE, 64),
        Maxout(64, 32),
        nn.Linear(32, 1),
    )


def train_one_epoch(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer) -> float:
    model.train()
    criterion = nn.BCEWithLogitsLoss()
    losses: list[float] = []
    for x, y in loader:
        logits = model(x).squeeze(1)
        loss = criterion(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


@torch.no_grad()
def evaluate(model: nn.Module, loader: DataLoader) -> dict[str, float]:
    model.eval()
    scores, truth = [], []
    for x, y in loader:
        scores.append(torch.sigmoid(model(x).squeeze(1)))
        truth.append(y)
    score, target = torch.nan_to_num(torch.cat(scores)), torch.cat(truth)
    return {
        "balanced accuracy": balanced_accuracy_score(target, score > 0.5),
        "AUC": roc_auc_score(target, score),
    }


def main() -> None:
    torch.set_num_threads(1)
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)

    train, test = Panels(N_TRAIN, rng), Panels(N_TEST, rng)
    train_loader = DataLoader(train, batch_size=BATCH, shuffle=True)
    test_loader = DataLoader(test, batch_size=250)
    print(f"share of trips: {train.label.mean():.2f} in training, {test.label.mean():.2f} in the test")

    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9, weight_decay=1e-4)
    for epoch in range(1, EPOCHS + 1):
        loss = train_one_epoch(model, train_loader, optimizer)
        result = evaluate(model, test_loader)
        print(f"epoch {epoch:2d}  loss {loss:.4f}  " + "  ".join(f"{k} {v:.3f}" for k, v in result.items()))


if __name__ == "__main__":
    main()
