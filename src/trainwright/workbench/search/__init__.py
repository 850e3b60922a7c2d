"""Search: spaces of settings, quasi-random points, learning-rate sweeps and what mattered."""

from trainwright.workbench.search.importance import Importance, importance_of
from trainwright.workbench.search.rates import RateFinding, Sweep, combine_sweeps, sweep_rates
from trainwright.workbench.search.space import Choice, Dimension, Linear, Logarithmic, Space, sobol_points

__all__ = [
    "Choice",
    "Dimension",
    "Importance",
    "Linear",
    "Logarithmic",
    "RateFinding",
    "Space",
    "Sweep",
    "combine_sweeps",
    "importance_of",
    "sobol_points",
    "sweep_rates",
]
