"""
sky_irradiance.py -- how many W/m2 reach the solar park right now?
All-sky camera frame + what the weather mast says  ->  global horizontal irradiance.

A flat script, top to bottom. Camera frames are drawn below (sun, haze, clouds drifting in front of it).
"""

import os
import random

import numpy as np
import torch
import torch.nn as nn
from scipy.ndimage import gaussian_filter

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)

N_TRAIN, N_TEST = 1600, 500
SIDE = 20
EPOCHS = 16
BATCH = 32
LR = 0.02
MOMENTUM = 0.9
SUN_COLUMNS = ["elevation", "azimuth_sin", "azimuth_cos", "temperature", "humidity"]

# ---------------------------------------------------------------- a summer on the roof
n = N_TRAIN + N_TEST
yy, xx = np.mgrid[0:SIDE, 0:SIDE]
mast = {
    "elevation": np.random.uniform(10, 65, n),
    "azimuth": np.random.uniform(80, 280, n),
    "temperature": np.random.normal(22, 5, n),
    "humidity": np.clip(np.random.normal(55, 15, n), 15, 100),
}
mast["azimuth_sin"] = np.sin(np.radians(mast["azimuth"]))
mast["azimuth_cos"] = np.cos(np.radians(mast["azimuth"]))
cloudiness = np.random.beta(0.9, 0.9, n)  # mostly clear days and mostly grey days
haze = np.random.gamma(2.0, 0.06, n) + 0.002 * mast["humidity"]

frames = np.zeros((n, SIDE, SIDE, 3), np.uint8)
ghi = np.zeros(n)
for i in range(n):
    high = np.sin(np.radians(mast["elevation"][i]))
    reach = (90 - mast["elevation"][i]) / 90 * SIDE / 2
    row = SIDE / 2 - reach * mast["azimuth_cos"][i]
    col = SIDE / 2 + reach * mast["azimuth_sin"][i]
    away = np.hypot(yy - row, xx - col)

    field = gaussian_filter(np.random.randn(SIDE, SIDE), 2.2)
    field = (field - field.mean()) / field.std()
    cover = 1 / (1 + np.exp(-6 * (field + 3.2 * (cloudiness[i] - 0.5))))
    spot = np.exp(-0.5 * (away / 1.2) ** 2)
    shade = (cover * spot).sum() / spot.sum()  # how much of the disc is behind a cloud

    beam = 1000 * high * np.exp(-haze[i] / high) * (1 - 0.93 * shade)
    diffuse = 90 * high + 260 * high * cover.mean() * (1 - 0.6 * cover.mean())
    glint = 120 * high * (1 - shade) * (0.3 < cover.mean() < 0.7)  # bright cloud edges add light
    ghi[i] = max(beam + diffuse + glint, 5) * np.random.normal(1, 0.04)

    blue = np.array([0.22, 0.42, 0.80]) * (0.5 + 0.5 * high)
    grey = np.array([0.62, 0.63, 0.65]) * (0.35 + 0.55 * high) * (1 - 0.35 * cloudiness[i])
    sky = blue * (1 - cover[..., None]) + grey * cover[..., None] + 0.5 * haze[i]
    sky += (1.2 * spot + 0.3 * np.exp(-away / 4))[..., None] * (1 - 0.92 * shade) * np.array([1.0, 0.96, 0.85])
    frames[i] = np.clip(255 * (sky + np.random.normal(0, 0.02, sky.shape)), 0, 255)
mast["ghi"] = ghi
mast["pyranometer_mv"] = 0.0137 * ghi + np.random.normal(0, 0.05, n)  # the raw voltage the label is computed from

# ---------------------------------------------------------------- tensors
pictures = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255.0
numbers = torch.tensor(np.stack([mast[c] for c in SUN_COLUMNS], axis=1), dtype=torch.float32)
watts = torch.tensor(mast["ghi"], dtype=torch.float32)

x_mean = pictures[:N_TRAIN].mean(dim=(0, 2, 3), keepdim=True)
x_std = pictures[:N_TRAIN].std(dim=(0, 2, 3), keepdim=True)
pictures = (pictures - x_mean) / x_std
numbers = (numbers - numbers[:N_TRAIN].mean(0)) / numbers[:N_TRAIN].std(0)
y_mean, y_std = watts[:N_TRAIN].mean(), watts[:N_TRAIN].std()
y = ((watts - y_mean) / y_std).unsqueeze(1)


# ---------------------------------------------------------------- network: the mast tells the camera what to look for
class SkyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(3, 16, 3, padding=1)
        self.c2 = nn.Conv2d(16, 24, 3, stride=2, padding=1)
        self.c3 = nn.Conv2d(24, 32, 3, stride=2, padding=1)
        self.mast = nn.Linear(len(SUN_COLUMNS), 32)
        self.hidden = nn.Linear(32 * 2 + 32, 48)
        self.out = nn.Linear(48, 1)

    def forward(self, picture, number):
        h = torch.relu(self.c1(picture))
        h = torch.relu(self.c2(h))
        h = torch.relu(self.c3(h))
        m = torch.relu(self.mast(number))
        seen = torch.cat([h.mean(dim=(2, 3)), h.amax(dim=(2, 3)), m], dim=1)
        return self.out(torch.relu(self.hidden(seen)))


net = SkyNet()
for layer in net.modules():
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
nn.init.normal_(net.out.weight, std=0.05)
optimizer = torch.optim.SGD(net.parameters(), lr=LR, momentum=MOMENTUM)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[11, 14], gamma=0.2)

# ---------------------------------------------------------------- train, look at the test days every epoch
for epoch in range(1, EPOCHS + 1):
    net.train()
    total = 0.0
    for batch in torch.randperm(N_TRAIN).split(BATCH):
        optimizer.zero_grad()
        loss = nn.functional.huber_loss(net(pictures[batch], numbers[batch]), y[batch])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    scheduler.step()

    net.eval()
    with torch.no_grad():
        guess = net(pictures[N_TRAIN:], numbers[N_TRAIN:]).squeeze(1) * y_std + y_mean
    off = guess - watts[N_TRAIN:]
    r2 = 1 - off.square().sum() / (watts[N_TRAIN:] - y_mean).square().sum()
    mae = off.abs().mean().item()
    print(f"epoch {epoch:2d}  huber {total / N_TRAIN:.4f}  test MAE {mae:6.1f} W/m2  R2 {r2:.3f}", flush=True)

print(f"always the average: MAE {(watts[N_TRAIN:] - y_mean).abs().mean():.1f} W/m2")
