"""A generative adversarial network learns a ring of eight Gaussians."""

import math
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", "0")))
torch.set_num_threads(1)
angles = torch.arange(8) * math.pi / 4
centres = 2 * torch.stack([angles.cos(), angles.sin()], 1)


def real_samples(count):
    return centres[torch.randint(8, (count,))] + 0.1 * torch.randn(count, 2)


generator = nn.Sequential(nn.Linear(8, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 2))
discriminator = nn.Sequential(
    nn.Linear(2, 96), nn.LeakyReLU(0.2), nn.Linear(96, 96), nn.LeakyReLU(0.2), nn.Linear(96, 1)
)
optimizer_g = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
batch = 128
ones, zeros = torch.ones(batch, 1), torch.zeros(batch, 1)


@torch.no_grad()
def coverage():
    """Share of samples near a centre, and how many centres have any."""
    samples = generator(torch.randn(1000, 8))
    nearest, which = torch.cdist(samples, centres).min(1)
    return (nearest < 0.5).float().mean().item(), len(which[nearest < 0.5].unique())


for step in range(1, 1401):
    real = real_samples(batch)
    fake = generator(torch.randn(batch, 8))
    loss_d = bce(discriminator(real), ones) + bce(discriminator(fake.detach()), zeros)
    optimizer_d.zero_grad()
    loss_d.backward()
    optimizer_d.step()

    loss_g = bce(discriminator(fake), ones)
    optimizer_g.zero_grad()
    loss_g.backward()
    optimizer_g.step()

    if step % 200 == 0:
        near, modes = coverage()
        print(f"step {step}: D {loss_d.item():.3f}  G {loss_g.item():.3f}  near a centre {near:.2f}  centres {modes}/8")
