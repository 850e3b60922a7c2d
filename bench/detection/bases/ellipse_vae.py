"""A variational auto-encoder of little grey ellipses, with the weight of the KL term warmed up."""

import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

torch.set_num_threads(1)
seed = int(os.environ.get("SEED", "0"))
torch.manual_seed(seed)

# ------------------------------------------------------------------ settings
SIDE = 14
LATENT = 6
HIDDEN = 160
EPOCHS = 16
BATCH = 64
WARMUP_STEPS = 120
SIGMA = 0.1
LEARNING_RATE = 1.5e-3


# ------------------------------------------------------------------ pictures
def ellipses(n: int, generator: np.random.Generator) -> Tensor:
    """n pictures in [0, 1]: place, tilt, two axes and brightness vary, the edge is soft."""
    grid = np.arange(SIDE)
    y, x = np.meshgrid(grid, grid, indexing="ij")
    cy, cx = generator.uniform(4, SIDE - 5, (2, n, 1, 1))
    tilt = generator.uniform(0, np.pi, (n, 1, 1))
    long, short = generator.uniform(2.8, 5.0, (n, 1, 1)), generator.uniform(1.2, 2.6, (n, 1, 1))
    u = (x - cx) * np.cos(tilt) + (y - cy) * np.sin(tilt)
    v = (y - cy) * np.cos(tilt) - (x - cx) * np.sin(tilt)
    inside = 1 / (1 + np.exp(4 * (np.sqrt((u / long) ** 2 + (v / short) ** 2) - 1)))
    shade = generator.uniform(0.6, 1.0, (n, 1, 1))
    return torch.from_numpy((shade * inside).reshape(n, -1)).float()


generator = np.random.default_rng(seed)
train_x = ellipses(3000, generator)
valid_x = ellipses(600, generator)


# ------------------------------------------------------------------ model
class VAE(nn.Module):
    def __init__(self, inputs: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.enc1 = nn.Linear(inputs, hidden)
        self.enc2 = nn.Linear(hidden, hidden)
        self.to_mu = nn.Linear(hidden, latent)
        self.to_logvar = nn.Linear(hidden, latent)
        self.dec1 = nn.Linear(latent, hidden)
        self.dec2 = nn.Linear(hidden, hidden)
        self.to_pixels = nn.Linear(hidden, inputs)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = F.silu(self.enc1(x))
        h = F.silu(self.enc2(h))
        return self.to_mu(h), self.to_logvar(h)

    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        if not self.training:
            return mu
        std = torch.exp(0.5 * logvar)
        return mu + std * torch.randn_like(std)

    def decode(self, z: Tensor) -> Tensor:
        h = F.silu(self.dec1(z))
        h = F.silu(self.dec2(h))
        return torch.sigmoid(self.to_pixels(h))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def elbo_terms(output: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
    """Reconstruction under Gaussian pixels and KL divergence, both in nats per picture."""
    reconstruction = 0.5 * torch.sum(((output - x) / SIGMA) ** 2) / len(x)
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / len(x)
    return reconstruction, kl


# ------------------------------------------------------------------ training
vae = VAE(SIDE * SIDE, HIDDEN, LATENT)
optimizer = torch.optim.Adam(vae.parameters(), lr=LEARNING_RATE)
step = 0
for epoch in range(1, EPOCHS + 1):
    vae.train()
    sums = {"rec": 0.0, "kl": 0.0}
    order = torch.randperm(train_x.size(0))
    for start in range(0, train_x.size(0), BATCH):
        x = train_x[order[start : start + BATCH]]
        beta = min(1.0, step / WARMUP_STEPS)
        output, mu, logvar = vae(x)
        rec, kl = elbo_terms(output, x, mu, logvar)
        loss = rec + beta * kl
        vae.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        sums["rec"] += rec.item() * x.size(0)
        sums["kl"] += kl.item() * x.size(0)

    vae.eval()
    with torch.no_grad():
        output, mu, logvar = vae(valid_x)
        rec, kl = elbo_terms(output, valid_x, mu, logvar)
        pixel_error = F.mse_loss(output, valid_x).item()
    print(
        f"{epoch:>3} train rec {sums['rec'] / len(train_x):7.2f} kl {sums['kl'] / len(train_x):5.2f}"
        f" | valid rec {rec.item():7.2f} kl {kl.item():5.2f} squared error {pixel_error:.5f}"
    )
mean_picture = F.mse_loss(train_x.mean(0).expand_as(valid_x), valid_x).item()
print(f"squared error of the mean picture: {mean_picture:.5f}")
