"""Augmentation changes samples a little, repeatably, and never the shape."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from trainwright.data.augmentation import augmentation_for
from trainwright.data.dataset import Kind
from trainwright.data.sources import load

torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [(Kind.IMAGE, (1, 8, 8)), (Kind.IMAGE, (3, 20, 12)), (Kind.TABLE, (7,)), (Kind.SEQUENCE, (9, 4))],
)
def test_repeatable_and_of_the_same_shape(kind: Kind, shape: tuple[int, ...]) -> None:
    augment = augmentation_for(kind, shape)
    assert augment is not None
    batch = torch.randn(6, *shape, generator=torch.Generator().manual_seed(1))
    before = batch.clone()
    state = torch.get_rng_state()
    first, again, other = (augment(batch, torch.Generator().manual_seed(s)) for s in (0, 0, 1))
    assert first.shape == batch.shape
    assert first.dtype == batch.dtype
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(batch, before)
    assert torch.equal(state, torch.get_rng_state())


def test_tokens_are_left_alone() -> None:
    assert augmentation_for(Kind.SEQUENCE, (12,)) is None


def test_constant_columns_and_single_samples_stay_finite() -> None:
    augment = augmentation_for(Kind.TABLE, (3,))
    assert augment is not None
    assert torch.equal(augment(torch.ones(1, 3), torch.Generator()), torch.ones(1, 3))


def test_shifts_stay_small_and_labels_survive() -> None:
    digits = load("digits")
    augment = augmentation_for(Kind.IMAGE, (1, 8, 8))
    assert augment is not None
    images = torch.from_numpy(digits.inputs / 16)
    moved = augment(images, torch.Generator().manual_seed(0)).numpy().reshape(len(images), -1)
    flat = images.numpy().reshape(len(images), -1)
    correlation = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(flat, moved, strict=True)])
    assert 0.7 < correlation < 0.98
    # a linear model trained on the augmented images must do well on the untouched ones
    model = LogisticRegression(max_iter=300).fit(moved[:1200], digits.targets[:1200])
    assert model.score(flat[1200:], digits.targets[1200:]) > 0.85
