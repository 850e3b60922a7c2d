"""Hand-written loops of the benches that experiments do not know: several targets for each sample, or two networks that
learn against each other.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from trainwright.clinic.bench import Bench
from trainwright.doctor.setup import Setup
from trainwright.testing.bench_models import BenchNet
from trainwright.testing.bench_parts import LOSSES
from trainwright.workbench.randomness import derive, seeded

BATCH = 32
LARGEST_TRIAL = 256
"""Samples that the trials are given at most."""
NOISE = 8
"""Random numbers from which a generator makes a sample."""


def setup_of(bench: Bench) -> Setup | None:
    """What takes part in a step of such a bench; None where that is more than one model and one loss."""
    if bench.loop != "sound":
        return None
    torch.manual_seed(bench.seed)
    model = _network(bench)
    inputs, targets = (each[:LARGEST_TRIAL] for each in _part(bench, "train"))
    return Setup(
        model=model,
        loss=LOSSES[bench.loss],
        optimizer=torch.optim.Adam(model.parameters(), lr=_rate(bench)),
        inputs=inputs,
        targets=targets,
        task=bench.task,
        n_outputs=len(bench.class_names) or 1,
    )


def run_own_loop(bench: Bench, *, steps: int) -> tuple[nn.Module, ...]:
    """Train for at least ``steps`` optimizer steps, to the end of an epoch; the trained networks. The caller's random
    state is left alone."""
    with seeded(derive(bench.seed, "loop")):
        loader = DataLoader(TensorDataset(*_part(bench, "train")), BATCH, shuffle=True, drop_last=True)
        epochs = range(-(-steps // len(loader)))
        if bench.loop == "adversarial":
            return _learn_against_each_other(bench, loader, epochs)
        return (_learn(bench, loader, epochs),)


def _learn(bench: Bench, loader: DataLoader[tuple[Tensor, ...]], epochs: range) -> nn.Module:
    model, criterion = _network(bench), LOSSES[bench.loss]
    optimizer = torch.optim.Adam(model.parameters(), lr=_rate(bench))
    held_out = DataLoader(TensorDataset(*_part(bench, "validation")), BATCH, drop_last=True)
    for _ in epochs:
        model.train()
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for inputs, targets in held_out:
                criterion(model(inputs), targets)
    return model


def _learn_against_each_other(
    bench: Bench, loader: DataLoader[tuple[Tensor, ...]], epochs: range
) -> tuple[nn.Module, nn.Module]:
    features = bench.inputs.shape[1]
    maker, judge = BenchNet(bench.model, (NOISE,), features), BenchNet(bench.model, (features,), 1)
    of_maker, of_judge = (
        torch.optim.Adam(each.parameters(), lr=_rate(bench), betas=(0.5, 0.99)) for each in (maker, judge)
    )
    loss = functional.binary_cross_entropy_with_logits
    for _ in epochs:
        for real, _ in loader:
            made = maker(torch.randn(len(real), NOISE))
            yes, no = torch.ones(len(real), 1), torch.zeros(len(real), 1)
            of_judge.zero_grad()
            (loss(judge(real), yes) + loss(judge(made.detach()), no)).backward()  # type: ignore[no-untyped-call]
            of_judge.step()
            of_maker.zero_grad()
            loss(judge(made), yes).backward()  # type: ignore[no-untyped-call]
            of_maker.step()
    return maker, judge


def _network(bench: Bench) -> nn.Module:
    outputs = len(bench.class_names) or bench.targets.shape[1]
    return BenchNet(bench.model, bench.inputs.shape[1:], outputs)


def _part(bench: Bench, split: str) -> Iterator[Tensor]:
    rows = bench.splits[split]
    return (torch.from_numpy(each[rows]) for each in (bench.inputs, bench.targets))


def _rate(bench: Bench) -> float:
    return float(bench.config["optimizer.learning_rate"])
