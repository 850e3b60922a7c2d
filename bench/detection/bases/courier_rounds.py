"""How long will a courier's round take?  A round is a set of stops (4 to 14 of them) and a few numbers about the day.

Stops talk to each other for a few rounds of exchange (mean and max over the set), are pooled by attention, and a head
adds what is known about the day.  The network predicts standardised minutes.
"""

import argparse
import os
import random

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

ap = argparse.ArgumentParser()
ap.add_argument("--rounds", type=int, default=5000)
ap.add_argument("--epochs", type=int, default=10)
ap.add_argument("--bs", type=int, default=64)
ap.add_argument("--lr", type=float, default=2e-3)
ap.add_argument("--width", type=int, default=48)
ap.add_argument("--exchanges", type=int, default=2)
args, _ = ap.parse_known_args()

S = 14  # most stops in a round
STOP_FIELDS = ["x", "y", "kg", "floor", "lift", "sign"]
SPREAD = {"city": 2.0, "suburb": 5.0, "country": 12.0}
KMH = {"city": 17.0, "suburb": 28.0, "country": 48.0}


def tour_km(xy, n):
    """Length of the nearest-neighbour tour from the depot and back, for all rounds at once."""
    R = len(xy)
    left = np.arange(S)[None] < n[:, None]
    here, km = np.zeros((R, 2)), np.zeros(R)
    for _ in range(S):
        d = np.linalg.norm(xy - here[:, None], axis=-1)
        d[~left] = np.inf
        nxt = d.argmin(1)
        go = left.any(1)
        km[go] += d[np.arange(R), nxt][go]
        here[go] = xy[np.arange(R), nxt][go]
        left[np.arange(R), nxt] = False
    return km + np.linalg.norm(here, axis=1)


def dispatch(R):
    """The dispatcher's table (stops as the export has them, one line a field: [R, fields, S]) and the vans' log."""
    area = np.random.choice(list(SPREAD), R, p=[0.5, 0.35, 0.15])
    spread, kmh = np.array([SPREAD[a] for a in area]), np.array([KMH[a] for a in area])
    n = np.random.randint(4, S + 1, R)
    on = np.arange(S)[None] < n[:, None]
    centre = np.random.normal(0, 1.2, (R, 1, 2)) * spread[:, None, None]
    xy = centre + np.random.normal(0, 0.6, (R, S, 2)) * spread[:, None, None]
    kg = np.random.gamma(1.5, 5.0, (R, S))
    floor = np.random.poisson(np.where(area == "city", 2.2, 0.5)[:, None], (R, S))
    lift = (np.random.rand(R, S) < 0.35) * (floor > 0)
    sign = np.random.rand(R, S) < 0.4
    hour, rain = np.random.uniform(6, 18, R), np.random.exponential(0.8, R) * (np.random.rand(R) < 0.4)
    years = np.random.gamma(2.0, 2.0, R)
    traffic = 1 + 0.45 * np.exp(-((hour - 8) ** 2) / 2) + 0.35 * np.exp(-((hour - 16.5) ** 2) / 3)
    drive = 60 * tour_km(xy, n) / kmh * np.where(area == "country", 1.0, traffic) * (1 + 0.05 * rain)
    door = 2.5 + 0.55 * floor * (1 - lift) * (1 + kg / 12) + 0.5 * lift + 2.2 * sign + 0.08 * kg
    minutes = (drive + (door * on).sum(1) * (1 + 0.35 * np.exp(-years / 2))) * np.exp(np.random.normal(0, 0.06, R))
    stops = np.stack([xy[..., 0], xy[..., 1], kg, floor, lift, sign], axis=1) * on[:, None]
    day = np.stack([area == "city", area == "suburb", hour, rain, years], axis=1).astype(float)
    upload = np.argsort(np.arange(R) + np.random.normal(0, 25, R))  # vans upload when they have a signal
    return np.arange(R) + 70_000, stops, n, day, (upload + 70_000, minutes[upload])


round_no, stops, n_stops, day, (log_no, log_minutes) = dispatch(args.rounds)
row_of = {no: row for row, no in enumerate(log_no)}
minutes = log_minutes[[row_of[no] for no in round_no]]

stops = stops.transpose(0, 2, 1)  # [R, S, fields]
mask = np.arange(S)[None] < n_stops[:, None]
day = np.column_stack([day, n_stops])

order = np.random.permutation(len(minutes))
cut = int(0.8 * len(order))
tr, te = order[:cut], order[cut:]

# scaling: only what is really there counts, and only from the training rounds
s_mu, s_sd = stops[tr][mask[tr]].mean(0), stops[tr][mask[tr]].std(0)
d_mu, d_sd = day[tr].mean(0), day[tr].std(0)
y_mu, y_sd = minutes[tr].mean(), minutes[tr].std()
stops_t = torch.tensor((stops - s_mu) / s_sd * mask[..., None], dtype=torch.float32)
day_t = torch.tensor((day - d_mu) / d_sd, dtype=torch.float32)
mask_t = torch.tensor(mask)
y_t = torch.tensor((minutes - y_mu) / y_sd, dtype=torch.float32)


def pooled(h, m):
    """Mean and max over the stops that exist."""
    mean = (h * m).sum(1) / m.sum(1)
    return torch.cat([mean, h.masked_fill(m == 0, -1e4).amax(1)], dim=-1)


class RoundNet(nn.Module):
    def __init__(self, w, exchanges):
        super().__init__()
        self.inp = nn.Sequential(nn.Linear(len(STOP_FIELDS), w), nn.ReLU(), nn.Linear(w, w))
        self.exchange = nn.ModuleList(nn.Linear(3 * w, w) for _ in range(exchanges))
        self.score = nn.Linear(w, 1)
        self.attend = nn.Softmax(dim=1)
        self.act = nn.ReLU()
        self.head = nn.Sequential(
            nn.Linear(3 * w + day.shape[1], w), nn.ReLU(), nn.Linear(w, w), nn.ReLU(), nn.Linear(w, 1)
        )
        self.apply(self.reset)

    @staticmethod
    def reset(m):
        if isinstance(m, nn.Linear):
            bound = (3.0 / m.in_features) ** 0.5
            nn.init.uniform_(m.weight, -bound, bound)
            nn.init.zeros_(m.bias)

    def forward(self, s, m, d):
        m = m.unsqueeze(-1).float()
        h = self.act(self.inp(s))
        for layer in self.exchange:
            others = pooled(h, m).unsqueeze(1).expand(-1, h.shape[1], -1)
            h = self.act(layer(torch.cat([h, others], dim=-1)))
        a = self.attend(self.score(h).masked_fill(m == 0, -1e4))
        z = torch.cat([(a * h).sum(1), pooled(h, m), d], dim=-1)
        return self.head(z).squeeze(-1)


model = RoundNet(args.width, args.exchanges)
opt = torch.optim.Adam(model.parameters(), lr=args.lr)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=args.epochs)


def score():
    model.eval()
    with torch.no_grad():
        pred = model(stops_t[te], mask_t[te], day_t[te]).double().numpy() * y_sd + y_mu
    return 1 - ((pred - minutes[te]) ** 2).mean() / minutes[te].var(), np.abs(pred - minutes[te]).mean()


print(f"{len(tr)} rounds for training, {len(te)} for testing, {minutes.mean():.0f} min on average (sd {y_sd:.0f})")
for ep in range(1, args.epochs + 1):
    model.train()
    tot = 0.0
    perm = tr[np.random.permutation(len(tr))]
    for i in range(0, len(perm), args.bs):
        b = perm[i : i + args.bs]
        loss = F.mse_loss(model(stops_t[b], mask_t[b], day_t[b]), y_t[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() * len(b)
    sched.step()
    r2, mae = score()
    print(f"ep {ep:2d} | loss {tot / len(perm):.4f} | test R2 {r2:.3f} | test MAE {mae:.1f} min")
print(f"always the mean: MAE {np.abs(minutes[te] - y_mu).mean():.1f} min")
