# Yield of maize from the weather of the season and the soil: a temporal convolutional net,
# first trained on seasons from a (crude) crop model, then tuned on a few hundred real field trials.
import os
import random
import tempfile

import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)

PENTADS = 30  # the season in steps of five days
MICRO, ACCUM = 8, 4


def seasons(n, rng, real):
    """Weather [n, 4, 30], soil [n, 3], grain in kg/ha. The real world knows heat, lodging and noise, the model less."""
    t = np.arange(PENTADS)
    warmth = 11 + 11 * np.sin(np.pi * (t + 3) / 36) + rng.normal(0, 1.5, (n, 1))
    temp = warmth + np.cumsum(rng.normal(0, 0.9, (n, PENTADS)), axis=1) * 0.6 + rng.normal(0, 1.2, (n, PENTADS))
    wet = rng.gamma(4, 0.25, (n, 1))
    rain = rng.gamma(0.7, 16.0, (n, PENTADS)) * wet
    sun = 15 + 6 * np.sin(np.pi * (t + 4) / 36) - 0.06 * rain + rng.normal(0, 1.5, (n, PENTADS))
    wind = rng.gamma(3, 1.2, (n, PENTADS))
    depth, nitrogen, clay = rng.uniform(60, 180, n), rng.uniform(30, 220, n), rng.uniform(0.08, 0.45, n)

    stage, water, mass, lost = np.zeros(n), 0.6 * depth, np.zeros(n), np.zeros(n)
    grain = np.zeros(n)
    for k in range(PENTADS):
        stage = stage + np.clip(temp[:, k] - 8, 0, 22) * 5 / 1350
        need = 5 * (0.14 * sun[:, k]) * np.clip(stage * 2.5, 0.2, 1)
        water = np.clip(water + rain[:, k], 0, depth)
        used = np.minimum(need, water * (0.6 if real else 0.5))
        water = water - used
        growth = sun[:, k] * np.clip(stage * 2.2, 0.05, 1) * (used / need) * (stage < 1.15)
        mass += growth
        filling = (stage > 0.55) & (stage < 1.05)
        heat = np.clip(temp[:, k] - 24, 0, 8) * 0.06 * ((stage > 0.45) & (stage < 0.75))
        grain += growth * filling
        lost += heat if real else 0
        lost += 0.012 * wind[:, k] * (stage > 0.95) * (clay < 0.2) if real else 0
    feed = 1 - np.exp(-(nitrogen + 40) / (95 if real else 120))
    kilos = (22 * grain + 8 * mass) * feed * np.exp(-lost) * (1.05 if real else 0.9)
    if real:
        kilos = kilos * np.exp(rng.normal(0, 0.08, n)) + rng.normal(0, 150, n)
    weather = np.stack([temp, np.sqrt(rain), sun, wind], axis=1)
    return weather, np.stack([depth, nitrogen, clay], axis=1), kilos


class Temporal(nn.Module):
    """A dilated causal convolution with a way around it."""

    def __init__(self, inside, outside, dilation):
        super().__init__()
        self.pad = nn.ConstantPad1d((2 * dilation, 0), 0.0)
        self.conv = nn.Conv1d(inside, outside, 3, dilation=dilation)
        self.around = nn.Conv1d(inside, outside, 1)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(self.conv(self.pad(x))) + self.around(x)


class Encoder(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.first = nn.Conv1d(7, width, 1)
        self.stack = nn.ModuleList([Temporal(width, width, d) for d in (1, 2, 4)])

    def forward(self, weather, soil):
        steady = soil[:, :, None].expand(-1, -1, weather.shape[2])
        z = self.first(torch.cat([weather, steady], dim=1))
        for layer in self.stack:
            z = layer(z)
        return torch.cat([z.mean(dim=2), z[:, :, -1]], dim=1)


class YieldNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.head = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, weather, soil):
        return self.head(self.encoder(weather, soil))


class Trainer:
    def __init__(self, net, rate, epochs):
        self.net, self.epochs = net, epochs
        self.optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=rate, momentum=0.9)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, epochs)

    def train_epoch(self, data):
        self.net.train()
        weather, soil, target = data
        order = torch.randperm(len(target))
        losses = []
        batches = list(order[: len(order) // (MICRO * ACCUM) * MICRO * ACCUM].split(MICRO))
        for i, rows in enumerate(batches):
            guess = self.net(weather[rows], soil[rows])
            loss = nn.functional.mse_loss(guess, target[rows])
            (loss / ACCUM).backward()
            losses.append(loss.item())
            if (i + 1) % ACCUM == 0:
                self.optimizer.step()
                self.optimizer.zero_grad()
        self.schedule.step()
        return sum(losses) / len(losses)

    @torch.no_grad()
    def r2(self, data):
        self.net.eval()
        weather, soil, target = data
        guess = self.net(weather, soil)
        return 1 - ((guess.ravel() - target.ravel()) ** 2).mean().item() / target.var(unbiased=False).item()

    def fit(self, train, test, word):
        for epoch in range(self.epochs):
            loss = self.train_epoch(train)
            print(f"{word} {epoch + 1:2d}/{self.epochs}  loss {loss:.4f}  held-out R2 {self.r2(test):.4f}")


def as_tensors(raw, reference):
    """Weather and soil by channel, grain as a column; everything scaled like the reference."""
    weather, soil, kilos = raw
    weather = (weather - reference[0].mean((0, 2), keepdims=True)) / reference[0].std((0, 2), keepdims=True)
    soil = (soil - reference[1].mean(0)) / reference[1].std(0)
    grain = (kilos - reference[2].mean()) / reference[2].std()
    return [torch.tensor(a, dtype=torch.float32) for a in (weather, soil, grain[:, None])]


rng = np.random.default_rng(SEED)
simulated, simulated_test = seasons(1500, rng, real=False), seasons(300, rng, real=False)
trials, trials_test = seasons(200, rng, real=True), seasons(600, rng, real=True)

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "encoder.pt")
    pretrained = YieldNet()
    Trainer(pretrained, rate=0.02, epochs=9).fit(
        as_tensors(simulated, simulated), as_tensors(simulated_test, simulated), "simulated"
    )
    torch.save(pretrained.encoder.state_dict(), path)

    net = YieldNet()
    net.encoder.load_state_dict(torch.load(path))

tuning = Trainer(net, rate=0.01, epochs=20)
tuning.fit(as_tensors(trials, trials), as_tensors(trials_test, trials), "trials")
error = (1 - tuning.r2(as_tensors(trials_test, trials))) ** 0.5 * trials_test[2].std()
print(f"typical error {error:.0f} kg/ha; always the mean: {trials_test[2].std():.0f} kg/ha")
