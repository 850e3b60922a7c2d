"""The recorder never changes training, and its numbers are right."""

from typing import Any

import pytest
import torch
from torch import nn

from trainwright.doctor.recorder import Recorder


def run(digits: Any, *, every: Any, recorded: Any, optimizer: Any = torch.optim.Adam, embedding: Any = False) -> Any:
    setup = digits(
        lambda: nn.Linear(64, 32),
        lambda: nn.BatchNorm1d(32),
        nn.ReLU,
        lambda: nn.Dropout(0.5),
        lambda: nn.Linear(32, 10),
        optimizer=optimizer,
    )
    setup.model.train()
    torch.manual_seed(3)
    recorder = Recorder(setup.model, setup.optimizer, every) if recorded else None
    losses, seen = [], []
    for step in range(12):
        inputs, targets = setup.batch(step)
        setup.optimizer.zero_grad()
        loss = setup.loss(setup.model(inputs), targets)
        loss.backward()
        if recorder:
            recorder.after_backward(step)
        setup.optimizer.step()
        if recorder:
            recorder.after_step(step)
            seen.append(recorder.latest())
        losses.append(loss.detach().clone())
    gradients = [p.grad.clone() for p in setup.model.parameters()]
    state = [v for s in setup.optimizer.state.values() for v in s.values() if isinstance(v, torch.Tensor)]
    return losses, [*setup.model.state_dict().values()], gradients, state, torch.get_rng_state(), seen


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.SGD])
@pytest.mark.parametrize("every", [1, 5])
def test_training_is_bit_for_bit_the_same_with_and_without(digits: Any, every: Any, optimizer: Any) -> None:
    *with_it, seen = run(digits, every=every, recorded=True, optimizer=optimizer)
    *without, _ = run(digits, every=every, recorded=False, optimizer=optimizer)
    for one, other in zip(with_it, without, strict=True):
        if isinstance(one, list):
            assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
        else:
            assert torch.equal(one, other)
    assert seen[-1]


def test_numbers_agree_with_their_definition(digits: Any) -> None:
    setup = digits.mlp(optimizer=torch.optim.SGD, rate=0.1)
    recorder = Recorder(setup.model, setup.optimizer, every=2)
    assert recorder.latest() == {}
    loss = setup.loss(setup.model(setup.inputs), setup.targets)
    loss.backward()
    layer = setup.model[0]
    gradient = torch.cat([layer.weight.grad.flatten(), layer.bias.grad]).norm().item()
    recorder.after_backward(0)
    setup.optimizer.step()
    recorder.after_step(0)
    weight = torch.cat([layer.weight.flatten(), layer.bias]).norm().item()
    latest = recorder.latest()
    assert set(latest) == {"0", "2"}
    assert latest["0"]["gradient_norm"] == pytest.approx(gradient, rel=1e-5)
    assert latest["0"]["weight_norm"] == pytest.approx(weight, rel=1e-5)
    assert latest["0"]["update_ratio"] == pytest.approx(0.1 * gradient / weight, rel=1e-3)


def test_only_sampled_steps_are_recorded(digits: Any) -> None:
    *_, seen = run(digits, every=5, recorded=True)
    assert [i for i in range(1, 12) if seen[i] is not seen[i - 1]] == [5, 10]


def test_frozen_parameters_and_those_of_no_optimizer_are_left_out(digits: Any) -> None:
    setup = digits.mlp()
    setup.model[0].weight.requires_grad_(False)
    held = torch.optim.SGD([setup.model[0].bias, setup.model[0].weight], lr=0.1)
    recorder = Recorder(setup.model, held, every=1)
    setup.loss(setup.model(setup.inputs), setup.targets).backward()
    recorder.after_backward(0)
    recorder.after_step(0)
    assert set(recorder.latest()) == {"0"}
    assert recorder.latest()["0"]["update_ratio"] == 0


def test_sparse_and_absent_gradients_are_read_without_being_changed() -> None:
    table = nn.Embedding(10, 4, sparse=True)
    model = nn.ModuleDict({"table": table, "unused": nn.Linear(2, 2)})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    table(torch.tensor([1, 1, 2])).sum().backward()
    recorder = Recorder(model, optimizer, every=1)
    recorder.after_backward(0)
    optimizer.step()
    recorder.after_step(0)
    assert recorder.latest()["table"]["gradient_norm"] == pytest.approx((4 * 2**2 + 4) ** 0.5)
    assert recorder.latest()["unused"]["gradient_norm"] == 0
    assert table.weight.grad is not None
    assert not table.weight.grad.is_coalesced()
