"""Healthy benches for checks of how a model is built and where it starts; each is small and none is trained."""

from __future__ import annotations

from dataclasses import replace

from trainwright.clinic import training_benches
from trainwright.clinic.bench import Bench


def deep_mlp(seed: int) -> Bench:
    """Eight hidden layers of ReLU units, initialised so that each passes on what it is given."""
    bench = training_benches.alloys_mlp(seed).with_quirk("kaiming").with_config(optimizer__learning_rate=1e-3)
    return _untrained(bench, "deep-mlp", depth=8)


def tanh_mlp(seed: int) -> Bench:
    """Two hidden layers of tanh units."""
    return _untrained(training_benches.alloys_mlp(seed).with_quirk("tanh"), "tanh-mlp")


def normalised_mlp(seed: int) -> Bench:
    """Batch normalisation after every hidden layer."""
    return _untrained(training_benches.alloys_mlp(seed).with_quirk("batch-norm"), "normalised-mlp")


def custom_gradient(seed: int) -> Bench:
    """Features go through a function whose gradient was written by hand, rightly."""
    return _untrained(training_benches.alloys_mlp(seed).with_quirk("custom-gradient"), "custom-gradient")


def pooled_gru(seed: int) -> Bench:
    """The states of a GRU are averaged over time by a pooling layer, which wants time last."""
    return _untrained(training_benches.waves_gru(seed).with_quirk("pooled"), "pooled-gru")


def loaded_cnn(seed: int) -> Bench:
    """A convolutional network that starts from a checkpoint made for standardised inputs, with a new head."""
    bench = training_benches.digits_cnn(seed).with_quirk("batch-norm").with_quirk("pretrained")
    return _untrained(bench, "loaded-cnn")


def _untrained(bench: Bench, name: str, *, depth: int | None = None) -> Bench:
    settings = {key: value for key, value in bench.config.items() if key != "training.epochs"}
    model = replace(bench.model, depth=depth or bench.model.depth)
    return replace(bench, name=name, model=model, config={**settings, "model.depth": model.depth})
