"""Whether pictures of training carry the targets of what they were before they were mirrored or turned."""

from __future__ import annotations

from dataclasses import dataclass

from trainwright.core import Measurement


@dataclass(frozen=True, kw_only=True)
class SimilarPictures:
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


@dataclass(frozen=True, kw_only=True)
class TurnedShare:
    """Which share of training was turned while its targets stayed, from means over many samples.

    ``turn`` in words is the most frequent one; ``share`` of training that has it, with its standard ``error``;
    ``total``: share that has any turn, with ``total_error``. ``n``: samples of training.
    """

    turn: str
    share: float
    error: float
    total: float
    total_error: float
    n: int


@dataclass(frozen=True, kw_only=True)
class TurnedClasses(TurnedShare):
    """The same where targets are classes or numbers, by the mean picture of each of ``n_classes``.

    ``unlike``: classes whose mean picture, turned, hardly correlates with itself any more; ``taken``: the
    correlation of each class that, turned, looks like the mean picture of another one, with that one.
    """

    n_classes: int
    unlike: int
    taken: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class PictureTurns(Measurement):
    """Pictures (or signals) of training beside those of the evaluation: ``similar`` compares single ones, ``classes``
    the mean of each class or range of targets, ``directions`` the mean directions of what is drawn in them, ``dense``
    places of a picture with those of a target that is one too. Each is None where it does not apply.
    """

    similar: SimilarPictures | None
    classes: TurnedClasses | None
    directions: TurnedClasses | None
    dense: TurnedShare | None
