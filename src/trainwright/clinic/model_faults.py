"""Illnesses of the way from the last layer to the loss, and of the wiring of parameters, each one change to a healthy
bench."""

from __future__ import annotations

from dataclasses import replace

from trainwright.clinic.bench import Bench


def detached_features(bench: Bench) -> Bench:
    """The features are detached in front of the head, so that only the head learns."""
    return bench.with_quirk("detached")


def cut_state(bench: Bench) -> Bench:
    """The state of a recurrent cell is detached at every step, so that nothing is learnt from what came before."""
    return bench.with_quirk("cut-cell")


def unused_layer(bench: Bench) -> Bench:
    """A layer was created and forgotten in the forward pass."""
    return bench.with_quirk("unused-layer")


def layers_in_a_list(bench: Bench) -> Bench:
    """The hidden layers stand in a plain list."""
    return bench.with_quirk("plain-list")


def no_activations(bench: Bench) -> Bench:
    """The activation functions were forgotten."""
    return bench.with_quirk("no-activation")


def relu_on_logits(bench: Bench) -> Bench:
    """A ReLU ends the model."""
    return bench.with_quirk("relu-output")


def softmax_over_batch(bench: Bench) -> Bench:
    """A softmax along the samples ends the model."""
    return bench.with_quirk("softmax-over-batch")


def fixed_width(bench: Bench) -> Bench:
    """The factory takes a width and makes hidden layers of another, written down inside."""
    return bench.with_quirk("fixed-width")


def spare_width(bench: Bench) -> Bench:
    """Only a layer that is never called is as wide as asked for."""
    return bench.with_quirk("spare-width")


def forgotten_head(bench: Bench) -> Bench:
    """The optimizer was made before the head was added."""
    return replace(bench, optimizer="without-head")


def forgotten_body(bench: Bench) -> Bench:
    """The optimizer was made from the head's parameters alone, although nothing trained the features before."""
    return replace(bench, optimizer="head-only")


def frozen_body(bench: Bench) -> Bench:
    """All layers but the last are frozen, although nothing trained them before."""
    return bench.with_quirk("frozen-body")


def stale_optimizer(bench: Bench) -> Bench:
    """The optimizer holds the parameters of a copy of the model."""
    return replace(bench, optimizer="of-a-copy")


def stale_head(bench: Bench) -> Bench:
    """The optimizer holds the head that was replaced."""
    return replace(bench, optimizer="of-old-head")


def standardised_targets(bench: Bench) -> Bench:
    """Targets that the last activation could reach are moved to mean 0 and spread 1."""
    return bench.with_config(data__scale_target=True)


def rewrapped_loss(bench: Bench) -> Bench:
    """The loss is wrapped in a new tensor before the backward pass."""
    return _with_loss(bench, "rewrapped")


def broadcast_loss(bench: Bench) -> Bench:
    """Squared differences of outputs [N] and targets [N, 1]."""
    return replace(bench, loss="broadcast")


def nll_on_logits(bench: Bench) -> Bench:
    """The log-softmax in front of the negative log-likelihood is missing."""
    return replace(bench, loss="nll")


def clipped_loss(bench: Bench) -> Bench:
    """The loss is clamped where the gradient was meant."""
    return replace(bench, loss="clipped")


def clipped_error(bench: Bench) -> Bench:
    """The difference is clamped before it is squared."""
    return replace(bench, loss="clipped-error")


def summed_loss(bench: Bench) -> Bench:
    """The loss is summed over the batch."""
    return _with_loss(bench, "summed")


def negated_loss(bench: Bench) -> Bench:
    """The loss has the wrong sign."""
    return _with_loss(bench, "negated")


def forgotten_minus(bench: Bench) -> Bench:
    """The mean log-probability of the right class is minimised."""
    return replace(bench, loss="log-likelihood")


def forgotten_minus_of_tags(bench: Bench) -> Bench:
    """The mean log-probability of each yes and no, written by hand, is minimised."""
    return replace(bench, loss="tags-likelihood")


def tags_from_one(bench: Bench) -> Bench:
    """Binary targets are 1 and 2."""
    return replace(bench, loss="tags-from-one")


def squared_error_of_classes(bench: Bench) -> Bench:
    """A single output is fitted to the number of the class as to a quantity."""
    return replace(bench, task="regression", class_names=(), targets=bench.targets[:, None], loss="squared-error")


def hinge_of_0_and_1(bench: Bench) -> Bench:
    """A hinge loss, which wants targets of −1 and 1, is given 0 and 1."""
    return replace(bench, targets=(bench.targets > 0).astype(bench.targets.dtype))


def _with_loss(bench: Bench, name: str) -> Bench:
    return replace(bench, loss=f"{name}-{'classes' if bench.task == 'classification' else 'values'}")
