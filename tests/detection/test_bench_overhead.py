"""The bench of what watching costs: its networks train, its table compares."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from bench.monitors import CONTENDERS
from bench.networks import works
from bench.overhead import Cost, run, table

torch.set_num_threads(1)


@pytest.mark.parametrize("name", list(works()))
def test_every_network_runs_watched_and_unwatched(name: str) -> None:
    work = replace(works()[name], batch=2)
    for contender in ("no monitor", "trainwright"):
        cost = run(work, CONTENDERS[contender], 2)
        assert min(*cost.step, *cost.ends) > 0


def test_costs_are_compared_within_a_round() -> None:
    bare = [Cost(step=(s, s), ends=(1.0, 1.0)) for s in (0.001, 0.002, 0.004)]
    watched = [Cost(step=(2 * c.step[0], 1.1 * c.step[1]), ends=(1.5, 1.25)) for c in bare]
    costs = dict.fromkeys(CONTENDERS, bare) | {"trainwright": watched}
    text = table(works()["MLP"], costs, {name: 100.0 + 5 * (name == "trainwright") for name in CONTENDERS})
    assert "2.00 ms per step unwatched" in text
    assert "| trainwright | 1.100 | 1.100 – 1.100 | 2.000 | 2.000 – 2.000 | 0.25 | 5 |" in text
    assert "| no monitor | 1.000 | 1.000 – 1.000 | 1.000 | 1.000 – 1.000 | 0.00 | 0 |" in text
