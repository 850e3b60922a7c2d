"""Ensembles: several models' outputs as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trainwright.core import DataError
from trainwright.data.dataset import Task
from trainwright.workbench.evaluate import probabilities


def mean_outputs(task: Task | str, members: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
    """The outputs of an ensemble, in the form :func:`~trainwright.workbench.evaluate.score` takes.

    Classification: members' logits [N, C] → log of the mean of their softmax probabilities [N, C]. Regression: members'
    predictions [N, 1] → their mean. Raises ``DataError`` for no members or members of different shapes.
    """
    shapes = {np.shape(member) for member in members}
    if len(shapes) != 1:
        raise DataError(
            f"An ensemble cannot be made of outputs of shapes {sorted(shapes)}." if shapes else "An ensemble is empty.",
            expected="At least one member, all with outputs for the same samples.",
            todo="Predict the same samples with every member.",
        )
    if Task(task) is Task.REGRESSION:
        return np.asarray(np.mean([np.asarray(m, dtype=np.float64) for m in members], axis=0))
    mean = np.mean([probabilities(member) for member in members], axis=0)
    return np.asarray(np.log(np.maximum(mean, np.finfo(np.float64).tiny)))
