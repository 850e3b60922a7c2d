"""Fresh: does a weight still look as an initialiser left it?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.nn import Parameter

from trainwright.measures.reach import module_of

FEWEST_WEIGHTS = 32
"""Of a weight matrix from which on it is compared with its start; of 32 uniform values the largest is within 5/32 of
the bound with 99 %."""
_LOOKED_AT = 4096
"""Values of a weight, evenly spread over it, whose distribution is compared."""
_FEWEST_NORMAL = 4000
"""Values from which on a normal distribution is told from another of a spread 5 % larger."""
_FARTHEST = 1.95
"""Kolmogorov and Smirnov's distance times √n, which samples of the very distribution exceed once in a thousand."""
_FARTHEST_SPREAD = 4.0
"""Standard errors between the spread of a fresh weight and that of its distribution."""
_LARGEST_SIDE = 256
"""Rows and columns of a weight whose largest singular value is looked at."""
_SINGULAR = 1.0
"""How far, in spreads of the entries, it may lie beyond √rows + √columns: noise does so once in a thousand, and the few
directions in which training moves a weight stand out."""
_FIXED = (1.0, 0.02)
"""Spreads of normal starts that know of no fan: torch's embeddings, and transformers since BERT."""
_ALIKE = 0.9
"""Correlation of a weight with the one that it follows as an average or copy."""


def fills(weight: Tensor, bound: float) -> bool:
    """Whether the values reach up to ``bound``, as uniform ones do, and nothing lies beyond.

    Training moves some of the outermost values beyond the bound of their start, so trained weights are not taken for
    fresh ones.
    """
    largest = float(weight.detach().abs().max()) / bound
    return (1 - 5 / weight.numel()) < largest <= 1 + 1e-5


def fresh_and_frozen(parameters: Mapping[str, Parameter]) -> tuple[str, ...]:
    """Names of frozen weights in front of trained ones that hold the random numbers they were made with.

    Nothing where most of the frozen weights are others: of many that were trained elsewhere, one may look fresh by
    chance. Left out are layers of which some parameters are trained, the base of a low-rank adapter, and weights that
    follow trained ones (targets, averages).
    """
    names = list(parameters)
    trained = {name: p for name, p in parameters.items() if p.requires_grad}
    last = max((place for place, name in enumerate(names) if name in trained), default=-1)
    partly = {module_of(name) for name in trained}
    judged = [name for name in names[: max(0, last)] if _is_judged(parameters[name]) and module_of(name) not in partly]
    found = [name for name in judged if is_fresh(parameters[name])]
    if 2 * len(found) <= len(judged):
        return ()
    own = (name for name in found if not _is_adapted(name, parameters[name], trained))
    return tuple(name for name in own if not _follows(parameters[name], trained))


def _is_judged(weight: Parameter) -> bool:
    large = weight.dim() > 1 and weight.numel() >= FEWEST_WEIGHTS
    return large and not weight.requires_grad and weight.is_floating_point()


@torch.no_grad()
def is_fresh(weight: Tensor) -> bool:
    """Whether the values are distributed as the usual initialisers draw them: uniform by torch's default, Glorot's or
    He's rule or of Keras's embeddings, or normal by the rules of LeCun, Glorot and He or of a usual fixed spread.

    References: Glorot and Bengio (2010); He et al. (2015); torch.nn.init.
    """
    values = weight.detach().reshape(-1)
    values = values[:: max(1, values.numel() // _LOOKED_AT)].double().sort().values
    fans = set(_fans(weight))
    bounds = {0.05, *(b for i, o in fans for b in (1 / math.sqrt(i), math.sqrt(6 / i), math.sqrt(6 / (i + o))))}
    uniform = any(fills(values, b) and _distance(values, (values / b + 1) / 2) < _FARTHEST for b in bounds)
    spreads = {*_FIXED, *(s for i, o in fans for s in (i**-0.5, math.sqrt(2 / i), math.sqrt(2 / (i + o))))}
    normal = len(values) >= _FEWEST_NORMAL and any(_is_normal(weight, values, spread) for spread in spreads)
    return (uniform or normal) and _is_noise(weight)


def _is_noise(weight: Tensor) -> bool:
    """Whether no direction stands out, by the law of the largest singular value (Johnstone, On the distribution of the
    largest eigenvalue in principal components analysis, 2001)."""
    part = weight.detach().reshape(len(weight), -1)[:_LARGEST_SIDE, :_LARGEST_SIDE].double()
    spread = float(part.square().mean().sqrt())
    largest = float(torch.linalg.matrix_norm(part, 2))
    return largest < spread * (math.sqrt(part.shape[0]) + math.sqrt(part.shape[1]) + _SINGULAR)


def _is_normal(weight: Tensor, values: Tensor, spread: float) -> bool:
    if not _distance(values, torch.special.ndtr(values / spread)) < _FARTHEST:
        return False
    measured = float(weight.detach().double().square().mean().sqrt())
    return abs(measured / spread - 1) < _FARTHEST_SPREAD / math.sqrt(2 * weight.numel())


def _distance(values: Tensor, expected: Tensor) -> float:
    """Kolmogorov and Smirnov's distance times √n of sorted ``values``, given the distribution function at each."""
    n = len(values)
    steps = torch.arange(1, n + 1, dtype=expected.dtype, device=expected.device) / n
    return float((expected - steps + 0.5 / n).abs().max() + 0.5 / n) * math.sqrt(n)


def _fans(weight: Tensor) -> Iterator[tuple[float, float]]:
    """(fan-in, fan-out) as torch lays weights out, [out, in, …], and as Keras does, […, in, out]."""
    n, shape = weight.numel(), weight.shape
    yield n / shape[0], n / shape[1]
    yield n / shape[-1], n / shape[-2]


def _is_adapted(name: str, weight: Parameter, trained: Mapping[str, Parameter]) -> bool:
    """Whether two small trained matrices stand beside the weight whose product has its shape."""
    parent = module_of(name).rpartition(".")[0]
    if not parent or weight.dim() != 2:
        return False
    n_out, n_in = weight.shape
    small = [p.numel() for other, p in trained.items() if other.startswith(f"{parent}.") and p.dim() == 2]
    return any(rank * n_in in small and rank * n_out in small for rank in range(1, min(n_in, n_out)))


def _follows(weight: Parameter, trained: Mapping[str, Parameter]) -> bool:
    return any(_correlation(weight, other) > _ALIKE for other in trained.values() if other.shape == weight.shape)


def _correlation(one: Tensor, other: Tensor) -> float:
    pair = torch.stack([one.detach().double().reshape(-1), other.detach().double().reshape(-1)])
    return float(torch.corrcoef(pair)[0, 1])
