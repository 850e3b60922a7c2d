"""TW331 unused-layer."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import model_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.graph import LossGraph
from trainwright.measures.reach import Reach

SHOWN = 4
MANY, LARGE_SHARE = 3, 0.25
"""Layers whose result is dropped, and their share of the trainable parameters, from which on it is no pooling layer."""


class UnusedLayer(Check):
    """The model holds layers that its forward pass never calls, or whose result it drops.

    What it finds:
        Trainable layers that no loss depends on: created and forgotten in ``forward``, skipped because a variable was
        overwritten, or left over from an earlier version.

    Why it hurts:
        The network is not the one that was meant: capacity is missing, the count of parameters is wrong, and the
        layers' random weights are saved with the model.

    How it is measured:
        The graph of the loss shows which parameters it reaches, and hooks show which modules are called: a fact. A
        layer never called is a warning (advice, where it belongs to a library's model, where another method than
        ``forward`` calls it, or where what it gives is as wide as nothing else, or one number of what the last layer is
        given, so that it is a head and no link), and so is one whose input the next layer gets instead of its result.
        Another one that is called but not used is advice, as encoders with an unused pooling layer are common, and a
        warning from three layers with a quarter of the trainable parameters on. Spared are
        frozen layers, layers in no optimizer, layers whose name says auxiliary (``aux``), and one of several alike (an
        expert of a mixture, a dropped layer) while another one works.

    How to fix:
        Call the layer in ``forward``, or delete it. An auxiliary head that is not used now can be named ``aux…`` or
        frozen.

    References:
        Zhang et al., An empirical study on TensorFlow program bugs (2018). Karpathy, A Recipe for Training Neural
        Networks (2019), "use backprop to chart dependencies".
    """

    code = "TW331"
    name = "unused-layer"
    severity = Severity.WARNING
    after = ("TW307", "TW332")
    cases = (
        Case(training_benches.alloys_mlp, model_faults.unused_layer),
        Case(training_benches.waves_gru, model_faults.unused_layer),
    )

    def run(self, graphs: tuple[LossGraph, ...]) -> Iterator[Finding]:
        reach = Reach(graphs)
        if reach.is_hidden:
            raise CannotEvaluate("parts of the graph are hidden, so that parameters in them cannot be seen")
        if not reach.called and reach.unreached:
            raise CannotEvaluate("which modules are called was not observed")
        if never := reach.never_called():
            yield self._finding(reach, never, "never called", Severity.WARNING)
        if spare := reach.spare():
            what = "never called in training, and a library's, called by another method, or heads that fit nowhere else"
            yield self._finding(reach, spare, what, Severity.ADVICE)
        if over := reach.passed_over():
            what = "called, but their result is dropped and the next layer gets their input"
            yield self._finding(reach, over, what, Severity.WARNING)
        if dropped := reach.without_effect():
            what = "called, but nothing of their result reaches the loss"
            count = sum(len(reach.unreached[module]) for module in dropped)
            much = len(dropped) >= MANY and count > LARGE_SHARE * reach.n_trainable
            yield self._finding(reach, dropped, what, Severity.WARNING if much else Severity.ADVICE)

    def _finding(self, reach: Reach, modules: list[str], what: str, severity: Severity) -> Finding:
        count = sum(len(reach.unreached[module]) for module in modules)
        shown = ", ".join(modules[:SHOWN]) + (" …" if len(modules) > SHOWN else "")
        sure = severity is Severity.WARNING
        return self.finding(
            happened=f"{count} of {reach.n_trainable} trainable parameters have no effect on the loss: their "
            f"layers are {what} ({shown}).",
            expected="Every trainable layer has an effect on the loss (0 unused parameters).",
            todo=f"Pass the result of {modules[0]} on in forward(), or delete the layer.",
            evidence=(Evidence("parameters without effect", count, limit=0, unit="parameters", where=modules[0]),),
            fixes=(
                Fix(
                    "Use the layer or remove it", instruction=f"Use {modules[0]} in forward(), or delete the attribute."
                ),
            ),
            confidence=0.95 if sure else 0.7,
            why_confident="The graph does not reach the layer, and no pooling layer or second head looks like it."
            if sure
            else "Spare heads and unused pooling layers of pretrained encoders look the same and do no harm.",
            where="" if sure else modules[0],
            severity=severity,
        )
