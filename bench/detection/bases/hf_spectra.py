"""How sweet is the fruit? Sugar content from near-infrared spectra, with a model and a loss of our own in the Trainer.

Every fruit is scanned several times, a little differently each time; whole fruits are held out.
"""

import os
import tempfile

import numpy as np
import torch
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import GroupShuffleSplit
from torch import nn
from torch.utils.data import Dataset
from transformers import PretrainedConfig, PreTrainedModel, Trainer, TrainingArguments, set_seed
from transformers.utils import ModelOutput

SEED = int(os.environ.get("SEED", "0"))
BANDS, SCANS = 96, 3


def bell(centre, width):
    return np.exp(-(((np.arange(BANDS) - centre) / width) ** 2) / 2)


def scan_orchard(fruits, rng):
    """Absorbance of sugar, water and starch, what the skin of each fruit adds, and the noise of each scan."""
    spectra, sugar, fruit = [], [], []
    for number in range(fruits):
        sweet, wet, starch = rng.normal(12, 2), rng.normal(85, 2), rng.gamma(2, 1)
        tissue = 0.006 * sweet * (bell(30, 4) + 0.6 * bell(71, 6)) * (1 - 0.04 * starch)
        tissue = tissue + 0.01 * wet * bell(52, 9) + 0.05 * starch * (bell(36, 5) + 0.5 * bell(64, 5))
        skin = sum(rng.normal(0, 0.007) * bell(rng.uniform(0, BANDS), rng.uniform(3, 10)) for _ in range(5))
        for _ in range(SCANS):
            path = rng.normal(1, 0.02)
            drift = rng.normal(0, 0.02) + rng.normal(0, 0.02) * np.linspace(-1, 1, BANDS)
            spectra.append(path * (tissue + skin) + drift + rng.normal(0, 0.003, BANDS))
            sugar.append(sweet + rng.normal(0, 0.15))
            fruit.append(number)
    return np.array(spectra), np.array(sugar), np.array(fruit)


class Spectra(Dataset):
    def __init__(self, spectra, sugar):
        self.spectra = torch.tensor(spectra, dtype=torch.float32)
        self.sugar = torch.tensor(sugar, dtype=torch.float32)

    def __len__(self):
        return len(self.sugar)

    def __getitem__(self, index):
        return {"spectra": self.spectra[index], "labels": self.sugar[index]}


class SpectraConfig(PretrainedConfig):
    model_type = "spectra"

    def __init__(self, width=64, channels=8, sugar_mean=0.0, sugar_std=1.0, **kwargs):
        self.width = width
        self.channels = channels
        self.sugar_mean = sugar_mean
        self.sugar_std = sugar_std
        super().__init__(**kwargs)


class SpectraForRegression(PreTrainedModel):
    config_class = SpectraConfig

    def __init__(self, config):
        super().__init__(config)
        self.smooth = nn.Conv1d(1, config.channels, 9, stride=2, padding=4)
        self.shape = nn.Conv1d(config.channels, config.channels, 5, stride=2, padding=2)
        self.dense = nn.Linear(config.channels * (BANDS // 4), config.width)
        self.sugar = nn.Linear(config.width, 1)
        self.act = nn.SiLU()
        self.loss_fct = nn.MSELoss()
        self.post_init()

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Conv1d)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)

    def forward(self, spectra, labels=None):
        hidden = self.act(self.smooth(spectra.unsqueeze(1)))
        hidden = self.act(self.shape(hidden))
        hidden = self.act(self.dense(hidden.flatten(1)))
        scaled = self.sugar(hidden).squeeze(-1)
        loss = None
        if labels is not None:
            target = (labels - self.config.sugar_mean) / self.config.sugar_std
            loss = self.loss_fct(scaled, target)
        return ModelOutput(loss=loss, logits=scaled * self.config.sugar_std + self.config.sugar_mean)


def compute_metrics(prediction):
    truth, guess = prediction.label_ids.reshape(-1), prediction.predictions.reshape(-1)
    return {"mae": mean_absolute_error(truth, guess), "r2": r2_score(truth, guess)}


def main():
    set_seed(SEED)
    torch.set_num_threads(1)
    spectra, sugar, fruit = scan_orchard(700, np.random.default_rng(SEED))
    splitter = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=SEED)
    train, test = next(splitter.split(spectra, sugar, groups=fruit))
    mean, std = spectra[train].mean(axis=0), spectra[train].std(axis=0)
    spectra = (spectra - mean) / std
    train_set, test_set = Spectra(spectra[train], sugar[train]), Spectra(spectra[test], sugar[test])

    config = SpectraConfig(sugar_mean=float(sugar[train].mean()), sugar_std=float(sugar[train].std()))
    model = SpectraForRegression(config)
    with tempfile.TemporaryDirectory() as folder:
        args = TrainingArguments(
            output_dir=folder,
            num_train_epochs=15,
            per_device_train_batch_size=32,
            per_device_eval_batch_size=200,
            learning_rate=2e-3,
            lr_scheduler_type="linear",
            warmup_steps=30,
            eval_strategy="epoch",
            logging_strategy="epoch",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            seed=SEED,
        )
        trainer = Trainer(
            model=model, args=args, train_dataset=train_set, eval_dataset=test_set, compute_metrics=compute_metrics
        )
        trainer.train()
        scores = trainer.evaluate()
    always = np.abs(sugar[test] - sugar[train].mean()).mean()
    print(f"off by {scores['eval_mae']:.3f} degrees Brix (always the mean: {always:.3f}), R2 {scores['eval_r2']:.3f}")


if __name__ == "__main__":
    main()
