"""Who likes which film? Factors of users and films, learned from ratings with sparse gradients."""

import os

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
torch.set_num_threads(1)
rng = np.random.default_rng(SEED)

USERS, FILMS, RATINGS = 300, 200, 24_000
taste, style = rng.normal(0, 1, (USERS, 4)), rng.normal(0, 1, (FILMS, 4))
strict, quality = rng.normal(0, 0.4, USERS), rng.normal(0, 0.5, FILMS)
user, film = rng.integers(0, USERS, RATINGS), rng.integers(0, FILMS, RATINGS)
rating = 3.2 + strict[user] + quality[film] + 0.45 * (taste[user] * style[film]).sum(1) + rng.normal(0, 0.35, RATINGS)
rating = np.clip(np.round(rating * 2) / 2, 0.5, 5.0)
table = TensorDataset(torch.tensor(user), torch.tensor(film), torch.tensor(rating, dtype=torch.float32))
train_set, val_set = torch.utils.data.random_split(table, [20_000, 4_000])
train_loader = DataLoader(train_set, batch_size=200, shuffle=True)
val_loader = DataLoader(val_set, batch_size=2_000)
average = rating[train_set.indices].mean()


class Factors(nn.Module):
    def __init__(self, dim=6):
        super().__init__()
        self.users = nn.Embedding(USERS, dim, sparse=True)
        self.films = nn.Embedding(FILMS, dim, sparse=True)
        self.user_bias = nn.Embedding(USERS, 1, sparse=True)
        self.film_bias = nn.Embedding(FILMS, 1, sparse=True)
        for table in (self.users, self.films):
            nn.init.normal_(table.weight, std=0.2)
        for table in (self.user_bias, self.film_bias):
            nn.init.zeros_(table.weight)

    def forward(self, user, film):
        match = (self.users(user) * self.films(film)).sum(1)
        return average + match + self.user_bias(user)[:, 0] + self.film_bias(film)[:, 0]


model = Factors()
loss_function = nn.MSELoss()
optimizer = torch.optim.SparseAdam(list(model.parameters()), lr=1e-2)

for epoch in range(10):
    model.train()
    train_loss = 0.0
    for user, film, rating in train_loader:
        optimizer.zero_grad()
        predicted = model(user, film)
        loss = loss_function(predicted, rating)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() / len(train_loader)
    model.eval()
    with torch.no_grad():
        val_loss = sum(loss_function(model(u, f), r).item() for u, f, r in val_loader) / len(val_loader)
    print(f"epoch {epoch}: train {train_loss:.4f}  validation {val_loss:.4f}  (RMSE {val_loss**0.5:.3f})")
