"""Whether pictures and signals lie in memory as their axes are named, on photographs and real signals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image
from torch import Tensor, nn

import trainwright
from trainwright.doctor.layout import layout_of

PHOTOGRAPH = torch.from_numpy(np.array(load_sample_image("china.jpg"))).float() / 255
PATCHES = torch.stack([PHOTOGRAPH[r : r + 20, c : c + 20] for r in range(0, 400, 50) for c in range(0, 600, 75)])
"""[64, H, W, 3]"""
CLASSES = torch.arange(64) % 4
TIMES = torch.linspace(0, 6, 40)
SIGNALS = torch.stack(
    [torch.stack([(TIMES * f + f).sin(), (TIMES * 0.5 + f).cos(), TIMES * f / 6], 1) for f in torch.linspace(1, 2, 32)]
)
"""[32, T, 3]"""

Prepare = Callable[[Tensor], Tensor]


def sound(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2) if x.dim() == 4 else x.transpose(1, 2)


def scrambled(x: Tensor) -> Tensor:
    return x.reshape(len(x), 3, *x.shape[1:-1])


def grey(x: Tensor) -> Tensor:
    return x.mean(-1, keepdim=True).expand_as(x).contiguous()


@pytest.mark.parametrize("tint", [lambda x: x, grey], ids=["colour", "grey"])
@pytest.mark.parametrize("shift", [0.0, -0.5])
def test_photographs(tint: Prepare, shift: float) -> None:
    right, wrong = layout_of(sound(tint(PATCHES)) + shift), layout_of(scrambled(tint(PATCHES)) + shift)
    assert right is not None
    assert wrong is not None
    assert right.neighbours < right.neighbours_swapped
    assert wrong.neighbours_swapped < 0.65 * wrong.neighbours
    assert wrong.neighbours_swapped == pytest.approx(right.neighbours, rel=0.2)


def test_too_little_is_not_judged() -> None:
    assert layout_of(PATCHES[:4]) is None
    assert layout_of(sound(PATCHES)[:, :1]) is None, "one channel has no other order"
    assert layout_of(sound(PATCHES) * 0) is None
    assert layout_of(torch.zeros(16, 5)) is None


@pytest.mark.parametrize(("prepare", "fires"), [(sound, False), (scrambled, True)])
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("data", [PATCHES, SIGNALS], ids=["photographs", "signals"])
def test_scrambled_inputs_are_named(data: Tensor, inside: bool, prepare: Prepare, fires: bool) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            convolution = nn.Conv2d if data.dim() == 4 else nn.Conv1d
            self.first, self.last = convolution(3, 8, 3), nn.Linear(8, 4)

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(prepare(x) if inside else x).relu().flatten(2).mean(2)
            return torch.as_tensor(self.last(x))

    torch.manual_seed(0)
    inputs, classes = data if inside else prepare(data), CLASSES[: len(data)]
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    found = trainwright.check(model, nn.CrossEntropyLoss(), (inputs, classes), optimizer)
    assert ("TW327" in [finding.code for finding in found.findings]) == fires
    with trainwright.watch(quiet=True) as doctor:
        for _ in range(10):
            optimizer.zero_grad()
            nn.CrossEntropyLoss()(model(inputs), classes).backward()
            optimizer.step()
    assert ("TW327" in [finding.code for finding in doctor.findings]) == fires
