"""What a training leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from trainwright.logbook.files import make_folder, read_json, write_json
from trainwright.workbench.checkpoints import read_tensors, write_tensors

if TYPE_CHECKING:
    from trainwright.workbench.experiment import Experiment

RESULT = "result.json"


@dataclass(frozen=True)
class EpochRecord:
    """One epoch. ``epoch`` counts from 1, ``step`` is the number of optimizer steps so far.

    ``train_loss`` and ``train_metric`` are means over the samples of the epoch as they were trained on (dropout and
    augmentation included, the weights moving); validation values are of the whole validation part after the epoch, in
    evaluation mode and without label smoothing. Losses are of scaled targets; metrics are accuracy in percent or RMSE
    in target units. ``signal``: layer → gradient norm, weight norm and update ratio, sampled once in the epoch.
    ``seconds``: wall-clock time of training so far.
    """

    epoch: int
    step: int
    train_loss: float
    train_metric: float
    validation_loss: float
    validation_metric: float
    learning_rate: float
    seconds: float
    signal: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Weights:
    """Everything a training keeps of its model, in memory or in files: the kept weights and the snapshots."""

    model: dict[str, Tensor] | tuple[Path, str]
    snapshots: tuple[dict[str, Tensor] | tuple[Path, str], ...] = ()


@dataclass(frozen=True)
class TrainingResult:
    """A finished training.

    ``best_epoch`` has the lowest validation loss, ``kept_epoch`` is the one whose weights are the result;
    ``validation_loss``, ``validation_metric`` and ``validation_outputs`` ([n, classes] logits, or [n, 1] predictions in
    target units) belong to the kept weights. ``stopped_because`` is empty unless training ended before its planned
    epochs. ``folder`` is None for a training in memory.
    """

    history: tuple[EpochRecord, ...]
    best_epoch: int
    kept_epoch: int
    validation_loss: float
    validation_metric: float
    validation_outputs: npt.NDArray[np.float64]
    n_parameters: int
    steps: int
    seconds: float
    folder: Path | None
    key: str
    stopped_because: str
    experiment: Experiment = field(repr=False)
    seed: int
    weights: Weights = field(repr=False)
    snapshot_epochs: tuple[int, ...] = ()

    def load_model(self) -> nn.Module:
        """A new module with the kept weights, on the CPU, in evaluation mode; raises ``RunFolderError`` for damage."""
        return self._module(self.weights.model)

    def load_snapshots(self) -> list[nn.Module]:
        """New modules with the weights of ``snapshot_epochs``, oldest first."""
        return [self._module(each) for each in self.weights.snapshots]

    def _module(self, weights: dict[str, Tensor] | tuple[Path, str]) -> nn.Module:
        model = self.experiment.build_model(self.seed)
        model.load_state_dict(weights if isinstance(weights, dict) else read_tensors(*weights))
        return model.eval()


def save_result(folder: Path, result: TrainingResult) -> TrainingResult:
    """Write a result that holds its weights in memory; the same result, reading them from the folder.

    ``result.json`` is written last: a folder that has one is complete.
    """
    checkpoints = make_folder(folder / "checkpoints")
    assert isinstance(result.weights.model, dict)
    names = {"model": write_tensors(checkpoints / "model.safetensors", result.weights.model)}
    for epoch, snapshot in zip(result.snapshot_epochs, result.weights.snapshots, strict=True):
        assert isinstance(snapshot, dict)
        names[f"snapshot-{epoch}"] = write_tensors(checkpoints / f"snapshot-{epoch}.safetensors", snapshot)
    outputs = {"validation_outputs": torch.from_numpy(result.validation_outputs)}
    names["outputs"] = write_tensors(checkpoints / "outputs.safetensors", outputs)
    body = {name: getattr(result, name) for name in _PLAIN}
    body["history"] = [asdict(record) for record in result.history]
    write_json(folder / RESULT, {**body, "checksums": names})
    return load_result(folder, result.experiment)


_PLAIN = (
    "best_epoch",
    "kept_epoch",
    "validation_loss",
    "validation_metric",
    "n_parameters",
    "steps",
    "seconds",
    "key",
    "stopped_because",
    "seed",
    "snapshot_epochs",
)


def load_result(folder: Path, experiment: Experiment) -> TrainingResult:
    """The result a folder holds; raises ``RunFolderError`` where a file is missing or damaged."""
    body = read_json(folder / RESULT)
    checksums: Mapping[str, str] = body["checksums"]

    def file(name: str) -> tuple[Path, str]:
        return folder / "checkpoints" / f"{name}.safetensors", checksums[name]

    plain: dict[str, Any] = {name: body[name] for name in _PLAIN}
    plain["snapshot_epochs"] = tuple(body["snapshot_epochs"])
    return TrainingResult(
        **plain,
        history=tuple(EpochRecord(**record) for record in body["history"]),
        validation_outputs=read_tensors(*file("outputs"))["validation_outputs"].numpy(),
        folder=folder,
        experiment=experiment,
        weights=Weights(file("model"), tuple(file(f"snapshot-{epoch}") for epoch in body["snapshot_epochs"])),
    )
