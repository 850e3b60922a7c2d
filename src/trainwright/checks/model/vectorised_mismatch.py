"""TW341 vectorised-mismatch."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import initial_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.modes import ModeAgreement, SampleBySample

LIMIT = 1e-3
"""Difference as a share of the outputs' size; 100 times the dtype's precision where that is more. Healthy networks in
float32: at most 3e-6."""


class VectorisedMismatch(Check):
    """A batch gives other outputs than its samples one by one.

    What it finds:
        Outputs that depend on how many samples are in the batch or on their company, in eval mode: a division by the
        batch size, statistics over the batch; and models that fail on a batch of one (advice), as ``squeeze()`` makes
        them.

    Why it hurts:
        What was validated in batches is not what answers single questions later.

    How it is measured:
        Six samples in eval mode, as a batch and alone.

    How to fix:
        Look for ``len(x)``, ``x.shape[0]``, and operations along axis 0; name the axis in ``squeeze``.

    References:
        Karpathy, A Recipe for Training Neural Networks (2019), on vectorised code.
    """

    code = "TW341"
    name = "vectorised-mismatch"
    severity = Severity.WARNING
    after = ("TW401", "TW305", "TW311", "TW323", "TW327")
    cases = (
        Case(training_benches.alloys_mlp, initial_faults.divided_by_batch),
        Case(training_benches.digits_cnn, initial_faults.divided_by_batch),
    )

    def run(self, found: SampleBySample, modes: ModeAgreement | None) -> Iterator[Finding]:
        if found.refused:
            yield self._refused(found)
            return
        if math.isnan(found.difference) or found.n_samples < 2:
            raise CannotEvaluate(f"the outputs of {found.n_samples} samples are not finite or nothing to compare")
        limit = max(LIMIT, 100 * found.precision)
        if modes is not None and modes.random_difference > limit:
            raise CannotEvaluate("the model is random in eval mode, so that no two passes can be compared")
        if found.difference > limit:
            yield self._mismatch(found, limit)

    def _mismatch(self, found: SampleBySample, limit: float) -> Finding:
        return self.finding(
            happened=f"Alone, {found.n_samples} samples get outputs that differ from those in a batch by up to "
            f"{100 * found.difference:.2g} % of their size.",
            expected=f"The same outputs, to within {100 * limit:.2g} %.",
            todo="Look in forward() for the number of samples and for operations along axis 0.",
            evidence=(Evidence("difference", found.difference, limit=limit, when="in eval mode"),),
            fixes=(
                Fix(
                    "Treat each sample by itself",
                    instruction="Divide by a fixed number rather than len(x); reduce along the features, not axis 0.",
                ),
            ),
            confidence=0.95,
            why_confident="Healthy networks agree to the precision of their numbers.",
        )

    def _refused(self, found: SampleBySample) -> Finding:
        return self.finding(
            happened=f"{found.n_samples} samples are answered together, but one of them alone is not: {found.refused}",
            expected="A batch of 1 works in eval mode.",
            todo="Look for squeeze() without an axis; a last batch of one sample would stop the training.",
            evidence=(Evidence("samples in the batch that failed", 1),),
            fixes=(Fix("Name the axis", instruction="squeeze(1) in place of squeeze()."),),
            confidence=0.9,
            why_confident="It was tried.",
            severity=Severity.ADVICE,
        )
