"""TW329 bottleneck."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import initial_faults, training_benches
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.graph import LossGraph, Neck
from trainwright.measures.structure import LayerUse, ModelStructure, widened_again
from trainwright.measures.trials import OverfitTrial

NARROW = 4
"""A bottleneck is this many times narrower than what enters it."""
CHANNELS = 8
"""Channels of which a convolution may not leave one only."""
CLASSES = 3
"""Classes that one value cannot tell apart well: with three, one of them has to lie between the others."""


class Bottleneck(Check):
    """All a sample's information has to pass through one or two numbers.

    What it finds:
        A layer that leaves one value of a sample (or two, where there are eight classes or more), is much narrower than
        what enters it, and around which there is no other way; or one that is given no more than that. In a classifier
        also a convolution that leaves one channel of eight or more.

    Why it hurts:
        Several classes along a line can be told apart only if they happen to lie in a row; whatever the layers before
        have found out is thrown away. It is mostly a typo in a width.

    How it is measured:
        By cutting: the layer's output is replaced by that of one sample for all samples. Where all outputs become the
        same, everything passes through that layer. So side branches (squeeze-and-excitation, low-rank adapters, gates)
        are passed, and so are two classes, and regressions and auto-encoders, where few numbers may be what is meant,
        as long as these can fit a batch; a regression's layer of one value that the next makes four or more of again is
        a warning.
        An error where the model cannot fit a batch, else a warning. In a watched loop a linear layer is judged without
        which the loss would reach no layer before it, where one follows that makes the classes' outputs of so few.

    How to fix:
        Widen the layer.

    References:
        Zhang et al., AutoTrainer (2021); Nikanjam et al., NeuraLint (2021), on layer widths.
    """

    code = "TW329"
    name = "bottleneck"
    severity = Severity.ERROR
    after = ("TW401",)
    cases = (
        Case(training_benches.digits_cnn, initial_faults.bottleneck),
        Case(training_benches.waves_gru, initial_faults.bottleneck),
    )

    def run(
        self, graphs: tuple[LossGraph, ...], structure: ModelStructure | None, overfit: OverfitTrial | None
    ) -> Iterator[Finding]:
        if structure is None:
            for neck in dict.fromkeys(neck for graph in graphs for neck in graph.necks):
                if not neck.n_classes:
                    yield self._widened(neck)
                elif _is_too_narrow(_passing(neck), neck.n_classes):
                    yield self._finding(neck, neck.n_classes, learns=True)
            return
        learns = overfit is None or overfit.own.overfits
        layers = structure.layers
        classifies = structure.task == "classification"
        widened = widened_again([(layer.values_in, layer.values_out) for layer in layers])
        necks = [] if classifies else [layers[place] for place in widened if layers[place].only_way]
        if necks:
            yield from map(self._widened, necks)
            return
        if not layers or (learns and not classifies):
            return
        outputs = structure.n_outputs if classifies else layers[-1].values_out
        found = [layer for layer in layers[:-1] if _is_bottleneck(layer, outputs)]
        if classifies:
            channels = [layer for layer in layers[:-1] if _leaves_one_channel(layer) and layer not in found]
            yield from (self._one_channel(layer, outputs, learns=learns) for layer in channels)
        for layer in found or [layer for layer in layers if _is_given_little(layer, layers, outputs)]:
            yield self._finding(layer, outputs, learns=learns, of="classes" if classifies else "values to predict")

    def _finding(self, layer: LayerUse | Neck, classes: int, *, learns: bool, of: str = "classes") -> Finding:
        kind = f" ({layer.kind})" if isinstance(layer, LayerUse) else ""
        leaves = layer.values_out < layer.values_in
        does = f"leaves {layer.values_out} of {layer.values_in} values" if leaves else f"is given {_values(layer)}"
        wider = layer.name if leaves else f"what stands before {layer.name}"
        return self.finding(
            happened=f"{layer.name}{kind} {does}, all that the model gets to know of a sample; there are {classes} "
            f"{of}.",
            expected=f"More values than that for {classes} {of}, or another way around the layer.",
            todo=f"Widen {wider}, to at least {classes} values say.",
            evidence=(Evidence("values that pass", _passing(layer), limit=classes, where=layer.name),),
            fixes=(Fix("Widen the layer", instruction=f"Give {wider} more outputs."),),
            confidence=0.8 if learns else 0.97,
            why_confident=_why(layer, learns=learns),
            where=layer.name,
            severity=Severity.WARNING if learns else Severity.ERROR,
        )

    def _widened(self, layer: LayerUse | Neck) -> Finding:
        return self.finding(
            happened=f"{layer.name} leaves 1 of {layer.values_in} values, all that the model gets to know of a sample, "
            "and the next layer makes many of it again.",
            expected="More than one value between two layers that are wider.",
            todo=f"Widen {layer.name}, to {max(2, layer.values_in // 4)} values say.",
            evidence=(Evidence("values that pass", 1, limit=1, where=layer.name),),
            fixes=(Fix("Widen the layer", instruction=f"Give {layer.name} more outputs."),),
            confidence=0.8,
            why_confident=_why(layer, learns=True) + " Whoever means a single number does not widen it.",
            where=layer.name,
            severity=Severity.WARNING,
        )

    def _one_channel(self, layer: LayerUse, classes: int, *, learns: bool) -> Finding:
        return self.finding(
            happened=f"{layer.name} ({layer.kind}) leaves 1 channel of {layer.channels_in}, all that the model gets to "
            f"know of a place; there are {classes} classes.",
            expected=f"More channels than one of {layer.channels_in}, or another way around the layer.",
            todo=f"Widen {layer.name}, to {max(2, layer.channels_in // 4)} channels say.",
            evidence=(Evidence("channels that pass", 1, limit=1, where=layer.name),),
            fixes=(Fix("Widen the layer", instruction=f"Give {layer.name} more channels."),),
            confidence=0.7 if learns else 0.95,
            why_confident=_why(layer, learns=learns),
            where=layer.name,
            severity=Severity.WARNING if learns else Severity.ERROR,
        )


def _why(layer: LayerUse | Neck, *, learns: bool) -> str:
    if isinstance(layer, Neck):
        return "In the graph of the loss no way leads around it."
    end = "; a single batch is fitted all the same." if learns else ", and the model cannot fit a batch."
    return f"Cutting the layer makes all outputs the same{end}"


def _is_bottleneck(layer: LayerUse, classes: int) -> bool:
    values = layer.values_out
    is_narrow = 0 < values <= 2 and values * NARROW <= layer.values_in
    return layer.only_way and is_narrow and _is_too_narrow(values, classes)


def _leaves_one_channel(layer: LayerUse) -> bool:
    return layer.only_way and layer.channels_out == 1 and layer.channels_in >= CHANNELS


def _is_given_little(layer: LayerUse, layers: tuple[LayerUse, ...], classes: int) -> bool:
    """Whether so little of what other layers were given is left when this one gets it."""
    values, widest = layer.values_in, max(each.values_in for each in layers)
    is_narrow = 0 < values <= 2 and values * NARROW <= widest and values < layer.values_out
    return layer.only_way and is_narrow and _is_too_narrow(values, classes)


def _values(layer: LayerUse | Neck) -> str:
    return "one value" if layer.values_in == 1 else f"{layer.values_in} values"


def _passing(layer: LayerUse | Neck) -> int:
    """Values of a sample that get through."""
    return min(layer.values_in, layer.values_out)


def _is_too_narrow(values: int, classes: int) -> bool:
    return classes >= CLASSES + 5 * (values - 1)
