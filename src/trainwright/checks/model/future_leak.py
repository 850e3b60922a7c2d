"""TW306 future-leak."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import initial_faults, own_target_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.causality import FutureDependence

LIMIT = 1e-4
"""Change of earlier outputs as a share of that of later ones; 100 times the dtype's precision where that is more.
Masked transformers and recurrent networks: exactly 0; a bidirectional GRU 0.1 and more."""
HIDE = Fix(
    "Hide the future",
    instruction="Pass a causal mask (is_causal=True, generate_square_subsequent_mask), use bidirectional=False, pad "
    "convolutions on the left.",
)
SHIFT = Fix(
    "Shift the targets", instruction="Give the decoder target[:, :-1] and compare its outputs with target[:, 1:]."
)


class FutureLeak(Check):
    """A model that predicts the next step sees it.

    What it finds:
        Outputs that depend on later inputs where the targets are the inputs one step later: a missing causal mask, a
        bidirectional layer, a convolution padded on both sides, a shift in the wrong direction. And a decoder that is
        given the targets as they are instead of one step earlier.

    Why it hurts:
        The answer is among the inputs: the loss falls to almost nothing in training and validation, and generation,
        where there is no future to look at, gives nonsense.

    How it is measured:
        The later part of four sequences is exchanged for that of other samples, at three places, in eval mode; outputs
        before must not change. Only where the targets are found to be one of the inputs one step later, or, beside
        another input, one of them as it is (or the user declares the model causal); other tasks may look ahead and are
        passed.

    How to fix:
        Give attention a causal mask, make recurrent layers one-directional, pad convolutions on the left only; give a
        decoder the targets from the first to the last but one, behind a token for the start.

    References:
        Vaswani et al., Attention is all you need (2017), section 3.2.3; Karpathy, A Recipe for Training Neural Networks
        (2019), on dependencies.
    """

    code = "TW306"
    name = "future-leak"
    severity = Severity.ERROR
    after = ("TW401",)
    cases = (Case(own_target_benches.next_token, initial_faults.looks_ahead),)

    def run(self, found: FutureDependence) -> Iterator[Finding]:
        if found.task not in ("next", "same", "declared"):
            return
        if math.isnan(found.leak) or found.n_samples < 2:
            raise CannotEvaluate(f"the change of the outputs is not known ({found.n_samples} samples)")
        limit = max(LIMIT, 100 * found.precision)
        if found.leak <= limit:
            return
        given = found.task == "same"
        yield self.finding(
            happened=self._given(found) if given else self._seen(found),
            expected=f"No change (at most {limit:.1g}): the targets are "
            + ("among the inputs, and the model is to predict them." if given else "the inputs one step later."),
            todo="Look for targets that were not shifted: a decoder is given the start and all but the last of them."
            if given
            else "Look for a missing causal mask, a bidirectional layer, or padding on both sides of a convolution.",
            evidence=(
                Evidence(
                    "effect of the targets" if given else "effect of later inputs",
                    found.leak,
                    limit=limit,
                    where=f"position {found.position}",
                    when="in eval",
                ),
            ),
            fixes=(SHIFT if given else HIDE,),
            confidence=0.95 if given else 0.99,
            why_confident="Inputs were exchanged and nothing else; "
            + (
                "a network that copies one of its inputs is rarely wanted." if given else "the task is to predict them."
            ),
        )

    def _seen(self, found: FutureDependence) -> str:
        return (
            f"Exchanging the inputs after position {found.position} of {found.n_steps} changes the outputs up to there "
            f"by {found.leak:.2g} times as much as those after it."
        )

    def _given(self, found: FutureDependence) -> str:
        return (
            "One of the model's inputs is the targets themselves, position by position, and exchanging it from "
            f"position {found.position} of {found.n_steps} on changes the output there, by {found.leak:.2g} times as "
            "much as those after it."
        )
