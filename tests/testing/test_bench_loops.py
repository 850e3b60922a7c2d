"""The hand-written loops of the benches do what their names say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.optim import Optimizer

from trainwright.clinic import curve_faults, loop_faults
from trainwright.clinic.bench import Bench
from trainwright.clinic.training_benches import alloys_mlp, normalised
from trainwright.core import UsageError
from trainwright.testing.bench import to_experiment
from trainwright.testing.bench_loops import LOOPS, run_loop
from trainwright.testing.plain_loop import LoopResult

torch.set_num_threads(1)

STEPS = 60


def run(bench: Bench, steps: int = STEPS) -> LoopResult:
    return run_loop(to_experiment(bench), bench, steps=steps)


def last(result: LoopResult) -> float:
    return sum(result.losses[-10:]) / 10


def test_the_sound_loop_learns_and_repeats_to_the_bit() -> None:
    state = torch.get_rng_state()
    first, second = run(alloys_mlp(0), 150), run(alloys_mlp(0), 150)
    assert first.losses == second.losses
    assert len(first.losses) == 150
    assert last(first) < 0.6 * first.losses[0]
    assert torch.equal(torch.get_rng_state(), state), "the caller's random state is left alone"


@pytest.mark.parametrize("name", [name for name in LOOPS if name not in {"workers-share-seed", "slow-loader"}])
def test_every_loop_runs_to_its_end(name: str) -> None:
    assert len(run(replace(normalised(0), loop=name), 20).losses) == 20


def test_mistakes_change_the_course_and_healthy_peculiarities_do_not() -> None:
    sound = last(run(alloys_mlp(0)))
    assert last(run(loop_faults.no_zero_grad(alloys_mlp(0)))) != sound
    assert last(run(loop_faults.zero_grad_before_step(alloys_mlp(0)))) > 1.0, "nothing is learnt"
    assert last(run(loop_faults.same_batch(alloys_mlp(0)))) < 0.5 * sound, "one batch is learnt by heart"
    assert last(run(replace(alloys_mlp(0), loop="model-zero-grad"))) == sound


def test_best_weights_come_back_unless_they_are_aliased() -> None:
    spoilt = curve_faults.sixty_noisy_samples(alloys_mlp(0))  # validates worse and worse
    assert not _same_at_the_end(spoilt)
    assert _same_at_the_end(loop_faults.aliased_best(spoilt))


def _same_at_the_end(bench: Bench) -> bool:
    """Whether loading the best weights left those of the last step."""
    weights = []

    @contextmanager
    def keep(model: nn.Module, optimizer: Optimizer) -> Iterator[None]:
        optimizer.register_step_post_hook(lambda *_: weights.append(next(model.parameters()).detach().clone()))
        yield

    result = run_loop(to_experiment(bench), bench, steps=STEPS, watch=keep)
    return torch.equal(next(result.model.parameters()), weights[-1])


def test_an_unknown_loop_is_refused_with_the_names() -> None:
    with pytest.raises(UsageError, match="no loop 'sideways'") as caught:
        run(replace(alloys_mlp(0), loop="sideways"))
    assert "no-zero-grad" in str(caught.value.expected)
