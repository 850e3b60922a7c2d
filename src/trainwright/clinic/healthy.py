"""Every healthy bench there is, the plain ones and those that look ill to a hasty rule."""

from __future__ import annotations

from trainwright.clinic import (
    images,
    initial_benches,
    loop_benches,
    model_benches,
    own_target_benches,
    tables,
    training_benches,
    tricky_benches,
)
from trainwright.clinic.training_benches import BenchMaker

PLAIN: tuple[BenchMaker, ...] = (
    tables.wine,
    tables.breast_cancer,
    tables.diabetes,
    images.digits,
    images.shapes,
    *training_benches.HEALTHY,
    initial_benches.tanh_mlp,
    initial_benches.normalised_mlp,
    initial_benches.pooled_gru,
    own_target_benches.next_token,
)
"""Nothing about them is unusual."""

TRICKY: tuple[BenchMaker, ...] = (
    tables.survey,
    tables.skewed,
    images.digit_pixels,
    *training_benches.TRICKY,
    *model_benches.MODELS,
    *loop_benches.TRICKY,
    *tricky_benches.TRICKY,
    *own_target_benches.TRICKY,
    initial_benches.deep_mlp,
    initial_benches.custom_gradient,
    initial_benches.loaded_cnn,
)
"""Each has something that a hasty rule takes for an illness; the maker's docstring says what."""
