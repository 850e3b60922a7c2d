"""How hard is a boulder problem? The grade from the set of its holds, as two phones measured them.

python climbing_routes.py
"""

import copy
import os
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = int(os.environ.get("SEED", "0"))
MOST_HOLDS = 12
COLUMNS = ["across_cm", "height_cm", "depth_mm", "slope_deg", "overhang_deg"]


def make_routes(n, rng):
    """Holds [n, MOST_HOLDS, 5] (zero where there is none), present [n, MOST_HOLDS], phone [n] and grade [n]."""
    holds = np.zeros((n, MOST_HOLDS, len(COLUMNS)))
    present = np.zeros((n, MOST_HOLDS), dtype=bool)
    grade = np.zeros(n)
    phone = rng.integers(2, size=n)
    for i in range(n):
        k = rng.integers(5, MOST_HOLDS + 1)
        overhang = rng.uniform(-5, 45)
        setter = rng.normal(24, 7)  # some setters like edges, others jugs
        height = np.sort(rng.uniform(60, rng.uniform(330, 420), k))
        across = 150 + np.cumsum(rng.normal(0, 35, k))
        depth = np.clip(rng.normal(setter, 9, k), 6, 60)
        slope = rng.normal(0, 14, k)
        pull = (22 / depth) * (1 + overhang / 35) * np.exp(slope / 28)
        reach = np.hypot(np.diff(across), np.diff(height))
        feel = 1.6 * np.log(np.mean(pull**2)) + 0.03 * reach.mean() + 0.5 * pull.max() + 0.035 * max(overhang, 0)
        grade[i] = 2.2 + feel + rng.normal(0, 0.35)
        zoom = 0.95 if phone[i] else 1.03
        holds[i, :k, 0] = across * zoom + rng.normal(0, 2, k)
        holds[i, :k, 1] = height * zoom + rng.normal(0, 2, k)
        holds[i, :k, 2] = depth * zoom + rng.normal(0, 1 + phone[i], k)
        holds[i, :k, 3] = slope + rng.normal(0, 2, k)
        holds[i, :k, 4] = overhang + rng.normal(0, 1)
        present[i, :k] = True
    return holds, present, phone, grade


class RouteNet(nn.Module):
    """Every hold is read, looks at the others, and all are averaged."""

    def __init__(self, dim=32, hidden=32):
        super().__init__()
        self.read = nn.Sequential(nn.Linear(len(COLUMNS), dim), nn.ReLU(), nn.Linear(dim, dim))
        self.look = nn.MultiheadAttention(dim, num_heads=2, batch_first=True)
        self.mix = nn.Sequential(nn.Linear(dim, dim), nn.ReLU())
        self.grade = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def embed(self, holds, present):
        x = self.read(holds)
        x = x + self.look(x, x, x, key_padding_mask=~present, need_weights=False)[0]
        weight = present.unsqueeze(2).float()
        return (self.mix(x) * weight).sum(dim=1) / weight.sum(dim=1)

    def forward(self, holds, present):
        return self.grade(self.embed(holds, present)).squeeze(1)


@dataclass
class Settings:
    routes: int = 3200
    epochs: int = 8
    batch: int = 64
    lr: float = 3e-3
    weight_decay: float = 1e-5


class Fit:
    def __init__(self, settings):
        self.s = settings
        rng = np.random.default_rng(SEED)
        holds, present, phone, grade = make_routes(settings.routes, rng)
        cut = settings.routes * 3 // 4
        scaler = StandardScaler().fit(holds[:cut][present[:cut]])
        train_holds = self.scaled(holds[:cut], present[:cut], scaler)
        val_holds = self.scaled(holds[cut:], present[cut:], scaler)
        self.centre, self.spread = grade[:cut].mean(), grade[:cut].std()
        grade = torch.tensor((grade - self.centre) / self.spread, dtype=torch.float32)
        present, phone = torch.from_numpy(present), torch.from_numpy(phone)
        self.train_set = TensorDataset(train_holds, present[:cut], phone[:cut], grade[:cut])
        self.val_set = TensorDataset(val_holds, present[cut:], phone[cut:], grade[cut:])
        self.train_loader = DataLoader(self.train_set, batch_size=settings.batch, shuffle=True)
        self.val_loader = DataLoader(self.val_set, batch_size=250)
        self.model = RouteNet()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=settings.epochs)
        self.loss = nn.MSELoss()

    @staticmethod
    def scaled(holds, present, scaler):
        out = np.zeros_like(holds)
        out[present] = scaler.transform(holds[present])
        return torch.tensor(out, dtype=torch.float32)

    def train_epoch(self):
        self.model.train()
        losses = []
        for holds, present, _, grade in self.train_loader:
            loss = self.loss(self.model(holds, present), grade)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        self.schedule.step()
        return np.mean(losses)

    @torch.no_grad()
    def evaluate(self):
        """Loss, and the mean error in grades for either phone."""
        self.model.eval()
        error, phone = [], []
        for holds, present, camera, grade in self.val_loader:
            error.append(self.model(holds, present) - grade)
            phone.append(camera)
        error, phone = torch.cat(error), torch.cat(phone)
        mae = [error[phone == k].abs().mean().item() * self.spread for k in (0, 1)]
        return error.square().mean().item(), mae

    def run(self):
        best, weights = float("inf"), None
        for epoch in range(1, self.s.epochs + 1):
            train = self.train_epoch()
            val, mae = self.evaluate()
            print(f"{epoch:2d} | train {train:.4f} | val {val:.4f} | grades off: {mae[0]:.2f} and {mae[1]:.2f}")
            if val < best:
                best, weights = val, copy.deepcopy(self.model.state_dict())
        self.model.load_state_dict(weights)
        return best


if __name__ == "__main__":
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    fit = Fit(Settings())
    always_mean = fit.val_set.tensors[3].square().mean().item()
    print(f"best validation loss {fit.run():.4f} (always the mean: {always_mean:.4f})")
