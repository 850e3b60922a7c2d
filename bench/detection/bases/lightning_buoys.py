"""Which sea mark is it? A separable convolutional net, taught on drawings, then on photographs from a patrol boat."""

import os
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import lightning as L
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
L.seed_everything(SEED, verbose=False)

MARKS = ["danger", "east", "north", "port", "safe", "south", "starboard", "west"]
RED, GREEN, YELLOW, BLACK, WHITE = (200, 40, 40), (30, 140, 70), (220, 190, 50), (25, 25, 25), (235, 235, 235)
BODY = {  # the colours of the float from top to bottom, and the topmark as (row, kind) pairs
    "port": ([RED], [(0, "can")]),
    "starboard": ([GREEN], [(0, "up")]),
    "north": ([BLACK, YELLOW], [(0, "up"), (5, "up")]),
    "south": ([YELLOW, BLACK], [(0, "down"), (5, "down")]),
    "east": ([BLACK, YELLOW, BLACK], [(0, "up"), (5, "down")]),
    "west": ([YELLOW, BLACK, YELLOW], [(0, "down"), (5, "up")]),
    "danger": ([BLACK, RED, BLACK], [(0, "ball"), (5, "ball")]),
    "safe": ([RED, WHITE, RED], [(2, "ball")]),
}
SHAPES = {"can": [4, 4, 4, 4], "up": [1, 2, 3, 4], "down": [4, 3, 2, 1], "ball": [2, 4, 4, 2]}


def draw(mark, rng, photo):
    """28 by 28 pixels, red-green-blue, 0 to 255. A photograph has waves, haze, glare, heel and a wandering camera."""
    img = np.empty((28, 28, 3))
    sky, sea = np.array([150, 180, 210.0]), np.array([50, 90, 120.0])
    horizon = rng.integers(11, 17) if photo else 14
    img[:horizon], img[horizon:] = sky, sea
    if photo:
        img[horizon:] += rng.normal(0, 16, (28 - horizon, 28, 1)) + rng.normal(0, 6, 3)
    left, top = rng.integers(5, 16), rng.integers(1, 5)
    colours, topmarks = BODY[mark]
    colour = BLACK if mark in ("north", "south", "east", "west", "danger") else colours[0]
    for row, kind in topmarks:
        for i, half in enumerate(SHAPES[kind]):
            img[top + row + i, left + 4 - half : left + 4 + half] = colour
    for band, piece in enumerate(np.array_split(np.arange(top + 10, min(top + 22, 28)), len(colours))):
        img[piece, left + 1 : left + 7] = colours[band]
    if photo:
        lean = rng.normal(0, 0.12)
        img = np.stack([np.roll(r, round(rng.normal(0, 0.5) + (i - 14) * lean), 0) for i, r in enumerate(img)])
        img = (img - 128) * rng.uniform(0.35, 0.9) + 128 + rng.normal(0, 25) + rng.normal(0, 9, 3)
        img += rng.normal(0, rng.uniform(6, 20), img.shape)
    else:
        img = img * rng.uniform(0.6, 1.0) + rng.normal(0, 12, img.shape)
    return img.clip(0, 255).astype(np.uint8)


def album(n, rng, photo):
    """Pictures by file name, and the list of names and marks that the pilot wrote, as they come from the archive."""
    marks = rng.choice(MARKS, n)
    listing = {f"img_{i:05d}.png": str(mark) for i, mark in enumerate(marks)}
    return {name: draw(mark, rng, photo) for name, mark in listing.items()}, listing


def to_dataset(pictures, listing):
    names = sorted(pictures)
    x = np.stack([pictures[name] for name in names]).transpose(0, 3, 1, 2)
    y = [MARKS.index(mark) for mark in listing.values()]
    return TensorDataset(torch.tensor(x, dtype=torch.float32) / 255 - 0.5, torch.tensor(y))


def separable(a, b, stride):
    return nn.Sequential(
        nn.Conv2d(a, a, 3, stride, 1, groups=a, bias=False),
        nn.BatchNorm2d(a),
        nn.ReLU(),
        nn.Conv2d(a, b, 1, bias=False),
        nn.BatchNorm2d(b),
        nn.ReLU(),
    )


class SeaMarks(L.LightningModule):
    def __init__(self, epochs, lr, backbone_lr, keep=0.9):
        super().__init__()
        self.save_hyperparameters()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 16, 3, 1, 1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            separable(16, 32, 2),
            separable(32, 48, 2),
            separable(48, 48, 1),
        )
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(1 - keep), nn.LazyLinear(len(MARKS))
        )
        self.head(self.backbone(torch.zeros(2, 3, 28, 28)))
        self.history = []

    def forward(self, x):
        return self.head(self.backbone(x))

    def training_step(self, batch, _):
        x, y = batch
        logits = self(x)
        loss = F.cross_entropy(logits, y)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        self.log("train_acc", (logits.argmax(1) == y).float().mean(), on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, _):
        x, y = batch
        logits = self(x)
        self.log("val_loss", F.cross_entropy(logits, y))
        self.log("val_acc", (logits.argmax(1) == y).float().mean())

    def on_train_epoch_end(self):
        m = {k: float(v) for k, v in self.trainer.callback_metrics.items()}
        print(f"epoch {self.current_epoch:2d}  " + "  ".join(f"{k} {m[k]:.3f}" for k in sorted(m)))

    def configure_optimizers(self):
        hp = self.hparams
        groups = [{"params": self.head.parameters()}, {"params": self.backbone.parameters(), "lr": hp.backbone_lr}]
        optimizer = torch.optim.SGD(groups, lr=hp.lr, momentum=0.9, weight_decay=1e-4)
        scheduler = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=hp.epochs)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "epoch"}}


def fit(module, train, valid):
    trainer = L.Trainer(
        max_epochs=module.hparams.epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(module, DataLoader(train, 32, shuffle=True, drop_last=True), DataLoader(valid, 128))


def main():
    rng = np.random.default_rng(SEED)
    drawings, photos, unseen = album(1600, rng, False), album(448, rng, True), album(480, rng, True)
    clean = to_dataset(*drawings)
    print("drawings")
    artist = SeaMarks(epochs=3, lr=0.05, backbone_lr=0.05)
    fit(artist, clean, to_dataset(*album(320, rng, False)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "artist.pt"
        torch.save(artist.backbone.state_dict(), path)
        pilot = SeaMarks(epochs=12, lr=0.05, backbone_lr=0.002)
        pilot.backbone.load_state_dict(torch.load(path))
    print("photographs")
    fit(pilot, to_dataset(*photos), to_dataset(*unseen))

    # One picture at a time, as they will come from the camera on the bridge.
    pilot.eval()
    watch = to_dataset(*album(240, rng, True))
    with torch.no_grad():
        right = [(pilot(x[None]).argmax() == y).item() for x, y in watch]
    print(f"on the bridge: {np.mean(right):.1%} of {len(right)} right")


if __name__ == "__main__":
    main()
