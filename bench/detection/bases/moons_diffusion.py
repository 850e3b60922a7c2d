"""Denoising diffusion on the two moons: a network predicts noise; samples are drawn by undoing it step by step."""

import os

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import make_moons
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = int(os.environ.get("SEED", "0"))
TIMESTEPS = 100
TRAIN_STEPS = 1200
EVAL_EVERY = 300
BATCH_SIZE = 128


def cycle(dl):
    while True:
        yield from dl


def extract(a, t):
    """The coefficient of each row's timestep, as a column."""
    return a.gather(0, t).reshape(-1, 1)


class SinusoidalPosEmb(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, t):
        half = self.dim // 2
        freqs = torch.exp(-np.log(1000) * torch.arange(half) / (half - 1))
        args = t[:, None].float() * freqs[None, :]
        return torch.cat([args.sin(), args.cos()], dim=-1)


class ResBlock(nn.Module):
    def __init__(self, width, time_dim):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, width)
        self.time = nn.Linear(time_dim, width)
        self.fc2 = nn.Linear(width, width)

    def forward(self, h, temb):
        r = F.silu(self.fc1(self.norm(h)))
        r = r + self.time(temb)
        return h + self.fc2(F.silu(r))


class NoiseNet(nn.Module):
    def __init__(self, width=64, time_dim=32, n_blocks=2):
        super().__init__()
        self.time_mlp = nn.Sequential(SinusoidalPosEmb(time_dim), nn.Linear(time_dim, time_dim), nn.SiLU())
        self.inp = nn.Linear(2, width)
        self.blocks = nn.ModuleList([ResBlock(width, time_dim) for _ in range(n_blocks)])
        self.out = nn.Linear(width, 2)

    def forward(self, x, t):
        temb = self.time_mlp(t)
        h = self.inp(x)
        for block in self.blocks:
            h = block(h, temb)
        return self.out(h)


class GaussianDiffusion(nn.Module):
    def __init__(self, net, timesteps):
        super().__init__()
        self.net = net
        self.timesteps = timesteps
        betas = torch.linspace(1e-3, 0.09, timesteps)
        alphas = 1.0 - betas
        alphas_bar = torch.cumprod(alphas, dim=0)
        self.register_buffer("betas", betas)
        self.register_buffer("sqrt_recip_alphas", alphas.rsqrt())
        self.register_buffer("sqrt_ab", alphas_bar.sqrt())
        self.register_buffer("sqrt_one_minus_ab", (1.0 - alphas_bar).sqrt())

    def q_sample(self, x0, t, noise):
        return extract(self.sqrt_ab, t) * x0 + extract(self.sqrt_one_minus_ab, t) * noise

    def forward(self, x0):
        t = torch.randint(0, self.timesteps, (len(x0),))
        noise = torch.randn_like(x0)
        predicted = self.net(self.q_sample(x0, t, noise), t)
        return F.mse_loss(predicted, noise)

    @torch.no_grad()
    def sample(self, n):
        x = torch.randn(n, 2)
        for step in reversed(range(self.timesteps)):
            t = torch.full((n,), step)
            predicted = self.net(x, t)
            x = extract(self.sqrt_recip_alphas, t) * (
                x - extract(self.betas, t) / extract(self.sqrt_one_minus_ab, t) * predicted
            )
            if step > 0:
                x = x + extract(self.betas, t).sqrt() * torch.randn_like(x)
        return x


def precision_recall(samples, real, radius=0.12):
    """Share of samples near a real point, and share of real points near a sample."""
    near = torch.cdist(samples, real) < radius
    return near.any(1).float().mean().item(), near.any(0).float().mean().item()


torch.manual_seed(SEED)
torch.set_num_threads(1)
points, _ = make_moons(4500, noise=0.07, random_state=SEED)
points = torch.tensor(points * 40 + 120, dtype=torch.float32)
centre, spread = points[:3500].mean(0), points[:3500].std(0)
points = (points - centre) / spread
train_points, val_points = points[:3500], points[3500:]
train_dl = cycle(DataLoader(TensorDataset(train_points), batch_size=BATCH_SIZE, shuffle=True, drop_last=True))

diffusion = GaussianDiffusion(NoiseNet(), TIMESTEPS)
opt = torch.optim.Adam(diffusion.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=TRAIN_STEPS)
precision, recall = precision_recall(torch.randn(500, 2), val_points)
print(f"plain noise: precision {precision:.3f}, recall {recall:.3f}")

recent = []
for step in range(1, TRAIN_STEPS + 1):
    diffusion.train()
    (x0,) = next(train_dl)
    loss = diffusion(x0)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(diffusion.parameters(), 1.0)
    opt.step()
    scheduler.step()
    recent.append(loss.item())
    if step % EVAL_EVERY == 0:
        diffusion.eval()
        with torch.no_grad():
            val_loss = np.mean([diffusion(val_points).item() for _ in range(4)])
        precision, recall = precision_recall(diffusion.sample(500), val_points)
        print(
            f"step {step}: loss {np.mean(recent):.4f}, val loss {val_loss:.4f}, "
            f"precision {precision:.3f}, recall {recall:.3f}"
        )
        recent = []
