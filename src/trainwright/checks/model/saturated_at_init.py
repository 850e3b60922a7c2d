"""TW314 saturated-at-init."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import initial_benches, initial_faults
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.start import ActivationsAtStart
from trainwright.measures.trials import OverfitTrial

LIMIT = 0.5
"""Share of values within 1 % of an end of the range. Healthy tanh and sigmoid layers, gates and heads stay below 0.01
at the start."""

ALMOST_ALL = 0.9
"""Share from which layers without exception are a warning; single gates may be meant to be shut."""
FEWEST = 4
"""Units that a layer must have to be one of them."""
_ENDS = ("tanh", "sigmoid")


class SaturatedAtInit(Check):
    """Tanh or sigmoid units that sit at the ends of their range, from the start.

    What it finds:
        Layers most of whose values are within 1 % of −1 or 1 (tanh), 0 or 1 (sigmoid), before the first step and after
        the first ones: weights that start too large, inputs that were not scaled.

    Why it hurts:
        At the ends the slope is next to nothing: less than 2 % (tanh) or 1 % (sigmoid) of the gradient gets through,
        and with it the layers before learn at a crawl.

    How it is measured:
        On up to 256 samples, in train mode with dropout off, before the first and after ten own steps. Calls of tanh
        and sigmoid are intercepted, as modules and as functions; those inside torch's recurrent layers cannot be
        seen. An error where the model cannot fit a batch and no other cause is found, a warning where nine tenths of
        every such layer are saturated, else advice: a gate may be meant to start shut.

    How to fix:
        Start with smaller weights (Xavier), scale the inputs, normalise before the non-linearity.

    References:
        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks (2010).
    """

    code = "TW314"
    name = "saturated-at-init"
    severity = Severity.ERROR
    after = ("TW401", "TW310", "TW311")
    cases = (Case(initial_benches.tanh_mlp, initial_faults.saturated),)

    def run(self, start: ActivationsAtStart, overfit: OverfitTrial | None) -> Iterator[Finding]:
        shares = [(min(layer.saturated, layer.saturated_after), layer) for layer in start.layers]
        found = [(share, layer) for share, layer in shares if layer.kind in _ENDS and share > LIMIT]
        if not found:
            return
        share, worst = max(found, key=lambda pair: pair[0])
        severity = _severity(start, share, overfit)
        yield self.finding(
            happened=f"{100 * share:.0f} % of the values that leave the {worst.kind} at {worst.name} are within 1 % of "
            f"an end of its range, before training and after {start.steps} steps; {len(found)} such "
            f"{'places' if len(found) > 1 else 'place'}.",
            expected=f"At most {100 * LIMIT:.0f} % of the values; healthy layers start below 1 %.",
            todo="Start with smaller weights, or scale what enters the layer in front.",
            evidence=(
                Evidence("share saturated", worst.saturated, limit=LIMIT, where=worst.name, when="before step 1"),
                Evidence(
                    "share saturated",
                    worst.saturated_after,
                    limit=LIMIT,
                    where=worst.name,
                    when=f"after {start.steps} steps",
                ),
            ),
            fixes=(
                Fix(
                    "Start within the range",
                    instruction="nn.init.xavier_normal_(layer.weight), inputs of mean 0 and spread 1, or a "
                    "normalisation before the non-linearity.",
                ),
            ),
            confidence=0.5 if severity is Severity.ADVICE else 0.92,
            why_confident=_WHY[severity],
            where=worst.name,
            severity=severity,
        )


_WHY = {
    Severity.ERROR: "It stays so over the first steps, the model cannot fit a batch, and no other cause was found.",
    Severity.WARNING: "It is so in every such layer, and stays so over the first steps.",
    Severity.ADVICE: "Other layers of the model are not saturated, and it fits a batch.",
}


def _severity(start: ActivationsAtStart, share: float, overfit: OverfitTrial | None) -> Severity:
    if overfit is not None and overfit.blames_model:
        return Severity.ERROR
    wide = [layer for layer in start.layers if layer.kind in _ENDS and layer.n_units >= FEWEST]
    everywhere = bool(wide) and all(min(layer.saturated, layer.saturated_after) > ALMOST_ALL for layer in wide)
    return Severity.WARNING if everywhere and share > ALMOST_ALL else Severity.ADVICE
