"""Points of a curling end from the places of the stones, as a coach taps them on a video still.

An end is a set of 3 to 8 stones, [x, y, team], in any order. The points are those of the umpire (plus for red, minus
for yellow); the taps are some centimetres off. Blank places are filled up with zeros and masked.
"""

import copy
import os

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.preprocessing import StandardScaler
from torch import nn

SEED = int(os.environ.get("SEED", "0"))
torch.set_num_threads(1)

STONES = 8
HOUSE = 183 + 14  # cm, as far as a stone still touches the house


def play_ends(n, rng):
    """Taps [n, STONES, 2] in cm from the tee, team [n, STONES] (+1, -1, 0 for no stone), points [n]."""
    xy = np.zeros((n, STONES, 2))
    team = np.zeros((n, STONES))
    points = np.zeros(n)
    for i in range(n):
        count = rng.integers(3, STONES + 1)
        guards = rng.random(count) < 0.25
        place = rng.normal(0, 1, (count, 2)) * rng.uniform(55, 120)
        place[guards] = np.stack([rng.normal(0, 60, guards.sum()), rng.uniform(-550, -200, guards.sum())], axis=1)
        colour = np.where(rng.random(count) < rng.beta(5, 5), 1, -1)
        distance = np.hypot(*place.T)
        distance[distance > HOUSE] = np.inf
        red = distance[colour > 0].min(initial=np.inf)
        yellow = distance[colour < 0].min(initial=np.inf)
        if red < yellow:
            points[i] = ((colour > 0) & (distance < yellow)).sum()
        elif yellow < red:
            points[i] = -((colour < 0) & (distance < red)).sum()
        xy[i, :count] = place + rng.normal(0, 5, (count, 2))
        team[i, :count] = colour
    return xy, team, points.clip(-5, 5)


def tensors(xy, team, points, scaler):
    """Places scaled stone by stone; what is no stone stays zero."""
    scaled = scaler.transform(xy.reshape(-1, 2)).reshape(xy.shape)
    scaled[team == 0] = 0
    stones = np.concatenate([scaled, team[..., None]], axis=2)
    return torch.tensor(stones, dtype=torch.float32), torch.tensor(points, dtype=torch.float32)


class Attention(nn.Module):
    def __init__(self, width, heads=4):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.ReLU(),
            nn.Linear(2 * width, width),
        )

    def forward(self, x, there):
        b, n, w = x.shape
        q, k, v = self.qkv(self.norm(x)).view(b, n, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=there[:, None, None, :])
        x = x + self.out(mixed.transpose(1, 2).reshape(b, n, w))
        return x + self.mlp(x)


class EndScorer(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.stone = nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.attention = Attention(width)
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, stones):
        there = stones[..., 2] != 0
        x = self.stone(stones)
        x = self.attention(x, there)
        x = (x * there.unsqueeze(2)).sum(dim=1) / there.sum(dim=1, keepdim=True)
        return self.head(x).squeeze(1)


@torch.no_grad()
def evaluate(model, stones, points):
    model.eval()
    predicted = torch.cat([model(part) for part in stones.split(500)])
    return F.mse_loss(predicted, points).item(), (predicted.round() == points).float().mean().item()


def fit(model, train, val, epochs=9, batch=64, lr=3e-3):
    stones, points = train
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.5)
    best, best_weights = float("inf"), None
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for index in torch.randperm(len(points)).split(batch):
            side = torch.ones(len(index), 1, 3)
            side[:, 0, 0] -= 2 * torch.randint(2, (len(index),))  # the sheet is symmetric, left and right
            loss = F.mse_loss(model(stones[index] * side), points[index])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            total += loss.item() * len(index)
        scheduler.step()
        error, exact = evaluate(model, *val)
        if error < best:
            best, best_weights = error, copy.deepcopy(model.state_dict())
        print(f"epoch {epoch:2d}  train {total / len(points):.3f}  val {error:.3f}  right score {exact:.1%}")
    model.load_state_dict(best_weights)
    return model


def main():
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    train_ends, val_ends, test_ends = play_ends(2400, rng), play_ends(800, rng), play_ends(800, rng)
    xy, team, points = train_ends
    scaler = StandardScaler(with_mean=False).fit(xy[team != 0])  # the tee stays where it is, at zero
    train = tensors(*train_ends, scaler)
    val = tensors(*val_ends, scaler)
    test = tensors(*test_ends, scaler)
    print(f"always the mean: {np.square(val_ends[2] - points.mean()).mean():.3f}")
    model = fit(EndScorer(), train, val)
    error, exact = evaluate(model, *test)
    print(f"test: squared error {error:.3f}, right score {exact:.1%}")


if __name__ == "__main__":
    main()
