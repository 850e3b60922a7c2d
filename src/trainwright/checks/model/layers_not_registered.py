"""TW342 layers-not-registered."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import model_faults, own_target_benches, training_benches
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.graph import LossGraph

SHOWN = 4


class LayersNotRegistered(Check):
    """Layers that take part in the forward pass are hidden from the model.

    What it finds:
        Layers in a plain list, tuple or dictionary, plain tensors with ``requires_grad`` as weights, and layers made
        anew in every forward pass: ``model.parameters()`` does not contain them.

    Why it hurts:
        An optimizer made from ``model.parameters()`` leaves them at their random start; they are not saved, not moved
        to the device and never switched to eval mode.

    How it is measured:
        The attributes of all modules are searched for tensors that require gradients and belong to no module; a
        finding needs that the loss reaches them, so that a hidden teacher or a back-reference does no harm. An *error*
        where no optimizer holds them, a *warning* where one does. A fact either way.

    How to fix:
        Use ``nn.ModuleList``, ``nn.ModuleDict``, ``nn.ParameterList`` or ``nn.Parameter``, and create layers in
        ``__init__``.

    References:
        PyTorch, torch.nn.ModuleList: "modules it contains are properly registered".
    """

    code = "TW342"
    name = "layers-not-registered"
    severity = Severity.ERROR
    cases = (
        Case(training_benches.alloys_mlp, model_faults.layers_in_a_list),
        Case(training_benches.digits_cnn, model_faults.layers_in_a_list),
        Case(own_target_benches.autoencoder, model_faults.layers_in_a_list),
    )

    def run(self, graph: LossGraph) -> Iterator[Finding]:
        held = [each for each in graph.unregistered if each.reached]
        if not held and not graph.strangers:
            return
        count = sum(each.n_parameters for each in held) + len(graph.strangers)
        places = [each.where for each in held] or ["no attribute (made in the forward pass, or of another model)"]
        trained = bool(held) and all(each.optimized for each in held)
        shown = ", ".join(places[:SHOWN]) + (" …" if len(places) > SHOWN else "")
        yield self.finding(
            happened=f"{count} tensors of weights that the loss depends on are not among the model's parameters; they "
            f"are held by {shown}" + (", and by an optimizer." if trained else ", and by no optimizer."),
            expected="Every weight is a registered parameter of the model (0 others).",
            todo="Hold the layers in nn.ModuleList or nn.ModuleDict and tensors as nn.Parameter, created in __init__.",
            evidence=(Evidence("weights that are not registered", count, limit=0, unit="tensors", where=places[0]),),
            fixes=(
                Fix("Register the layers", instruction="Wrap the list in nn.ModuleList, the dict in nn.ModuleDict."),
            ),
            confidence=1.0 if held else 0.8,
            why_confident="The attribute was found and the graph of the loss leads to it: a fact."
            if held
            else "The graph leads to parameters that nothing known holds; another model may.",
            severity=Severity.ERROR if held and not trained else Severity.WARNING,
        )
