"""
Penetration of a tunnel boring machine (mm per turn of the cutter head) from the readings of one stroke.

A long tunnel is finished and well logged. In the new one, with other cutters, few strokes have been
measured by hand. So: learn on the old tunnel, keep the body, give it a new head, go on with the new tunnel.
"""

import os
import tempfile

import numpy as np
import torch
import torch.nn as nn
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

SEED = int(os.environ.get("SEED", "0"))
torch.set_num_threads(1)
torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)

OLD, NEW, NEW_VAL = 3600, 240, 800
WIDTH, DEPTH = 64, 5


def strokes(n, new_tunnel):
    """Readings [n, 8] and the penetration."""
    strength = rng.lognormal(4.4, 0.45, n)  # of the rock, MPa
    joints = rng.gamma(2.0, 0.4, n)  # distance between them, m
    angle = rng.uniform(0, 90, n)  # of the joints to the axis, degrees
    wear = rng.uniform(0, 20, n)  # of the cutters, mm
    force = rng.normal(210, 35, n).clip(90, 320)  # on each cutter, kN
    speed = rng.normal(6.5, 1.2, n).clip(3, 10)  # turns per minute
    water = rng.exponential(4.0, n)  # l/s into the chamber

    threshold = 60 + 0.6 * strength + 2.5 * wear
    ease = 1 + 1.5 * np.exp(-joints / 0.5) * np.sin(np.deg2rad(1.4 * angle + 20)) ** 2
    excess = np.logaddexp(0, (force - threshold) / 30)
    penetration = 0.5 + 2.2 * excess * ease / (strength / 80) ** 0.7
    if new_tunnel:
        penetration = 1.0 + 1.3 * penetration**0.85
    penetration *= np.exp(rng.normal(0, 0.05, n))
    torque = 14 * force * np.sqrt(1.5 + 0.4 * rng.gamma(8.0, 1.0, n)) / (1 + 0.02 * wear)
    drill = strength * np.exp(rng.normal(0, 0.06, n))  # strength as the probe drill sees it
    return np.stack([force, speed, torque, drill, joints, angle, wear, water], axis=1), penetration


class PenetrationNet(nn.Module):
    def __init__(self, readings=8):
        super().__init__()
        widths = [readings] + [WIDTH] * DEPTH
        layers = []
        for i in range(DEPTH):
            linear = nn.Linear(widths[i], widths[i + 1])
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            nn.init.zeros_(linear.bias)
            layers += [linear, nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(WIDTH, 1)

    def forward(self, x):
        return self.head(self.body(x)).squeeze(1)


class Tunnel:
    """The strokes of a tunnel and the fitting of a model to them."""

    def __init__(self, train, val, readings, log_penetration):
        self.readings, self.log_penetration = readings, log_penetration
        self.train_set, self.val_set = self.tensors(*train), self.tensors(*val)

    def tensors(self, x, y):
        x = self.readings.transform(x)
        y = self.log_penetration.transform(np.log(y)[:, None])[:, 0]
        return TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32))

    def evaluate(self, model):
        model.eval()
        x, y = self.val_set.tensors
        with torch.no_grad():
            loss = criterion(model(x), y).item()
        return loss, 1 - loss / y.var(unbiased=False).item()

    def fit(self, model, optimizer, epochs, batch_size):
        loader = DataLoader(self.train_set, batch_size=batch_size, shuffle=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
        for epoch in range(1, epochs + 1):
            model.train()
            losses = []
            for x, y in loader:
                optimizer.zero_grad()
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            schedule.step()
            loss, r2 = self.evaluate(model)
            print(f"epoch {epoch:2d}  train {np.mean(losses):.4f}  val {loss:.4f}  R2 {r2:.3f}")


criterion = nn.MSELoss()
old_x, old_y = strokes(OLD, new_tunnel=False)
new_train, new_val = strokes(NEW, new_tunnel=True), strokes(NEW_VAL, new_tunnel=True)
cut = int(0.85 * OLD)

readings = StandardScaler().fit(old_x[:cut])
old_scale = StandardScaler().fit(np.log(old_y[:cut])[:, None])
new_scale = StandardScaler().fit(np.log(new_train[1])[:, None])
old_tunnel = Tunnel((old_x[:cut], old_y[:cut]), (old_x[cut:], old_y[cut:]), readings, old_scale)
new_tunnel = Tunnel(new_train, new_val, readings, new_scale)

print("old tunnel")
pretrained = PenetrationNet()
optimizer = torch.optim.Adam(pretrained.parameters(), lr=2e-3)
old_tunnel.fit(pretrained, optimizer, epochs=10, batch_size=64)

with tempfile.TemporaryDirectory() as folder:
    checkpoint = os.path.join(folder, "old_tunnel.pt")
    torch.save(pretrained.state_dict(), checkpoint)

    print("new tunnel")
    model = PenetrationNet()
    model.load_state_dict(torch.load(checkpoint))

model.head = nn.Linear(WIDTH, 1)
optimizer = torch.optim.Adam(
    [
        {"params": model.body.parameters(), "lr": 2e-4},
        {"params": model.head.parameters(), "lr": 3e-3},
    ]
)
new_tunnel.fit(model, optimizer, epochs=20, batch_size=24)
