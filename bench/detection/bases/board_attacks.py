"""Which squares of a chess board does white attack? A fully convolutional network, fed with ever new boards."""

import os

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", "0"))
STRAIGHT = [(0, 1), (0, -1), (1, 0), (-1, 0)]
DIAGONAL = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
JUMPS = [(1, 2), (2, 1), (-1, 2), (-2, 1), (1, -2), (2, -1), (-1, -2), (-2, -1)]
MOVES = [(STRAIGHT, 7), (DIAGONAL, 7), (JUMPS, 1), (STRAIGHT + DIAGONAL, 1)]  # rook, bishop, knight, king
BLACK = 4


def set_up(rng):
    """Planes of the white rooks, bishops, knights and kings and of the black men; and the squares under attack."""
    pieces = rng.choice(5, size=rng.integers(5, 12), p=[0.2, 0.2, 0.15, 0.1, 0.35])
    squares = rng.choice(64, size=len(pieces), replace=False)
    board = {divmod(int(square), 8): int(piece) for square, piece in zip(squares, pieces, strict=True)}
    planes = np.zeros((5, 8, 8), dtype=np.float32)
    attacked = np.zeros((8, 8), dtype=np.float32)
    for (row, col), piece in board.items():
        planes[piece, row, col] = 1
        if piece == BLACK:
            continue
        directions, reach = MOVES[piece]
        for down, right in directions:
            r, c = row + down, col + right
            steps = 0
            while steps < reach and 0 <= r < 8 and 0 <= c < 8:
                attacked[r, c] = 1
                if (r, c) in board:
                    break
                r, c, steps = r + down, c + right, steps + 1
    return planes, attacked


class FreshBoards(Dataset):
    """Boards without end: every item is a new one."""

    def __init__(self, size, seed):
        self.size = size
        self.rng = np.random.default_rng(seed)

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        planes, attacked = set_up(self.rng)
        return {"board": torch.from_numpy(planes), "attacked": torch.from_numpy(attacked)}


class FixedBoards(Dataset):
    def __init__(self, size, seed):
        rng = np.random.default_rng(seed)
        self.items = [set_up(rng) for _ in range(size)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        planes, attacked = self.items[index]
        return {"board": torch.from_numpy(planes), "attacked": torch.from_numpy(attacked)}


class AttackNet(nn.Module):
    def __init__(self, width=32, depth=6):
        super().__init__()
        self.stem = nn.Conv2d(6, width, 3, padding=1)
        self.convs = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1) for _ in range(depth)])
        self.head = nn.Conv2d(width, 1, 1)
        self.init_weights()

    def init_weights(self):
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)

    def forward(self, board):
        inside = torch.ones_like(board[:, :1])  # the padding is outside of the board
        h = F.relu(self.stem(torch.cat([board, inside], dim=1)))
        for conv in self.convs:
            h = F.relu(conv(h))
        return self.head(h)[:, 0]


def train_one_epoch(model, loader, optimizer, scheduler):
    model.train()
    total, count = 0.0, 0
    for batch in loader:
        logits = model(batch["board"])
        loss = F.binary_cross_entropy_with_logits(logits, batch["attacked"])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += loss.item() * len(logits)
        count += len(logits)
    return total / count


@torch.inference_mode()
def evaluate(model, loader):
    model.eval()
    loss = right = hits = said = real = count = 0
    for batch in loader:
        logits, attacked = model(batch["board"]), batch["attacked"]
        loss += F.binary_cross_entropy_with_logits(logits, attacked, reduction="sum").item()
        guess = (logits > 0).float()
        right += (guess == attacked).sum().item()
        hits += (guess * attacked).sum().item()
        said += guess.sum().item()
        real += attacked.sum().item()
        count += attacked.numel()
    return {"loss": loss / count, "accuracy": right / count, "f1": 2 * hits / max(said + real, 1)}


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    epochs, batch_size = 7, 32
    train_loader = DataLoader(FreshBoards(1280, SEED), batch_size=batch_size)
    test_loader = DataLoader(FixedBoards(400, 10_000 + SEED), batch_size=100)
    share = np.mean([attacked.mean() for _, attacked in test_loader.dataset.items])
    print(f"{share:.1%} of the squares are attacked")

    model = AttackNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=3e-3, epochs=epochs, steps_per_epoch=len(train_loader)
    )
    for epoch in range(epochs):
        train_loss = train_one_epoch(model, train_loader, optimizer, scheduler)
        scores = evaluate(model, test_loader)
        text = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
        print(f"epoch {epoch}: train loss {train_loss:.4f}; test {text}")


if __name__ == "__main__":
    main()
