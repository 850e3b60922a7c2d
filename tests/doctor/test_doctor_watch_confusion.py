"""Classes that are numbered in another way in the evaluation are told, on handwritten digits and flowers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import trainwright
from trainwright.doctor.events import LossCall
from trainwright.doctor.observers.confusion import Confusions
from trainwright.doctor.observers.scores import n_right, n_targets
from trainwright.measures.labels import PredictedClasses

torch.set_num_threads(1)
IMAGES = torch.tensor(load_digits().data / 16, dtype=torch.float32)
CLASSES = torch.tensor(load_digits().target)
SWAPPED = torch.tensor([0, 1, 2, 5, 4, 3, 6, 7, 8, 9])


def codes(train: Tensor, test: Tensor, *, loss: str, own: bool = False, epochs: int = 8, plus: int = 0) -> list[str]:
    """What is said of digits 0 to ... with labels of their own in training and in the evaluation; ``loss``: computed in
    the evaluation, too, or only right answers ``counted``; ``plus``: what is added to the class of the largest output
    before that."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, int(CLASSES.max()) + 1))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    data = TensorDataset(IMAGES[:1200], train[:1200]), TensorDataset(IMAGES[1200:], test[1200:])
    loaders = DataLoader(data[0], 50, shuffle=True), DataLoader(data[1], 100)

    def criterion(logits: Tensor, targets: Tensor) -> Tensor:
        if not own:
            return functional.cross_entropy(logits, targets - int(loss == "shifted"), ignore_index=-1)
        known = targets > 0
        return -logits[known].log_softmax(1).gather(1, targets[known, None] - 1).mean()

    with trainwright.watch(every=2, quiet=True) as doctor:
        for _ in range(epochs):
            for images, labels in loaders[0]:
                optimizer.zero_grad()
                criterion(model(images), labels).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            model.eval()
            with torch.no_grad():
                for images, labels in loaders[1]:
                    logits = model(images)
                    if loss == "computed":
                        functional.cross_entropy(logits, labels)
                    (logits.argmax(1) + plus == labels).sum()
            model.train()
    return [finding.code for finding in doctor.findings]


@pytest.mark.parametrize("loss", ["computed", "counted"])
def test_classes_of_other_numbers_are_named_first(loss: str) -> None:
    assert codes(CLASSES, (CLASSES + 1) % 10, loss=loss)[0] == "TW213"
    assert codes(CLASSES, SWAPPED[CLASSES], loss=loss)[0] == "TW213"
    assert "TW213" not in codes(CLASSES, CLASSES, loss=loss)


@pytest.mark.parametrize("own", [False, True])
def test_an_offset_in_training_alone_is_named(own: bool) -> None:
    assert "TW213" in codes(CLASSES, CLASSES, loss="shifted", own=own)


@pytest.mark.parametrize("n_classes", [2, 10])
def test_labels_that_cannot_be_learnt_are_not_called_renumbered(n_classes: int) -> None:
    dealt = CLASSES[torch.randperm(len(CLASSES), generator=torch.Generator().manual_seed(1))] % n_classes
    assert "TW213" not in codes(dealt, dealt, loss="computed")


def test_one_answer_for_all_is_not_renumbered() -> None:
    assert "TW213" not in codes(torch.zeros_like(CLASSES), CLASSES, loss="computed")


@settings(deadline=None)
@given(st.integers(2, 9), st.integers(0, 10_000))
def test_agreement_is_that_of_cohen(n_classes: int, seed: int) -> None:
    from sklearn.metrics import cohen_kappa_score

    dice = np.random.default_rng(seed)
    labels, said = dice.integers(n_classes, size=(2, 400))
    said = np.where(dice.random(400) < 0.5, labels, said)
    counts = np.zeros((2, n_classes, n_classes), dtype=np.int64)
    np.add.at(counts[1], (labels, said), 1)
    predicted = PredictedClasses(counts=counts, told=True)
    same = {each: each for each in range(n_classes)}
    assert predicted.agreement(same) == pytest.approx(cohen_kappa_score(labels, said))


@pytest.mark.parametrize("loss", ["computed", "counted"])
def test_answers_counted_from_one_are_named(loss: str) -> None:
    assert codes(CLASSES, CLASSES, loss=loss, plus=1)[0] == "TW213"


def test_answers_counted_from_one_as_the_labels_are_no_mistake() -> None:
    assert "TW213" not in codes(CLASSES + 1, CLASSES + 1, loss="shifted", plus=1)


def test_labels_may_be_bytes_as_torch_takes_them() -> None:
    outputs, labels = functional.one_hot(torch.tensor([2, 1, 0]), 3).float(), torch.tensor([2, 1, 1], dtype=torch.uint8)
    call = LossCall("cross_entropy", outputs, labels, functional.cross_entropy(outputs, labels))
    assert int(n_right(call)) == 2


@pytest.mark.parametrize("ignored", [0, 255, -100])
def test_labels_that_a_loss_ignores_are_no_class_that_is_said(ignored: int) -> None:
    outputs, labels = functional.one_hot(torch.tensor([2, 1, 2, 0]), 3).float(), torch.tensor([0, 1, 2, 0])
    labels = torch.where(labels == 0, ignored, labels)  # as the padding of a text or the border of an object
    call = LossCall("cross_entropy", outputs, labels, torch.zeros(()), {"ignore_index": ignored})
    counts = Confusions()
    counts.scored(call, source=1)
    counts.stepped()
    (measured,) = counts.measurements()
    assert measured.n_samples == int(n_targets(call)) == int(n_right(call)) == 2
