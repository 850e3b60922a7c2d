"""TW327 swapped-axis."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import initial_benches, initial_faults, training_benches
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.batches import InputLayout
from trainwright.measures.graph import HeadMix, LossGraph, Operation
from trainwright.measures.structure import AxisMix, AxisRoles

VIEWS = ("View", "UnsafeView", "ReshapeAlias")
"""torch's names for operations that give a tensor other axes and leave its numbers where they are."""
ALIKE, LIKER = 0.7, 0.65
"""Difference of neighbours in another order of the axes below which they are alike, and as a share of that in the given
order. Sound pictures and signals have ratios of 0.91 (boards) to 3; scrambled ones 0.47 to 0.57."""


class SwappedAxis(Check):
    """A layer takes one axis for another.

    What it finds:
        Recurrent and attention layers that run along the samples of a batch, because ``batch_first`` was forgotten or
        set where time comes first; attention that runs along its own heads, as these were never exchanged with the
        positions, or were viewed in front of these; and ``view`` or ``reshape`` where ``permute`` was meant, which
        renames axes and scrambles what they hold.

    Why it hurts:
        Shapes fit, the loss falls, and the model sees noise: the order of the samples in the first case, pieces of
        different positions and channels joined at random in the second.

    How it is measured:
        Two batches of different size go through the model; the axis of a layer's input whose length follows holds the
        samples, and must be the one that the layer takes for them. For views: a tensor holds the same numbers in the
        same memory order as an earlier one whose axes have these lengths in another order, inside the model or, as the
        graph shows, in front of the loss. Both are facts of shapes and values; square tensors, whose axes cannot be
        told apart, are not judged, nor is the order of samples and time where layers take time first and there is a
        target for each position, unless the targets are the next tokens. Of pictures and signals that are scrambled
        before they reach the model the numbers tell: neighbours are less alike than they would be with the channels
        last in memory, by more than a third. Attention along heads: the graph shows queries whose last axis was split
        into heads and features, and no exchange of heads and positions behind it; or a view with the heads in front of
        the positions.

    How to fix:
        ``batch_first=True``; ``permute`` or ``transpose`` in place of ``view``.

    References:
        Karpathy, A Recipe for Training Neural Networks (2019), "use backprop to chart dependencies"; torch.nn.LSTM,
        argument ``batch_first``.
    """

    code = "TW327"
    name = "swapped-axis"
    severity = Severity.ERROR
    after = ("TW401",)
    cases = (
        Case(training_benches.waves_gru, initial_faults.time_first),
        Case(initial_benches.pooled_gru, initial_faults.view_for_permute),
    )

    def run(self, graph: LossGraph, roles: AxisRoles | None, layout: InputLayout | None) -> Iterator[Finding]:
        mixes = roles.mixes if roles else ()
        if roles:
            for mix in mixes:
                yield self._batch_as_time(mix, roles) if mix.problem == "batch as time" else self._view(mix, roles)
        if layout is not None and not mixes and _channels_lie_last(layout):
            yield self._view_of_inputs(layout)
        for before, after in list(_renamed_outputs(graph))[:1]:
            yield self._view_of_outputs(before, after)
        for heads in graph.mixed_heads[:1]:
            yield self._heads_as_positions(heads, len(graph.mixed_heads))

    def _batch_as_time(self, mix: AxisMix, roles: AxisRoles) -> Finding:
        return self.finding(
            happened=f"{mix.name} ({mix.kind}) is given {mix.before} and takes that for {mix.after}: it runs along the "
            "samples of the batch.",
            expected="Layers that run along time, each sample by itself.",
            todo=f"Create {mix.name} with batch_first=True, or give it time first.",
            evidence=(Evidence("layers looked at", roles.n_layers, where=mix.name),),
            fixes=(Fix("Tell which axis holds the samples", instruction=f"nn.{mix.kind}(..., batch_first=True)."),),
            why_confident="The axis whose length follows the number of samples is the one it takes for time.",
            where=mix.name,
        )

    def _view(self, mix: AxisMix, roles: AxisRoles) -> Finding:
        return self.finding(
            happened=f"At {mix.name} ({mix.kind}) {mix.before} is taken for {mix.after}, the axes renamed: the numbers "
            "still stand in the old order.",
            expected="Axes exchanged together with what they hold.",
            todo="Replace view or reshape by permute or transpose.",
            evidence=(Evidence("samples looked at", roles.n_samples, where=mix.name),),
            fixes=(
                Fix("Exchange the axes", instruction="x.transpose(1, 2) or x.permute(...) in place of x.view(...)."),
            ),
            confidence=0.95,
            why_confident="The same lengths in another order with the memory unchanged is hardly ever meant.",
            where=mix.name,
        )

    def _view_of_inputs(self, layout: InputLayout) -> Finding:
        channels, *places = layout.shape
        return self.finding(
            happened=f"The first convolution is given {list(layout.shape)}, but neighbours in it differ more "
            f"({layout.neighbours:.2g} of the variance) than they would if the numbers lay in memory as "
            f"{[*places, channels]} ({layout.neighbours_swapped:.2g}): the axes were renamed, not exchanged.",
            expected="Pictures and signals in which neighbours are alike.",
            todo="Replace view or reshape by permute or transpose where the inputs are made; then look at one.",
            evidence=(
                Evidence(
                    "difference of neighbours with the channels last / as they are",
                    layout.neighbours_swapped / layout.neighbours,
                    limit=LIKER,
                    where="inputs",
                ),
            ),
            fixes=(Fix("Exchange the axes", instruction="x.permute(2, 0, 1) in place of x.reshape(...)."),),
            confidence=0.9,
            why_confident=f"Measured on {layout.n_samples} samples; pictures are smooth in the order they were taken.",
            where="inputs",
        )

    def _view_of_outputs(self, before: Operation, after: Operation) -> Finding:
        return self.finding(
            happened=f"Between the last layer and the loss a tensor of shape {list(before.shape)} is viewed as "
            f"{list(after.shape)}, the axes renamed: the numbers still stand in the old order.",
            expected="Axes exchanged together with what they hold.",
            todo="Replace view or reshape by permute or transpose.",
            evidence=(Evidence("samples looked at", before.shape[0], where="outputs"),),
            fixes=(Fix("Exchange the axes", instruction="outputs.transpose(1, 2) in place of outputs.view(...)."),),
            confidence=0.95,
            why_confident="The same lengths in another order with the memory unchanged is hardly ever meant.",
            where="outputs",
        )

    def _heads_as_positions(self, heads: HeadMix, n: int) -> Finding:
        positions, heads_of, width = heads.n_positions, heads.n_heads, heads.width
        wrong = (
            f"viewed as [N, {heads_of}, {positions}, {width}]: each head gets some positions whole, cut to pieces, and "
            "nothing of the others."
            if heads.poured
            else f"split into [N, {positions}, {heads_of}, {width}] and go on so: attention runs along the {heads_of} "
            "heads of a position, and no position sees another."
        )
        return self.finding(
            happened=f"In {n} attention layer{'s' * (n > 1)} features [N, {positions}, {heads_of * width}] are {wrong}",
            expected=f"Attention along the {positions} positions: [N, {heads_of}, {positions}, {width}].",
            todo="Exchange heads and positions behind the view: x.view(n, t, heads, -1).transpose(1, 2).",
            evidence=(Evidence("attention layers that mix up heads and positions", n),),
            fixes=(
                Fix(
                    "Put the heads before the positions",
                    instruction="q, k and v: x.view(n, t, heads, -1).transpose(1, 2); the result: "
                    "out.transpose(1, 2).reshape(n, t, -1).",
                ),
            ),
            confidence=0.9,
            why_confident="The graph shows the last axis split in two and no exchange of axes before the attention.",
        )


def _channels_lie_last(layout: InputLayout) -> bool:
    """Whether neighbours are alike with the channels last in memory, and much less so as the axes are named."""
    return layout.neighbours_swapped < min(ALIKE, LIKER * layout.neighbours)


def _renamed_outputs(graph: LossGraph) -> Iterator[tuple[Operation, Operation]]:
    """Views in front of the loss that leave the lengths of three axes or more, but in another order."""
    for after in graph.operations:
        before = graph.operations[after.sources[0]] if after.name in VIEWS and len(after.sources) == 1 else None
        if before is None:
            continue
        old, new = ([length for length in each.shape if length > 1] for each in (before, after))
        if len(old) > 2 and old != new and sorted(old) == sorted(new):
            yield before, after
