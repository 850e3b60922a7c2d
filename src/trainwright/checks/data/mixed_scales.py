"""TW113 mixed-scales."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import data_faults, tables
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.features import FeatureRanges

RATIO = 100.0
"""Widest to narrowest range. Features that are scaled alike stay below 17 on every healthy bench over 40 seeds
(long tails included); raw measurements in different units, as of wine, start at 2,300."""


class MixedScales(Check):
    """Features live on very different scales and nothing is going to scale them.

    What it finds:
        Tables and sequences in which the widest feature spans more than a hundred times the narrowest, when
        ``data.scaling`` is ``none``. With scaling on, which is the default, it is silent: that puts it right.

    Why it hurts:
        The widest feature decides the output and the gradients alone. The rate that suits it is far too small for the
        others, so training looks stuck.

    How it is measured:
        Range (highest less lowest) of each feature that changes, over the training samples. Categories and tables of
        pixels are left out, where narrow columns are rims.

    How to fix:
        Standardise each feature by mean and spread of the training samples.

    References:
        Xiu-Shen Wei, Must know tips/tricks in deep neural networks, section 2; Cross Validated 352036.
    """

    code = "TW113"
    name = "mixed-scales"
    severity = Severity.WARNING
    cases = (Case(tables.diabetes, data_faults.mixed_scales),)

    def run(self, features: FeatureRanges) -> Iterator[Finding]:
        if features.kind == "image":
            raise CannotEvaluate("the channels of an image share one scale")
        if features.scaling is None:
            raise CannotEvaluate("it is not known whether the features will be scaled")
        if features.scaling != "none" or features.pixel_like:
            return
        if not features.consistent:
            raise CannotEvaluate("the ranges were not measured for every feature")
        widths = features.widths
        usable = np.flatnonzero((widths > 0) & ~features.categorical.astype(np.bool_))
        if len(usable) < 2:
            raise CannotEvaluate(f"{len(usable)} features change: two are needed to compare")
        widest, narrowest = (int(usable[i]) for i in (widths[usable].argmax(), widths[usable].argmin()))
        ratio = float(widths[widest] / widths[narrowest])
        if not ratio > RATIO:
            return
        names = features.names
        yield self.finding(
            happened=f"Feature '{names[widest]}' spans {widths[widest]:.4g} and '{names[narrowest]}' only "
            f"{widths[narrowest]:.4g}, {ratio:,.0f} times less, and data.scaling is none.",
            expected=f"Features on one scale: the widest spans at most {RATIO:g} times the narrowest.",
            todo="Standardise the features.",
            evidence=(Evidence("widest to narrowest feature", ratio, limit=RATIO, where=names[widest]),),
            fixes=(Fix("Standardise each feature", changes={"data.scaling": "standardise"}),),
            confidence=0.8,
            why_confident="The ranges are facts; a model that scales its inputs itself would not mind.",
            where=names[widest],
        )
