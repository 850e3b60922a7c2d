"""How many bikes are hired each hour? Counts, embeddings of the calendar and a Poisson loss, with early stopping."""

import argparse
import os

import numpy as np
import torch
from sklearn.metrics import mean_poisson_deviance
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, Dataset

CATEGORICAL = ["hour", "weekday", "month", "weather"]
NUMERIC = ["temperature", "humidity", "wind"]


def simulate(days, rng):
    index = np.arange(24 * days)
    day, hour = index // 24, index % 24
    weekday, month = day % 7, day // 30 % 12
    weather = np.repeat(rng.choice(3, days, p=[0.6, 0.3, 0.1]), 24)
    season = -np.cos(2 * np.pi * (day % 360) / 360)
    temperature = 12 + 10 * season + 4 * np.sin(2 * np.pi * (hour - 9) / 24) + np.repeat(rng.normal(0, 3, days), 24)
    humidity = np.clip(60 + 12 * weather - 0.5 * temperature + rng.normal(0, 8, len(index)), 10, 100)
    wind = rng.gamma(3, 4, len(index))
    commute = np.exp(-((hour - 8) ** 2) / 3) + 1.2 * np.exp(-((hour - 17.5) ** 2) / 5)
    leisure = np.exp(-((hour - 14) ** 2) / 18)
    working = weekday < 5
    mild = np.exp(-(((temperature - 22) / 14) ** 2))
    wet = np.array([1.0, 0.75, 0.35])[weather] * np.exp(-0.012 * wind)
    registered = rng.poisson((1.0 + 38 * np.where(working, commute, 0.25 * leisure)) * (0.35 + mild) * wet)
    casual = rng.poisson((0.2 + 26 * leisure * np.where(working, 0.3, 1.0)) * mild * wet)
    return {
        "day": day,
        "hour": hour,
        "weekday": weekday,
        "month": month,
        "weather": weather,
        "temperature": temperature,
        "humidity": humidity,
        "wind": wind,
        "casual": casual,
        "registered": registered,
        "count": casual + registered,
    }


def columns(table, names):
    return np.stack([table[name] for name in names], axis=1)


def choose(table, rows):
    return {name: column[rows] for name, column in table.items()}


class HireDataset(Dataset):
    def __init__(self, table, scaler):
        self.cats = torch.tensor(columns(table, CATEGORICAL), dtype=torch.long)
        self.nums = torch.tensor(scaler.transform(columns(table, NUMERIC)), dtype=torch.float32)
        self.count = torch.tensor(table["count"], dtype=torch.float32)

    def __len__(self):
        return len(self.count)

    def __getitem__(self, idx):
        return self.cats[idx], self.nums[idx], self.count[idx]


class HireModel(nn.Module):
    def __init__(self, cardinalities, n_numeric, hidden, p):
        super().__init__()
        self.embeddings = nn.ModuleList([nn.Embedding(n, min(8, (n + 1) // 2)) for n in cardinalities])
        width = sum(e.embedding_dim for e in self.embeddings) + n_numeric
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.drop = nn.Dropout(p)
        self.log_rate = nn.Linear(hidden, 1)

    def forward(self, cats, nums):
        x = torch.cat([e(cats[:, i]) for i, e in enumerate(self.embeddings)] + [nums], dim=1)
        x = self.drop(torch.relu(self.fc1(x)))
        x = torch.relu(self.fc2(x))
        return self.log_rate(x).squeeze(1)


class EarlyStopping:
    def __init__(self, patience):
        self.patience, self.best, self.waited, self.weights = patience, float("inf"), 0, None

    def __call__(self, value, model):
        if value < self.best:
            self.best, self.waited = value, 0
            self.weights = {k: v.clone() for k, v in model.state_dict().items()}
        else:
            self.waited += 1
        return self.waited >= self.patience


def validate(model, loader, loss_fn):
    model.eval()
    losses, rates, counts = [], [], []
    with torch.no_grad():
        for cats, nums, count in loader:
            out = model(cats, nums)
            losses.append(loss_fn(out, count).item())
            rates.append(out.exp())
            counts.append(count)
    rates, counts = torch.cat(rates).numpy().ravel(), torch.cat(counts).numpy()
    return np.mean(losses), mean_poisson_deviance(counts, np.clip(np.nan_to_num(rates), 1e-6, 1e6))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--patience", type=int, default=4)
    args = parser.parse_args()

    seed = int(os.environ.get("SEED", "0"))
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    table = simulate(360, np.random.default_rng(seed))
    held_out = table["day"] % 30 >= 25
    train_table, valid_table = choose(table, ~held_out), choose(table, held_out)
    scaler = StandardScaler().fit(columns(train_table, NUMERIC))
    train_loader = DataLoader(HireDataset(train_table, scaler), batch_size=args.batch_size, shuffle=True)
    valid_loader = DataLoader(HireDataset(valid_table, scaler), batch_size=512)

    cardinalities = [int(table[name].max()) + 1 for name in CATEGORICAL]
    model = HireModel(cardinalities, len(NUMERIC), args.hidden, args.dropout)
    loss_fn = nn.PoissonNLLLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.85)
    stopper = EarlyStopping(args.patience)
    for epoch in range(args.epochs):
        model.train()
        running = 0.0
        for cats, nums, count in train_loader:
            out = model(cats, nums)
            loss = loss_fn(out, count)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running += loss.item()
        scheduler.step()
        valid_loss, deviance = validate(model, valid_loader, loss_fn)
        train_loss = running / len(train_loader)
        print(f"epoch {epoch:2d}  train nll {train_loss:.4f}  valid nll {valid_loss:.4f}  deviance {deviance:.4f}")
        if stopper(valid_loss, model):
            print("stopped early")
            break
    if stopper.weights is not None:
        model.load_state_dict(stopper.weights)
    average = np.full(held_out.sum(), train_table["count"].mean())
    print(f"kept: deviance {validate(model, valid_loader, loss_fn)[1]:.4f}")
    print(f"always the average: deviance {mean_poisson_deviance(valid_table['count'], average):.4f}")


if __name__ == "__main__":
    main()
