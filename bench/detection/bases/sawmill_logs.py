"""What is a log worth once it is sawn? From the scanner at the mill's gate to the value of boards and chips (in euros).

The saw picks a pattern of planks by the top diameter, so the value climbs in steps; sweep and ovality cost planks,
knots and blue stain cost grades. A plain network on the scanner's table, with a vector per species.
"""

import copy
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.preprocessing import StandardScaler

SEED = int(os.environ.get("SEED", "0"))
torch.set_num_threads(1)

SPECIES = ["spruce", "pine", "larch", "douglas"]
COLUMNS = ["top_cm", "taper", "length_dm", "sweep", "ovality", "knot_cm", "knots_per_m", "density", "stain", "rings"]
PRICE = np.array([245.0, 260.0, 330.0, 300.0])  # euros per cubic metre of sawn wood, best grade
N_TRAIN, N_VAL = 4000, 1000
EPOCHS = 18
BATCH = 128
LR = 4e-3


def scan_logs(n, rng):
    species = rng.choice(4, size=n, p=[0.42, 0.3, 0.12, 0.16])
    top = np.clip(rng.gamma(12.0, 2.0, n) + 1.5 * (species == 3), 11, 48)
    taper = rng.gamma(6.0, 0.15, n) + 0.1 * (species == 1)
    length = rng.choice([31, 37, 43, 49, 55], size=n, p=[0.1, 0.2, 0.35, 0.25, 0.1]) + rng.uniform(0, 2, n)
    sweep = rng.gamma(1.8, 0.5, n)
    ovality = 1 + rng.gamma(2.0, 0.025, n)
    knot = np.clip(rng.normal(1.4 + 0.05 * (top - 24), 0.7), 0.1, None)
    knots = rng.gamma(4.0, 1.2, n)
    density = np.array([415, 470, 540, 480])[species] + rng.normal(0, 30, n)
    stain = rng.beta(0.7, 6.0, n)
    rings = np.clip(rng.normal(4.5 - 0.01 * (density - 450), 1.0), 1, None)
    table = np.stack([top, taper, length, sweep, ovality, knot, knots, density, stain, rings], axis=1)

    square = top / ovality - 1.1 * sweep  # side of what can still be cut out of the log
    planks = sum(1 / (1 + np.exp(-(square - edge) / 0.5)) for edge in (13, 17, 21, 26, 31, 37))
    sawn = 0.0085 * planks**1.5 * length / 10
    log_volume = np.pi / 4 * ((top + taper * length / 20) / 100) ** 2 * length / 10
    bad_knots = knot * np.sqrt(knots) / 3 - np.array([0.0, 0.3, 0.5, 0.2])[species]
    grade = 1 - 0.45 / (1 + np.exp(-3 * (bad_knots - 1.2))) - 0.35 * np.clip(stain * 4, 0, 1) * (species < 2)
    strong = np.where((density > 500) & (rings < 4.5), 1.25, 1.0)
    value = sawn * PRICE[species] * grade * strong + 35 * np.clip(log_volume - sawn, 0, None)
    value = value * rng.lognormal(0, 0.06, n)
    return species, table, value


class ValueNet(nn.Module):
    def __init__(self, n_columns, width=96, species_dim=4):
        super().__init__()
        self.species = nn.Embedding(len(SPECIES), species_dim)
        self.fc1 = nn.Linear(n_columns + species_dim, width)
        self.fc2 = nn.Linear(width, width)
        self.fc3 = nn.Linear(width, width // 2)
        self.out = nn.Linear(width // 2, 1)

    def forward(self, species, table):
        h = torch.cat([self.species(species), table], dim=1)
        h = F.relu(self.fc1(h))
        h = F.relu(self.fc2(h))
        h = F.relu(self.fc3(h))
        return self.out(h).squeeze(1)


def train_one_epoch(model, optimizer, data):
    model.train()
    species, table, target = data
    total = 0.0
    for rows in torch.randperm(len(target)).split(BATCH):
        optimizer.zero_grad()
        pred = model(species[rows], table[rows])
        loss = F.mse_loss(pred, target[rows])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    return total / len(target)


@torch.no_grad()
def evaluate(model, data, euros):
    """Mean squared error (of the scaled value) and mean absolute error in euros."""
    model.eval()
    species, table, target = data
    pred = model(species, table)
    return F.mse_loss(pred, target).item(), (pred - target).abs().mean().item() * euros


def main():
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    species, table, value = scan_logs(N_TRAIN + N_VAL, rng)
    train, val = slice(0, N_TRAIN), slice(N_TRAIN, None)

    scaler = StandardScaler().fit(table[train])
    mean, std = value[train].mean(), value[train].std()

    def tensors(part):
        return (
            torch.from_numpy(species[part]),
            torch.tensor(scaler.transform(table[part]), dtype=torch.float32),
            torch.tensor((value[part] - mean) / std, dtype=torch.float32),
        )

    train_data, val_data = tensors(train), tensors(val)
    constant = val_data[2].square().mean().item()
    print(f"{N_TRAIN} logs, mean value {mean:.1f} +- {std:.1f} euros; the mean alone: val mse {constant:.3f}")

    model = ValueNet(len(COLUMNS))
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[10, 15], gamma=0.2)

    best, best_mse = None, float("inf")
    for epoch in range(1, EPOCHS + 1):
        train_mse = train_one_epoch(model, optimizer, train_data)
        scheduler.step()
        val_mse, val_mae = evaluate(model, val_data, std)
        if val_mse < best_mse:
            best, best_mse = copy.deepcopy(model.state_dict()), val_mse
        print(f"epoch {epoch:2d}  train mse {train_mse:.4f}  val mse {val_mse:.4f}  val mae {val_mae:.2f} euros")

    model.load_state_dict(best)
    print("best weights: val mse {:.4f}, mae {:.2f} euros".format(*evaluate(model, val_data, std)))


if __name__ == "__main__":
    main()
