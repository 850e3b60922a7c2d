"""Healthy benches whose data, network or recipe of training look ill to a hasty rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trainwright.clinic.bench import Bench, ModelSpec
from trainwright.clinic.training_benches import (
    BenchMaker,
    alloys_mlp,
    digits_cnn,
    letters_bag,
    waves_gru,
    yield_mlp,
)


def noisy_labels(seed: int) -> Bench:
    """A fifth of all labels, in every split, were drawn at random: the loss cannot come near zero."""
    bench = alloys_mlp(seed).with_config(training__epochs=15)
    rng = np.random.default_rng([31, seed])
    wrong = rng.random(len(bench.targets)) < 1 / 5
    targets = np.where(wrong, rng.integers(len(bench.class_names), size=len(wrong)), bench.targets)
    return replace(bench, name="noisy-labels", targets=targets)


def rare_class(seed: int) -> Bench:
    """One class has a tenth of the samples and weighs three times as much in the loss."""
    bench = alloys_mlp(seed).with_config(training__epochs=25)
    rng = np.random.default_rng([37, seed])
    kept = (bench.targets != 0) | (rng.random(len(bench.targets)) < 1 / 3)
    splits = {name: rows[kept[rows]] for name, rows in bench.splits.items()}
    return replace(bench, name="rare-class", splits=splits, loss="weighted")


def outlying_targets(seed: int) -> Bench:
    """One yield in thirty of those to train on was written down threefold; Huber's loss passes over them."""
    bench = yield_mlp(seed).with_config(loss__name="huber")
    rng = np.random.default_rng([41, seed])
    targets, train = bench.targets.copy(), bench.splits["train"]
    targets[train[rng.random(len(train)) < 1 / 30]] *= 3
    return replace(bench, name="outlying-targets", targets=targets)


def missing_cells(seed: int) -> Bench:
    """One cell in thirty is missing and is filled with the median before it enters the network."""
    bench = alloys_mlp(seed)
    inputs = bench.inputs.copy()
    inputs[np.random.default_rng([43, seed]).random(inputs.shape) < 1 / 30] = np.nan
    return replace(bench, name="missing-cells", inputs=inputs)


def parity(seed: int) -> Bench:
    """Whether an odd number of four switches is on, among six: no three of them tell anything, so that the loss stays
    that of a constant for a while and then drops.
    """
    bench = alloys_mlp(seed)
    rng = np.random.default_rng([47, seed])
    on = rng.integers(2, size=(900, 6))
    inputs = (on + 0.1 * rng.normal(size=on.shape)).astype(np.float32)
    return replace(
        bench,
        name="parity",
        inputs=inputs,
        targets=(on[:, :4].sum(1) % 2).astype(np.int64),
        class_names=("even", "odd"),
        feature_names=tuple(f"switch {i + 1}" for i in range(6)),
    )


def zero_branches(seed: int) -> Bench:
    """Six residual blocks whose last layers start at zero, so that at first each passes on what it is given."""
    bench = yield_mlp(seed).with_config(model__depth=6)
    return replace(bench, name="zero-branches", model=ModelSpec("residual", width=32, depth=6))


def attention(seed: int) -> Bench:
    """A transformer of two layers with GELU, dropout and layer normalisation under AdamW, warm-up and cosine."""
    bench = waves_gru(seed).with_config(
        optimizer__name="adamw",
        optimizer__learning_rate=2e-3,
        optimizer__weight_decay=0.05,
        schedule__name="cosine",
        schedule__warmup=0.1,
        training__epochs=30,
    )
    return replace(bench, name="attention", model=ModelSpec("attention", width=32, depth=2))


def tied_layers(seed: int) -> Bench:
    """Two hidden layers share their weights."""
    bench = alloys_mlp(seed).with_quirk("tied").with_config(model__depth=3, training__epochs=20)
    return replace(bench, name="tied-layers", model=replace(bench.model, depth=3))


def single_samples(seed: int) -> Bench:
    """One sample in a batch, at a rate that is small for that; nothing is normalised over the batch."""
    bench = yield_mlp(seed).with_config(
        optimizer__name="sgd",
        optimizer__momentum=0.0,
        optimizer__learning_rate=5e-3,
        training__batch_size=1,
        training__epochs=15,
    )
    return replace(bench, name="single-samples")


def decoupled_decay(seed: int) -> Bench:
    """AdamW with a weight decay of 0.1, which is much only for Adam."""
    return alloys_mlp(seed).with_config(optimizer__name="adamw", optimizer__weight_decay=0.1)


def one_cycle(seed: int) -> Bench:
    """The rate rises to three times the usual one and falls to nothing."""
    bench = waves_gru(seed).with_config(schedule__name="onecycle", optimizer__learning_rate=3e-2)
    return replace(bench, name="one-cycle")


def augmented(seed: int) -> Bench:
    """Training pictures are shifted and turned, so that the training loss stays above the validation loss."""
    return digits_cnn(seed).with_config(training__augmentation="auto", training__epochs=25)


def stopped_in_time(seed: int) -> Bench:
    """A wide network stops when the validation loss rises, and its best epoch is kept."""
    return alloys_mlp(seed).with_config(
        model__width=128, training__epochs=60, training__early_stopping=8, training__keep="best"
    )


def summed(seed: int) -> Bench:
    """The loss is summed over the batch, and the rate is small enough for that."""
    bench = waves_gru(seed).with_config(
        optimizer__name="sgd", optimizer__learning_rate=0.05 / 32, training__epochs=25, optimizer__momentum=0.9
    )
    return replace(bench, name="summed", loss="summed-classes")


def read_out_at_each_step(seed: int) -> Bench:
    """A cell in a loop, whose state is read out at every step although only the last result is wanted."""
    return replace(waves_gru(seed).with_quirk("cell"), name="read-out-at-each-step")


def experts(seed: int) -> Bench:
    """A top-1 mixture of four experts: each sees a part of the samples, and one may see none for a while."""
    bench = alloys_mlp(seed)
    return replace(bench, name="experts", model=replace(bench.model, kind="experts"))


def squared_kilograms(seed: int) -> Bench:
    """Yields in kilograms, and a network that multiplies its answer by their spread: the loss is about a million times
    what it is in tonnes, and falls like it.
    """
    bench = yield_mlp(seed).with_quirk("thousandfold").with_config(data__scale_target=False)
    centred = bench.targets - bench.targets.mean()
    return replace(bench, name="squared-kilograms", targets=(1000 * centred).astype(np.float32))


def sparse_units(seed: int) -> Bench:
    """A wide layer whose biases start below zero, so that a unit is active for few of the samples."""
    bench = alloys_mlp(seed).with_quirk("sparse-units")
    bench = bench.with_config(model__width=256, model__depth=1, training__epochs=20)
    return replace(bench, name="sparse-units", model=replace(bench.model, width=256, depth=1))


def sparse_gradients(seed: int) -> Bench:
    """The gradient of the embedding is a sparse tensor that holds the rows of the batch's tokens only."""
    bench = letters_bag(seed).with_quirk("sparse-gradient").with_config(optimizer__learning_rate=2.0)
    return replace(bench, name="sparse-gradients", optimizer="plain-descent")


TRICKY: tuple[BenchMaker, ...] = (
    attention,
    augmented,
    decoupled_decay,
    experts,
    missing_cells,
    noisy_labels,
    one_cycle,
    read_out_at_each_step,
    outlying_targets,
    parity,
    rare_class,
    single_samples,
    sparse_gradients,
    sparse_units,
    squared_kilograms,
    stopped_in_time,
    summed,
    tied_layers,
    zero_branches,
)
"""All of them."""
