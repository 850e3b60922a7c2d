"""Illnesses of how a model is built and where it starts, each one change to a healthy bench."""

from __future__ import annotations

from trainwright.clinic.bench import Bench


def zero_weights(bench: Bench) -> Bench:
    """Every weight and bias starts at zero."""
    return bench.with_quirk("zero-weights")


def constant_weights(bench: Bench) -> Bench:
    """Every weight starts at 0.01."""
    return bench.with_quirk("constant-weights")


def normal_weights(bench: Bench) -> Bench:
    """Every weight is drawn from a normal distribution of spread 1, however many inputs a unit has."""
    return bench.with_quirk("normal-weights")


def sigmoid_layers(bench: Bench) -> Bench:
    """Sigmoid units in every hidden layer of a deep network, in torch's default initialisation."""
    return bench.with_quirk("sigmoid")


def hidden_softmax(bench: Bench) -> Bench:
    """A softmax as activation of the hidden layers."""
    return bench.with_quirk("hidden-softmax")


def negative_biases(bench: Bench) -> Bench:
    """The biases of the hidden layers start at −10, so that no unit is ever active."""
    return bench.with_quirk("negative-bias")


def saturated(bench: Bench) -> Bench:
    """The weights of the hidden layers start a hundred times too large."""
    return bench.with_quirk("large-body")


def random_in_eval(bench: Bench) -> Bench:
    """Dropout that does not ask for the mode."""
    return bench.with_quirk("always-dropout")


def normalised_in_training_only(bench: Bench) -> Bench:
    """Features are standardised over the batch in train mode and left as they are in eval mode."""
    return bench.with_quirk("train-only-norm")


def wrong_gradient(bench: Bench) -> Bench:
    """The hand-written gradient forgets the inner derivative."""
    return bench.with_quirk("wrong-gradient")


def time_first(bench: Bench) -> Bench:
    """The recurrent layer expects time first and is given samples first."""
    return bench.with_quirk("time-first")


def view_for_permute(bench: Bench) -> Bench:
    """Time and features are renamed by ``view`` where they should have been exchanged."""
    return bench.with_quirk("view")


def bottleneck(bench: Bench) -> Bench:
    """All that the head gets to see passes through a single unit."""
    return bench.with_quirk("bottleneck")


def other_scale(bench: Bench) -> Bench:
    """Pixels from 0 to 16 enter a network that was trained on standardised ones."""
    return bench.with_config(data__scaling="none")


def partial_load(bench: Bench) -> Bench:
    """The checkpoint's entries carry a prefix and ``strict=False`` hides that none of them fits."""
    return bench.with_quirk("prefixed-load")


def tiny_batch(bench: Bench) -> Bench:
    """Two samples in a batch of a network with batch normalisation."""
    return bench.with_config(training__batch_size=2)


def bias_before_norm(bench: Bench) -> Bench:
    """Layers in front of a normalisation keep their biases."""
    return bench.with_quirk("bias-before-norm")


def keep_probability(bench: Bench) -> Bench:
    """The probability to keep a unit was given where the one to drop it is meant."""
    return bench.with_quirk("heavy-dropout")


def divided_by_batch(bench: Bench) -> Bench:
    """Features are divided by how many samples there are in the batch."""
    return bench.with_quirk("divided-by-batch")


def looks_ahead(bench: Bench) -> Bench:
    """A bidirectional layer predicts the next token."""
    return bench.with_quirk("bidirectional")
