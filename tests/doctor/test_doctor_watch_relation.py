"""Targets that belong to other inputs are told from targets that a training merely fails to learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from torch import Tensor, nn
from torch.nn import functional

import trainwright
from trainwright.measures.relation import TargetRelation

torch.set_num_threads(1)
DIGITS = load_digits()
IMAGES, CLASSES = torch.tensor(DIGITS.images[:, None] / 16, dtype=torch.float32), torch.tensor(DIGITS.target)


def sets() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    loaded = {"digits": DIGITS, "wine": load_wine(), "diabetes": load_diabetes(), "cancer": load_breast_cancer()}
    return {name: (bunch.data[:400].astype(float), bunch.target[:400].astype(float)) for name, bunch in loaded.items()}


SETS = sets()


@pytest.mark.parametrize("name", list(SETS))
def test_real_targets_are_told_and_dealt_ones_are_not(name: str) -> None:
    rows, targets = SETS[name]
    assert TargetRelation(rows=rows, targets=targets).p_value < 0.02
    dealt = [np.random.default_rng(seed).permutation(targets) for seed in range(10)]
    assert np.median([TargetRelation(rows=rows, targets=each).p_value for each in dealt]) > 0.1


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from(sorted(SETS)))
def test_a_chance_is_a_share_whatever_the_rows(seed: int, name: str) -> None:
    dice = np.random.default_rng(seed)
    rows, targets = SETS[name]
    some = dice.permutation(len(rows))[:60]
    chance = TargetRelation(rows=rows[some] * dice.choice([0.0, 1.0, 1e6]), targets=targets[some]).p_value
    assert 0 < chance <= 1


def test_targets_or_rows_that_are_all_alike_tell_nothing() -> None:
    rows, targets = SETS["wine"]
    assert TargetRelation(rows=rows, targets=np.ones(len(rows))).p_value == 1.0
    assert TargetRelation(rows=np.ones_like(rows), targets=targets).p_value == 1.0


class Net(nn.Module):
    """An MLP on pictures, or on their numbers as tokens."""

    def __init__(self, tokens: bool) -> None:
        super().__init__()
        self.table = nn.Embedding(17, 8) if tokens else None
        self.body = nn.Sequential(nn.Linear(8 if tokens else 64, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, given: Tensor) -> Tensor:
        rows = self.table(given).mean(1) if self.table is not None else given.flatten(1)
        outputs: Tensor = self.body(rows)
        return outputs


def codes(inputs: Tensor, classes: Tensor, *, rate: float = 1e-3, epochs: int = 8) -> set[str]:
    torch.manual_seed(0)
    model = Net(not inputs.is_floating_point())
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    with trainwright.watch(every=2, quiet=True) as watch:
        for _ in range(epochs):
            for rows in torch.randperm(1400).split(32):  # type: ignore[no-untyped-call]
                optimizer.zero_grad()
                functional.cross_entropy(model(inputs[rows]), classes[rows]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            with torch.no_grad():
                functional.cross_entropy(model(inputs[1400:]), classes[1400:])
    return {finding.code for finding in watch.findings}


@pytest.mark.parametrize("tokens", [False, True])
def test_labels_of_other_pictures_are_named(tokens: bool) -> None:
    inputs = (IMAGES.flatten(1) * 16).long() if tokens else IMAGES
    dealt = CLASSES[torch.randperm(len(CLASSES), generator=torch.Generator().manual_seed(3))]
    assert "TW121" in codes(inputs, dealt)
    assert "TW121" not in codes(inputs, CLASSES)


def test_a_rate_too_low_is_no_matter_of_labels() -> None:
    assert "TW121" not in codes(IMAGES, CLASSES, rate=1e-7)
