"""TW328 no-nonlinearity."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import model_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.graph import LossGraph


class NoNonlinearity(Check):
    """Several layers of weights follow each other, and no activation stands anywhere between them.

    What it finds:
        A deep network that is a linear model: the activation functions were forgotten in ``forward``, or their results
        were dropped.

    Why it hurts:
        A chain of linear layers can do no more than one of them; all that depth buys is slower training. The network
        still learns what is linear, so that nobody notices.

    How it is measured:
        The graph is followed from layer to layer. Reported only if nothing nonlinear stands anywhere before the last
        layer: no activation, no attention, no gate, no product of two results. Normalisation and pooling are no
        replacement. One layer alone is a linear model on purpose, and a chain through a bottleneck narrower than both
        ends (factorised weights, linear auto-encoders, low-rank adapters) is one as well.

    How to fix:
        Put an activation such as ReLU behind every hidden layer.

    References:
        Goodfellow et al., Deep Learning (2016), section 6.1: a chain of linear functions is linear.
    """

    code = "TW328"
    name = "no-nonlinearity"
    severity = Severity.WARNING
    after = ("TW332", "TW307", "TW331")
    cases = (
        Case(training_benches.alloys_mlp, model_faults.no_activations),
        Case(training_benches.digits_cnn, model_faults.no_activations),
        Case(training_benches.yield_mlp, model_faults.no_activations),
    )

    def run(self, graph: LossGraph) -> Iterator[Finding]:
        if graph.is_hidden:
            raise CannotEvaluate("parts of the graph are hidden, activations may be in them")
        if graph.n_nonlinear or graph.n_layers < 2:
            return
        stacked = [pair for pair in graph.stacked if not pair.is_bottleneck]
        if not stacked:
            return
        pair = stacked[0]
        yield self.finding(
            happened=f"{graph.n_layers} layers of weights follow each other with 0 nonlinear operations before the "
            f"last one; {pair.first} ({pair.inputs} to {pair.hidden} features) leads straight to {pair.second}.",
            expected="An activation behind every hidden layer (at least 1 nonlinear operation).",
            todo="Put an activation such as ReLU behind every hidden layer, and pass its result on.",
            evidence=(Evidence("nonlinear operations before the last layer", graph.n_nonlinear, limit=1),),
            fixes=(Fix("Add activations", instruction="Write x = torch.relu(layer(x)) for every hidden layer."),),
            confidence=0.95,
            why_confident="The graph was followed from layer to layer; only a study of linear networks is meant so.",
        )
