"""Intervals: how sure a number is, and whether a gain exceeds the noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
"""Of all intervals of the recipe, unless said otherwise."""

Values = Sequence[float] | npt.NDArray[np.floating]


@dataclass(frozen=True)
class Interval:
    """An estimate and the range it may lie in; the bounds are infinite where nothing can be said."""

    estimate: float
    low: float
    high: float
    confidence: float = CONFIDENCE

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval lies above zero: a gain that exceeds the noise."""
        return self.low > 0

    @property
    def below_zero(self) -> bool:
        """Whether the whole interval lies below zero: a loss that exceeds the noise."""
        return self.high < 0

    @property
    def half_width(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2

    def scaled(self, factor: float) -> Interval:
        """The interval in another unit."""
        bounds = sorted((self.low * factor, self.high * factor))
        return Interval(self.estimate * factor, bounds[0], bounds[1], self.confidence)

    def text(self, unit: str = "", digits: int = 3) -> str:
        """``"+0.42 % (95 %: −0.10 to +0.94)"``."""
        number = f"{{:+.{digits}g}}"
        middle = number.format(self.estimate) + (f" {unit}" if unit else "")
        return f"{middle} ({self.confidence:.0%}: {number.format(self.low)} to {number.format(self.high)})"


def t_quantile(confidence: float, freedom: float) -> float:
    """Two-sided quantile of Student's t distribution; infinite below one degree of freedom."""
    from scipy.stats import t

    if freedom < 1:
        return math.inf
    return float(t.ppf(0.5 + confidence / 2, freedom))


def _around(estimate: float, variance: float, freedom: float, confidence: float) -> Interval:
    if variance == 0:  # all differences are equal; without two of them that says nothing
        width = 0.0 if freedom >= 1 else math.inf
    else:
        width = t_quantile(confidence, freedom) * math.sqrt(variance)
    return Interval(estimate, estimate - width, estimate + width, confidence)


def _finite(values: npt.NDArray[np.float64]) -> bool:
    return bool(values.size) and bool(np.isfinite(values).all())


UNKNOWN = Interval(math.nan, -math.inf, math.inf)
"""What is known when nothing could be measured."""


def paired_interval(gains: Values, confidence: float = CONFIDENCE) -> Interval:
    """Student's t interval of the mean of paired gains, one per seed.

    One gain alone has an infinite interval; gains that are not all finite give no estimate at all.
    """
    values = np.asarray(gains, dtype=np.float64)
    if not _finite(values):
        return UNKNOWN
    n = len(values)
    variance = float(values.var(ddof=1)) / n if n > 1 else 0.0
    return _around(float(values.mean()), variance, n - 1, confidence)


def crossed_interval(
    gains: npt.NDArray[np.floating], confidence: float = CONFIDENCE, seed_variance: tuple[float, int] | None = None
) -> Interval:
    """Interval of the mean gain that holds for other seeds *and* other samples.

    ``gains`` [seeds, samples]: how much less the candidate loses than the reference with that seed on that sample.
    Seeds and samples are crossed random effects (every seed sees every sample), as readers and cases are in studies of
    diagnosis. The variance of the mean is the variance between seed means over the seeds, plus that between sample
    means over the samples, less the interaction that both contain; degrees of freedom follow Satterthwaite. A t
    interval over the seeds alone forgets that all of them were scored on the same few samples, and calls luck with
    these samples a gain.

    ``seed_variance``: (variance of one seed's mean gain, degrees of freedom), where several comparisons together know
    it better than these few seeds, see :func:`seed_noise`. One seed without it says nothing about other seeds: the
    interval is infinite.
    """
    values = np.asarray(gains, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(f"gains have shape {values.shape}, expected [seeds, samples]")
    if not _finite(values):
        return UNKNOWN
    seeds, samples = values.shape
    mean = float(values.mean())
    if (seeds == 1 and seed_variance is None) or samples == 1:
        return _around(mean, 0.0, 0, confidence)
    of_seeds, freedom = seed_variance or (float(values.mean(axis=1).var(ddof=1)), seeds - 1)
    by_seed = of_seeds / seeds
    by_sample = float(values.mean(axis=0).var(ddof=1)) / samples
    both = _interaction(values) / (seeds * samples)
    variance = max(by_seed + by_sample - both, by_seed, by_sample)
    parts = by_seed**2 / freedom + by_sample**2 / (samples - 1)
    return _around(mean, variance, variance**2 / parts if parts else seeds - 1, confidence)


def _interaction(values: npt.NDArray[np.float64]) -> float:
    seeds, samples = values.shape
    if seeds == 1:
        return 0.0
    rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0, keepdims=True) + values.mean()
    return float((rest**2).sum() / ((seeds - 1) * (samples - 1)))


def pooled_variance(groups: Sequence[Values]) -> tuple[float, int]:
    """Variance within groups and its degrees of freedom, from all groups of two or more finite values.

    Raises ``ValueError`` when no group has two values.
    """
    arrays = [np.asarray(group, dtype=np.float64) for group in groups]
    arrays = [array for array in arrays if len(array) > 1 and _finite(array)]
    freedom = sum(len(array) - 1 for array in arrays)
    if not freedom:
        raise ValueError("pooling needs a group of two or more finite values")
    squares = float(sum(((array - array.mean()) ** 2).sum() for array in arrays))
    return squares / freedom, freedom


def seed_noise(own: Values, pooled: tuple[float, int] | None) -> tuple[float, int] | None:
    """Variance between seeds to use for gains ``own`` when several comparisons know a ``pooled`` one.

    The pooled variance, unless these seeds disagree significantly more than the others do (F test, 5 %): then only
    their own is honest, and None is returned so that it is used.
    """
    from scipy.stats import f

    if pooled is None or len(own) < 2:
        return pooled
    variance, freedom = pooled
    mine = float(np.var(np.asarray(own, dtype=np.float64), ddof=1))
    return None if mine > variance * float(f.ppf(0.95, len(own) - 1, freedom)) else pooled


def wilson_interval(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of a share, such as an accuracy; never leaves [0, 1]."""
    from scipy.stats import norm

    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"{successes} successes in {trials} trials are impossible")
    share = successes / trials
    z = float(norm.ppf(0.5 + confidence / 2))
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    width = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / scale
    low = 0.0 if successes == 0 else max(0.0, centre - width)
    high = 1.0 if successes == trials else min(1.0, centre + width)
    return Interval(share, low, high, confidence)


def bootstrap_rmse_interval(
    errors: Values, *, seed: int = 0, resamples: int = 2000, confidence: float = CONFIDENCE
) -> Interval:
    """Percentile bootstrap over the samples of a root mean squared error, in the errors' unit; [N] errors."""
    squares = np.asarray(errors, dtype=np.float64) ** 2
    if not _finite(squares):
        return UNKNOWN
    generator = np.random.default_rng(seed)
    # Counting how often each sample is drawn needs [resamples, N] numbers but no second gather of the squares.
    shares = generator.multinomial(len(squares), np.full(len(squares), 1 / len(squares)), size=resamples)
    roots = np.sqrt(shares @ squares / len(squares))
    tail = (1 - confidence) / 2 * 100
    low, high = np.percentile(roots, [tail, 100 - tail])
    estimate = math.sqrt(float(squares.mean()))
    return Interval(estimate, min(float(low), estimate), max(float(high), estimate), confidence)


def spread_factor(values: Values) -> float:
    """Largest over smallest of positive values: 1 when they agree, infinite when there are none."""
    numbers = np.asarray(values, dtype=np.float64)
    if not _finite(numbers) or (numbers <= 0).any():
        return math.inf
    return float(numbers.max() / numbers.min())


def geometric_median(values: Values) -> float:
    """Median on the logarithmic scale of positive values, where rates and strengths live."""
    return float(np.exp(np.median(np.log(np.asarray(values, dtype=np.float64)))))
