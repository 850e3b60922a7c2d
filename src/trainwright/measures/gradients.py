"""Gradients beside finite differences: those that the user wrote by hand, and those of the outputs."""

from __future__ import annotations

from dataclasses import dataclass

from trainwright.core import Measurement


@dataclass(frozen=True, kw_only=True)
class FunctionGradient(Measurement):
    """One call of an ``autograd.Function`` of the user's, in float64, along random directions of its inputs.

    ``error``: largest difference between its own directional derivative and the one by finite differences, as a share
    of their size. ``smoothness``: largest difference between finite differences of two widths, as a share of their
    size; infinite where they are all 0 but its own derivative is not. ``is_identity``: it returns its input unchanged,
    so that only the gradient can be meant. ``problem``: why it could not be measured, else empty.
    """

    name: str
    error: float
    smoothness: float
    is_identity: bool
    problem: str


@dataclass(frozen=True, kw_only=True)
class CustomGradients(Measurement):
    """Each ``autograd.Function`` of the user's that takes part in the loss, at its first call."""

    functions: tuple[FunctionGradient, ...]


@dataclass(frozen=True, kw_only=True)
class OutputGradient(Measurement):
    """Whether a gradient comes back from the main output wherever it depends on.

    ``cut``: trained modules that run before the first one which the gradient of the outputs reaches. ``effect``: change
    of the outputs when the parameters of these are changed by a tenth, random numbers kept, as a share of the outputs'
    largest value; 0 where nothing is cut.
    """

    cut: tuple[str, ...]
    effect: float


@dataclass(frozen=True, kw_only=True)
class LossResponse(Measurement):
    """Whether the loss responds to the outputs of the samples of each of two target values.

    ``passed_over``: the target value of whose ``n_samples`` samples the outputs were moved together, over a wide range
    and in both directions, without any change of the loss, while it changed with those of target ``other``. NaN where
    the loss responds to all.
    """

    passed_over: float
    other: float
    n_samples: int
