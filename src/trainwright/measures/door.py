"""What enters the loss: outputs beside targets."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trainwright.core import Measurement

CLASS_LOSSES = ("cross_entropy", "nll")
"""Losses with a class axis, whose targets are class numbers or, for cross entropy, probabilities."""
BINARY_LOSSES = ("bce", "bce_with_logits")
"""Losses whose targets lie in 0 … 1."""
VALUE_LOSSES = ("mse", "l1", "huber", "smooth_l1")
"""Losses of a distance between outputs and targets."""
ALIGNED_LOSSES = ("ctc",)
"""Losses over log-probabilities [T, N, C] of which one class, the blank, may not be among the targets."""
COUNT_LOSSES = ("poisson_nll",)
"""Losses whose targets are counts, from 0 on."""
ROW_TOLERANCE = 1e-2
"""How far a row of probabilities may sum from 1: bfloat16 rounds to 2.7e-3 (2 to 50,000 classes), logits of the healthy
benches stray from 1 by at least 0.38."""
LOG_TOLERANCE = 0.1
"""How far the log-sum-exp of log-probabilities may lie from 0: float32 rounds to 4e-6, float16 to 4e-3, bfloat16 to
0.034 (50,000 classes); logits of the healthy benches reach 1.3 and more."""


@dataclass(frozen=True, kw_only=True)
class LossDoor(Measurement):
    """Outputs and targets as the loss receives them.

    ``loss_name``: ``cross_entropy``, ``nll``, ``bce``, ``bce_with_logits``, ``kl_div``, ``mse``, ``l1``, ``huber``,
    ``smooth_l1``, ``poisson_nll``, ``ctc``, or ``python`` for a loss that is not recognised. ``n_rows``: output rows
    that were looked at; ``n_classes``: entries of a row (the class axis; 1 for outputs without one).
    ``smallest_row_sum``, ``largest_row_sum``: of the outputs; ``largest_log_sum``: largest distance of a row's
    log-sum-exp from 0, which is 0 for log-probabilities. ``target_kind``: ``class numbers``, ``one-hot``,
    ``multi-hot``, ``probabilities`` or ``values``; the targets' row sums are NaN for class numbers. ``n_out_of_range``:
    targets the loss has no meaning for (class numbers outside 0 … C − 1, binary targets outside 0 … 1, negative
    probabilities); ``n_ignored``: class numbers equal to ``ignore_index``; ``n_met``: different ones of 0 … C − 1 among
    targets [N], 0 where they have another shape. ``reduction``: ``mean``, ``sum`` or
    ``none``. ``value``: the loss; NaN where it was not given. Statistics of empty or non-numeric tensors are NaN.
    """

    loss_name: str
    output_shape: tuple[int, ...]
    target_shape: tuple[int, ...]
    output_dtype: str
    target_dtype: str
    n_rows: int
    n_classes: int
    output_minimum: float
    output_maximum: float
    smallest_row_sum: float
    largest_row_sum: float
    largest_log_sum: float
    target_kind: str
    n_targets: int
    target_minimum: float
    target_maximum: float
    target_smallest_row_sum: float
    target_largest_row_sum: float
    n_out_of_range: int
    n_ignored: int
    reduction: str = "mean"
    label_smoothing: float = 0.0
    has_weights: bool = False
    value: float = math.nan
    ignore_index: int = -100
    n_met: int = 0

    @property
    def outputs_are_probabilities(self) -> bool:
        """No output is negative and every row sums to 1."""
        off = max(abs(self.smallest_row_sum - 1), abs(self.largest_row_sum - 1))
        return self.n_rows > 1 and self.n_classes > 1 and self.output_minimum >= 0 and off <= ROW_TOLERANCE

    @property
    def outputs_are_log_probabilities(self) -> bool:
        """Every row's exponentials sum to 1."""
        return self.n_rows > 1 and self.largest_log_sum <= LOG_TOLERANCE
