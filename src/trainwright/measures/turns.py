"""Whether pictures of training carry the targets of what they were before they were mirrored or turned."""

from __future__ import annotations

from dataclasses import dataclass

from trainwright.core import Measurement


@dataclass(frozen=True, kw_only=True)
class PictureTurns(Measurement):
    """Pictures of training beside the most similar ones of the evaluation, as they are and mirrored or turned.

    ``unreadable``: share of the ``n_evaluation`` pictures whose most similar other one has another target. Of the
    ``n_near`` pictures of training that have similar ones both as they are and after the ``turn`` (in words),
    ``wrong``: share whose target is another than that of the similar picture; ``explained``: share of these, in number
    ``n_explained``, whose target is that of the picture similar to them after the turn; ``explained_else``: the same
    share for the second best turn.
    ``wrong_control``: the share of wrong ones among the pictures of the evaluation, judged in the same way.
    """

    turn: str
    n_evaluation: int
    unreadable: float
    n_near: int
    wrong: float
    wrong_control: float
    explained: float
    n_explained: int
    explained_else: float
