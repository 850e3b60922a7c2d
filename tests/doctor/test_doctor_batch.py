"""Batches of any structure are taken apart and put back."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, namedtuple
from typing import Any

import pytest
import torch
from torch.distributions import Bernoulli, Independent, LogNormal, Normal

from trainwright.doctor.batch import (
    clone,
    main_output,
    map_tensors,
    n_samples,
    parts_of,
    rows_of,
    tensors_of,
    with_part,
)

Pair = namedtuple("Pair", "image label")


@dataclasses.dataclass
class Sample:
    image: torch.Tensor
    name: str


IMAGE, LABEL = torch.arange(12.0).reshape(6, 2), torch.arange(6)
STRUCTURES: list[Any] = [
    IMAGE,
    (IMAGE, LABEL),
    [IMAGE, LABEL],
    {"image": IMAGE, "label": LABEL},
    OrderedDict(image=IMAGE, label=LABEL),
    Pair(IMAGE, LABEL),
    Sample(IMAGE, "six"),
    ({"image": IMAGE}, [LABEL, "text"]),
]


@pytest.mark.parametrize("batch", STRUCTURES, ids=lambda batch: type(batch).__name__)
def test_rows_are_taken_from_every_tensor_and_the_structure_stays(batch: Any) -> None:
    assert n_samples(batch) == 6
    some = rows_of(batch, [1, 3])
    assert type(some) is type(batch)
    assert n_samples(some) == 2
    assert torch.equal(next(tensors_of(some)), IMAGE[[1, 3]])


def test_a_tensor_that_has_no_entry_per_sample_stays_whole() -> None:
    weights = torch.ones(10)
    some = rows_of({"image": IMAGE, "weights": weights, "scale": torch.tensor(2.0)}, slice(2))
    assert some["weights"] is weights
    assert some["scale"].item() == 2.0


def test_a_clone_shares_no_memory() -> None:
    batch = {"image": IMAGE.clone()}
    copied = clone(batch)
    copied["image"].zero_()
    assert batch["image"].any()


def test_the_parameters_of_a_distribution_are_its_tensors() -> None:
    normal = Normal(torch.zeros(3), torch.ones(3))
    whole = Independent(normal, 1)
    assert [id(t) for t in tensors_of(whole)] == [id(normal.loc), id(normal.scale)]
    moved = map_tensors(whole, lambda tensor: tensor + 1)
    assert torch.equal(moved.mean, torch.ones(3))
    assert torch.equal(whole.mean, torch.zeros(3))
    assert main_output(Bernoulli(probs=torch.full((3,), 0.5))).tolist() == [0.5] * 3  # type: ignore[union-attr]
    assert not list(tensors_of(LogNormal(torch.zeros(3), torch.ones(3))))


def test_nothing_but_tensors_is_changed() -> None:
    assert map_tensors({"a": 1, "b": None, "c": "x"}, lambda t: t + 1) == {"a": 1, "b": None, "c": "x"}
    assert n_samples({"a": 1}) == 0


def test_the_output_that_predicts() -> None:
    logits, hidden = torch.zeros(4, 3), torch.zeros(4, 7)
    assert main_output(logits) is logits
    assert main_output({"hidden": hidden, "logits": logits}) is logits
    assert main_output((torch.zeros(4, dtype=torch.long), hidden)) is hidden
    assert main_output("nothing") is None


@pytest.mark.parametrize("batch", STRUCTURES[1:-1], ids=lambda batch: type(batch).__name__)
def test_a_part_is_replaced_and_the_others_stay(batch: Any) -> None:
    names = list(parts_of(batch))
    changed = with_part(batch, names[0], LABEL)
    assert type(changed) is type(batch)
    assert parts_of(changed)[names[0]] is LABEL
    assert parts_of(changed)[names[1]] is parts_of(batch)[names[1]]
    assert parts_of(batch)[names[0]] is IMAGE
    assert parts_of(IMAGE) == {}
