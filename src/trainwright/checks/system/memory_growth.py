"""TW802 memory-growth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import loop_benches, loop_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.system import MemoryCourse

NODES = 3.0
"""Size of the graph behind the loss, last quarter of the run beside the first. Healthy networks keep theirs, or vary it
with the length of their sequences by less than a factor of 2."""

STEADY = 0.9
"""Share of the samples with a graph no smaller than the one before, so that it grows rather than varies."""

FEWEST_SAMPLES = 8


class MemoryGrowth(Check):
    """The autograd graph behind the loss grows from step to step.

    What it finds:
        A running loss that is summed up together with its graph and goes backward, or a hidden state that is never
        detached: each step drags along all steps before it.

    Why it hurts:
        Every step is slower and larger than the one before, until the memory is full; and the gradient is that of the
        whole past.

    How it is measured:
        The number of autograd nodes behind the loss at each sampled step: three times as many in the last quarter as in
        the first, growing at nine in ten samples. Memory of the process is told, not judged: caches grow, too.

    How to fix:
        Sum up ``loss.item()`` or ``loss.detach()``; detach the hidden state between batches.

    References:
        PyTorch, Frequently Asked Questions: "don't accumulate history across your training loop".
    """

    code = "TW802"
    name = "memory-growth"
    severity = Severity.ERROR
    cases = (Case(loop_benches.digits_linear, loop_faults.kept_graph),)

    def run(self, memory: MemoryCourse) -> Iterator[Finding]:
        nodes, n = memory.graph_nodes, len(memory.steps)
        if n < FEWEST_SAMPLES or len(nodes) != n or not np.isfinite(nodes).all():
            raise CannotEvaluate(f"{n} samples are too few; {FEWEST_SAMPLES} with a known graph are needed")
        quarter = max(2, n // 4)
        first, last = float(np.median(nodes[:quarter])), float(np.median(nodes[-quarter:]))
        if not (first > 0 and last > NODES * first and float((np.diff(nodes) >= 0).mean()) >= STEADY):
            return
        yield self.finding(
            happened=f"The graph behind the loss grew from {first:.0f} to {last:.0f} autograd nodes within "
            f"{memory.steps[-1]} steps: each step still holds the steps before it.",
            expected=f"A graph of one step: the same size throughout, at most {NODES:g} times the first.",
            todo="Sum up loss.item() instead of loss, and detach hidden states between batches.",
            evidence=(
                Evidence(
                    "growth of the graph behind the loss",
                    last / first,
                    limit=NODES,
                    when=f"steps {memory.steps[0]} to {memory.steps[-1]}",
                    series=(Series("autograd nodes", tuple(map(float, memory.steps)), tuple(map(float, nodes))),),
                ),
            ),
            fixes=(
                Fix(
                    "Let go of the past",
                    instruction="Write total += loss.item() and state = state.detach(); retain_graph=True is then no "
                    "longer needed.",
                ),
            ),
            why_confident="The nodes were counted; a graph that holds one step does not grow.",
        )
