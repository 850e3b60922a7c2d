"""The data of an experiment: loaded, split and prepared once and shared by all its variants."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trainwright.core import DataError
from trainwright.data.dataset import Dataset, Kind, Splits
from trainwright.data.preparation import Preparation
from trainwright.data.selection import select
from trainwright.data.sources import from_arrays, load
from trainwright.data.splits import make_splits
from trainwright.workbench.config import DataConfig

KEPT_VARIANTS = 4
"""How many differently prepared versions of the data stay in memory."""
LARGEST_DATASET = 4 * 2**30
"""A torch Dataset is copied into memory up to this many bytes."""

T = TypeVar("T")


@dataclass(frozen=True)
class PreparedData:
    """The very tensors that enter the network.

    Inputs float32 [N, *sample_shape], or int64 [N, T] for tokens; targets int64 class numbers or float32 scaled values,
    [N]. ``validation_truth``: class numbers or values in target units, [N], as ``score`` takes them.
    """

    train_inputs: Tensor
    train_targets: Tensor
    validation_inputs: Tensor
    validation_targets: Tensor
    validation_truth: npt.NDArray[Any]
    preparation: Preparation

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one prepared sample."""
        return tuple(self.train_inputs.shape[1:])


class DataSource:
    """Where an experiment's data come from; keeps what was loaded and prepared for the next who asks.

    ``own``: makes the user's data set for a task (auto, classification, regression).
    """

    def __init__(self, own: Callable[[str], Dataset] | None = None) -> None:
        self._own = own
        self._raw: OrderedDict[str, Dataset] = OrderedDict()
        self._selected: OrderedDict[str, tuple[Dataset, Splits]] = OrderedDict()
        self._prepared: OrderedDict[str, PreparedData] = OrderedDict()

    def raw(self, config: DataConfig) -> Dataset:
        """The data set as it came, before any sample or feature was left out."""
        asked = config.model_dump_json(include={"source", "target", "task", "image_size"})
        return _remembered(self._raw, asked, lambda: self._load(config))

    def selected(self, config: DataConfig) -> tuple[Dataset, Splits]:
        """The data set and its splits after leaving out what the configuration says."""
        return _remembered(self._selected, _name(config), lambda: self._select(config))

    def prepared(self, config: DataConfig) -> PreparedData:
        """Tensors of the training and validation parts; the preparation saw the training part only."""
        return _remembered(self._prepared, _name(config), lambda: self._prepare(config))

    def _load(self, config: DataConfig) -> Dataset:
        if config.source != "python":
            return load(config.source, target=config.target, task=config.task, image_size=config.image_size)
        if self._own is None:
            raise DataError(
                "data.source is 'python', but the experiment brings no data of its own.",
                expected="Experiment(data=(inputs, targets)), or the name of a data source.",
                todo="Start from the Python file that holds the data, or set data.source.",
            )
        return self._own(config.task)

    def _select(self, config: DataConfig) -> tuple[Dataset, Splits]:
        dataset = self.raw(config)
        splits = make_splits(
            dataset,
            validation=config.validation,
            test=config.test,
            stratify=config.stratify,
            seed=config.split_seed,
        )
        for name, rows in (("train", splits.train), ("validation", splits.validation)):
            if not len(rows):
                raise DataError(
                    f"The {name} split of '{dataset.name}' is empty ({len(dataset)} samples in all).",
                    expected="At least one sample to train on and one to validate with.",
                    todo="Bring more data, or change data.validation.",
                )
        return select(
            dataset,
            splits,
            drop_samples=config.drop_samples,
            drop_features=config.drop_features,
            deduplicate=config.deduplicate,
            missing=config.missing,
        )

    def _prepare(self, config: DataConfig) -> PreparedData:
        dataset, splits = self.selected(config)
        preparation = Preparation.fit(
            dataset,
            splits.train,
            scaling=config.scaling,
            missing=config.missing,
            scale_target=config.scale_target,
        )

        def part(rows: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
            inputs = torch.from_numpy(preparation.inputs(dataset.inputs[rows]))
            targets = torch.from_numpy(preparation.targets(dataset.targets[rows]))
            return (inputs.long() if is_tokens(dataset) else inputs), targets

        return PreparedData(
            *part(splits.train), *part(splits.validation), dataset.targets[splits.validation], preparation
        )


def is_tokens(dataset: Dataset) -> bool:
    """Whether samples are sequences of token numbers, [T], which go into the network as int64."""
    return dataset.kind is Kind.SEQUENCE and len(dataset.sample_shape) == 1


def _name(config: DataConfig) -> str:
    return config.model_dump_json()


def _remembered(cache: OrderedDict[str, T], name: str, make: Callable[[], T]) -> T:
    if name not in cache:
        cache[name] = make()
        while len(cache) > KEPT_VARIANTS:
            cache.popitem(last=False)
    cache.move_to_end(name)
    return cache[name]


def dataset_of(data: Any, *, name: str, kind: str, task: str) -> Dataset:
    """A data set of what a user brings: a ``Dataset``, a pair (inputs, targets), or a torch map-style data set.

    Raises ``DataError`` for anything else.
    """
    if isinstance(data, Dataset):
        return data
    inputs, targets = _pair(data)
    return from_arrays(inputs, targets, name=name, kind=kind, task=task)


def dataset_of_splits(parts: dict[str, Any], *, name: str, kind: str, task: str) -> Dataset:
    """One data set of separately brought splits, which are kept as they are."""
    pairs = {split: _pair(data) for split, data in parts.items() if data is not None}
    shapes = {split: tuple(inputs.shape[1:]) for split, (inputs, _) in pairs.items()}
    if len(set(shapes.values())) > 1:
        described = ", ".join(f"{split} {list(shape)}" for split, shape in shapes.items())
        raise DataError(
            f"The samples of the splits have different shapes: {described}.",
            expected="One shape for all samples.",
            todo="Bring the splits to the same shape.",
        )
    inputs = _joined([inputs for inputs, _ in pairs.values()])
    targets = _joined([targets for _, targets in pairs.values()])
    ends = np.cumsum([len(inputs) for inputs, _ in pairs.values()])
    given = {
        split: np.arange(end - len(i), end, dtype=np.int64)
        for (split, (i, _)), end in zip(pairs.items(), ends, strict=True)
    }
    return from_arrays(inputs, targets, name=name, kind=kind, task=task, given_splits=given)


def _joined(arrays: list[Any]) -> Any:
    if all(isinstance(array, Tensor) for array in arrays):
        return torch.cat([array.detach().cpu() for array in arrays])
    return np.concatenate([np.asarray(a.detach().cpu() if isinstance(a, Tensor) else a) for a in arrays])


def _pair(data: Any) -> tuple[Any, Any]:
    if isinstance(data, tuple | list) and len(data) == 2:
        inputs, targets = data
        return _array(inputs), _array(targets)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not hasattr(data, "dtype"):
        return _materialised(data)
    raise DataError(
        f"The data are {type(data).__name__}.",
        expected="A pair (inputs, targets) of arrays or tensors, or a torch Dataset of such pairs.",
        todo="Pass for example data=(inputs, targets).",
    )


def _array(values: Any) -> Any:
    if isinstance(values, Tensor) or hasattr(values, "dtype"):
        return values
    try:
        return np.asarray(values)
    except ValueError as error:
        raise DataError(
            f"The samples do not have one shape ({error}).",
            expected="Arrays in which every sample has the same shape.",
            todo="Pad or cut the samples to one length.",
        ) from None


def _materialised(data: Any) -> tuple[Tensor, Tensor]:
    """All samples of a torch map-style data set as two tensors."""
    n = len(data)
    if not n:
        raise DataError("The data set is empty.", expected="At least one sample.", todo="Check how it is made.")
    first = data[0]
    if not isinstance(first, tuple | list) or len(first) != 2:
        raise DataError(
            f"A sample of the data set is {type(first).__name__}.",
            expected="A pair (input, target).",
            todo="Wrap the data set so that it returns pairs.",
        )
    size = torch.as_tensor(first[0]).nbytes * n
    if size > LARGEST_DATASET:
        raise DataError(
            f"The data set has {n} samples of shape {list(torch.as_tensor(first[0]).shape)}, {size / 2**30:.1f} GiB.",
            expected=f"At most {LARGEST_DATASET / 2**30:.0f} GiB, since this version holds data in memory.",
            todo="Bring a part of it, smaller samples or a smaller dtype.",
        )
    pairs = [data[i] for i in range(n)]
    try:
        inputs = torch.stack([torch.as_tensor(sample) for sample, _ in pairs])
        targets = torch.stack([torch.as_tensor(target) for _, target in pairs])
    except (RuntimeError, TypeError, ValueError) as error:
        raise DataError(
            f"The samples of the data set cannot be stacked: {error}.",
            expected="Inputs and targets of one shape and numeric type.",
            todo="Let the data set resize, pad or convert its samples.",
        ) from None
    return inputs, targets
