"""What is known of samples that occur more than once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trainwright.core.measurement import Measurement


@dataclass(frozen=True, kw_only=True)
class DuplicateSamples(Measurement):
    """Samples of one split with equal inputs and equal target.

    ``n_copies``: samples beyond the first of each of ``n_groups`` groups; ``n_pairs``: pairs of equal samples;
    ``chance_pairs``: how many such pairs chance explains, as coarse tables repeat themselves; ``groups``: row numbers
    of the first and largest groups.
    """

    split: str
    n_samples: int
    n_copies: int
    n_groups: int
    n_pairs: int
    chance_pairs: float
    groups: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class SplitOverlap(Measurement):
    """Samples of split ``second`` that also stand in split ``first``, with equal inputs and equal target.

    ``n_shared`` of the ``n_second`` samples; ``n_pairs``, ``chance_pairs``: pairs across the two splits, and how many
    of them chance explains; ``pairs``: (row in first, row in second) of some.
    """

    first: str
    second: str
    n_second: int
    n_shared: int
    n_pairs: int
    chance_pairs: float
    pairs: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class ConflictingLabels(Measurement):
    """Samples with equal inputs but different classes, in all splits together.

    ``n_groups`` groups of equal inputs hold more than one class, ``n_rows`` samples in all; ``n_pairs``: pairs of equal
    inputs with different class; ``chance_pairs``: how many such pairs chance explains. ``groups``: (row numbers,
    class names) of some groups. ``outvoted``: the first row numbers of the ``n_outvoted`` samples whose class is not
    the one most frequent in their group (all of a group without a majority).
    """

    n_samples: int
    n_groups: int
    n_rows: int
    n_pairs: int
    chance_pairs: float
    n_outvoted: int
    groups: tuple[tuple[tuple[int, ...], tuple[str, ...]], ...] = ()
    outvoted: tuple[int, ...] = ()


def chance_limit(chance_pairs: float) -> float:
    """The most pairs of equal samples that chance is allowed to explain.

    Ten times the estimate, since columns that go together agree more often than the estimate knows, and four standard
    deviations of a count. On the survey bench, where every duplicate is natural, the pairs found are 1.9 to 3.5 times
    the estimate over 40 seeds; on real tables 1.0 (a vocabulary test), 1.6 (Titanic) and 7.2 (diamonds). Where nothing
    is coarse the estimate is 0, and so is the limit.
    """
    return 10 * chance_pairs + 4 * math.sqrt(max(chance_pairs, 0.0))
