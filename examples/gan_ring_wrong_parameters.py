"""A small GAN that learns to draw points from eight spots on a circle."""

import math

import torch
from torch import nn

torch.manual_seed(0)

batch_size = 128
latent_dim = 8
hidden = 64
steps = 1500
lr = 1e-3


def sample_real(n):
    angle = torch.randint(8, (n,)) * (2 * math.pi / 8)
    centers = torch.stack([angle.cos(), angle.sin()], dim=1)
    return centers + 0.05 * torch.randn(n, 2)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(latent_dim, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 2),
        )

    def forward(self, z):
        return self.net(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, 1),
        )

    def forward(self, x):
        return self.net(x)


netG = Generator()
netD = Discriminator()
criterion = nn.BCEWithLogitsLoss()
optimizerG = torch.optim.Adam(netD.parameters(), lr=lr, betas=(0.5, 0.999))
optimizerD = torch.optim.Adam(netD.parameters(), lr=lr, betas=(0.5, 0.999))

real_label = torch.ones(batch_size, 1)
fake_label = torch.zeros(batch_size, 1)

for step in range(steps):
    # train the discriminator on a batch of real points and a batch of generated ones
    netD.zero_grad()
    errD_real = criterion(netD(sample_real(batch_size)), real_label)
    errD_real.backward()
    fake = netG(torch.randn(batch_size, latent_dim))
    errD_fake = criterion(netD(fake.detach()), fake_label)
    errD_fake.backward()
    optimizerD.step()

    # train the generator to be taken for real
    netG.zero_grad()
    errG = criterion(netD(fake), real_label)
    errG.backward()
    optimizerG.step()

    if step % 250 == 0 or step == steps - 1:
        print(f"step {step:4d}  loss D {errD_real.item() + errD_fake.item():.3f}  loss G {errG.item():.3f}")

with torch.no_grad():
    points = netG(torch.randn(1000, latent_dim))
print(f"mean distance from the center: {points.norm(dim=1).mean():.3f} (real: 1.0)")
