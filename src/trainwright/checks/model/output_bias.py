"""TW302 output-bias."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from trainwright.clinic import training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import BaselineComparison
from trainwright.measures.initial import OutputAtInit
from trainwright.measures.trials import OverfitTrial

OFFSET_LIMIT, FAR = 1.0, 2.5
"""Distance between mean output and mean target in standard deviations of the target; healthy benches stay below 0.35
over seeds and widths, unscaled targets of a yield (14 ± 5) lie at 2.9. Up to the second limit it is advice: positive
quantities that spread as widely as they are large (a gauge from 0 to 10 lies at 1.7) train well as they are."""

DIVERGENCE_LIMIT = 0.4
"""Kullback-Leibler divergence in nats of the classes' shares from the mean prediction; 0.32 is the most over seeds and
widths on benches up to 6 : 3 : 1; two classes at 93 : 7 give 0.44."""


class OutputBias(Check):
    """The untrained model's average output is far from the average target.

    What it finds:
        A regression whose first outputs lie far from the mean target, mostly because the target was not scaled, or a
        classification with rare classes whose last bias says that all classes are equally likely.

    Why it hurts:
        The network first has to learn one constant, which a single bias could have held from the start: many wasted
        steps, and with squared error large gradients that drown the rest.

    How it is measured:
        Mean output beside mean target on up to 512 training samples before the first step, in standard deviations of
        the target; for classes the divergence of their shares from the mean prediction, beyond what samples drawn from
        that prediction may have: twice the samples times that is chi-squared with classes - 1 degrees. Healthy benches
        stay below 0.35 deviations and 0.33 nats over seeds and widths. Between 1 and 2.5 deviations it is advice, and
        beyond where a batch is fitted by the set-up's own steps all the same and no simple predictor turned out better.

    How to fix:
        Scale the target (``data.scale_target``), or set the last bias to the mean target or the log class shares
        (``model.output_bias: prior``).

    References:
        Karpathy, A Recipe for Training Neural Networks (2019), "init well". Wilks, The large-sample
        distribution of the likelihood ratio (1938).
    """

    code = "TW302"
    name = "output-bias"
    severity = Severity.WARNING
    after = ("TW401", "TW315", "TW340", "TW301")
    cases = (Case(training_benches.yield_mlp, training_faults.raw_targets),)

    def run(
        self, start: OutputAtInit, overfit: OverfitTrial | None, beside: BaselineComparison | None
    ) -> Iterator[Finding]:
        if start.n_samples < 2:
            raise CannotEvaluate(f"{start.n_samples} samples have no spread")
        if start.task == "regression":
            fits = overfit is not None and overfit.own.overfits
            yield from self._judge_values(start, learns=fits and not (beside is not None and beside.better))
        else:
            yield from self._judge_classes(start)

    def _judge_values(self, start: OutputAtInit, *, learns: bool) -> Iterator[Finding]:
        if not (start.target_spread > 0 and math.isfinite(start.output_mean) and math.isfinite(start.target_mean)):
            raise CannotEvaluate(f"targets spread by {start.target_spread}, mean output is {start.output_mean}")
        offset = abs(start.output_mean - start.target_mean) / start.target_spread
        if not offset > OFFSET_LIMIT:
            return
        yield self.finding(
            happened=f"The untrained model answers {start.output_mean:.3g} on average, the targets are "
            f"{start.target_mean:.4g} ± {start.target_spread:.3g}: {offset:.1f} standard deviations away.",
            expected=f"A mean output within {OFFSET_LIMIT:g} standard deviation of the mean target.",
            todo="Scale the target to mean 0, or set the last bias to the mean target.",
            evidence=(
                Evidence("offset of the mean output", offset, limit=OFFSET_LIMIT, unit="standard deviations"),
                Evidence("mean target", start.target_mean),
            ),
            fixes=(
                Fix("Set the last bias to the mean target", changes={"model.output_bias": "prior"}),
                Fix("Scale the target with the training set's mean and spread", changes={"data.scale_target": True}),
            ),
            confidence=0.95,
            why_confident=f"Healthy networks start within 0.35 standard deviations, this one {offset:.1f} away.",
            severity=Severity.WARNING if offset > FAR and not learns else Severity.ADVICE,
        )

    def _judge_classes(self, start: OutputAtInit) -> Iterator[Finding]:
        shares, predicted = start.target_shares, start.predicted_shares
        if not start.is_logits or len(shares) < 2 or len(shares) != len(predicted):
            raise CannotEvaluate("the outputs are no logits of classes")
        if not (np.isfinite(shares).all() and np.isfinite(predicted).all()):
            raise CannotEvaluate("the mean prediction is not finite")
        present = shares > 0
        divergence = float(np.sum(shares[present] * np.log(shares[present] / np.maximum(predicted[present], 1e-12))))
        divergence -= _by_chance(len(shares), start.n_samples)
        if not divergence > DIVERGENCE_LIMIT:
            return
        largest = int(np.argmax(shares))
        yield self.finding(
            happened=f"The largest class holds {shares[largest]:.0%} of {start.n_samples} samples, the untrained model "
            f"gives it {predicted[largest]:.0%}: {divergence:.2f} nats of the first loss say only that.",
            expected=f"A mean prediction near the classes' shares, within {DIVERGENCE_LIMIT} nats.",
            todo="Set the last bias to the log class shares.",
            evidence=(Evidence("divergence from the class shares", divergence, limit=DIVERGENCE_LIMIT, unit="nats"),),
            fixes=(Fix("Set the last bias to the log class shares", changes={"model.output_bias": "prior"}),),
            confidence=0.8,
            why_confident="Adaptive optimizers learn a bias within some hundred steps, so the harm is limited.",
            severity=Severity.ADVICE,
        )


def _by_chance(n_classes: int, n_samples: int) -> float:
    """Nats that the shares of so many samples diverge from those they are drawn from, at most: mean and three standard
    deviations."""
    degrees = n_classes - 1
    return (degrees + 3 * math.sqrt(2 * degrees)) / (2 * n_samples)
