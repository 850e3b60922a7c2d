"""Which models take part in the graph of a loss, told by the optimizers."""

from __future__ import annotations

from torch import nn

from trainwright.doctor.graph import named_parameters


def test_a_network_that_no_optimizer_holds_only_measures() -> None:
    learner, yardstick = nn.Linear(2, 2), nn.Linear(2, 1)
    assert list(named_parameters([learner, yardstick], learner.parameters())) == ["weight", "bias"]
    assert len(named_parameters([learner, yardstick], [])) == 4, "there is no other"


def test_where_two_optimizers_hold_the_same_one_was_meant_for_the_other() -> None:
    critic, generator = nn.Linear(2, 1), nn.Linear(2, 2)
    twice = [*critic.parameters(), *critic.parameters()]
    assert list(named_parameters([critic, generator], twice)) == [
        "Linear.weight",
        "Linear.bias",
        "Linear 2.weight",
        "Linear 2.bias",
    ]
