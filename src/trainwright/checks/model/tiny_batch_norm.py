"""TW335 tiny-batch-norm."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import initial_benches, initial_faults
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.structure import ModelStructure

LIMIT = 4
"""Values from which a batch normalisation computes one mean and variance. With 4 the standard error of a mean is half a
standard deviation; small residual networks and perceptrons still train at batch 4, with 2 each value is sent to ±1."""


class TinyBatchNorm(Check):
    """Batch normalisation over fewer than four values per channel.

    What it finds:
        Batch normalisation whose statistics are made of two or three numbers in training: tiny batches on layers
        without spatial extent, or maps shrunk to a single position.

    Why it hurts:
        The statistics are noise: with two values every channel becomes −1 and 1 whatever they were. The running
        statistics of eval mode then describe something the network has never seen.

    How it is measured:
        One batch of the user's size in train mode; the numbers that enter a layer divided by its channels. Layers in
        eval mode on purpose do not count as they use no batch statistics.

    How to fix:
        Larger batches, or a normalisation that does not use the batch: group or layer normalisation.

    References:
        Wu and He, Group normalization (2018).
    """

    code = "TW335"
    name = "tiny-batch-norm"
    severity = Severity.WARNING
    after = ("TW401",)
    cases = (Case(initial_benches.normalised_mlp, initial_faults.tiny_batch),)

    def run(self, structure: ModelStructure) -> Iterator[Finding]:
        tiny = [layer for layer in structure.layers if 0 < layer.values_per_channel < LIMIT]
        if not tiny:
            return
        worst = min(tiny, key=lambda layer: layer.values_per_channel)
        yield self.finding(
            happened=f"With {structure.batch_size} samples in a batch {worst.name} ({worst.kind}) computes its mean "
            f"and variance from {worst.values_per_channel} values per channel; {len(tiny)} such "
            f"{'layers' if len(tiny) > 1 else 'layer'}.",
            expected=f"At least {LIMIT} values per channel, better 16.",
            todo="Use larger batches, or nn.GroupNorm or nn.LayerNorm in place of batch normalisation.",
            evidence=(Evidence("values per channel", worst.values_per_channel, limit=LIMIT, where=worst.name),),
            fixes=(
                Fix("Larger batches", changes={"training.batch_size": 32}),
                Fix(
                    "Normalise each sample by itself",
                    instruction="nn.GroupNorm or nn.LayerNorm in place of nn.BatchNorm.",
                ),
            ),
            confidence=0.9,
            why_confident="The number of values is counted; that it hurts is known for so few.",
            where=worst.name,
        )
