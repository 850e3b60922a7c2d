"""Whether a model says the same twice: in eval mode, in both modes, in a batch and alone."""

from __future__ import annotations

from dataclasses import dataclass

from trainwright.core import Measurement


@dataclass(frozen=True, kw_only=True)
class ModeAgreement(Measurement):
    """The same weights in train and eval mode, after ``steps`` own steps.

    ``repeat_difference``: largest difference between the outputs of two forward passes in eval mode from the same
    random state, as a share of the outputs' size; ``random_difference``: from different random states. Losses, in the
    loss's unit, over the same ``n_samples`` samples in batches of the user's size: ``first_loss`` of the first step,
    ``train_loss`` in train mode, ``quiet_loss`` in train mode with dropout layers off, ``eval_loss`` in eval mode,
    ``refreshed_loss`` in eval mode with the running statistics of normalisation taken afresh from these samples (those
    of the run lag behind the weights at first, the more so the larger the rate). ``n_answers``: floating-point tensors
    that the model returns; with more than its prediction (a mean and a variance) it may well sample on purpose.
    ``disturbs``: dropout, or noise on the inputs themselves, was at work in eval mode, which hardly anybody means.
    """

    n_samples: int
    steps: int
    repeat_difference: float
    random_difference: float
    first_loss: float
    train_loss: float
    quiet_loss: float
    eval_loss: float
    refreshed_loss: float
    norm_layers: tuple[str, ...]
    n_answers: int = 1
    disturbs: bool = True


@dataclass(frozen=True, kw_only=True)
class SampleBySample(Measurement):
    """Outputs of ``n_samples`` samples as one batch and one by one, in eval mode.

    ``difference``: largest difference, as a share of the outputs' root mean square; NaN where a batch of one was
    ``refused`` (the error as text, else empty). ``precision``: spacing of numbers near 1 in the outputs' dtype.
    """

    n_samples: int
    difference: float
    precision: float
    refused: str
