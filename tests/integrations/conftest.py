"""The same small training in each framework, as its users write it: digits, one hidden layer, Adam."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

os.environ.setdefault("KERAS_BACKEND", "torch")
torch.set_num_threads(1)

DIGITS = load_digits()
INPUTS = torch.tensor(DIGITS.data[:500] / 16, dtype=torch.float32)
CLASSES = torch.tensor(DIGITS.target[:500])
N_TRAIN, BATCH = 380, 32
"""Twelve batches of training, the last one of 28, and four of validation, the last one of 24."""


@dataclass
class Trained:
    """What is left of a training: the weights, and what the framework itself logged of each epoch's validation."""

    weights: list[Tensor]
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)


Train = Callable[..., Trained]


def network(*, softmax: bool = False, stop_at: int = 0) -> nn.Module:
    """A small network that may have a softmax too many, or raise when it is called for the ``stop_at``-th time."""

    class Fragile(nn.Sequential):
        calls = 0

        def forward(self, inputs: Tensor) -> Tensor:
            self.calls += 1
            if self.calls == stop_at:
                raise ArithmeticError("enough")
            outputs: Tensor = super().forward(inputs)  # type: ignore[no-untyped-call]
            return outputs

    layers: list[nn.Module] = [nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 10)]
    return Fragile(*layers, *([nn.Softmax(1)] if softmax else []))


def _weights(model: nn.Module) -> list[Tensor]:
    return [each.detach().clone() for each in model.state_dict().values()]


def _train_lightning(
    callback: Any = None, *, epochs: int = 3, rate: float = 3e-3, accumulate: int = 1, **network_settings: Any
) -> Trained:
    lightning: Any = pytest.importorskip("lightning")
    lightning.seed_everything(0, verbose=False)

    class Module(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = network(**network_settings)
            self.seen: list[tuple[float, float]] = []

        def training_step(self, batch: Any, index: int) -> Tensor:
            return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

        def validation_step(self, batch: Any, index: int) -> None:
            outputs = self.network(batch[0])
            self.log("val_loss", nn.functional.cross_entropy(outputs, batch[1]))
            self.log("val_acc", (outputs.argmax(1) == batch[1]).float().mean())

        def on_train_epoch_end(self) -> None:
            logged = self.trainer.callback_metrics
            self.seen.append((float(logged["val_loss"]), float(logged["val_acc"])))

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=rate)

    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        accumulate_grad_batches=accumulate,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[callback] if callback else [],
    )
    module = Module()
    data = TensorDataset(INPUTS[:N_TRAIN], CLASSES[:N_TRAIN]), TensorDataset(INPUTS[N_TRAIN:], CLASSES[N_TRAIN:])
    trainer.fit(module, DataLoader(data[0], BATCH, shuffle=True), DataLoader(data[1], BATCH))
    return Trained(_weights(module), *map(list, zip(*module.seen, strict=True)))


class _Records(Dataset[dict[str, Tensor]]):
    def __init__(self, rows: slice) -> None:
        self.inputs, self.classes = INPUTS[rows], CLASSES[rows]

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"inputs": self.inputs[index], "labels": self.classes[index]}


class _WithLoss(nn.Module):
    def __init__(self, **network_settings: Any) -> None:
        super().__init__()
        self.network = network(**network_settings)

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        logits = self.network(inputs)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}  # type: ignore[arg-type]


def _train_huggingface(
    callback: Any = None,
    *,
    folder: Path,
    epochs: int = 3,
    rate: float = 3e-3,
    accumulate: int = 1,
    **network_settings: Any,
) -> Trained:
    transformers: Any = pytest.importorskip("transformers")
    transformers.set_seed(0)
    model = _WithLoss(**network_settings)
    arguments = transformers.TrainingArguments(
        str(folder),
        num_train_epochs=epochs,
        per_device_train_batch_size=BATCH,
        per_device_eval_batch_size=BATCH,
        gradient_accumulation_steps=accumulate,
        learning_rate=rate,
        lr_scheduler_type="constant",
        eval_strategy="epoch",
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    trainer = transformers.Trainer(
        model=model,
        args=arguments,
        train_dataset=_Records(slice(N_TRAIN)),
        eval_dataset=_Records(slice(N_TRAIN, None)),
        compute_metrics=lambda found: {"accuracy": float((found.predictions.argmax(1) == found.label_ids).mean())},
        callbacks=[callback] if callback else [],
    )
    trainer.train()
    logged = [each for each in trainer.state.log_history if "eval_loss" in each]
    return Trained(_weights(model), [e["eval_loss"] for e in logged], [e["eval_accuracy"] for e in logged])


def _train_skorch(callback: Any = None, *, epochs: int = 3, rate: float = 3e-3, **network_settings: Any) -> Trained:
    skorch: Any = pytest.importorskip("skorch")
    from skorch.helper import predefined_split

    torch.manual_seed(0)
    net = skorch.NeuralNetClassifier(
        lambda: network(**network_settings),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=rate,
        max_epochs=epochs,
        batch_size=BATCH,
        iterator_train__shuffle=True,
        train_split=predefined_split(skorch.dataset.Dataset(INPUTS[N_TRAIN:], CLASSES[N_TRAIN:])),
        callbacks=[callback] if callback else [],
        verbose=0,
    )
    net.fit(INPUTS[:N_TRAIN], CLASSES[:N_TRAIN])
    return Trained(_weights(net.module_), net.history[:, "valid_loss"], net.history[:, "valid_acc"])


def _train_keras(
    callback: Any = None,
    *,
    epochs: int = 3,
    rate: float = 3e-3,
    softmax: bool = False,
    one_hot: bool = False,
    stop_at: int = 0,
    accumulate: int | None = None,
    **compiled: Any,
) -> Trained:
    keras: Any = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)

    class Stopping(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if stop_at and self.model.optimizer.iterations == stop_at:
                raise ArithmeticError("enough")

    layers = [keras.layers.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dropout(0.1)]
    model = keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax" if softmax else None)])
    settings = {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True), **compiled}
    optimizer = keras.optimizers.Adam(rate, gradient_accumulation_steps=accumulate)
    model.compile(optimizer=optimizer, metrics=["accuracy"], **settings)
    inputs, classes = INPUTS.numpy(), CLASSES.numpy()
    targets = keras.utils.to_categorical(classes) if one_hot else classes
    history = model.fit(
        inputs[:N_TRAIN],
        targets[:N_TRAIN],
        batch_size=BATCH,
        epochs=epochs,
        validation_data=(inputs[N_TRAIN:], targets[N_TRAIN:]),
        callbacks=[*([callback] if callback else []), Stopping()],
        verbose=0,
    ).history
    weights = [torch.tensor(each) for each in model.get_weights()]
    return Trained(weights, history["val_loss"], history["val_accuracy"])


@pytest.fixture(params=["lightning", "huggingface", "skorch", "keras"])
def framework(request: pytest.FixtureRequest) -> str:
    """The framework's name."""
    name: str = request.param
    for needed in {"huggingface": ("transformers", "accelerate")}.get(name, (name,)):
        pytest.importorskip(needed)
    return name


@pytest.fixture
def train(framework: str, tmp_path: Path) -> Iterator[Train]:
    """Trains in this framework; its callback comes first."""
    if framework == "huggingface":

        def with_folder(*args: Any, **settings: Any) -> Trained:
            return _train_huggingface(*args, folder=tmp_path, **settings)

        yield with_folder
    else:
        trains: dict[str, Train] = {"lightning": _train_lightning, "skorch": _train_skorch, "keras": _train_keras}
        yield trains[framework]


@pytest.fixture
def make_callback(framework: str) -> Callable[..., Any]:
    """Makes this framework's callback, silent, looking at every third step."""
    import importlib

    module = importlib.import_module(f"trainwright.report.integrations.{framework}")

    def make(**settings: Any) -> Any:
        return module.TrainwrightCallback(**{"quiet": True, "every": 3, **settings})

    return make


@pytest.fixture
def train_keras() -> Train:
    """Trains in Keras."""
    pytest.importorskip("keras")
    return _train_keras


@pytest.fixture
def train_skorch() -> Train:
    """Trains in skorch."""
    pytest.importorskip("skorch")
    return _train_skorch
