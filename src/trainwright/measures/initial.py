"""What an untrained model does: its loss, its outputs and what the loss accepts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainwright.core import Measurement

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class InitialLoss(Measurement):
    """The loss before the first step, in train mode, beside what theory says of a model that knows nothing.

    ``loss``: mean of the user's loss over ``n_samples``. ``ignorant_loss``: the user's loss of outputs that say
    nothing (zeros, equal log-probabilities, one half), which for cross entropy is ln C and for squared error
    mean(target²). ``constant_loss``: the user's loss of the best output that ignores the input (log class shares, mean
    target). All in the loss's own unit. ``loss_name``: ``cross_entropy``, ``mse``, ``l1``, ``huber``, … or ``python``
    for a loss that is not recognised. ``input_rms``, ``output_rms``: root mean square of what enters and what leaves
    the model. ``starts_wide``: the framework starts the last layer wider than torch does.
    """

    loss: float
    ignorant_loss: float
    constant_loss: float
    loss_name: str
    task: str
    n_outputs: int
    n_samples: int
    input_rms: float
    output_rms: float
    starts_wide: bool = False


@dataclass(frozen=True, kw_only=True)
class OutputAtInit(Measurement):
    """The average output of the untrained model beside the average target.

    Classification: ``target_shares`` and ``predicted_shares`` [C], shares of the classes among the targets and mean
    softmax of the outputs. Regression: means and standard deviations in the unit of the targets that the loss sees; the
    shares are empty. ``is_logits``: the loss normalises outputs by itself, so that the softmax of the outputs means
    something.
    """

    task: str
    n_samples: int
    target_shares: Array
    predicted_shares: Array
    target_mean: float
    target_spread: float
    output_mean: float
    output_spread: float
    is_logits: bool


@dataclass(frozen=True, kw_only=True)
class OutputRange(Measurement):
    """What range the outputs have and what the loss does with them.

    ``minimum``, ``maximum`` over all outputs, ``smallest_row_sum``, ``largest_row_sum`` over samples, ``n_outputs`` per
    sample. ``loss``: user's loss of the outputs. ``shift_effect``: relative change of the loss when 0.5 is added to
    every output; zero for a loss that normalises by itself, such as cross entropy of logits. ``perfect_loss``: user's
    loss of outputs that are 1 for the right class and 0 elsewhere; NaN for regression.
    """

    task: str
    n_samples: int
    n_outputs: int
    minimum: float
    maximum: float
    smallest_row_sum: float
    largest_row_sum: float
    loss: float
    shift_effect: float
    perfect_loss: float
