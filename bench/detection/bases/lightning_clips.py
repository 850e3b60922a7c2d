"""What does the hand do? Short clips of a moving hand, frame by frame through a small CNN and over time through a GRU.

Trained with Lightning; the finished network is then saved and opened again as a plain torch module.
"""

import logging
import os
import tempfile
import warnings
from pathlib import Path

import lightning as L
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", ".*does not have many workers.*")

GESTURES = ["swipe left", "swipe right", "swipe up", "swipe down", "circle", "circle back", "wave", "hold"]


def film(gesture, rng, frames=9, size=14):
    """One clip, frames x size x size."""
    t = np.linspace(0, 1, frames) + rng.uniform(-0.05, 0.05)
    middle = (size - 1) / 2 + rng.uniform(-1.5, 1.5, 2)
    reach, phase = rng.uniform(2.5, 4.5), rng.uniform(0, 2 * np.pi)
    zero = np.zeros(frames)
    turn = 2 * np.pi * rng.uniform(0.8, 1.1) * t
    along = reach * (2 * t - 1)
    dx, dy = {
        "swipe left": (-along, zero),
        "swipe right": (along, zero),
        "swipe up": (zero, -along),
        "swipe down": (zero, along),
        "circle": (reach * np.cos(phase + turn), reach * np.sin(phase + turn)),
        "circle back": (reach * np.cos(phase - turn), reach * np.sin(phase - turn)),
        "wave": (reach * np.sin(phase + 2 * turn), zero),
        "hold": (zero, zero),
    }[gesture]
    x = middle[0] + dx + rng.normal(0, 0.3, frames)
    y = middle[1] + dy + rng.normal(0, 0.3, frames)
    rows, cols = np.mgrid[:size, :size]
    radius = rng.uniform(1.2, 2.0)
    distance = (rows - y[:, None, None]) ** 2 + (cols - x[:, None, None]) ** 2
    clip = np.exp(-distance / (2 * radius**2)) * rng.uniform(0.6, 1.0)
    return clip + rng.normal(0, 0.12, clip.shape) + rng.uniform(-0.1, 0.1)


def make_clips(count, rng):
    labels = rng.integers(0, len(GESTURES), count)
    clips = np.stack([film(GESTURES[label], rng) for label in labels])
    return TensorDataset(torch.tensor(clips, dtype=torch.float32).unsqueeze(2), torch.tensor(labels))


class GestureNet(nn.Module):
    def __init__(self, n_classes, features=24, hidden=48):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(8, 12, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Flatten(),
            nn.Linear(12 * 4 * 4, features),
            nn.LeakyReLU(0.1),
        )
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.classifier = nn.Sequential(nn.Dropout(0.1), nn.Linear(hidden, n_classes))

    def forward(self, clips):
        n, frames = clips.shape[:2]
        seen = self.cnn(clips.flatten(0, 1)).view(n, frames, -1)
        states, _ = self.gru(seen)
        return self.classifier(states[:, -1])


class GestureModule(L.LightningModule):
    def __init__(self, n_classes=8, lr=4e-3, max_epochs=6):
        super().__init__()
        self.save_hyperparameters()
        self.net = GestureNet(n_classes)
        self.val_acc = MulticlassAccuracy(n_classes, average="micro")

    def forward(self, clips):
        return self.net(clips)

    def training_step(self, batch, batch_idx):
        clips, labels = batch
        loss = F.cross_entropy(self(clips), labels)
        self.log("train_loss", loss, on_epoch=True, on_step=False)
        return loss

    def validation_step(self, batch, batch_idx):
        clips, labels = batch
        logits = self(clips)
        self.val_acc(logits, labels)
        self.log("val_loss", F.cross_entropy(logits, labels))
        self.log("val_acc", self.val_acc)

    def on_train_epoch_end(self):
        seen = {name: value.item() for name, value in self.trainer.callback_metrics.items()}
        print(
            f"epoch {self.current_epoch}: train_loss {seen['train_loss']:.4f} val_loss {seen['val_loss']:.4f} "
            f"val_acc {seen['val_acc']:.4f}"
        )

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams.lr)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=self.hparams.max_epochs)
        return [optimizer], [{"scheduler": scheduler, "interval": "epoch"}]


def main():
    seed = int(os.environ.get("SEED", "0"))
    torch.set_num_threads(1)
    L.seed_everything(seed, verbose=False)
    rng = np.random.default_rng(seed)
    train_set, val_set, test_set = make_clips(1200, rng), make_clips(300, rng), make_clips(300, rng)

    module = GestureModule(len(GESTURES))
    trainer = L.Trainer(
        max_epochs=module.hparams.max_epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(module, DataLoader(train_set, batch_size=32, shuffle=True), DataLoader(val_set, batch_size=100))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gestures.ckpt"
        trainer.save_checkpoint(path)
        state = torch.load(path, weights_only=False)["state_dict"]
    state = {name.removeprefix("net."): value for name, value in state.items() if name.startswith("net.")}
    net = GestureNet(len(GESTURES))
    net.load_state_dict(state)
    net.eval()
    right = 0
    with torch.no_grad():
        for clips, labels in DataLoader(test_set, batch_size=100):
            right += (net(clips).argmax(dim=1) == labels).sum().item()
    print(f"test accuracy of the saved network: {right / len(test_set):.4f} (guessing: {1 / len(GESTURES):.4f})")


if __name__ == "__main__":
    main()
