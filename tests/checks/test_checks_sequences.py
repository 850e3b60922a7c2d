"""Faults of axes and of gradients in networks over sequences and in auto-encoders, through the whole pre-flight."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from trainwright import check
from trainwright.core import Severity

PIXELS = torch.tensor(load_digits().data[:96] / 16, dtype=torch.float32)
BRIGHTNESS = (PIXELS.reshape(-1, 8, 8).mean(2) * 5).long().clamp(max=4)
"""Five levels of brightness for each of the eight rows of an image."""


class Tagger(nn.Module):
    """Tags the rows of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = nn.GRU(8, 16, batch_first=True), nn.Linear(16, 5)

    def forward(self, x: Any) -> Any:
        return self.out(self.cell(x.reshape(-1, 8, 8))[0])


def over_rows(outputs: Any, tags: Any) -> Any:
    return functional.nll_loss(outputs.log_softmax(1).flatten(0, 1), tags.flatten())


def over_classes(outputs: Any, tags: Any) -> Any:
    return functional.nll_loss(outputs.log_softmax(2).flatten(0, 1), tags.flatten())


def viewed(outputs: Any, tags: Any) -> Any:
    return functional.cross_entropy(outputs.view(len(tags), 5, 8), tags)


def turned(outputs: Any, tags: Any) -> Any:
    return functional.cross_entropy(outputs.transpose(1, 2), tags)


def alarms(model: nn.Module, loss: Any, targets: Any) -> list[str]:
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    found = check(model=model, loss=loss, batch=(PIXELS, targets), optimizer=optimizer)
    return [finding.code for finding in found.verdict.at_least(Severity.WARNING)]


@pytest.mark.parametrize(
    ("loss", "code"), [(over_rows, "TW330"), (viewed, "TW327"), (over_classes, None), (turned, None)]
)
def test_the_axis_in_front_of_the_loss(loss: Any, code: str | None) -> None:
    torch.manual_seed(0)
    assert alarms(Tagger(), loss, BRIGHTNESS)[:1] == ([code] if code else [])


class Variational(nn.Module):
    def __init__(self, *, reparametrised: bool) -> None:
        super().__init__()
        self.encoder, self.decoder, self.reparametrised = nn.Linear(64, 8), nn.Linear(4, 64), reparametrised

    def forward(self, x: Any) -> Any:
        mu, logvar = self.encoder(x).chunk(2, 1)
        normal: Any = torch.distributions.Normal(mu, (logvar / 2).exp())
        return self.decoder(normal.rsample() if self.reparametrised else normal.sample()), mu, logvar


def evidence_bound(outputs: Any, target: Any) -> Any:
    reconstruction, mu, logvar = outputs
    divergence = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(1).mean()
    return functional.mse_loss(reconstruction, target) * 64 + divergence


@pytest.mark.parametrize("reparametrised", [True, False])
def test_a_sample_that_lets_no_gradient_through(*, reparametrised: bool) -> None:
    torch.manual_seed(0)
    found = alarms(Variational(reparametrised=reparametrised), evidence_bound, PIXELS)
    assert found == ([] if reparametrised else ["TW307"])
