"""Take the noise out of photographs: a small residual network learns it from patches of scikit-learn's two pictures."""

import os

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_sample_images
from torch import nn
from torch.utils.data import DataLoader

SEED = int(os.environ.get("SEED", "0"))
SIGMA = 0.1
PATCH = 20
CFG = {"channels": 16, "layers": 3, "lr": 3e-3, "batch": 24, "epochs": 7}


def set_seed(seed):
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)


def grey_photos():
    photos = [photo.astype(np.float32) / 255.0 for photo in load_sample_images().images]
    return [photo @ np.array([0.299, 0.587, 0.114], dtype=np.float32) for photo in photos]


def cut_patches(photos, count, rng, left, right):
    """Patches from between two shares of each photo's width."""
    patches = []
    for i in range(count):
        photo = photos[i % len(photos)]
        low, high = int(left * photo.shape[1]), int(right * photo.shape[1]) - PATCH
        top, side = rng.integers(0, photo.shape[0] - PATCH), rng.integers(low, high)
        patches.append(torch.from_numpy(photo[top : top + PATCH, side : side + PATCH].copy()))
    return patches


def add_noise(patches):
    """A batch as a dictionary; fresh noise every time."""
    clean = torch.stack(patches).unsqueeze(1)
    noisy = clean + SIGMA * torch.randn_like(clean)
    return {"noisy": noisy, "clean": clean}


class Denoiser(nn.Module):
    """Predicts the noise and subtracts it."""

    def __init__(self, channels, layers):
        super().__init__()
        self.first = nn.Conv2d(1, channels, 3, padding=1)
        self.middle = nn.ModuleList()
        for _ in range(layers):
            self.middle.append(
                nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
            )
        self.last = nn.Conv2d(channels, 1, 3, padding=1)

    def forward(self, noisy):
        h = F.relu(self.first(noisy))
        for layer in self.middle:
            h = F.relu(layer(h))
        noise = self.last(h)
        return noisy - noise


def psnr(mse):
    return -10 * np.log10(mse)


def train_one_epoch(model, loader, optimizer):
    model.train()
    losses = []
    for batch in loader:
        optimizer.zero_grad(set_to_none=True)
        restored = model(batch["noisy"])
        loss = F.mse_loss(restored, batch["clean"])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return float(np.mean(losses))


def evaluate(model, batches):
    model.eval()
    errors = []
    with torch.inference_mode():
        for batch in batches:
            restored = model(batch["noisy"])
            errors.append(F.mse_loss(restored, batch["clean"]).item())
    return float(np.mean(errors))


def run():
    set_seed(SEED)
    rng = np.random.default_rng(SEED)
    photos = grey_photos()
    train_patches = cut_patches(photos, 720, rng, left=0.0, right=0.7)
    val_patches = cut_patches(photos, 240, rng, left=0.7, right=1.0)
    train_loader = DataLoader(train_patches, batch_size=CFG["batch"], shuffle=True, collate_fn=add_noise)
    val_batches = list(DataLoader(val_patches, batch_size=80, collate_fn=add_noise))
    model = Denoiser(CFG["channels"], CFG["layers"])
    optimizer = torch.optim.Adam(model.parameters(), lr=CFG["lr"])
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[4, 6], gamma=0.4)
    untouched = np.mean([F.mse_loss(batch["noisy"], batch["clean"]).item() for batch in val_batches])
    print(f"noisy input: mse {untouched:.5f}, psnr {psnr(untouched):.2f} dB")
    for epoch in range(CFG["epochs"]):
        train_mse = train_one_epoch(model, train_loader, optimizer)
        val_mse = evaluate(model, val_batches)
        scheduler.step()
        print(f"epoch {epoch}: train mse {train_mse:.5f} | val mse {val_mse:.5f} | val psnr {psnr(val_mse):.2f} dB")


if __name__ == "__main__":
    run()
