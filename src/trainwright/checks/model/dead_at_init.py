"""TW313 dead-at-init."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import initial_faults, own_target_benches, training_benches
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.start import ActivationsAtStart
from trainwright.measures.trials import OverfitTrial

LIMIT = 0.9
"""Share of a layer's units that no sample activates, before and after the first steps. Healthy networks that learn
reach 0.75 (narrow and deep), 0.65 (wide and sparse) and 0.86 after steps at a large rate, so that the share alone is no
verdict: the model must also fail to fit a batch."""
WHOLE = 0.999
"""From here on a layer is dead as a whole, which is worth telling even where there is a way around it."""
FEWEST, MANY = 4, 8
"""Units that a layer must have to be judged, and where the model learns all the same: a few units whose inputs start at
0, as behind a zeroed branch, are dead by chance."""

SAMPLES = 100
"""Samples from which on units that none of them activates are dead for sure; of 40 that says no more than that fewer
than one in thirteen others may wake them (the rule of three): a healthy wide layer with biases at -0.4 was woken."""


class DeadAtInit(Check):
    """ReLU units that are not active for any sample, from the start.

    What it finds:
        Layers of ReLU units nearly all of which give 0 for every sample, before the first step and after the first
        ones: large negative biases, inputs of one sign with weights of the other, a wrong initialisation.

    Why it hurts:
        A unit that is never active passes neither values nor gradients. Where a whole layer is dead, everything before
        it cannot learn.

    How it is measured:
        On up to 256 samples, in train mode with dropout off, the share of units (channels of feature maps) that are
        never above 0, before the first and after ten own steps. Calls of relu are intercepted, as modules and as
        functions. It is an error where a whole layer is dead for a hundred samples or more and the model cannot fit a
        batch, a warning where 90 % are, where fewer samples were there to activate it, or where the model learns on a
        way around it.

    How to fix:
        Start biases at 0, initialise with Kaiming's rule, scale the inputs.

    References:
        Lu et al., Dying ReLU and initialization (2019).
    """

    code = "TW313"
    name = "dead-at-init"
    severity = Severity.ERROR
    after = ("TW401", "TW310", "TW311")
    cases = (
        Case(training_benches.alloys_mlp, initial_faults.negative_biases),
        Case(training_benches.digits_cnn, initial_faults.negative_biases),
        Case(own_target_benches.autoencoder, initial_faults.negative_biases),
    )

    def run(self, start: ActivationsAtStart, overfit: OverfitTrial | None) -> Iterator[Finding]:
        learns = overfit is None or overfit.own.overfits
        fewest = MANY if learns else FEWEST
        relu = [layer for layer in start.layers if layer.kind == "relu" and layer.n_units >= fewest]
        share, worst = max(
            ((min(layer.dead, layer.dead_after), layer) for layer in relu),
            key=lambda pair: pair[0],
            default=(0.0, None),
        )
        if worst is None or not share > (WHOLE if learns else LIMIT):
            return
        sure = start.n_samples >= SAMPLES
        severity = Severity.ERROR if share > WHOLE and sure and not learns else Severity.WARNING
        yield self.finding(
            happened=f"{100 * share:.0f} % of the {worst.n_units} ReLU units at {worst.name} are 0 for all "
            f"{start.n_samples} samples, before training and after {start.steps} steps.",
            expected=f"At most {100 * LIMIT:.0f} % of the units, and a model that can fit a batch.",
            todo="Look at the biases and the initialisation of the layer in front, and at the scale of its inputs."
            if not learns
            else "Look at the biases in front of this layer; the model fits a batch on a way around it.",
            evidence=(
                Evidence("share of dead units", worst.dead, limit=LIMIT, where=worst.name, when="before step 1"),
                Evidence(
                    "share of dead units",
                    worst.dead_after,
                    limit=LIMIT,
                    where=worst.name,
                    when=f"after {start.steps} steps",
                ),
            ),
            fixes=(
                Fix(
                    "Let units start active",
                    instruction="Start biases at 0 and weights by nn.init.kaiming_normal_, or normalise before the "
                    "ReLU.",
                ),
            ),
            confidence=0.6 if learns else 0.95 if sure else 0.7,
            why_confident="Not one sample activates them, "
            + ("but a batch is fitted." if learns else "and it shows." if sure else "but others may."),
            where=worst.name,
            severity=severity,
        )
