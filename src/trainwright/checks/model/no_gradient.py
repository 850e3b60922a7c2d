"""TW307 no-gradient."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import model_faults, own_target_benches, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.gradients import OutputGradient
from trainwright.measures.graph import CutCalls, LossGraph
from trainwright.measures.reach import Reach

SHOWN = 4
EFFECT = 1e-5
"""Change of the outputs, as a share of the largest, from which on they depend on what was changed by a tenth. Outputs
that do not depend on it stay the same to the last digit, as the same random numbers are drawn."""


class NoGradient(Check):
    """Layers take part in the forward pass, but no gradient comes back to them.

    What it finds:
        Parameters that an optimizer holds and that run before the rest of the model, while the loss does not depend on
        them: the graph was cut behind them by ``detach``, ``.data``, ``no_grad``, a trip through NumPy or a new tensor.

    Why it hurts:
        They stay at their random start for the whole training. What comes after them still learns, so that the loss
        falls and nobody notices.

    How it is measured:
        The graph of the loss is walked once; every trainable parameter is either a leaf of it or not: a fact. Named are
        layers that were called before the first one that the loss reaches. Layers behind it whose result is not used,
        and layers never called, are TW331's. Frozen parameters and those in no optimizer are left out, and a layer that
        any of several losses reaches counts as reached. Layers that run under ``no_grad`` are a *warning*, as that may
        be meant, and *advice* where they are a copy of layers that learn (a teacher). A *warning* as well where calls
        were not observed and the order of definition stands in for them. And a *warning* where only another term of the
        loss reaches the first layers: the outputs change when these layers do, and their gradient does not come back,
        as behind a ``sample()`` that should have been an ``rsample()``; or where one of several outputs has no
        gradient. And a *warning* where a layer or the model is
        called three times or more in a row and only the last call is in the graph: a state detached at every step.

    How to fix:
        Find the detach, ``.data``, ``.numpy()``, ``torch.tensor(...)`` or ``no_grad`` behind the last named layer. If
        the layers should stay as they are, set ``requires_grad_(False)``.

    References:
        PyTorch, "Autograd mechanics". Karpathy, A Recipe for Training Neural Networks (2019), "use backprop to chart
        dependencies".
    """

    code = "TW307"
    name = "no-gradient"
    severity = Severity.ERROR
    after = ("TW332",)
    cases = (
        Case(training_benches.alloys_mlp, model_faults.detached_features),
        Case(training_benches.digits_cnn, model_faults.detached_features),
        Case(training_benches.waves_gru, model_faults.cut_state),
        Case(own_target_benches.contrast, model_faults.detached_features),
    )

    def run(self, graphs: tuple[LossGraph, ...], back: OutputGradient | None) -> Iterator[Finding]:
        reach = Reach(graphs)
        if reach.is_hidden:
            raise CannotEvaluate("parts of the graph are hidden, so that parameters in them cannot be seen")
        modules = reach.cut_off()
        if modules:
            yield self._cut_off(reach, modules)
        elif loop := [cut for graph in graphs for cut in graph.cut_calls]:
            yield self._last_call_only(loop[0])
        elif back is not None and back.cut and back.effect > EFFECT:
            yield self._one_term_only(back)

    def _last_call_only(self, loop: CutCalls) -> Finding:
        what = loop.name or "The model"
        return self.finding(
            happened=f"{what} is called {loop.n_calls} times in one step, and only the last call gets a gradient from "
            "the loss: what it hands on from call to call is cut off its graph.",
            expected=f"A gradient through all {loop.n_calls} calls, so that what comes first can be learnt from.",
            todo=f"Look for detach(), .data or no_grad between the calls of {loop.name or 'the model'}, and detach the "
            "state only between one step of the optimizer and the next.",
            evidence=(Evidence("calls that get a gradient", 1, limit=loop.n_calls, unit="calls", where=loop.name),),
            fixes=(
                Fix(
                    "Let the gradient through time",
                    instruction="Hand the state on as it is returned; detach it after optimizer.step().",
                ),
            ),
            confidence=0.8,
            why_confident="The graph of the loss was walked to its end. A loop that repeats itself to refine a result "
            "may be cut on purpose.",
            severity=Severity.WARNING,
        )

    def _one_term_only(self, back: OutputGradient) -> Finding:
        shown = ", ".join(back.cut[:SHOWN]) + (" …" if len(back.cut) > SHOWN else "")
        return self.finding(
            happened=f"The outputs depend on {shown} (changed by a tenth, the outputs change by {back.effect:.2g} of "
            "their size), but their gradient does not come back: another term of the loss reaches these layers, or "
            "none.",
            expected="A gradient from the outputs to every layer that they are made with.",
            todo=f"Look behind {back.cut[-1]} for sample() in place of rsample(), argmax, round, detach() or no_grad.",
            evidence=(Evidence("change of the outputs", back.effect, limit=EFFECT, where=back.cut[-1]),),
            fixes=(
                Fix(
                    "Let the gradient through",
                    instruction="Draw with mean + std * torch.randn_like(std) or rsample(), or use a straight-through "
                    "estimator.",
                ),
            ),
            confidence=0.7,
            why_confident="Both were measured; whether these layers are to learn from that other term alone, they "
            "cannot show.",
            severity=Severity.WARNING,
        )

    def _cut_off(self, reach: Reach, modules: list[str]) -> Finding:
        names = [name for module in modules for name in reach.unreached[module]]
        switched_off = all(module in reach.without_graph for module in modules)
        sure = bool(reach.called) and not switched_off
        teacher = switched_off and reach.are_copies(modules)
        shown = ", ".join(modules[:SHOWN]) + (" …" if len(modules) > SHOWN else "")
        return self.finding(
            happened=f"{len(names)} of {reach.n_trainable} trainable parameters get no gradient from the loss although "
            f"an optimizer holds them: those of {shown}"
            + (", which run with gradients switched off." if switched_off else "."),
            expected="Every parameter that is to learn is reached by the loss (0 without a gradient).",
            todo=f"Look behind {modules[-1]} for detach(), .data, .numpy(), torch.tensor(...) or no_grad; if these "
            "layers are to stay as they are, freeze them with requires_grad_(False).",
            evidence=(
                Evidence(
                    "trainable parameters without a gradient", len(names), limit=0, unit="parameters", where=modules[-1]
                ),
            ),
            fixes=(
                Fix(
                    "Join the graph again",
                    instruction=f"Pass the output of {modules[-1]} on as the tensor it is, without detach or .data.",
                ),
            ),
            confidence=1.0 if sure else 0.4 if teacher else 0.7,
            why_confident="The graph of the loss was walked to its end: a fact."
            if sure
            else "The graph shows no way to them; whether that is meant to be so, it cannot show.",
            severity=Severity.ERROR if sure else Severity.ADVICE if teacher else Severity.WARNING,
        )
