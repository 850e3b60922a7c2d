"""Well-known architectures, random and small, on data that can be learnt: pre-flight and 200 watched steps of each end
without an error, and with at most one warning over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import trainwright
from trainwright.core import Severity

pytestmark = pytest.mark.slow

STEPS, ROWS, LENGTH, VOCABULARY = 200, 16, 16, 40
Step = Callable[[Any], Tensor]


def _sentences(generator: torch.Generator, n: int = ROWS) -> Tensor:
    """Tokens that go round in steps of one to three, from a random start: easily continued."""
    start = torch.randint(VOCABULARY, (n, 1), generator=generator)
    stride = torch.randint(1, 4, (n, 1), generator=generator)
    return (start + stride * torch.arange(LENGTH)) % VOCABULARY


def _images(generator: torch.Generator, size: int = 16, n: int = ROWS) -> tuple[Tensor, Tensor]:
    """Stripes of four widths in noise, [N, 3, size, size], and which width."""
    kinds = torch.randint(4, (n,), generator=generator)
    waves = torch.sin(torch.arange(size) * (kinds[:, None] + 1) * 0.7)[:, None, None, :].expand(n, 3, size, size)
    return waves + 0.3 * torch.randn(n, 3, size, size, generator=generator), kinds


def _bert(generator: torch.Generator) -> tuple[nn.Module, Iterator[Any]]:
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        num_labels=3,
    )  # fmt: skip
    model = BertForSequenceClassification(config)

    def batches() -> Iterator[Any]:
        while True:
            tokens = _sentences(generator)
            yield {"input_ids": tokens, "labels": (tokens[:, 1] - tokens[:, 0]) % VOCABULARY - 1}

    return model, batches()


def _gpt2(generator: torch.Generator) -> tuple[nn.Module, Iterator[Any]]:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=VOCABULARY, n_positions=LENGTH, n_embd=32, n_layer=2, n_head=2)
    config.bos_token_id = config.eos_token_id = 0
    tokens = iter(lambda: _sentences(generator), None)
    return GPT2LMHeadModel(config), ({"input_ids": each, "labels": each} for each in tokens)


def _vit(generator: torch.Generator) -> tuple[nn.Module, Iterator[Any]]:
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(
        image_size=16, patch_size=4, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        num_labels=4,
    )  # fmt: skip
    images = iter(lambda: _images(generator), None)
    return ViTForImageClassification(config), ({"pixel_values": x, "labels": y} for x, y in images)


def _t5(generator: torch.Generator) -> tuple[nn.Module, Iterator[Any]]:
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(
        vocab_size=VOCABULARY, d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2, decoder_start_token_id=0,
        pad_token_id=0,
    )  # fmt: skip
    tokens = iter(lambda: _sentences(generator), None)
    return T5ForConditionalGeneration(config), ({"input_ids": each, "labels": each.flip(1)} for each in tokens)


class _Residual(nn.Module):
    """A residual network with batch normalisation."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.blocks = nn.ModuleList(self._block(width) for _ in range(3))
        self.head = nn.Linear(width, 4)

    @staticmethod
    def _block(width: int) -> nn.Module:
        return nn.Sequential(
            nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1, bias=False),
        )  # fmt: skip

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.stem(inputs)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        outputs: Tensor = self.head(hidden.relu().mean((2, 3)))
        return outputs


class _UNet(nn.Module):
    """One level down and up again; labels every pixel."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.down, self.inner = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 2 * width, 3, padding=1)
        self.up, self.head = nn.ConvTranspose2d(2 * width, width, 2, stride=2), nn.Conv2d(2 * width, 2, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        skipped = self.down(inputs).relu()
        inner = self.inner(functional.max_pool2d(skipped, 2)).relu()
        outputs: Tensor = self.head(torch.cat([skipped, self.up(inner).relu()], 1))
        return outputs


class _LSTM(nn.Module):
    """A language model."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(VOCABULARY, 24)
        self.cell, self.head = nn.LSTM(24, 48, batch_first=True), nn.Linear(48, VOCABULARY)

    def forward(self, tokens: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.cell(self.table(tokens))[0]).transpose(1, 2)
        return outputs


class _VAE(nn.Module):
    """Returns (reconstruction, mean, log-variance)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.code = nn.Linear(64, 32), nn.Linear(32, 8)
        self.decoder = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 64))

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.code(self.encoder(inputs).relu()).chunk(2, -1)
        code = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return self.decoder(code), mean, log_variance


class _Experts(nn.Module):
    """A mixture of four experts of which each sample is seen by one."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(64, 4)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)) for _ in range(4))

    def forward(self, inputs: Tensor) -> Tensor:
        shares = self.router(inputs).softmax(-1)
        share, chosen = shares.max(-1)
        outputs = inputs.new_zeros(len(inputs), 10)
        for number, expert in enumerate(self.experts):
            rows = (chosen == number).nonzero().flatten()
            if len(rows):
                outputs = outputs.index_add(0, rows, share[rows, None] * expert(inputs[rows]))
        return outputs


def _negative_bound(outputs: tuple[Tensor, Tensor, Tensor], targets: Tensor) -> Tensor:
    reconstruction, mean, log_variance = outputs
    divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(-1).mean()
    return functional.mse_loss(reconstruction, targets, reduction="none").sum(-1).mean() + divergence


def _digits(generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    inputs, classes = torch.tensor(digits.data / 8 - 1, dtype=torch.float32), torch.tensor(digits.target)
    while True:
        rows = torch.randint(len(inputs), (32,), generator=generator)
        yield inputs[rows], classes[rows]


def _own(name: str, generator: torch.Generator) -> tuple[nn.Module, Any, Iterator[Any]]:
    """(model, loss, batches of (inputs, targets))."""
    images, tokens = iter(lambda: _images(generator), None), iter(lambda: _sentences(generator), None)
    if name == "residual":
        return _Residual(), nn.CrossEntropyLoss(), images
    if name == "unet":
        return _UNet(), nn.CrossEntropyLoss(), ((x, (x[:, 0] > 0.3).long()) for x, _ in images)
    if name == "lstm":
        return _LSTM(), nn.CrossEntropyLoss(), ((each[:, :-1], each[:, 1:]) for each in tokens)
    if name == "vae":
        return _VAE(), _negative_bound, ((x, x) for x, _ in _digits(generator))
    return _Experts(), nn.CrossEntropyLoss(), _digits(generator)


TRANSFORMERS = {"bert": _bert, "gpt2": _gpt2, "vit": _vit, "t5": _t5}
OWN = ("residual", "unet", "lstm", "vae", "experts")
_warnings: dict[str, list[str]] = {}


def _judge(name: str, findings: Any) -> None:
    """No error; warnings are counted over the whole zoo."""
    assert [f"{f.code} {f.happened}" for f in findings if f.severity is Severity.ERROR] == []
    _warnings.setdefault(name, []).extend(f"{f.code} {f.happened}" for f in findings if f.severity is Severity.WARNING)
    assert sum(len(each) for each in _warnings.values()) <= 1, _warnings


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers_are_passed(name: str) -> None:
    pytest.importorskip("transformers")
    torch.manual_seed(0)
    model, batches = TRANSFORMERS[name](torch.Generator().manual_seed(0))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    found = trainwright.check(model=model, batch=next(batches), optimizer=optimizer, seconds=60)
    _judge(f"{name} checked", found.findings)
    model.train()
    with trainwright.watch(quiet=True) as doctor:
        for _ in range(STEPS):
            optimizer.zero_grad()
            model(**next(batches)).loss.backward()
            optimizer.step()
    assert (doctor.fault, doctor.steps) == ("", STEPS)
    _judge(f"{name} watched", doctor.findings)


@pytest.mark.parametrize("name", OWN)
def test_networks_of_ones_own_are_passed(name: str) -> None:
    torch.manual_seed(0)
    model, loss, batches = _own(name, torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    found = trainwright.check(model=model, loss=loss, batch=next(batches), optimizer=optimizer, seconds=60)
    _judge(f"{name} checked", found.findings)
    model.train()
    with trainwright.watch(quiet=True) as doctor:
        for _ in range(STEPS):
            inputs, targets = next(batches)
            optimizer.zero_grad()
            loss(model(inputs), targets).backward()
            optimizer.step()
    assert (doctor.fault, doctor.steps) == ("", STEPS)
    _judge(f"{name} watched", doctor.findings)


def test_a_gan_is_passed() -> None:
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.Tanh())
    critic = nn.Sequential(nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
    ours, theirs = (torch.optim.Adam(m.parameters(), 5e-4, betas=(0.5, 0.999)) for m in (generator, critic))
    batches = _digits(torch.Generator().manual_seed(0))
    judge = nn.BCEWithLogitsLoss()
    with trainwright.watch(quiet=True) as doctor:
        for _ in range(STEPS):
            real, _ = next(batches)
            fake = generator(torch.randn(32, 8))
            theirs.zero_grad()
            doubt = judge(critic(real), torch.ones(32, 1)) + judge(critic(fake.detach()), torch.zeros(32, 1))
            doubt.backward()
            theirs.step()
            ours.zero_grad()
            judge(critic(fake), torch.ones(32, 1)).backward()
            ours.step()
    assert (doctor.fault, doctor.steps) == ("", 2 * STEPS)
    _judge("gan watched", doctor.findings)
