"""TW308 not-in-optimizer."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import model_benches, model_faults, training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.graph import LossGraph
from trainwright.measures.reach import module_of

SHOWN = 4
FEWEST_FROZEN = 2
"""Layers in a row whose random features are no method any more."""


class NotInOptimizer(Check):
    """Layers are at their random start and stay there: no optimizer holds them, or they are frozen.

    What it finds:
        Whole layers with trainable parameters that the loss reaches and that are in no optimizer: a head replaced after
        the optimizer was made, a list of parameters that forgets a layer, a second network without an optimizer. And
        layers that were frozen although nothing was ever learnt in them.

    Why it hurts:
        The layers stay at their random start, while everything looks as if they were trained.

    How it is measured:
        Identity of parameters, a fact; whether it is meant so, the pattern tells. An *error* where at most half of the
        layers are missing and trained layers come before them; a *warning* where more are missing. *Advice* where only
        layers at the beginning are missing, as in fine-tuning of the head alone; but a *warning* where the weights of
        most of them still fill the range of torch's default start, which trained weights leave, and an *error* where
        two optimizers hold the same parameters meanwhile, so that one was given those of the wrong network. Layers of
        which the optimizer holds some parameters (only the biases, say) are chosen on purpose and left out.

        Frozen layers are chosen on purpose as well, but not to be random: a *warning* where they are several, at least
        as many as are trained, in front of trained ones, with weights distributed as initialisers draw them, which
        trained ones are not (uniform up to the very bound of torch's default, Glorot's or He's rule, or normal of such
        a rule's spread, and no direction stands out). One random layer alone is the method of random features. Bases
        of low-rank adapters, and copies or averages of trained layers, are left out.

    How to fix:
        Make the optimizer from ``model.parameters()`` after the last change of the model, or freeze on purpose what is
        not to learn. Load trained weights before freezing.

    References:
        PyTorch, torch.optim, "Constructing it": parameters must be those of the model at the time of training. Keras,
        Transfer learning and fine-tuning: layers of a trained model are frozen.
    """

    code = "TW308"
    name = "not-in-optimizer"
    severity = Severity.ERROR
    after = ("TW332", "TW309", "TW342")
    cases = (
        Case(training_benches.alloys_mlp, model_faults.forgotten_head),
        Case(training_benches.digits_cnn, model_faults.forgotten_head),
        Case(model_benches.head_only, model_faults.forgotten_head),
        Case(training_benches.alloys_mlp, model_faults.forgotten_body),
        Case(training_benches.digits_cnn, model_faults.frozen_body),
        Case(training_benches.digits_cnn, training_faults.frozen),
    )

    def run(self, graph: LossGraph) -> Iterator[Finding]:
        if graph.n_optimized < 0:
            raise CannotEvaluate("no optimizer is known")
        yield from self._frozen(graph)
        unoptimized, reached = set(graph.unoptimized), set(graph.reached)
        held = [place for place, name in enumerate(graph.trainable) if name not in unoptimized]
        partly = {module_of(graph.trainable[place]) for place in held}
        missing = [
            (place, module_of(name))
            for place, name in enumerate(graph.trainable)
            if name in unoptimized and name in reached and module_of(name) not in partly
        ]
        if not missing or not held:  # an optimizer that holds none of the model learns its input, or is TW309's
            return
        modules = list(dict.fromkeys(module for _, module in missing))
        at_start = bool(held) and missing[-1][0] < held[0] and not graph.n_held_twice
        minority = len(modules) <= len(partly) or graph.n_held_twice > 0
        shown = ", ".join(modules[:SHOWN]) + (" …" if len(modules) > SHOWN else "")
        untrained = 2 * len({module_of(name) for name in graph.untrained} & set(modules)) > len(modules)
        severity = Severity.ERROR if minority else Severity.WARNING
        if at_start:
            severity = Severity.WARNING if untrained else Severity.ADVICE
        yield self.finding(
            happened=f"{len(missing)} of {len(graph.trainable)} trainable parameters get gradients but are in no "
            f"optimizer: those of {shown}.",
            expected="Every trainable parameter is held by an optimizer (0 missing), or is frozen on purpose.",
            todo="Freeze them with requires_grad_(False) if that is meant; else hand them to the optimizer."
            if severity is Severity.ADVICE
            else f"Hand {modules[0]} to the optimizer; make the optimizer after the last change of the model.",
            evidence=(
                Evidence("parameters in no optimizer", len(missing), limit=0, unit="parameters", where=modules[0]),
            ),
            fixes=(
                Fix("Let the optimizer hold all parameters", instruction="Make it from model.parameters()."),
                Fix("Use the built-in optimizer over all parameters", changes={"optimizer.name": "adam"}),
            ),
            confidence={Severity.ERROR: 1.0, Severity.WARNING: 0.8}.get(severity, 0.5),
            why_confident="Only layers at the beginning are missing, as when a head alone is trained."
            if severity is Severity.ADVICE
            else "Their weights still fill the range of torch's default start, so nothing trained them before."
            if at_start
            else f"{graph.n_held_twice} parameters are held by two optimizers instead."
            if graph.n_held_twice
            else f"{len(partly)} other layers are held, also some before the missing ones.",
            severity=severity,
        )

    def _frozen(self, graph: LossGraph) -> Iterator[Finding]:
        layers = list(dict.fromkeys(module_of(name) for name in graph.fresh))
        n_trained = len({module_of(name) for name in graph.trainable})
        if len(layers) < max(FEWEST_FROZEN, n_trained):
            return
        shown = ", ".join(layers[:SHOWN]) + (" …" if len(layers) > SHOWN else "")
        yield self.finding(
            happened=f"{len(layers)} layers in front of trained ones are frozen and still hold the random numbers they "
            f"were made with: {shown}. {n_trained} with parameters are trained.",
            expected="0 frozen layers at a random start: only what was trained before is frozen.",
            todo=f"Load trained weights into {layers[0]} before freezing it, or train it.",
            evidence=(Evidence("frozen layers at their random start", len(layers), limit=0, where=layers[0]),),
            fixes=(
                Fix("Train the layers", instruction="Take away requires_grad_(False) or trainable=False."),
                Fix("Load them first", instruction="Load trained weights, then freeze."),
            ),
            confidence=0.8,
            why_confident="Their values have the very distribution of an initialiser; random features may be meant.",
            severity=Severity.WARNING,
        )
