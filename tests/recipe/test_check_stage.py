"""The check stage judges what its own trainings show: the same seed twice, and twice the capacity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainwright.core import Severity, Verdict
from trainwright.recipe.context import Context
from trainwright.recipe.judging import joined
from trainwright.recipe.stages.check import CheckStage
from trainwright.report.view import Outcome, StageResult, Step
from trainwright.workbench.experiment import Experiment

MakeContext = Callable[..., Context]


class Reader(nn.Module):
    """Two layers; ``draw`` gives the scale that the first one starts with."""

    def __init__(self, width: int, draw: Callable[[], float]) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(64, width), nn.Linear(width, 10)
        with torch.no_grad():
            self.first.weight.mul_(0.8 + 0.4 * draw())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.last(self.first(x).relu())
        return outputs


def _read(width: int = 16) -> nn.Module:
    return Reader(width, lambda: 0.5)


def _read_unseeded(width: int = 16) -> nn.Module:
    return Reader(width, lambda: float(np.random.default_rng().random()))


def _read_fixed(width: int = 16) -> nn.Module:
    return Reader(16, lambda: 0.5)


def check(model: Callable[..., nn.Module], make_context: MakeContext) -> StageResult:
    inputs, targets = load_digits(return_X_y=True)
    experiment = Experiment(
        data=(inputs[:300].astype(np.float32), targets[:300]),
        model=model,
        capacity="width",
        config={"optimizer.learning_rate": 3e-3},
    )
    return CheckStage().run(make_context(experiment, epochs_full=9))


def step(result: StageResult, name: str) -> Step:
    (found,) = (each for each in result.steps if each.name == name)
    return found


def codes(result: StageResult) -> list[str]:
    return [finding.code for finding in result.verdict.at_least(Severity.WARNING)]


def test_a_sound_model_is_cleared_of_both(make_context: MakeContext) -> None:
    result = check(_read, make_context)
    assert codes(result) == []
    assert {"TW808", "TW338", "TW303"} <= set(result.verdict.passed)
    for name in ("reproducible", "a bit more capacity"):
        assert step(result, name).outcome is Outcome.AS_EXPECTED


def test_weights_that_start_without_a_seed_are_named(make_context: MakeContext) -> None:
    result = check(_read_unseeded, make_context)
    assert codes(result) == ["TW808"]
    assert result.verdict.findings[0].evidence[0].where == "the initial weights"
    assert "TW808" not in result.verdict.passed
    assert step(result, "reproducible").outcome is Outcome.SURPRISE
    assert result.gate.is_open


def test_a_width_that_is_not_used_is_named(make_context: MakeContext) -> None:
    result = check(_read_fixed, make_context)
    assert codes(result) == ["TW338"]
    assert "1,210 parameters" in result.verdict.findings[0].happened
    assert step(result, "a bit more capacity").outcome is Outcome.SURPRISE


def test_what_was_found_earlier_stands_as_it_was_told(make_context: MakeContext) -> None:
    (finding,) = check(_read_fixed, make_context).verdict.at_least(Severity.WARNING)
    told: Any = replace(finding, todo="Tried, and it helped.")
    milder = replace(finding, code="TW808", severity=Severity.ADVICE)
    both = joined(Verdict(findings=(told,)), Verdict(findings=(finding, milder), passed=("TW303",)))
    assert both.findings == (told, milder)
    assert both.passed == ("TW303",)
