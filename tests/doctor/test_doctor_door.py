"""What enters a loss: described without touching it, whoever calls the loss."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from trainwright.doctor.door import LossCalls, describe_door
from trainwright.doctor.trials import observe_door

DIGITS = load_digits()
INPUTS = torch.tensor(DIGITS.data[:40] / 16, dtype=torch.float32)
CLASSES = torch.tensor(DIGITS.target[:40])


def logits(seed: int = 0) -> torch.Tensor:
    torch.manual_seed(seed)
    return nn.Linear(64, 10)(INPUTS)  # type: ignore[no-any-return]


def test_class_numbers_are_described() -> None:
    outputs = logits()
    found = describe_door("cross_entropy", outputs, CLASSES, value=F.cross_entropy(outputs, CLASSES))
    assert (found.output_shape, found.target_shape) == ((40, 10), (40,))
    assert (found.output_dtype, found.target_dtype) == ("float32", "int64")
    assert (found.n_rows, found.n_classes, found.n_targets) == (40, 10, 40)
    assert (found.target_kind, found.target_minimum, found.target_maximum) == ("class numbers", 0, 9)
    assert found.output_minimum == pytest.approx(outputs.min().item())
    assert found.largest_row_sum == pytest.approx(outputs.sum(1).max().item(), abs=1e-5)
    assert found.value == pytest.approx(F.cross_entropy(outputs, CLASSES).item(), abs=1e-6)
    assert not found.outputs_are_probabilities
    assert not found.outputs_are_log_probabilities


def test_probabilities_and_log_probabilities_are_told_apart() -> None:
    outputs = logits()
    assert describe_door("cross_entropy", outputs.softmax(1), CLASSES).outputs_are_probabilities
    assert describe_door("nll", outputs.log_softmax(1), CLASSES).outputs_are_log_probabilities
    half = outputs.bfloat16()
    assert describe_door("cross_entropy", half.softmax(1), CLASSES).outputs_are_probabilities
    assert describe_door("nll", half.log_softmax(1), CLASSES).outputs_are_log_probabilities


@pytest.mark.parametrize(
    ("targets", "kind"),
    [
        (F.one_hot(CLASSES, 10).float(), "one-hot"),
        (F.one_hot(CLASSES, 10).float() * 0.9 + 0.01, "probabilities"),
        ((torch.arange(400).reshape(40, 10) % 3 == 0).float(), "multi-hot"),
        (torch.linspace(-1, 3, 400).reshape(40, 10), "values"),
    ],
    ids=["one-hot", "probabilities", "multi-hot", "values"],
)
def test_kinds_of_targets(targets: torch.Tensor, kind: str) -> None:
    assert describe_door("mse", logits(), targets).target_kind == kind


def test_targets_out_of_range_are_counted_without_those_ignored() -> None:
    targets = CLASSES.clone()
    targets[:3], targets[3:5], targets[5] = 10, -100, -1
    found = describe_door("cross_entropy", logits(), targets)
    assert (found.n_out_of_range, found.n_ignored) == (4, 2)
    assert (found.target_minimum, found.target_maximum) == (-1, 10)
    pixels = describe_door("cross_entropy", torch.randn(4, 3, 5, 5), torch.full((4, 5, 5), 255), ignore_index=255)
    assert (pixels.n_out_of_range, pixels.n_ignored, pixels.n_classes) == (0, 100, 3)
    signs = describe_door("bce_with_logits", torch.zeros(6), torch.tensor([-1.0, 1, 1, -1, 1, 1]))
    assert signs.n_out_of_range == 2


@given(
    st.lists(st.integers(0, 4), max_size=3), st.lists(st.integers(0, 4), max_size=3), st.sampled_from(["mse", "nll"])
)
def test_any_shapes_are_described(first: list[int], second: list[int], name: str) -> None:
    outputs, targets = torch.zeros(first), torch.zeros(second, dtype=torch.int64 if name == "nll" else torch.float32)
    found = describe_door(name, outputs, targets)
    assert found.output_shape == tuple(first)
    assert found.target_shape == tuple(second)


def test_nothing_is_changed_and_no_random_number_drawn() -> None:
    outputs, state = logits().requires_grad_(), torch.get_rng_state()
    before, graph = outputs.clone(), outputs.grad_fn
    describe_door("cross_entropy", outputs, CLASSES)
    assert torch.equal(outputs, before)
    assert outputs.grad_fn is graph
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("loss", "name", "reduction"),
    [
        (nn.CrossEntropyLoss(reduction="sum"), "cross_entropy", "sum"),
        (
            lambda o, t: F.cross_entropy(o, t, torch.ones(10), ignore_index=3, label_smoothing=0.1),
            "cross_entropy",
            "mean",
        ),
        (lambda o, t: nn.NLLLoss()(o.log_softmax(1), t), "nll", "mean"),
        (lambda o, t: nn.MSELoss(reduction="none")(o, F.one_hot(t, 10).float()).mean(), "mse", "none"),
        (lambda o, t: F.binary_cross_entropy_with_logits(o, F.one_hot(t, 10).float()), "bce_with_logits", "mean"),
        (
            lambda o, t: F.kl_div(o.log_softmax(1), F.one_hot(t, 10).float(), reduction="batchmean"),
            "kl_div",
            "batchmean",
        ),
    ],
)
def test_calls_are_noted_whoever_makes_them(loss: Any, name: str, reduction: str) -> None:
    outputs = logits()
    alone = loss(outputs, CLASSES)
    with LossCalls() as calls:
        value = loss(outputs, CLASSES)
    assert torch.equal(value, alone)
    assert [(door.loss_name, door.reduction) for door in calls.doors] == [(name, reduction)]


def test_options_of_a_call_are_read_and_evaluation_is_not_noted() -> None:
    with LossCalls() as calls:
        F.cross_entropy(logits(), CLASSES, torch.ones(10), ignore_index=3, label_smoothing=0.1)
        F.cross_entropy(logits().detach(), CLASSES)
    (door,) = calls.doors
    assert door.has_weights
    assert door.label_smoothing == 0.1
    assert door.n_ignored == int((CLASSES == 3).sum())


def test_the_trial_sees_into_a_loss_of_ones_own_and_survives_what_torch_refuses(digits: Any) -> None:
    own = observe_door(digits.mlp(loss=lambda o, t: 3 * F.nll_loss(o, t)))
    assert own.loss_name == "nll"
    assert own.value == own.value, "the loss was computed"
    by_hand = observe_door(digits.mlp(loss=lambda o, t: -o.log_softmax(1).gather(1, t[:, None]).mean()))
    assert (by_hand.loss_name, by_hand.target_kind) == ("python", "class numbers")
    setup = digits.mlp()
    setup.targets = setup.targets + 1
    refused = observe_door(setup)
    assert refused.n_out_of_range == int((DIGITS.target[:256] == 9).sum())
    assert refused.value != refused.value
