"""Illnesses of the training loop, each one mistake in an otherwise sound loop or one change to a healthy bench."""

from __future__ import annotations

from dataclasses import replace

from trainwright.clinic.bench import Bench


def no_zero_grad(bench: Bench) -> Bench:
    """Gradients are never cleared."""
    return replace(bench, loop="no-zero-grad")


def zero_grad_before_step(bench: Bench) -> Bench:
    """Gradients are cleared between backward pass and step."""
    return replace(bench, loop="zero-grad-before-step")


def stuck_in_eval(bench: Bench) -> Bench:
    """After the first validation the model stays in eval mode."""
    return replace(bench, loop="stuck-in-eval")


def never_eval(bench: Bench) -> Bench:
    """Validation runs in train mode."""
    return replace(bench, loop="never-eval")


def schedule_first(bench: Bench) -> Bench:
    """The learning-rate schedule is stepped before the optimizer."""
    return replace(bench, loop="schedule-first")


def same_batch(bench: Bench) -> Bench:
    """Every step is made on the same batch."""
    return replace(bench, loop="same-batch")


def unshuffled(bench: Bench) -> Bench:
    """Samples come in the order of their targets, epoch after epoch."""
    return replace(bench, loop="unshuffled")


def accumulation_undivided(bench: Bench) -> Bench:
    """Four batches are accumulated without dividing their loss."""
    return replace(bench, loop="accumulation-undivided").with_config(training__accumulate=4)


def aliased_best(bench: Bench) -> Bench:
    """The best weights are remembered without a copy."""
    return replace(bench, loop="aliased-best")


def kept_graph(bench: Bench) -> Bench:
    """The running loss is summed up together with its graph."""
    return replace(bench, loop="kept-graph")


def raw_validation(bench: Bench) -> Bench:
    """Validation inputs stay in their raw units, training inputs are standardised."""
    return replace(bench, loop="raw-validation")


def scaled_twice(bench: Bench) -> Bench:
    """Validation inputs are scaled once more than training inputs."""
    return replace(bench, loop="scaled-twice")


def mirrored_names_kept(bench: Bench) -> Bench:
    """Half the pictures of training are mirrored and keep their names."""
    return replace(bench, loop="mirrored-names-kept")


def workers_share_seed(bench: Bench) -> Bench:
    """Two loading workers draw the same random numbers."""
    return replace(bench, loop="workers-share-seed")


def slow_loader(bench: Bench) -> Bench:
    """Making a batch takes far longer than learning from it."""
    return replace(bench, loop="slow-loader")


def vanishing_rate(bench: Bench) -> Bench:
    """A learning rate so small that every update is lost in rounding."""
    return bench.with_config(optimizer__name="sgd", optimizer__learning_rate=1e-15)


def over_the_edge(bench: Bench) -> Bench:
    """Plain descent just above the rate at which a linear model's error grows with every step."""
    return bench.with_config(optimizer__name="sgd", optimizer__momentum=0.0, optimizer__learning_rate=0.9)


def tiny_clip(bench: Bench) -> Bench:
    """The gradient is clipped to a norm of 1e-5 under plain descent."""
    return bench.with_config(optimizer__name="sgd", optimizer__learning_rate=0.05, training__clip_norm=1e-5)


def heavy_decay(bench: Bench) -> Bench:
    """Weight decay a thousand times too strong."""
    return bench.with_config(optimizer__weight_decay=10.0)


def scaler_anew(bench: Bench) -> Bench:
    """A gradient scaler is made anew for every step, at a scale that half precision cannot hold."""
    return replace(bench, loop="scaler-anew").with_config(training__amp=True)


def runaway(bench: Bench) -> Bench:
    """Descent with momentum at a rate a hundred times too large, in a network whose units hold the loss finite."""
    return bench.with_config(optimizer__name="sgd", optimizer__momentum=0.9, optimizer__learning_rate=10.0)


def sigmoid_stack(bench: Bench) -> Bench:
    """Ten hidden layers of sigmoid units."""
    return replace(bench, model=replace(bench.model, depth=10)).with_quirk("sigmoid")


def saturated_units(bench: Bench) -> Bench:
    """Tanh units behind weights a hundred times too large."""
    return bench.with_quirk("tanh").with_quirk("large-body")
