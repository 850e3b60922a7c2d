"""TW402 vanishing-gradient."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.layers import LayerSignals
from trainwright.measures.learning import learns

RATIO = 1e-4
"""Largest gradient in the first third of the layers as a share of the largest anywhere (root mean square per weight,
each layer's largest over the run). Healthy runs of 40 kinds of networks stay above 0.008, embeddings the lowest;
networks whose gradient vanishes lie below 3e-6."""

FEWEST_SAMPLES, FEWEST_LAYERS = 10, 3


class VanishingGradient(Check):
    """The gradient dies out on its way to the first layers, and the network does not learn.

    What it finds:
        A deep network without a way through for the gradient: ten sigmoid layers, weights that are much too small,
        many layers without normalisation or shortcuts.

    Why it hurts:
        The first layers keep their random weights, and the last ones see features that say nothing about the input.

    How it is measured:
        The gradient's root mean square per weight of every layer, its largest over all sampled steps, so that a loss
        near zero or a branch that starts at zero does not matter. Reported where the first third of the layers stays
        below 1e-4 of the largest layer and the loss does not stand below the constant prediction's. Frozen parameters
        and normalisation layers are left out.

    How to fix:
        ReLU or GELU instead of sigmoid and tanh, initialisation scaled to the layers' widths (He, Xavier), batch or
        layer normalisation, residual connections.

    References:
        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks (2010); He et al.,
        Delving deep into rectifiers (2015).
    """

    code = "TW402"
    name = "vanishing-gradient"
    severity = Severity.WARNING
    after = ("TW401", "TW304", "TW310", "TW313", "TW312", "TW303", "TW409", "TW410", "TW407", "TW412", "TW519")
    cases = (Case(training_benches.alloys_mlp, loop_faults.sigmoid_stack),)

    def run(self, signals: LayerSignals, curve: LearningCurve | None) -> Iterator[Finding]:
        if not signals.consistent or len(signals.steps) < FEWEST_SAMPLES:
            raise CannotEvaluate(f"{len(signals.steps)} samples are too few; {FEWEST_SAMPLES} are needed")
        deep = np.flatnonzero(~signals.is_norm & (signals.n_parameters > 0))
        if len(deep) < FEWEST_LAYERS:
            raise CannotEvaluate(f"{len(deep)} layers have no depth; {FEWEST_LAYERS} are needed")
        sizes = np.sqrt(signals.n_parameters[deep].astype(np.float64))
        largest = np.nan_to_num(signals.gradient_norm[deep], nan=0.0).max(axis=1) / sizes
        first = deep[: max(1, len(deep) // 3)]
        early, all_ = float(largest[: len(first)].max()), float(largest.max())
        if not (np.isfinite(all_) and all_ > 0):
            raise CannotEvaluate(f"the largest gradient is {all_:.3g}")
        if early == 0:
            raise CannotEvaluate("no gradient at all reaches the first layers: cut off, not faded")
        if not early / all_ < RATIO or learns(curve) is not False:
            return
        names = [signals.names[layer] for layer in deep]
        strongest = names[int(largest.argmax())]
        yield self.finding(
            happened=f"In the first {len(first)} of {len(deep)} layers the gradient never exceeded {early:.2g} per "
            f"weight, in '{strongest}' it reached {all_:.2g}: a share of {early / all_:.1g}. The network did "
            "not learn.",
            expected=f"Gradients in the first layers of at least {RATIO:g} of the largest.",
            todo="Give the gradient a way through: ReLU or GELU, He initialisation, normalisation, residual "
            "connections, or fewer layers.",
            evidence=(
                Evidence(
                    "gradient of the first third of the layers beside the largest",
                    early / all_,
                    limit=RATIO,
                    where=names[0],
                    when=f"steps {signals.steps[0]} to {signals.steps[-1]}",
                    series=(
                        Series(
                            "largest gradient per layer, first to last",
                            tuple(float(i) for i in range(1, len(deep) + 1)),
                            tuple(map(float, largest)),
                        ),
                    ),
                ),
            ),
            fixes=(
                Fix(
                    "Give the gradient a way through",
                    instruction="Replace sigmoid and tanh by ReLU or GELU, initialise with nn.init.kaiming_normal_, "
                    "and put normalisation layers or residual connections between the layers.",
                ),
            ),
            confidence=0.9,
            why_confident="It does not learn, and the gap holds over all sampled steps; a training with normalisation "
            "layers would settle it.",
            where=names[0],
        )
