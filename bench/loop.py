"""What a training step costs in trainwright's loop, beside a bare loop, Lightning and skorch.

Every contender trains the same network on the same data in batches of one size and evaluates the same validation part
after each epoch. Contenders take turns, several rounds in a random order, and each is compared with the bare loop of
the same round, so a slow moment of the machine does not favour anybody. Set-up is left out: the clock runs from the end
of the first epoch to the end of the last.

Run:  make bench      or      python -m bench.loop [--rounds 7] [--epochs 12] [--no-write]
"""

from __future__ import annotations

import argparse
import logging
import random
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles

import numpy as np
import torch
from bench.page import circumstances, write_section
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

BATCH = 32
RATE = 1e-3


@dataclass(frozen=True)
class Work:
    """A network and its data: inputs [N, ...] float32, targets [N] int64."""

    name: str
    build: Callable[[], nn.Module]
    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]

    @property
    def steps(self) -> int:
        """Steps of one epoch."""
        return -(-len(self.train[0]) // BATCH)


Marks = list[tuple[float, float]]
"""Wall clock and processor time at the end of each epoch, in seconds."""
Contender = Callable[[Work, int], Marks]


def tick() -> tuple[float, float]:
    """Both clocks now. Processor time does not count moments in which another program had the processor."""
    return time.perf_counter(), time.process_time()


def mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 10),
    )


def works() -> list[Work]:
    digits = load_digits()
    x = torch.tensor(digits.images[:, None] / 16, dtype=torch.float32)
    y = torch.tensor(digits.target)
    split = (x[:1408], y[:1408]), (x[1408:], y[1408:])
    return [Work("MLP", mlp, *split), Work("CNN", cnn, *split)]


def bare(work: Work, epochs: int) -> Marks:
    """The loop everybody writes: tensors indexed by a permutation, nothing recorded but the validation score."""
    torch.manual_seed(0)
    model, loss = work.build(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    (x, y), (xv, yv) = work.train, work.validation
    marks: Marks = []
    for _ in range(epochs):
        model.train()
        for rows in torch.randperm(len(x)).split(BATCH):  # type: ignore[no-untyped-call]
            optimizer.zero_grad()
            loss(model(x[rows]), y[rows]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            outputs = model(xv)
            float(loss(outputs, yv))
            float((outputs.argmax(1) == yv).float().mean())
        marks.append(tick())
    return marks


def bare_with_loader(work: Work, epochs: int) -> Marks:
    """The same loop fed by a DataLoader."""
    torch.manual_seed(0)
    model, loss = work.build(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    training, validation = loaders(work)
    marks: Marks = []
    for _ in range(epochs):
        model.train()
        for inputs, targets in training:
            optimizer.zero_grad()
            loss(model(inputs), targets).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for inputs, targets in validation:
                outputs = model(inputs)
                float(loss(outputs, targets))
                float((outputs.argmax(1) == targets).float().mean())
        marks.append(tick())
    return marks


def loaders(work: Work) -> tuple[DataLoader[tuple[Tensor, ...]], DataLoader[tuple[Tensor, ...]]]:
    training = DataLoader(TensorDataset(*work.train), batch_size=BATCH, shuffle=True)
    return training, DataLoader(TensorDataset(*work.validation), batch_size=1024)


def ours(work: Work, epochs: int) -> Marks:
    """trainwright in memory: doctor's statistics, metrics of both parts, best epoch kept."""
    return train_with_trainwright(work, epochs, None)


def ours_recorded(work: Work, epochs: int) -> Marks:
    """trainwright as the recipe uses it: with a training folder, metrics and checkpoints on disk."""
    with tempfile.TemporaryDirectory() as folder:
        return train_with_trainwright(work, epochs, Path(folder) / "training")


def train_with_trainwright(work: Work, epochs: int, folder: Path | None) -> Marks:
    from trainwright.workbench.experiment import Experiment
    from trainwright.workbench.loop import train

    experiment = Experiment(
        train=arrays(work.train),
        validation=arrays(work.validation),
        test=arrays(work.validation),
        model=lambda **_: work.build(),
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=RATE),
        epochs=epochs,
        batch_size=BATCH,
    )
    marks: Marks = []
    train(experiment, seed=0, folder=folder, on_epoch=lambda _: marks.append(tick()))
    return marks


def arrays(part: tuple[Tensor, Tensor]) -> tuple[np.ndarray, np.ndarray]:
    return part[0].numpy(), part[1].numpy()


def lightning_module(work: Work, *, logs: bool) -> object:
    import lightning

    class Module(lightning.LightningModule):  # type: ignore[misc]  # untyped here
        def __init__(self) -> None:
            super().__init__()
            self.model, self.loss, self.marks = work.build(), nn.CrossEntropyLoss(), Marks()

        def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
            loss: Tensor = self.loss(self.model(batch[0]), batch[1])
            if logs:
                self.log("loss", loss)
            return loss

        def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
            outputs = self.model(batch[0])
            if logs:
                self.log("validation_loss", self.loss(outputs, batch[1]))
                self.log("validation_accuracy", (outputs.argmax(1) == batch[1]).float().mean())

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.model.parameters(), lr=RATE)

        def on_train_epoch_end(self) -> None:
            self.marks.append(tick())

    return Module()


def fit_with_lightning(work: Work, epochs: int, *, logs: bool, **options: object) -> Marks:
    import lightning

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # importing it sets the level anew
    torch.manual_seed(0)
    module = lightning_module(work, logs=logs)
    lightning.Trainer(max_epochs=epochs, accelerator="cpu", **options).fit(module, *loaders(work))
    return module.marks  # type: ignore[attr-defined,no-any-return]


def lightning_barebones(work: Work, epochs: int) -> Marks:
    """Lightning with everything switched off (``barebones=True``)."""
    return fit_with_lightning(work, epochs, logs=False, barebones=True)


def lightning_default(work: Work, epochs: int) -> Marks:
    """Lightning as it comes: CSV logger, checkpoints, three logged values; only the progress bar is off."""
    with tempfile.TemporaryDirectory() as folder:
        return fit_with_lightning(
            work, epochs, logs=True, default_root_dir=folder, enable_progress_bar=False, enable_model_summary=False
        )


def skorch(work: Work, epochs: int) -> Marks:
    """skorch's classifier with its default callbacks; only printing is off."""
    from skorch import NeuralNetClassifier
    from skorch.dataset import Dataset
    from skorch.helper import predefined_split

    torch.manual_seed(0)
    marks: Marks = []

    class Net(NeuralNetClassifier):  # type: ignore[misc]  # untyped here
        def on_epoch_end(self, *args: object, **kwargs: object) -> None:
            super().on_epoch_end(*args, **kwargs)
            marks.append(tick())

    Net(
        work.build(),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=RATE,
        batch_size=BATCH,
        max_epochs=epochs,
        iterator_train__shuffle=True,
        train_split=predefined_split(Dataset(*arrays(work.validation))),
        verbose=0,
    ).fit(*arrays(work.train))
    return marks


CONTENDERS: dict[str, Contender] = {
    "bare PyTorch loop": bare,
    "trainwright": ours,
    "trainwright, recorded in a run folder": ours_recorded,
    "bare PyTorch loop with DataLoader": bare_with_loader,
    "Lightning, barebones": lightning_barebones,
    "Lightning, defaults": lightning_default,
    "skorch, defaults": skorch,
}


Costs = dict[str, list[tuple[float, float]]]
"""Contender → microseconds per step by wall clock and by processor time, one pair a round."""


def measure(work: Work, rounds: int, epochs: int) -> Costs:
    order, dice = list(CONTENDERS), random.Random(0)
    costs: Costs = {name: [] for name in CONTENDERS}
    for index in range(rounds):
        dice.shuffle(order)
        for name in order:
            marks = CONTENDERS[name](work, epochs)
            if len(marks) != epochs:
                raise SystemExit(f"{name} made {len(marks)} epochs instead of {epochs}")
            steps = (epochs - 1) * work.steps
            wall, processor = (last - first for first, last in zip(marks[0], marks[-1], strict=True))
            costs[name].append((wall / steps * 1e6, processor / steps * 1e6))
        print(f"{work.name}: round {index + 1} of {rounds}")
    return costs


def table(work: Work, costs: Costs) -> str:
    lines = [
        f"**{work.name}**, {work.steps} steps of {BATCH} samples per epoch",
        "",
        "| loop | processor µs per step | × bare loop | quartiles | wall µs per step | × bare loop | quartiles |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name in costs:
        cells = [" | ".join(_columns(costs, name, clock)) for clock in (1, 0)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _columns(costs: Costs, name: str, clock: int) -> tuple[str, str, str]:
    """Median cost, median ratio to the bare loop of the same round, and the quartiles of that ratio."""
    values = [pair[clock] for pair in costs[name]]
    ratios = [value / bare[clock] for value, bare in zip(values, costs["bare PyTorch loop"], strict=True)]
    low, _, high = quantiles(ratios, n=4)
    return f"{median(values):.0f}", f"{median(ratios):.2f}", f"{low:.2f} – {high:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--no-write", action="store_true", help="print only; leave docs/benchmarks.md alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")

    tables = [table(work, measure(work, options.rounds, options.epochs)) for work in works()]
    versions = [f"{name} {version(name)}" for name in ("torch", "lightning", "skorch")]
    head = (
        f"{circumstances(*versions)} One thread; medians over {options.rounds} rounds of {options.epochs} epochs in "
        "which the contenders take turns; ratios are taken within a round."
    )
    text = "\n\n".join([head, *tables])
    print(text)
    if not options.no_write:
        write_section("loop", text)


if __name__ == "__main__":
    main()
