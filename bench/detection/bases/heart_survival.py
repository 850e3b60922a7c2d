"""How long after a heart attack? Survival with censoring: a network in the place of the linear part of Cox's model.

The loss is the negative partial log-likelihood of a batch (Breslow), the metric is Harrell's concordance.
"""

from __future__ import annotations

import argparse
import os
from typing import NamedTuple

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn, optim

COLUMNS = (
    "age",
    "bmi",
    "systolic",
    "heart_rate",
    "ejection",
    "creatinine",
    "sodium",
    "haemoglobin",
    "smoker",
    "female",
)


class Cohort(NamedTuple):
    x: Tensor
    months: Tensor
    died: Tensor

    def __len__(self):
        return len(self.months)

    def batches(self, size: int):
        for rows in torch.randperm(len(self)).split(size):
            if self.died[rows].any():
                yield Cohort(*(column[rows] for column in self))


def draw_patients(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    age = rng.normal(66, 11, n).clip(30, 95)
    bmi = rng.normal(27, 4.5, n).clip(15, 48)
    systolic = rng.normal(135, 21, n)
    heart_rate = rng.normal(78, 13, n)
    ejection = rng.beta(5, 4.5, n) * 85
    creatinine = rng.lognormal(0.1, 0.35, n)
    sodium = rng.normal(138, 4, n)
    haemoglobin = rng.normal(13.2, 1.7, n)
    smoker = (rng.random(n) < 0.35).astype(float)
    female = (rng.random(n) < 0.42).astype(float)
    risk = (
        0.35 * (age - 66) / 11
        + 1.1 * ((bmi - 27) / 4.5) ** 2  # the thin and the fat
        + 1.0 * ((systolic - 135) / 21) ** 2  # shock and hypertension
        + 0.9 * np.abs(sodium - 138) / 4
        - 0.7 * np.tanh((ejection - 40) / 12)
        + 0.7 * smoker * np.where(female > 0, 1.0, -0.2)
        + 0.4 * np.maximum(creatinine - 1.3, 0)
    )
    months = 70 * rng.weibull(1.2, n) * np.exp(-(risk - risk.mean()) / 1.2)
    end_of_study = rng.uniform(6, 120, n)
    columns = [age, bmi, systolic, heart_rate, ejection, creatinine, sodium, haemoglobin, smoker, female]
    return np.stack(columns, 1), np.minimum(months, end_of_study), (months <= end_of_study).astype(np.float32)


class RiskNet(nn.Module):
    """Log hazard of each patient, up to a constant."""

    def __init__(self, n_in: int, hidden: int, depth: int, dropout: float):
        super().__init__()
        self.stem = nn.Linear(n_in, hidden)
        self.hidden = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(depth))
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.stem(x))
        for layer in self.hidden:
            x = self.drop(torch.tanh(layer(x)))
        return self.out(x).squeeze(-1)


def cox_loss(log_hazard: Tensor, months: Tensor, died: Tensor) -> Tensor:
    order = months.argsort(descending=True)  # whoever comes before is still at risk
    log_hazard, died = log_hazard[order], died[order]
    at_risk = torch.logcumsumexp(log_hazard, dim=0)
    return -((log_hazard - at_risk) * died).sum() / died.sum()


def concordance(log_hazard: Tensor, months: Tensor, died: Tensor) -> float:
    """Of all pairs that can be compared, how many are in the right order?"""
    comparable = (months[:, None] < months[None, :]) & (died[:, None] > 0)
    difference = log_hazard[:, None] - log_hazard[None, :]
    right = (difference > 0).float() + 0.5 * (difference == 0).float()
    return (right[comparable].sum() / comparable.sum()).item()


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    x, months, died = draw_patients(args.patients, args.seed)
    x_train, x_val, m_train, m_val, d_train, d_val = train_test_split(
        x, months, died, test_size=0.3, random_state=args.seed, stratify=died
    )
    scaler = StandardScaler().fit(x_train)
    to_tensor = lambda a: torch.tensor(a, dtype=torch.float32)  # noqa: E731
    train = Cohort(to_tensor(scaler.transform(x_train)), to_tensor(m_train), to_tensor(d_train))
    val = Cohort(to_tensor(scaler.transform(x_val)), to_tensor(m_val), to_tensor(d_val))
    print(f"{len(train)} patients to learn from, of whom {int(train.died.sum())} died; {len(val)} to validate")

    net = RiskNet(len(COLUMNS), args.hidden, args.depth, args.dropout)
    optimizer = optim.AdamW(net.parameters(), lr=args.lr, weight_decay=args.weight_decay)
    best, best_epoch = 0.0, 0
    for epoch in range(1, args.epochs + 1):
        net.train()
        losses = []
        for batch in train.batches(args.batch_size):
            optimizer.zero_grad()
            loss = cox_loss(net(batch.x), batch.months, batch.died)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

        net.eval()
        with torch.no_grad():
            log_hazard = net(val.x)
            val_loss = cox_loss(log_hazard, val.months, val.died).item()
            c_index = concordance(log_hazard, val.months, val.died)
        if c_index > best:
            best, best_epoch = c_index, epoch
        print(f"epoch {epoch:3d}  train {np.mean(losses):.4f}  val {val_loss:.4f}  concordance {c_index:.4f}")
    print(f"best concordance {best:.4f} in epoch {best_epoch}; at the end {c_index:.4f}; by chance 0.5")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=2400)
    parser.add_argument("--hidden", type=int, default=48)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--batch-size", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--weight-decay", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", "0")))
    main(parser.parse_args())
