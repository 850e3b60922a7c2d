"""Recipes for cooks: a two-tower retrieval model trained with the other recipes of the batch as negatives."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Settings:
    seed: int = int(os.environ.get("SEED", "0"))
    n_cooks: int = 800
    n_recipes: int = 400
    n_tags: int = 24
    dim: int = 24
    batch_size: int = 128
    temperature: float = 0.1
    lr: float = 2e-3
    weight_decay: float = 0.05
    epochs: int = 7


class Kitchen:
    """Who cooked what. A cook's last two recipes are held out."""

    def __init__(self, cfg: Settings):
        rng = np.random.default_rng(cfg.seed)
        cuisine_of_recipe = rng.integers(0, 8, cfg.n_recipes)
        tag_odds = rng.dirichlet(np.full(cfg.n_tags, 0.15), 8)
        tags = np.stack([rng.multinomial(6, tag_odds[c]) for c in cuisine_of_recipe])
        effort = rng.random(cfg.n_recipes)
        fame = rng.pareto(3, cfg.n_recipes) + 0.2
        age_band = rng.integers(0, 5, cfg.n_cooks)
        self.tags = torch.tensor(np.log1p(tags), dtype=torch.float32)
        self.effort = torch.tensor(effort, dtype=torch.float32)
        self.age_band = torch.tensor(age_band)
        train, held_out = [], []
        for cook in range(cfg.n_cooks):
            likes = rng.dirichlet(np.full(8, 0.2)) + 0.01
            patience = 0.15 + 0.17 * age_band[cook]
            appeal = fame * likes[cuisine_of_recipe] * np.exp(-8 * (effort - patience) ** 2)
            cooked = rng.choice(cfg.n_recipes, size=22, replace=False, p=appeal / appeal.sum())
            cooked = rng.permutation(cooked)
            train += [(cook, recipe) for recipe in cooked[:-2]]
            held_out += [(cook, recipe) for recipe in cooked[-2:]]
        self.train = torch.tensor(np.array(train))
        self.held_out = torch.tensor(np.array(held_out))
        self.seen = torch.zeros(cfg.n_cooks, cfg.n_recipes, dtype=torch.bool)
        self.seen[self.train[:, 0], self.train[:, 1]] = True


class CookTower(nn.Module):
    def __init__(self, cfg: Settings, kitchen: Kitchen):
        super().__init__()
        self.register_buffer("age_band", kitchen.age_band)
        self.identity = nn.Embedding(cfg.n_cooks, cfg.dim)
        self.age = nn.Embedding(5, 8)
        self.mlp = nn.Sequential(nn.Linear(cfg.dim + 8, 64), nn.GELU(), nn.Linear(64, cfg.dim))
        nn.init.normal_(self.identity.weight, std=0.1)

    def forward(self, cooks):
        features = torch.cat([self.identity(cooks), self.age(self.age_band[cooks])], dim=-1)
        return F.normalize(self.mlp(features), dim=-1)


class RecipeTower(nn.Module):
    def __init__(self, cfg: Settings, kitchen: Kitchen):
        super().__init__()
        self.register_buffer("tags", kitchen.tags)
        self.register_buffer("effort", kitchen.effort)
        self.identity = nn.Embedding(cfg.n_recipes, cfg.dim)
        self.mlp = nn.Sequential(nn.Linear(cfg.dim + cfg.n_tags + 1, 64), nn.GELU(), nn.Linear(64, cfg.dim))
        nn.init.normal_(self.identity.weight, std=0.1)

    def forward(self, recipes):
        features = [self.identity(recipes), self.tags[recipes], self.effort[recipes].unsqueeze(-1)]
        return F.normalize(self.mlp(torch.cat(features, dim=-1)), dim=-1)


class Retrieval(nn.Module):
    def __init__(self, cfg: Settings, kitchen: Kitchen):
        super().__init__()
        self.cooks = CookTower(cfg, kitchen)
        self.recipes = RecipeTower(cfg, kitchen)
        self.temperature = cfg.temperature

    def forward(self, cooks, recipes):
        return self.cooks(cooks) @ self.recipes(recipes).T / self.temperature


def training_step(model, batch):
    cooks, recipes = batch[:, 0], batch[:, 1]
    scores = model(cooks, recipes)
    same = recipes[:, None] == recipes[None, :]
    same.fill_diagonal_(False)
    scores = scores.masked_fill(same, -1e4)
    labels = torch.arange(len(batch))
    return F.cross_entropy(scores, labels)


@torch.no_grad()
def recall(model, kitchen, k=20):
    model.eval()
    scores = model(torch.arange(kitchen.seen.size(0)), torch.arange(kitchen.seen.size(1)))
    scores[kitchen.seen] = -torch.inf
    top = scores.topk(k, dim=1).indices
    cooks, recipes = kitchen.held_out.T
    return (top[cooks] == recipes[:, None]).any(dim=1).float().mean().item()


def recall_of_popular(kitchen, k=20):
    fame = kitchen.seen.float().sum(0).expand(kitchen.seen.size(0), -1).clone()
    fame[kitchen.seen] = -1
    cooks, recipes = kitchen.held_out.T
    return (fame.topk(k, dim=1).indices[cooks] == recipes[:, None]).any(dim=1).float().mean().item()


def fit(cfg: Settings):
    torch.manual_seed(cfg.seed)
    torch.set_num_threads(1)
    kitchen = Kitchen(cfg)
    model = Retrieval(cfg, kitchen)
    optimizer = torch.optim.AdamW(model.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)
    print(f"the same famous recipes for all: recall@20 {recall_of_popular(kitchen):.3f}")
    for epoch in range(cfg.epochs):
        model.train()
        total, steps = 0.0, 0
        for batch in kitchen.train[torch.randperm(len(kitchen.train))].split(cfg.batch_size):
            loss = training_step(model, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            steps += 1
        print(f"epoch {epoch:2d} loss {total / steps:.4f} recall@20 {recall(model, kitchen):.3f}")
    return model


if __name__ == "__main__":
    fit(Settings())
