"""TW339 negated-loss."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from trainwright.clinic import model_benches, model_faults, training_benches
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.graph import LossGraph
from trainwright.measures.trials import OverfitTrial

_ADVERSARIAL = ("BinaryCrossEntropy", "BinaryCrossEntropyWithLogits", "Log", "LogSigmoid")
CONTRADICTION = 0.3
"""Correlation below zero that outputs have with the targets they were fitted to. Sound losses leave 0.9 and more, those
of distances between samples of the same name and of others 0.4, and networks that learn nothing one around 0."""


class NegatedLoss(Check):
    """The loss has the wrong sign: training makes the errors larger.

    What it finds:
        A minus in front of a cross entropy or squared error, or a missing minus in front of a mean log-probability, of
        classes or of yes and no (y log p + (1 − y) log(1 − p)).

    Why it hurts:
        The optimizer does its work in the wrong direction; the loss falls without end while the predictions get worse.

    How it is measured:
        The graph shows with which sign each term that measures an error enters the loss; for log-probabilities of the
        right class it is the other way round. Reported if all such terms have the wrong sign, so that subtracted
        regularisers (entropy bonuses) do no harm, and as a *warning* if one half of a likelihood of yes and no has;
        negative log-densities, of mixtures too, have the right one whatever their value. A
        fact; a *warning* only for a binary cross entropy (written out as well), which adversarial training negates on
        purpose. Whatever the loss is made of, a batch that is fitted by it must not leave outputs that go down where
        the targets go up, nor samples of the same name farther from each other than from others; outputs for yes and no
        that are never negative and above 1 are distances, which may well be small for a yes.

    How to fix:
        Change the sign.

    References:
        Humbatova et al., Taxonomy of real faults in deep learning systems (2020), wrong loss calculation.
    """

    code = "TW339"
    name = "negated-loss"
    severity = Severity.ERROR
    cases = (
        Case(training_benches.alloys_mlp, model_faults.negated_loss),
        Case(training_benches.yield_mlp, model_faults.negated_loss),
        Case(training_benches.waves_gru, model_faults.forgotten_minus),
        Case(model_benches.tags_mlp, model_faults.forgotten_minus_of_tags),
    )

    def run(self, graph: LossGraph, overfit: OverfitTrial | None) -> Iterator[Finding]:
        if overfit is not None and _contradicts(overfit):
            yield self._contradicted(overfit)
            return
        terms = [(term, term.weight) for term in graph.errors()] + [
            (term, -term.weight) for term in (*graph.likelihoods(), *graph.binary_likelihoods())
        ]
        known = [(term, weight) for term, weight in terms if math.isfinite(weight) and weight]
        if not known or len(known) < len(terms):
            return
        if any(weight > 0 for _, weight in known):
            if _is_half_negated(graph):
                yield self._half_negated()
            return
        term, weight = known[0]
        likelihood = weight == -term.weight
        adversarial = all(each.name in _ADVERSARIAL for each, _ in known)
        what = "log-probabilities of the right class enter" if likelihood else f"{term.name} enters"
        yield self.finding(
            happened=f"The {what} the loss with the factor {term.weight:.3g}: the lower the loss, the "
            + ("less probable the right class." if likelihood else "larger the error."),
            expected=f"A {'negative' if likelihood else 'positive'} factor, so that a lower loss means smaller errors.",
            todo="Put a minus in front of the log-probabilities." if likelihood else "Remove the minus.",
            evidence=(Evidence("factor of the error in the loss", weight, limit=0.0),),
            fixes=(
                Fix("Use the built-in loss", changes={"loss.name": "auto"}),
                Fix("Change the sign", instruction="Multiply the loss by −1."),
            ),
            confidence=0.7 if adversarial else 1.0,
            why_confident="Adversarial training maximises a binary cross entropy on purpose."
            if adversarial
            else "The sign was followed through the graph: a fact.",
            severity=Severity.WARNING if adversarial else Severity.ERROR,
        )

    def _half_negated(self) -> Finding:
        return self.finding(
            happened="Of the two halves of a log-likelihood of yes and no, y log p and (1 - y) log(1 - p), one enters "
            "the loss with a minus and the other without.",
            expected="Both with a minus: a lower loss then means that both answers become more probable.",
            todo="Put the minus in front of the brackets around both terms.",
            evidence=(Evidence("halves with the wrong sign", 1, limit=0),),
            fixes=(Fix("Use the built-in loss", instruction="functional.binary_cross_entropy_with_logits(x, y)."),),
            confidence=0.9,
            why_confident="The signs were followed through the graph; corrections for unlabelled samples look alike.",
            severity=Severity.WARNING,
        )

    def _contradicted(self, overfit: OverfitTrial) -> Finding:
        own = overfit.own
        return self.finding(
            happened=f"Fitting {overfit.n_samples} samples brought the loss from {own.losses[0]:.3g} to "
            f"{own.losses[-1]:.3g} and the outputs away from the targets: their correlation (of names: of being near "
            f"with having the same one) is {own.agreement:.2f}.",
            expected="Outputs that follow the targets as the loss falls: a correlation above 0.",
            todo="Change the sign of the loss; of a score that is to be large take 1 - score.",
            evidence=(Evidence("correlation of outputs and targets", own.agreement, limit=-CONTRADICTION),),
            fixes=(Fix("Change the sign", instruction="Minimise 1 - score or -score, not the score."),),
            confidence=0.95,
            why_confident="The batch was fitted by the user's own loss and optimizer; what they reward was measured.",
        )


def _is_half_negated(graph: LossGraph) -> bool:
    """Whether the halves of a log-likelihood of yes and no enter with signs that differ, and nothing else is known."""
    halves = [log.weight for log in graph.binary_likelihoods()]
    others = next(itertools.chain(graph.errors(), graph.likelihoods()), None)
    return others is None and min(halves, default=0.0) < 0 < max(halves, default=0.0)


def _contradicts(overfit: OverfitTrial) -> bool:
    own = overfit.own
    falls = len(own.losses) > 1 and bool(own.losses[-1] < own.losses[0])
    return falls and own.agreement < -CONTRADICTION and not _are_distances(overfit)


def _are_distances(overfit: OverfitTrial) -> bool:
    """Whether outputs for targets of two values are never negative, as logits are, nor all up to 1, as probabilities
    are: distances, which are to be small where two samples belong together."""
    outputs = overfit.predictions
    two = overfit.task == "regression" and len(np.unique(overfit.targets)) == 2
    return two and len(outputs) > 0 and bool(outputs.min() >= 0 and outputs.max() > 1)
