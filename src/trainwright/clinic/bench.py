"""Bench: a complete small training project as pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class ModelSpec:
    """A small network. ``quirks`` name faults built into it; ``testing.bench_models`` knows how to build each."""

    kind: Literal["linear", "mlp", "residual", "experts", "autoencoder", "cnn", "gru", "attention", "tokens", "bag"] = (
        "mlp"
    )
    width: int = 32
    depth: int = 2
    quirks: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Bench:
    """Data, splits, model and settings of one miniature project.

    ``inputs`` [N, F], [N, C, H, W], [N, T, F] or tokens [N, T]; ``targets`` [N] class numbers or values, or more than
    one for each sample (tokens [N, T], values [N, F]), as experiments do not know them; ``splits`` row numbers by
    split name; ``config`` dotted settings as ``Experiment.with_changes`` takes them; ``unreadable`` (path, reason)
    pairs of files that could not be read; ``gains`` per-seed gains of each thing tried in a study; ``test_openings``
    how often the test set was opened; ``loop`` how the hand-written training loop goes, a name that
    ``testing.bench_loops`` knows; ``loss`` and ``optimizer`` an own loss and optimizer, names that
    ``testing.bench_parts`` knows, empty for the configured ones.
    """

    name: str
    seed: int
    inputs: npt.NDArray[Any]
    targets: npt.NDArray[Any]
    kind: Literal["image", "table", "sequence"]
    task: Literal["classification", "regression"]
    splits: Mapping[str, npt.NDArray[np.int64]]
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()
    model: ModelSpec = field(default_factory=ModelSpec)
    config: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    gains: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: MappingProxyType({}))
    test_openings: int = 1
    loop: str = "sound"
    loss: str = ""
    optimizer: str = ""

    @property
    def is_of_the_recipe(self) -> bool:
        """Whether there is one target for each sample, so that the recipe can train it."""
        return self.targets.ndim == 1

    def with_config(self, **changes: Any) -> Bench:
        """A copy with settings changed; write ``optimizer__learning_rate`` for ``optimizer.learning_rate``."""
        dotted = {key.replace("__", "."): value for key, value in changes.items()}
        return replace(self, config=MappingProxyType({**self.config, **dotted}))

    def with_quirk(self, quirk: str) -> Bench:
        """A copy whose model has one more built-in fault."""
        return replace(self, model=replace(self.model, quirks=self.model.quirks | {quirk}))
