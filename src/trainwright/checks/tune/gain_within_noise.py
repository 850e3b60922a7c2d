"""TW702 gain-within-noise."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.study import PairedGains

FEWEST_SEEDS = 3


class GainWithinNoise(Check):
    """A change was adopted although its gain is within the noise of the seeds.

    What it finds:
        A change that was kept, whose gain over the same seeds with and without it may as well be nothing.

    Why it hurts:
        Adopting noise adds complexity for nothing, wears out the validation set and makes the next comparison harder.

    How it is measured:
        The paired 95 % t interval of the gains over at least three seeds, everything else equal. Where it includes 0,
        chance alone explains the gain. By construction 2.5 % of changes without any effect pass.

    How to fix:
        Leave the change out, or measure it with more seeds.

    References:
        Bouthillier et al., Accounting for Variance in Machine Learning Benchmarks (2021).
    """

    code = "TW702"
    name = "gain-within-noise"
    severity = Severity.WARNING
    cases = (Case(training_benches.alloys_mlp, training_faults.noisy_gain),)

    def run(self, found: PairedGains) -> Iterator[Finding]:
        if not found.adopted:
            return
        if len(found.gains) < FEWEST_SEEDS or not all(math.isfinite(gain) for gain in found.gains):
            raise CannotEvaluate(
                f"'{found.name}' has {len(found.gains)} seeds with finite gains needed: {FEWEST_SEEDS}"
            )
        low, high = found.interval
        if low > 0:
            return
        n, unit = len(found.gains), f" {found.unit}" if found.unit else ""
        yield self.finding(
            happened=f"'{found.name}' was adopted for a gain of {found.mean:+.3g}{unit} over {n} seeds, whose 95 % "
            f"interval {low:+.3g} … {high:+.3g}{unit} includes 0."
            if high >= 0
            else f"'{found.name}' was adopted although it loses {-found.mean:.3g}{unit} over {n} seeds, 95 % interval "
            f"{low:+.3g} … {high:+.3g}{unit}.",
            expected=f"A gain whose 95 % interval over at least {FEWEST_SEEDS} seeds lies above 0.",
            todo=f"Leave '{found.name}' out, or measure it with more than {n} seeds.",
            evidence=(
                Evidence(
                    "lower end of the gain's interval",
                    low,
                    limit=0.0,
                    unit=found.unit,
                    series=(Series("gain", tuple(float(i + 1) for i in range(n)), found.gains, found.unit),),
                ),
            ),
            fixes=(Fix(f"Leave out '{found.name}'", instruction="Set it back to what it was before the comparison."),),
            confidence=0.95,
            why_confident="A paired t interval at 95 %.",
            where=found.name,
        )
