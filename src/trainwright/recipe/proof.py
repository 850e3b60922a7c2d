"""Proof: the same trials with and without a fix, from the same state."""

from __future__ import annotations

from dataclasses import dataclass

from trainwright.core import Check, Finding, Fix, TrainwrightError, judge
from trainwright.doctor.trials import TRIALS, run_trials
from trainwright.measures.trials import OverfitTrial
from trainwright.workbench.experiment import Experiment


@dataclass(frozen=True)
class Proof:
    """What a fix did to the batch of the overfit trial and to the finding it is meant to cure.

    ``loss_before``, ``loss_after``: loss on that batch after the same number of own steps, in the loss's unit.
    """

    finding: Finding
    fix: Fix
    gone: bool
    overfits_before: bool
    overfits_after: bool
    loss_before: float
    loss_after: float

    @property
    def helped(self) -> bool:
        """The finding is gone and the batch is fitted no worse than before."""
        return self.gone and (self.overfits_after or not self.overfits_before)

    def sentence(self) -> str:
        """What was tried and what came of it."""
        changes = ", ".join(f"{key}: {value}" for key, value in self.fix.changes.items())
        effect = "is gone" if self.gone else "is still there"
        return (
            f"Tried '{self.fix.title}' ({changes}) from the same start: {self.finding.code} {effect}, and the loss on "
            f"one batch ends at {self.loss_after:.3g} instead of {self.loss_before:.3g}."
        )


def prove(experiment: Experiment, check: Check, finding: Finding, seed: int) -> Proof | None:
    """Try the executable fixes of a finding in turn; the first that helps, else the last tried, None without any.

    Only findings whose measurements come from trials on the set-up can be proved here.
    """
    kinds = {need.kind for need in check.needs}
    if not kinds & set(TRIALS):
        return None
    proof = None
    for fix in (f for f in finding.fixes if f.executable):
        try:
            proof = _try(experiment, check, finding, fix, seed)
        except TrainwrightError:
            # A fix that this experiment cannot carry out is no proof of anything; the words remain.
            continue
        if proof.helped:
            break
    return proof


def _try(experiment: Experiment, check: Check, finding: Finding, fix: Fix, seed: int) -> Proof:
    kinds = {need.kind for need in check.needs} | {OverfitTrial}
    before = run_trials(experiment.setup(seed), [OverfitTrial]).of(OverfitTrial)[0]
    measured = run_trials(experiment.with_changes(fix.changes).setup(seed), kinds)
    after = measured.of(OverfitTrial)[0]
    return Proof(
        finding=finding,
        fix=fix,
        gone=not judge([check], measured).findings,
        overfits_before=before.own.overfits,
        overfits_after=after.own.overfits,
        loss_before=float(before.own.losses[-1]),
        loss_after=float(after.own.losses[-1]),
    )
