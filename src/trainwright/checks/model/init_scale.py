"""TW312 init-scale."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from trainwright.clinic import initial_benches, initial_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.initial import InitialLoss
from trainwright.measures.start import ActivationsAtStart, LayerStart
from trainwright.measures.trials import InputDependence, OverfitTrial

SHRINK = 1e-3
"""Spread at the last layer as a share of that at the first, below which a model that cannot fit a batch is blamed on
it. Healthy networks that are not very deep keep 0.01 (recurrent and pooled ones) to 3; plain ones of eight layers in
torch's default initialisation come down to 2e-4 and learn, so that the share alone says nothing."""
GROWTH = 1e2
"""The same for growth. Healthy networks reach 3.2."""
FAR = 30.0
"""Beyond the limits by this factor the share is worth telling although the model learns."""
SQUEEZED = 0.05
"""Spread behind a hidden softmax as a share of that in front of its layer. A softmax over 12 to 32 units leaves
0.02 to 0.05 of it, over more less; a sampled one (Gumbel), which is meant as a code, more than it was given."""
GRADUAL, FEWEST_LAYERS = 0.5, 4
"""Largest share of all shrinking (in logarithms) that one layer may have, and layers, where depth is to blame for
outputs that are all the same; a cut is made by one layer."""
LOST = 1e-5
"""Spread at the end of a part of the network as a share of that at its begin, before and after some steps, from which
on nothing of what it found reaches the rest."""
CONFUSED = 2.0
"""First loss as a multiple of that of outputs near zero, from which growth has done harm."""


class InitScale(Check):
    """From layer to layer the activations grow or shrink by orders of magnitude.

    What it finds:
        An initialisation that does not fit the depth and the non-linearity: normal weights of spread 1 in wide layers,
        sigmoid units in a deep network, small weights without normalisation, a softmax as activation of a hidden layer.

    Why it hurts:
        Where activations shrink, all samples look alike to the last layer and the first ones get hardly any gradient.
        Where they grow, the outputs are huge and the loss starts far above what knowing nothing costs.

    How it is measured:
        The standard deviation over samples of what enters each layer with weights, in train mode before the first
        step, from the first to the last. Deep plain networks in torch's default initialisation shrink by a thousand and
        learn, so it is an error only where the model cannot fit a batch and no other cause is found, or where layer by
        layer so little is left that the outputs are all the same, some training steps on as well; a warning where
        growth comes with a first loss twice that of outputs near zero, or where a part of the network loses all but
        1e-5 of the spread before and after some steps, while the rest gets other inputs; else advice, and only far
        beyond the limits. A
        softmax whose result goes straight into the next layer, with at most 5 % of the spread left, is a warning.

    How to fix:
        Use Kaiming initialisation for ReLU and Xavier for tanh, normalisation layers, or residual connections.

    References:
        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks (2010); He et al.,
        Delving deep into rectifiers (2015).
    """

    code = "TW312"
    name = "init-scale"
    severity = Severity.ERROR
    after = ("TW401", "TW310", "TW311", "TW313", "TW314")
    cases = (
        Case(initial_benches.deep_mlp, initial_faults.normal_weights),
        Case(initial_benches.deep_mlp, initial_faults.sigmoid_layers),
        Case(training_benches.alloys_mlp, initial_faults.hidden_softmax),
    )

    def run(
        self,
        start: ActivationsAtStart,
        overfit: OverfitTrial | None,
        loss: InitialLoss | None,
        dependence: InputDependence | None,
    ) -> Iterator[Finding]:
        squeezed = next(_squeezed(start.layers), None)
        if squeezed is not None:
            yield self._softmax(*squeezed)
            return
        layers = [layer for layer in start.layers if layer.kind == "layer" and not math.isnan(layer.spread)]
        if len(layers) < 2:
            return
        if part := _lost(layers):
            share, behind = part[-1].spread / part[0].spread, layers[len(part)]
            yield self._finding(
                part, share, Severity.WARNING, "It is so after some own steps, too.", lost_to=behind.name
            )
            return
        reached = list(itertools.takewhile(lambda layer: layer.spread > 0, layers))
        faded = dependence is not None and dependence.is_none and _is_gradual(reached)
        layers = reached if faded else layers  # what is left may be rounded to nothing
        first, last = layers[0].spread, layers[-1].spread
        if not (first > 0 and math.isfinite(last)):
            raise CannotEvaluate(f"the spread over samples is {first} at {layers[0].name}, {last} at {layers[-1].name}")
        if last == 0:
            raise CannotEvaluate(
                f"nothing that enters {layers[-1].name} differs between samples: a cut, not a matter of scale"
            )
        share = last / first
        beyond = max(share / GROWTH, SHRINK / share if share > 0 else math.inf)
        severity = Severity.ADVICE
        if (overfit is not None and overfit.blames_model) or faded:
            severity = Severity.ERROR
        elif share > GROWTH and _is_confused(loss):
            severity = Severity.WARNING
        if beyond > (FAR if severity is Severity.ADVICE else 1):
            why = "Nothing of the input is left at the output." if faded else _WHY[severity]
            yield self._finding(layers, share, severity, why)

    def _softmax(self, before: LayerStart, softmax: LayerStart, after: LayerStart) -> Finding:
        share = softmax.spread / before.spread
        return self.finding(
            happened=f"A softmax stands between {before.name} and {after.name}: of a spread over samples of "
            f"{before.spread:.3g} it leaves {softmax.spread:.3g}, so that all samples look alike to {after.name}.",
            expected="An activation that acts on each unit for itself, such as ReLU, and keeps most of the spread.",
            todo="Replace the hidden softmax by ReLU or GELU.",
            evidence=(
                Evidence(
                    "spread behind the softmax relative to that in front of its layer",
                    share,
                    limit=SQUEEZED,
                    where=softmax.name,
                    when="before step 1",
                ),
            ),
            fixes=(Fix("Use another activation", instruction="nn.ReLU() in place of nn.Softmax in the hidden layer."),),
            confidence=0.9,
            why_confident="Its result goes straight into a layer with weights; attention and gates multiply with it.",
            severity=Severity.WARNING,
        )

    def _finding(
        self, layers: list[LayerStart], share: float, severity: Severity, why: str, *, lost_to: str = ""
    ) -> Finding:
        verb, limit = ("grows", GROWTH) if share > 1 else ("shrinks", SHRINK)
        spreads = tuple(float(layer.spread) for layer in layers)
        return self.finding(
            happened=f"The spread of the activations over samples {verb} from {layers[0].spread:.3g} at "
            f"{layers[0].name} to {layers[-1].spread:.3g} at {layers[-1].name}, by a factor of {share:.2g} over "
            f"{len(layers)} layers."
            + (f" {lost_to} gets something else beside it, and learns from that alone." if lost_to else ""),
            expected=f"A factor between {SHRINK:g} and {GROWTH:g}; healthy networks have 0.01 to 3.",
            todo="Initialise for the non-linearity in use, or normalise between the layers.",
            evidence=(
                Evidence(
                    "spread at the last layer relative to the first",
                    share,
                    limit=limit,
                    where=layers[-1].name,
                    when="before step 1",
                    series=(Series("spread over samples", tuple(map(float, range(len(spreads)))), spreads),),
                ),
            ),
            fixes=(
                Fix(
                    "Initialise for depth",
                    instruction="nn.init.kaiming_normal_(layer.weight) for ReLU, xavier_normal_ for tanh; ReLU or GELU "
                    "rather than sigmoid in hidden layers; or nn.LayerNorm between them.",
                ),
            ),
            confidence=0.5 if severity is Severity.ADVICE else 0.92,
            why_confident=why,
            severity=severity,
        )


def _is_gradual(layers: list[LayerStart]) -> bool:
    """Whether many layers have their part in the shrinking."""
    if len(layers) < FEWEST_LAYERS:
        return False
    steps = [math.log(before.spread / after.spread) for before, after in itertools.pairwise(layers)]
    return max(steps) < GRADUAL * sum(steps)


def _lost(layers: list[LayerStart]) -> list[LayerStart]:
    """The part of the network, from its begin, behind which nothing of the input is left, though later layers get some
    of it another way; empty where there is none."""
    low = min(range(len(layers)), key=lambda place: layers[place].spread_after)
    part, rest = layers[: low + 1], layers[low + 1 :]
    spreads = [layer.spread for layer in part]
    if not rest or not all(0 < spread < math.inf for spread in spreads) or not _is_gradual(part):
        return []
    gone = spreads[-1] < LOST * spreads[0] and part[-1].spread_after < LOST * part[0].spread_after
    return part if gone and rest[-1].spread * LOST > spreads[-1] else []


def _squeezed(layers: Sequence[LayerStart]) -> Iterator[tuple[LayerStart, LayerStart, LayerStart]]:
    """The latest layer before a softmax, the softmax, and the layer that is given just what the softmax returns."""
    for place, (softmax, after) in enumerate(itertools.pairwise(layers)):
        before = next((each for each in reversed(layers[:place]) if each.kind == "layer"), None)
        straight = after.n_units == softmax.n_units and math.isclose(after.spread, softmax.spread, rel_tol=1e-6)
        if before is None or (softmax.kind, after.kind) != ("softmax", "layer") or not straight:
            continue
        if softmax.spread < SQUEEZED * before.spread:
            yield before, softmax, after


_WHY = {
    Severity.ERROR: "The model cannot fit a batch, and no other cause was found.",
    Severity.WARNING: "The first loss is far above what knowing nothing costs.",
    Severity.ADVICE: "The model fits a batch all the same.",
}


def _is_confused(loss: InitialLoss | None) -> bool:
    return loss is not None and loss.ignorant_loss > 0 and loss.loss > CONFUSED * loss.ignorant_loss
