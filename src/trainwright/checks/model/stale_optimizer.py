"""TW309 stale-optimizer."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import model_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.graph import LossGraph


class StaleOptimizer(Check):
    """The optimizer holds parameters that are not the model's.

    What it finds:
        An optimizer made before the model was built anew, copied or given another head: it updates tensors that nobody
        uses, and the model's own parameters are left out.

    Why it hurts:
        ``step`` runs without an error and changes nothing that matters.

    How it is measured:
        Identity of parameters, a fact: the optimizer's tensors that belong to no module of the model and that the loss
        does not reach. An *error* where at the same time trainable parameters of the model are in no optimizer, else
        *advice*, as an optimizer may serve two models.

    How to fix:
        Make the optimizer after the last change of the model, from ``model.parameters()``.

    References:
        PyTorch, torch.optim, "Constructing it". A fine-tuning classic: replacing ``model.fc`` after the optimizer was
        made.
    """

    code = "TW309"
    name = "stale-optimizer"
    severity = Severity.ERROR
    after = ("TW332",)
    cases = (
        Case(training_benches.alloys_mlp, model_faults.stale_optimizer),
        Case(training_benches.digits_cnn, model_faults.stale_head),
    )

    def run(self, graph: LossGraph) -> Iterator[Finding]:
        if graph.n_optimized < 0:
            raise CannotEvaluate("no optimizer is known")
        stale = len(graph.stale)
        if not stale:
            return
        missing = len(graph.unoptimized)
        shapes = ", ".join(str(list(shape)) for shape in graph.stale[:4])
        yield self.finding(
            happened=f"{stale} of the {graph.n_optimized} tensors in the optimizer belong to no module of the model "
            f"and do not enter the loss (shapes {shapes}); {missing} of the model's {len(graph.trainable)} trainable "
            "parameters are in no optimizer.",
            expected="Only parameters of the model (0 strangers), and all of them.",
            todo="Make the optimizer after the last change of the model, from model.parameters().",
            evidence=(Evidence("strange tensors in the optimizer", stale, limit=0, unit="tensors"),),
            fixes=(
                Fix("Make the optimizer anew", instruction="Build it from model.parameters() once the model is final."),
                Fix("Use the built-in optimizer over all parameters", changes={"optimizer.name": "adam"}),
            ),
            confidence=1.0 if missing else 0.5,
            why_confident="The tensors were compared by identity: a fact."
            if missing
            else "All parameters of the model are held; the others may belong to a second model.",
            severity=Severity.ERROR if missing else Severity.ADVICE,
        )
