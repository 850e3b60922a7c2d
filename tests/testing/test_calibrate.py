"""Moving the limits of a check: where a healthy bench first alarms, and where a fault is first missed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from bench.calibrate import Edge, Sample, edges, moved, nearest, page, resized

from trainwright.checks.data import unscaled_feature
from trainwright.cli.catalogue import limits_of
from trainwright.clinic import data_faults, training_benches
from trainwright.core import Catalogue
from trainwright.testing.matrix import Subject

CHECK = unscaled_feature.UnscaledFeature()
CATALOGUE = Catalogue([unscaled_feature.UnscaledFeature])
HEALTHY = Sample(Subject(training_benches.digits_cnn, None, "watch"), 0, 1.0)
ILL = Sample(Subject(training_benches.digits_cnn, data_faults.raw_bytes, "watch", ("TW112",)), 0, 1.0)


def test_a_limit_is_moved_and_put_back() -> None:
    largest = next(limit for limit in limits_of(CHECK) if limit.name == "largest")
    with moved(CHECK, largest, 2.0):
        assert 2 * largest.value == unscaled_feature.LARGEST
    assert largest.value == unscaled_feature.LARGEST


@pytest.mark.parametrize(("sample", "ill"), [(HEALTHY, False), (ILL, True)])
def test_the_edges_are_where_the_judgement_turns(sample: Sample, ill: bool) -> None:
    found = {edge.limit: edge for edge in edges(sample, CATALOGUE)}
    assert all(edge.ill == ill for edge in found.values())
    largest = found["largest"]
    assert (largest.above if ill else largest.below) is not None
    assert (largest.below if ill else largest.above) is None


def test_another_width_is_another_network() -> None:
    wider = resized(replace(HEALTHY, width=2.0)).healthy(0)
    plain = training_benches.digits_cnn(0)
    assert wider.model.width == 2 * plain.model.width == wider.config["model.width"]


def test_the_page_shows_the_side_that_is_nearer() -> None:
    def edge(**changes: Any) -> Edge:
        values = {"check": "TW112", "limit": "largest", "ill": False, "below": None, "above": None, "subject": "a"}
        return Edge(**{**values, **changes})

    found = [edge(below=0.5), edge(below=0.1, subject="b"), edge(ill=True, above=3.0, subject="c")]
    assert nearest(found[:2]) == {"below": (0.5, "a"), "above": None}
    assert "| largest | 20 | ×0.5 | a | ×3 | c |" in page(CATALOGUE, found, [HEALTHY, ILL])
