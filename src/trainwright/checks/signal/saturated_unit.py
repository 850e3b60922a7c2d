"""TW405 saturated-unit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.layers import ActivationSignals
from trainwright.measures.learning import learns

SHARE = 0.6
"""Share of a layer's values within 1 % of an end of their range, median of the first and median of the last quarter of
the run, both. Healthy tanh and sigmoid networks start at 0 and end at up to 0.42; inputs of 0 to 255 or weights of
standard deviation 1 give 0.7 to 1."""

FEWEST_SAMPLES = 6


class SaturatedUnit(Check):
    """A layer of sigmoid or tanh units stands at the ends of its range.

    What it finds:
        Hidden sigmoid and tanh layers most of whose values lie within 1 % of an end of their range, from the start to
        the end of the run: inputs that are not scaled, or weights that are too large.

    Why it hurts:
        The slope there is almost zero, so that the layers before it get almost no gradient and learn slowly or never.

    How it is measured:
        The share of values near an end, median over the first and over the last quarter of the sampled steps; both
        above 60 %. A warning where the network does not learn, advice where it does. The last activation (a
        probability, the output of a generator) and the gates inside recurrent layers are left out.

    How to fix:
        Standardise the inputs, initialise with Xavier, normalise before the activation, or use ReLU.

    References:
        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks (2010).
    """

    code = "TW405"
    name = "saturated-unit"
    severity = Severity.WARNING
    after = ("TW401", "TW314", "TW312", "TW303", "TW409", "TW410", "TW404")
    cases = (Case(training_benches.alloys_mlp, loop_faults.saturated_units),)

    def run(self, active: ActivationSignals, curve: LearningCurve | None) -> Iterator[Finding]:
        if not active.consistent or len(active.steps) < FEWEST_SAMPLES:
            raise CannotEvaluate(f"{len(active.steps)} samples are too few; {FEWEST_SAMPLES} are needed")
        hidden = np.flatnonzero(np.isfinite(active.saturated[:-1]).any(axis=1))
        if not len(hidden):
            raise CannotEvaluate("no hidden layer with sigmoid or tanh was seen")
        quarter = max(2, len(active.steps) // 4)
        values = np.nan_to_num(active.saturated[hidden], nan=0.0)
        shares = np.minimum(np.median(values[:, :quarter], axis=1), np.median(values[:, -quarter:], axis=1))
        if not shares.max() > SHARE:
            return
        worst = int(hidden[int(shares.argmax())])
        share, name, kind = float(shares.max()), active.names[worst], active.kinds[worst]
        learning = learns(curve)
        consequence = {False: " The network did not learn.", True: " The network learns all the same."}
        yield self.finding(
            happened=f"{share:.0%} of the values of '{name}' ({int(active.n_units[worst])} {kind} units) lie within "
            f"1 % of an end of their range, from the first to the last of {len(active.steps)} sampled steps."
            f"{consequence.get(learning, '') if learning is not None else ''}",
            expected=f"At most {SHARE:.0%} of a hidden layer's values near the ends.",
            todo="Standardise what enters the layer, initialise with smaller weights, or use ReLU.",
            evidence=(
                Evidence(
                    "share of values near the ends",
                    share,
                    limit=SHARE,
                    where=name,
                    when=f"steps {active.steps[0]} to {active.steps[-1]}",
                    series=(
                        Series("share of values near the ends", tuple(map(float, active.steps)),
                               tuple(map(float, np.nan_to_num(active.saturated[worst])))),
                    ),
                ),
            ),
            fixes=(
                Fix(
                    "Keep the layer in its middle",
                    instruction="Standardise the inputs (mean 0, deviation 1), initialise with "
                    "nn.init.xavier_uniform_, or put normalisation in front of the activation.",
                ),
            ),
            confidence=0.9 if learning is False else 0.6,
            why_confident="Saturated from start to end; healthy layers start in the middle of their range.",
            where=name,
            severity=self.severity if learning is False else Severity.ADVICE,
        )  # fmt: skip
