"""TW337 dropout-rate."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import initial_faults, training_benches
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.graph import LossGraph
from trainwright.measures.structure import Dropouts

LIMIT = 0.9
"""Share dropped from which hardly anything is left to learn from; published networks use 0 to 0.5, rarely 0.7."""
UNUSUAL = 0.75
"""Share dropped that looks like a probability to keep (0.8 was usual where frameworks asked for that)."""


class DropoutRate(Check):
    """Dropout that drops nearly everything.

    What it finds:
        Dropout layers that drop 90 % of the values or more (a warning), or more than 75 % (advice): mostly a
        probability to keep, given where torch wants the probability to drop.

    Why it hurts:
        What is left of a layer changes from step to step and is scaled up tenfold or more; the model learns noise.

    How it is measured:
        The probability of every dropout layer of a model that is trained. Of functions and of masks written by hand
        the share of zeros in a factor whose other values make up for them, as the graph of the loss shows.

    How to fix:
        Give the share to drop: 1 minus the share to keep.

    References:
        Srivastava et al., Dropout (2014), which names the probability to keep p; torch.nn.Dropout, which names the
        probability to drop p.
    """

    code = "TW337"
    name = "dropout-rate"
    severity = Severity.WARNING
    cases = (
        Case(training_benches.digits_cnn, initial_faults.keep_probability),
        Case(training_benches.alloys_mlp, initial_faults.keep_probability),
    )

    def run(self, dropouts: Dropouts, graphs: tuple[LossGraph, ...]) -> Iterator[Finding]:
        count = sum(share > UNUSUAL for share in dropouts.shares)
        by_function = round(max((graph.most_dropped for graph in graphs), default=0.0), 2)
        if not count and not by_function >= LIMIT:
            return
        most = max(dropouts.shares) if count else by_function
        name = f"{dropouts.name} ({dropouts.kind})" if count else "A dropout in forward(), no layer of its own,"
        keep = 1 - most
        yield self.finding(
            happened=f"{name} drops {100 * most:.3g} % of its values and keeps {100 * keep:.3g} %"
            + (f"; {count} such {'layers' if count > 1 else 'layer'}." if count else "."),
            expected=f"0 to 50 %, at most {100 * UNUSUAL:.0f} %.",
            todo=f"If {most:g} was meant as the share to keep, write {keep:.3g}.",
            evidence=(Evidence("share dropped", most, limit=LIMIT, where=dropouts.name),),
            fixes=(Fix(f"Drop {100 * keep:.3g} %", changes={"model.dropout": round(keep, 6)}),)
            if 0 < keep < UNUSUAL
            else (Fix("Drop less", instruction="Give the share to drop, 0.1 to 0.5."),),
            confidence=0.95 if most >= LIMIT else 0.6,
            why_confident="Hardly any published network drops more than 70 %.",
            where=dropouts.name if count else "",
            severity=Severity.WARNING if most >= LIMIT else Severity.ADVICE,
        )
