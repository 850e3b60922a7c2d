"""Illnesses of data and splits, each one change to a healthy bench."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from trainwright.clinic.bench import Bench


def _rng(bench: Bench, fault: int) -> np.random.Generator:
    return np.random.default_rng([fault, bench.seed])


def _other_rows(
    bench: Bench, split: str, share: float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """A share (at least two) of a split's rows, and as many rows of train to copy from, none of them the same."""
    n = max(2, round(share * len(bench.splits[split])))
    victims = rng.permutation(bench.splits[split])[:n]
    sources = rng.permutation(np.setdiff1d(bench.splits["train"], victims))[:n]
    return victims[: len(sources)], sources


def unreadable_files(bench: Bench) -> Bench:
    """A truncated picture and a web page saved as a picture were passed over."""
    files = (("cats/0003.jpg", "the file is cut off after 2,048 bytes"), ("dogs/0001.jpg", "it is an HTML page"))
    return replace(bench, unreadable=files)


def infinite_values(bench: Bench) -> Bench:
    """Three training samples hold an infinite number, as a division by zero leaves behind."""
    inputs = bench.inputs.copy()
    rows = _rng(bench, 1).permutation(bench.splits["train"])[:3]
    inputs.reshape(len(inputs), -1)[rows, 0] = np.inf
    return replace(bench, inputs=inputs)


def nan_samples(bench: Bench) -> Bench:
    """Two training samples are NaN throughout."""
    inputs = bench.inputs.copy()
    inputs[_rng(bench, 2).permutation(bench.splits["train"])[:2]] = np.nan
    return replace(bench, inputs=inputs)


def constant_feature(bench: Bench) -> Bench:
    """The first feature, or the first channel of images, is 1 in every sample."""
    inputs = bench.inputs.copy()
    if bench.kind == "sequence":
        inputs[..., 0] = 1
    else:
        inputs[:, 0] = 1
    return replace(bench, inputs=inputs)


def copied_samples(bench: Bench, share: float = 0.05) -> Bench:
    """A share of the training samples are copies of others, answer included."""
    inputs, targets = bench.inputs.copy(), bench.targets.copy()
    victims, sources = _other_rows(bench, "train", share, _rng(bench, 3))
    inputs[victims], targets[victims] = inputs[sources], targets[sources]
    return replace(bench, inputs=inputs, targets=targets)


def conflicting_labels(bench: Bench) -> Bench:
    """Three in a hundred training samples are copies of others that were given another class."""
    inputs, targets = bench.inputs.copy(), bench.targets.copy()
    victims, sources = _other_rows(bench, "train", 0.03, _rng(bench, 4))
    inputs[victims] = inputs[sources]
    targets[victims] = (targets[sources] + 1) % len(bench.class_names)
    return replace(bench, inputs=inputs, targets=targets)


def imbalanced_classes(bench: Bench) -> Bench:
    """Only three training samples are left of the last class, and one in validation and test."""
    last = len(bench.class_names) - 1
    splits = {
        name: np.setdiff1d(rows, rows[bench.targets[rows] == last][3 if name == "train" else 1 :])
        for name, rows in bench.splits.items()
    }
    return replace(bench, splits=splits)


def mixed_scales(bench: Bench) -> Bench:
    """The first feature is in another unit, 10,000 times as large, and nothing is scaled."""
    inputs = bench.inputs.copy()
    inputs[..., 0] *= 10_000
    return replace(bench, inputs=inputs).with_config(data__scaling="none")


def sorted_unshuffled(bench: Bench) -> Bench:
    """The training samples are sorted by target, and training does not shuffle."""
    train = bench.splits["train"]
    order = train[np.argsort(bench.targets[train], kind="stable")]
    return replace(bench, splits={**bench.splits, "train": order}).with_config(training__shuffle=False)


def overlapping_splits(bench: Bench, share: float = 0.1) -> Bench:
    """A share of the validation samples are copies of training samples."""
    inputs, targets = bench.inputs.copy(), bench.targets.copy()
    victims, sources = _other_rows(bench, "validation", share, _rng(bench, 5))
    inputs[victims], targets[victims] = inputs[sources], targets[sources]
    return replace(bench, inputs=inputs, targets=targets)


def copied_before_split(bench: Bench) -> Bench:
    """Half of the validation samples are copies of training samples, as after oversampling before the split."""
    return overlapping_splits(bench, share=0.5)


def shifted_labels(bench: Bench) -> Bench:
    """Validation holds mostly samples of high target: the last classes, or the largest values."""
    rows = np.concatenate([bench.splits["train"], bench.splits["validation"]])
    n = len(bench.splits["validation"])
    spread = float(np.std(bench.targets[rows]))
    noisy = bench.targets[rows] + _rng(bench, 6).normal(0, 0.5 * spread, size=len(rows))
    order = rows[np.argsort(noisy, kind="stable")]
    rng = _rng(bench, 7)
    return replace(
        bench,
        splits={**bench.splits, "train": rng.permutation(order[:-n]), "validation": rng.permutation(order[-n:])},
    )


def target_among_inputs(bench: Bench) -> Bench:
    """The first feature of every sample is the target, in another unit."""
    inputs = bench.inputs.copy()
    inputs[:, 0] = 3.0 * bench.targets - 1.0
    return replace(bench, inputs=inputs)


def raw_bytes(bench: Bench) -> Bench:
    """Pixels from 0 to 255, as they come out of the file."""
    inputs = np.round(bench.inputs / bench.inputs.max() * 255).astype(bench.inputs.dtype)
    return replace(bench, inputs=inputs).with_config(data__scaling="none")


def number_for_unknown(bench: Bench) -> Bench:
    """In two rows of a hundred the first feature is not known, and written as 999999 times what it can be."""
    inputs = bench.inputs.copy()
    inputs[_rng(bench, 8).random(len(inputs)) < 0.02, 0] = 999_999 * np.abs(inputs[:, 0]).max()
    return replace(bench, inputs=inputs)


def tiny_inputs(bench: Bench) -> Bench:
    """Inputs that were standardised, and divided by 255 once more."""
    inputs = (bench.inputs - bench.inputs.mean(axis=0)) / bench.inputs.std(axis=0) / 255
    return replace(bench, inputs=inputs.astype(bench.inputs.dtype)).with_config(data__scaling="none")


def words_not_found(bench: Bench) -> Bench:
    """No word of the text is in the vocabulary: every token is the unknown one, or padding."""
    known = bench.inputs[:, :4] * 0
    return replace(bench, inputs=np.concatenate([known, np.ones_like(bench.inputs[:, 4:])], axis=1))


def targets_dealt_anew(bench: Bench) -> Bench:
    """Targets and inputs of all samples were shuffled apart before anything else."""
    return replace(bench, targets=_rng(bench, 29).permutation(bench.targets))


def validation_counted_from_one(bench: Bench) -> Bench:
    """Classes of the validation samples have the next higher number, and the last class has that of the first."""
    targets, rows = bench.targets.copy(), bench.splits["validation"]
    targets[rows] = (targets[rows] + 1) % (int(targets.max()) + 1)
    return replace(bench, targets=targets)
