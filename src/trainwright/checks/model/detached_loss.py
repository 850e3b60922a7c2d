"""TW332 detached-loss."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import model_faults, training_benches
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.graph import LossGraph


class DetachedLoss(Check):
    """The loss has no connection to the model's parameters.

    What it finds:
        A loss that was wrapped in a new tensor (``torch.tensor(loss, requires_grad=True)``), detached, computed with
        NumPy or from predicted classes (``argmax``), or under ``no_grad``.

    Why it hurts:
        No parameter gets a gradient. With ``requires_grad=True`` on the new tensor ``backward`` even runs without an
        error, and the training goes through its epochs without changing anything.

    How it is measured:
        The loss of one batch either has a graph that leads to trainable parameters or has not: a fact.

    How to fix:
        Compute the loss from the model's outputs with differentiable functions and call ``backward`` on that very
        tensor.

    References:
        PyTorch, "Autograd mechanics". Humbatova et al., Taxonomy of real faults in deep learning systems (2020).
    """

    code = "TW332"
    name = "detached-loss"
    severity = Severity.ERROR
    cases = (
        Case(training_benches.alloys_mlp, model_faults.rewrapped_loss),
        Case(training_benches.yield_mlp, model_faults.rewrapped_loss),
    )

    def run(self, graph: LossGraph) -> Iterator[Finding]:
        strange = any(held.reached for held in graph.unregistered) or bool(graph.strangers)
        if graph.reached or strange or not graph.trainable or "CheckpointFunction" in graph.hidden:
            return
        if not graph.has_graph:
            what = "was wrapped in a new tensor" if graph.requires_grad else "is detached: it has no gradient function"
        else:
            what = f"depends on other tensors only ({graph.n_nodes} operations, none on a parameter)"
        yield self.finding(
            happened=f"The loss {what}, so that it reaches 0 of {len(graph.trainable)} trainable parameters.",
            expected=f"A loss whose graph leads to the model's {len(graph.trainable)} trainable parameters.",
            todo="Compute the loss from the outputs by differentiable functions, without torch.tensor(), detach(), "
            ".item(), argmax() or NumPy, and call backward() on that very tensor.",
            evidence=(Evidence("parameters the loss reaches", 0, limit=1, unit="parameters"),),
            fixes=(
                Fix("Use the built-in loss", changes={"loss.name": "auto"}),
                Fix("Keep the graph", instruction="Return the loss as computed, without wrapping or detaching it."),
            ),
            why_confident="The graph of the loss was walked to its end: a fact.",
        )
