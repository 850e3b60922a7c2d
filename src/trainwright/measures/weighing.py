"""What the results of a softmax are used for: weights of places, over which they should sum to 1."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.measures.graph import LossGraph, Operation, is_difference
from trainwright.measures.operations import DISTANCES, PASSING

_FEWEST = 2
"""Sums in which the same results weigh different constants: a mean place has two coordinates. One alone may be the size
of something (weights that are areas)."""


class Weighing:
    """Follows the results of a softmax towards the loss."""

    def __init__(self, graph: LossGraph) -> None:
        self._graph = graph
        self._users: dict[int, list[Operation]] = {}
        for operation in graph.operations:
            for source in graph.sources(operation):
                self._users.setdefault(id(source), []).append(operation)

    def askew(self) -> Iterator[Operation]:
        """Softmaxes behind the last layer all of whose results are multiplied by constants and summed along other axes
        than their own, for a distance from the targets, in two ways or more: means of coordinates whose weights do not
        sum to 1. What divides by a sum of weights, as overlaps do, is none."""
        for softmax in self._graph.named("Softmax"):
            if not 0 < softmax.axis < len(softmax.shape) or not all(softmax.shape):
                continue
            ends = list(self._ends(softmax, softmax.axis, multiplied=False))
            if len(ends) >= _FEWEST and all(ends):
                yield softmax

    def _ends(self, operation: Operation, axis: int, *, multiplied: bool) -> Iterator[bool]:
        """Whether each way from here is such a mean; ``axis``: that of the softmax, in the result of ``operation``."""
        users = self._users.get(id(operation), [])
        if not users:
            yield False
        for user in users:
            if user.name == "Mul" and len(user.sources) == 1 and len(user.shape) == len(operation.shape):
                yield from self._ends(user, axis, multiplied=True)
            elif user.name == "Sum" and user.axes and axis not in user.axes:
                kept = len(user.shape) == len(operation.shape)
                place = axis if kept else axis - sum(each < axis for each in user.axes)
                if multiplied:
                    yield self._is_compared(user)
                else:
                    yield from self._ends(user, place, multiplied=False)
            else:
                yield False

    def _is_compared(self, operation: Operation) -> bool:
        """Whether all that becomes of the result is a distance from targets."""
        users = self._users.get(id(operation), [])
        return bool(users) and all(
            user.name in DISTANCES
            or is_difference(user)
            or ((user.name in PASSING or self._is_scaling(user)) and self._is_compared(user))
            for user in users
        )

    def _is_scaling(self, operation: Operation) -> bool:
        return operation.name in ("Add", "Mul", "Div") and len(operation.sources) == 1
