"""TW104 constant-feature."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import data_faults, images, tables
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.features import FeatureRanges

SHOWN = 5
MIN_SAMPLES = 20
"""With fewer rows a yes-or-no column of nine to one is constant by chance too often (0.9 ** 20 = 12 %)."""


class ConstantFeature(Check):
    """A feature has one and the same value in every training sample, or none at all.

    What it finds:
        Columns of tables, features of sequences and whole channels of images that never change. Single pixels are no
        matter: the corners of a picture may always be empty, also where a table holds the pixels.

    Why it hurts:
        It says nothing, and mostly something upstream is broken: a join that found no match, a sensor that was off, a
        channel that was overwritten.

    How it is measured:
        The lowest and the highest finite value over the training samples are equal. A table in which at least half of
        16 or more columns share one lowest and one highest value is a table of pixels and left alone.

    How to fix:
        Find out why it never changes. Where that is as it should be, leave the feature out.

    References:
        Cross Validated 352036 (check the data first); Jonathan Hui, part 2.
    """

    code = "TW104"
    name = "constant-feature"
    severity = Severity.WARNING
    cases = (Case(tables.wine, data_faults.constant_feature), Case(images.shapes, data_faults.constant_feature))

    def run(self, features: FeatureRanges) -> Iterator[Finding]:
        if features.n_samples < MIN_SAMPLES or not features.consistent:
            raise CannotEvaluate(f"{features.n_samples} training samples are too few: {MIN_SAMPLES} are needed")
        if features.pixel_like:
            return
        constant = np.flatnonzero(~(features.low < features.high))  # NaN: no value at all
        if not len(constant):
            return
        names = [features.names[i] for i in constant]
        described = [_describe(features, int(i)) for i in constant[:SHOWN]]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        yield self.finding(
            happened=f"{len(names)} of {len(features.low)} features never change over {features.n_samples} training "
            f"samples: {', '.join(described)}{more}.",
            expected="0 constant features: each takes at least 2 values.",
            todo="Check where these features come from; leave them out if they are meant to be constant.",
            evidence=(Evidence("constant features", len(names), limit=0, unit="features", where=names[0]),),
            fixes=_fixes(features, names),
            confidence=0.9,
            why_confident="The values are equal to the last bit; whether that is meant, only you know.",
            where=names[0],
        )


def _describe(features: FeatureRanges, i: int) -> str:
    if not np.isfinite(features.low[i]):
        return f"'{features.names[i]}' has no value"
    if features.categorical[i]:
        return f"'{features.names[i]}' holds one category only"
    return f"'{features.names[i]}' is always {features.low[i]:g}"


def _fixes(features: FeatureRanges, names: list[str]) -> tuple[Fix, ...]:
    if features.kind == "table" and len(names) < len(features.low):
        return (Fix(f"Leave out {len(names)} constant features", changes={"data.drop_features": names}),)
    return (Fix("Mend the source", instruction="Find the step that writes the same value everywhere."),)
