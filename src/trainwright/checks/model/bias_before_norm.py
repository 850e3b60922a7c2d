"""TW336 bias-before-norm."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import initial_benches, initial_faults
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.structure import ModelStructure

SHOWN = 5


class BiasBeforeNorm(Check):
    """Layers whose bias is taken away again by the normalisation behind them.

    What it finds:
        Linear and convolutional layers with a trained bias whose output goes to a batch or instance normalisation and
        nowhere else.

    Why it hurts:
        The normalisation subtracts each channel's mean and the bias with it. It does no harm but cost, and weight decay
        or a nonzero gradient on it only look like something.

    How it is measured:
        One batch in train mode: the very tensor that such a layer returns enters the normalisation, and no other layer,
        and a constant added to it leaves the model's outputs as they are.
        Normalisations over several channels (layer norm, group norm) do not cancel a bias and are passed.

    How to fix:
        Create these layers with ``bias=False``.

    References:
        Ioffe and Szegedy, Batch normalization (2015), section 3.2.
    """

    code = "TW336"
    name = "bias-before-norm"
    severity = Severity.ADVICE
    cases = (
        Case(initial_benches.normalised_mlp, initial_faults.bias_before_norm),
        Case(initial_benches.loaded_cnn, initial_faults.bias_before_norm),
    )

    def run(self, structure: ModelStructure) -> Iterator[Finding]:
        useless = [layer for layer in structure.layers if layer.trained_bias and layer.norm_after]
        if not useless:
            return
        names = ", ".join(f"{layer.name} before {layer.norm_after}" for layer in useless[:SHOWN])
        more = f" and {len(useless) - SHOWN} more" if len(useless) > SHOWN else ""
        yield self.finding(
            happened=f"{len(useless)} {'layers have' if len(useless) > 1 else 'layer has'} a bias that the "
            f"normalisation behind it subtracts again: {names}{more}.",
            expected="0 biases directly in front of batch or instance normalisation.",
            todo="Create these layers with bias=False.",
            evidence=(Evidence("biases without effect", len(useless), limit=0, where=useless[0].name),),
            fixes=(Fix("Leave the bias out", instruction="nn.Conv2d(..., bias=False), nn.Linear(..., bias=False)."),),
            why_confident="The normalisation takes the layer's output as it is and subtracts each channel's mean.",
        )
