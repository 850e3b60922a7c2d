"""Healthy benches with a loss, an output or an optimizer of their own, which a hasty rule takes for ill."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np

from trainwright.clinic.bench import Bench
from trainwright.clinic.training_benches import BenchMaker, alloys_mlp, digits_cnn, waves_gru, yield_mlp


def tags_mlp(seed: int) -> Bench:
    """The alloys' phases as one yes or no each, under binary cross entropy of logits."""
    return replace(alloys_mlp(seed), name="tags-mlp", loss="tags")


def tags_cnn(seed: int) -> Bench:
    """The digits as one yes or no each, under binary cross entropy of logits."""
    return replace(digits_cnn(seed), name="tags-cnn", loss="tags")


def positive_yield(seed: int) -> Bench:
    """Yields between 0 and about 3, never negative, and a ReLU behind the last layer."""
    bench = yield_mlp(seed)
    targets = (np.maximum(bench.targets, 0) / 10).astype(np.float32)
    bench = replace(bench, name="positive-yield", targets=targets).with_quirk("relu-output")
    return bench.with_config(data__scale_target=False, model__output_bias="prior")


def shares_mlp(seed: int) -> Bench:
    """Yields as a share of the largest, between 0 and 1, and a sigmoid behind the last layer."""
    bench = yield_mlp(seed)
    targets = bench.targets - bench.targets.min()
    targets = (targets / targets.max()).astype(np.float32)
    bench = replace(bench, name="shares-mlp", targets=targets).with_quirk("sigmoid-output")
    return bench.with_config(data__scale_target=False)


def margin_mlp(seed: int) -> Bench:
    """Whether a yield is above the middle one, as −1 and 1 under a hinge loss. A set-up only, as the distance to −1 and
    1, by which a whole training would be scored, is not what such a loss lowers."""
    bench = _without_training(yield_mlp(seed))
    targets = np.where(bench.targets > np.median(bench.targets), 1, -1).astype(np.float32)
    return replace(bench, name="margin-mlp", targets=targets, loss="hinge").with_config(data__scale_target=False)


def head_only(seed: int) -> Bench:
    """The optimizer holds the head alone, on features that nobody froze, as in fine-tuning; the features' weights are
    other than torch makes them. A set-up only, as random features are no match for the baselines."""
    bench = replace(alloys_mlp(seed).with_quirk("kaiming"), name="head-only", optimizer="head-only")
    return _without_training(bench).with_config(model__width=64)


def log_density(seed: int) -> Bench:
    """The negative log-density of a narrow Gaussian, which is legitimately negative."""
    return replace(yield_mlp(seed), name="log-density", loss="log-density")


def written_out(seed: int) -> Bench:
    """Cross entropy written by hand as the mean of −log p."""
    return replace(waves_gru(seed), name="written-out", loss="minus-log-likelihood")


def adapted(seed: int) -> Bench:
    """A frozen head with a low-rank adapter that starts at zero."""
    return replace(alloys_mlp(seed).with_quirk("adapter"), name="adapted")


def auxiliary(seed: int) -> Bench:
    """An auxiliary head that is not used in this training."""
    return replace(digits_cnn(seed).with_quirk("auxiliary"), name="auxiliary")


def _without_training(bench: Bench) -> Bench:
    settings = {key: value for key, value in bench.config.items() if key != "training.epochs"}
    return replace(bench, config=MappingProxyType(settings))


MODELS: tuple[BenchMaker, ...] = (
    tags_mlp,
    tags_cnn,
    positive_yield,
    shares_mlp,
    margin_mlp,
    head_only,
    log_density,
    written_out,
    adapted,
    auxiliary,
)
"""All of them."""
