"""Set-ups of sequences, auto-encoders, counts and labels, sound and faulty, through the whole pre-flight."""

from __future__ import annotations

import warnings
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


def test_an_optimizer_of_another_model_leaves_no_gradient_to_look_for() -> None:
    torch.manual_seed(0)
    model, other = Tagger(), Tagger()
    optimizer = torch.optim.Adam(other.parameters(), lr=5e-3)
    found = check(model=model, loss=turned, batch=(PIXELS, BRIGHTNESS), optimizer=optimizer)
    assert "TW309" in [finding.code for finding in found.verdict.findings]
    assert not [reason for _, reason in found.verdict.not_evaluated if "grad()" in reason]


# Counts, several labels, spread shapes -------------------------------------------------------------------------------

INK = (PIXELS.sum(1) * 4).round()
"""How much ink an image holds, as a count of some dozens."""


class Rate(nn.Module):
    """The logarithm of a rate for each image, through some function, as [N] or [N, 1]."""

    def __init__(self, end: Any = None, *, column: bool = False) -> None:
        super().__init__()
        self.net, self.end, self.column = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1)), end, column

    def forward(self, x: Any) -> Any:
        outputs = self.net(x) if self.column else self.net(x).squeeze(1)
        return self.end(outputs) if self.end else outputs


@pytest.mark.parametrize(
    ("model", "counts", "code"),
    [
        (Rate(), INK, None),
        (Rate(torch.sigmoid), INK, "TW318"),
        (Rate(column=True), INK, "TW319"),
        (Rate(), (INK - INK.mean()) / INK.std(), "TW325"),
    ],
    ids=["sound", "bounded rate", "column", "standardised"],
)
def test_poisson_losses(model: nn.Module, counts: torch.Tensor, code: str | None) -> None:
    torch.manual_seed(0)
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    assert alarms(model, nn.PoissonNLLLoss(), counts)[:1] == ([code] if code else [])


@pytest.mark.parametrize("extra", [False, True])
def test_outputs_and_targets_that_spread_each_other(*, extra: bool) -> None:
    torch.manual_seed(0)
    rows = PIXELS.reshape(-1, 8, 8).mean(2)
    rows = (rows - rows.mean(0)) / rows.std(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8), *([nn.Unflatten(1, (1, 8))] if extra else []))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of the same
        assert alarms(model, nn.MSELoss(), rows)[:1] == (["TW319"] if extra else [])


@pytest.mark.parametrize("several", [True, False])
def test_a_softmax_over_labels_of_which_several_are_right(*, several: bool) -> None:
    torch.manual_seed(0)
    dark = (PIXELS.reshape(-1, 8, 8).mean(2) > 0.35).float()
    labels = dark if several else functional.one_hot(dark.argmax(1), 8).float()
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8), nn.Softmax(1))
    assert ("TW318" in alarms(model, nn.BCELoss(), labels)) is several


# Scores, alignments, pairs -------------------------------------------------------------------------------------------

MASKS = (PIXELS > 0.5).float()


def dice(outputs: Any, masks: Any) -> Any:
    shares = torch.sigmoid(outputs)
    return ((2 * (shares * masks).sum(1) + 1) / (shares.sum(1) + masks.sum(1) + 1)).mean()


@pytest.mark.parametrize("complement", [True, False])
def test_a_score_that_is_made_small(*, complement: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 64))
    loss = (lambda o, t: 1 - dice(o, t)) if complement else dice
    assert alarms(model, loss, MASKS)[:1] == ([] if complement else ["TW339"])


class Aligned(Tagger):
    """Scores [T, N, C] for each row of an image, as connectionist temporal classification takes them."""

    def __init__(self, end: str) -> None:
        super().__init__()
        self.end = end

    def forward(self, x: Any) -> Any:
        outputs = super().forward(x)
        return outputs.log_softmax(2) if self.end == "log" else outputs.softmax(2)


def ctc(outputs: Any, symbols: Any) -> Any:
    lengths = torch.full((len(symbols),), 8), torch.full((len(symbols),), 2)
    return functional.ctc_loss(outputs.transpose(0, 1), symbols, *lengths)


@pytest.mark.parametrize(
    ("end", "first", "code"), [("log", 1, None), ("plain", 1, "TW320"), ("log", 0, "TW325")], ids=str
)
def test_alignments_need_log_probabilities_and_a_class_for_the_blank(end: str, first: int, code: str | None) -> None:
    torch.manual_seed(0)
    padded = torch.cat([BRIGHTNESS[:, :2].clamp(max=3) + first, torch.zeros(len(PIXELS), 2, dtype=torch.long)], 1)
    assert alarms(Aligned(end), ctc, padded)[:1] == ([code] if code else [])


class Towers(nn.Module):
    """Scores [N, N] of upper halves beside lower halves of images."""

    def __init__(self) -> None:
        super().__init__()
        self.upper, self.lower = nn.Linear(32, 16), nn.Linear(32, 16)

    def forward(self, x: Any) -> Any:
        return 5 * functional.normalize(self.upper(x[:, :32])) @ functional.normalize(self.lower(x[:, 32:])).T


def test_other_samples_as_negatives_are_no_leak() -> None:
    torch.manual_seed(0)
    loss = lambda scores, _: functional.cross_entropy(scores, torch.arange(len(scores)))  # noqa: E731
    found = alarms(Towers(), loss, torch.arange(len(PIXELS)))
    assert not {"TW305", "TW341"} & set(found)
