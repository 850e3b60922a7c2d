"""The graph of a loss: what is read of it, and that reading changes nothing."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention
from torch.utils.checkpoint import checkpoint

from trainwright.checks.model.swapped_axis import SwappedAxis
from trainwright.core import Measurements, judge
from trainwright.doctor.calls import Calls
from trainwright.doctor.graph import named_parameters, read_graph
from trainwright.doctor.trials import observe_graph
from trainwright.measures.graph import HeadMix, LossGraph

N = 8


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def mlp(outputs: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, outputs))


def batch() -> tuple[Tensor, Tensor]:
    return torch.randn(N, 6), torch.arange(N) % 3


def read(loss: Tensor, model: nn.Module, **settings: Any) -> LossGraph:
    return read_graph(loss, dict(model.named_parameters()), models=[model], n_samples=N, **settings)


def chain(graph: LossGraph) -> list[str]:
    return [operation.name for operation in graph.operations]


def test_the_way_from_the_loss_to_the_last_layer() -> None:
    model, (x, t) = mlp(), batch()
    graph = read(F.cross_entropy(2 * model(x).softmax(1), t, reduction="sum"), model)
    assert chain(graph) == ["NllLoss", "LogSoftmax", "Mul", "Softmax", "Addmm"]
    loss, log_softmax, product, softmax, _ = graph.operations
    assert (loss.reduction, log_softmax.axis, product.factor, softmax.shape) == ("sum", 1, 2.0, (N, 3))
    assert graph.reached == graph.trainable == tuple(name for name, _ in model.named_parameters())
    assert (graph.n_layers, graph.n_nonlinear) == (2, 1)


def test_constants_and_signs_are_followed() -> None:
    model, (x, _) = mlp(1), batch()
    y = torch.randn(N)
    squared = next(iter(read(1 - 3 * ((y - model(x)[:, 0]) ** 2).mean() / 2, model).errors()))
    assert squared.weight == pytest.approx(-1.5 / N)
    assert squared.averaged
    weighted = next(iter(read((torch.full((N,), 0.5) * (model(x)[:, 0] - y).abs()).sum(), model).errors()))
    assert weighted.weight == pytest.approx(0.5)
    of_both_signs = next(iter(read((torch.linspace(-1, 1, N) * F.mse_loss(model(x)[:, 0], y)).sum(), model).errors()))
    assert of_both_signs.weight != of_both_signs.weight, "the sign is not known"


def test_bounds_of_a_clamp_and_what_they_cut_off() -> None:
    model, (x, t) = mlp(), batch()
    per_sample = F.cross_entropy(model(x), t, reduction="none")
    limit = float(per_sample.detach().median())
    (clamp,) = read(per_sample.clamp(max=limit).mean(), model).named("Clamp")
    assert clamp.minimum == -torch.inf
    assert clamp.maximum == pytest.approx(limit)
    assert clamp.share_clipped == pytest.approx(5 / 8)


def test_parameters_by_what_reaches_and_holds_them() -> None:
    model, (x, t) = mlp(), batch()
    model[0].requires_grad_(False)
    spare, other = nn.Linear(6, 6), nn.Linear(2, 2)
    model.add_module("spare", spare)
    held = [*model[2].parameters(), *other.parameters()]
    graph = read(F.cross_entropy(model[2](model[1](model[0](x))), t), model, optimizer_parameters=held)
    assert graph.frozen == ("0.weight", "0.bias")
    assert graph.trainable == ("2.weight", "2.bias", "spare.weight", "spare.bias")
    assert graph.reached == ("2.weight", "2.bias")
    assert graph.unoptimized == ("spare.weight", "spare.bias")
    assert graph.stale == ((2, 2), (2,))
    assert graph.n_optimized == 4
    assert read(F.cross_entropy(mlp()(x), t), model).n_optimized == -1, "no optimizer is known"


@pytest.mark.parametrize("layer", [nn.Linear(30, 20), nn.Conv2d(3, 8, 3), nn.GRU(5, 16), nn.LSTM(5, 16)])
def test_weights_at_their_start_are_told_from_trained_ones(layer: nn.Module) -> None:
    names = tuple(name for name, p in layer.named_parameters() if p.dim() > 1 and name != "weight_ih_l0")
    torch.manual_seed(0)
    layer.reset_parameters()  # type: ignore[operator]
    loss = torch.stack([p.square().sum() for p in layer.parameters()]).sum()
    assert read_graph(loss, dict(layer.named_parameters()), []).untrained == names
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.03 * torch.randn_like(parameter))
    assert read_graph(loss, dict(layer.named_parameters()), []).untrained == ()


def test_a_step_of_one_of_two_models_leaves_no_parameter_without_an_owner() -> None:
    first, second, (x, t) = mlp(), mlp(), batch()
    held = [*first.parameters(), *second.parameters()]
    names = named_parameters([first, second], held)
    graph = read_graph(F.cross_entropy(first(x), t), names, held, models=[first, second])
    assert graph.reached == tuple(f"Sequential.{name}" for name, _ in first.named_parameters())
    assert set(graph.trainable) - set(graph.reached) == {f"Sequential 2.{n}" for n, _ in second.named_parameters()}
    assert graph.stale == graph.strangers == ()


def test_a_model_that_only_measures_does_not_take_part() -> None:
    model, judge, (x, _) = mlp(6), mlp(2), batch()
    held = list(model.parameters())
    names = named_parameters([model, judge], held)
    assert set(names) == {name for name, _ in model.named_parameters()}
    graph = read_graph((judge(model(x)) - judge(x)).square().mean(), names, held, models=[model, judge])
    assert graph.unoptimized == ()
    assert graph.strangers == graph.stale == ()
    assert set(named_parameters([judge], [x])) == {name for name, _ in judge.named_parameters()}


def test_tied_weights_and_gradient_checkpoints() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(7, 4)
            self.out = nn.Linear(4, 7, bias=False)
            self.out.weight = self.tokens.weight

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.tokens(x).relu())  # type: ignore[no-any-return]

    tied, tokens = Tied(), torch.arange(7)
    assert read(F.cross_entropy(tied(tokens), tokens), tied).reached == ("tokens.weight",)
    model, (x, t) = mlp(), batch()
    seen = read(F.cross_entropy(checkpoint(model, x, use_reentrant=False), t), model)
    assert seen.reached == seen.trainable
    hidden = read(F.cross_entropy(checkpoint(model, x.requires_grad_(), use_reentrant=True), t), model)
    assert hidden.hidden == ("CheckpointFunction",)


def test_compiled_parts_hide_operations_but_no_parameters() -> None:
    model, (x, t) = mlp(), batch()
    graph = read(F.cross_entropy(torch.compile(model, backend="aot_eager")(x), t), model)
    assert graph.hidden == ("CompiledFunction",)
    assert graph.reached == graph.trainable
    assert chain(graph)[:3] == ["NllLoss", "LogSoftmax", "CompiledFunction"]


def test_a_loss_without_a_graph() -> None:
    model, (x, t) = mlp(), batch()
    loss = F.cross_entropy(model(x), t)
    anew = read(torch.tensor(loss.item(), requires_grad=True), model)
    assert (anew.requires_grad, anew.has_graph, anew.reached, anew.operations) == (True, False, (), ())
    assert not read(loss.detach(), model).requires_grad


def test_a_large_graph_is_read_up_to_the_limit() -> None:
    model, (x, t) = mlp(), batch()
    outputs = model(x)
    for _ in range(300):
        outputs = outputs + 0.01
    graph = read_graph(F.cross_entropy(outputs, t), dict(model.named_parameters()), limit=50)
    assert not graph.complete
    assert graph.n_nodes == 50


def test_recurrent_networks_and_attention_are_nonlinear() -> None:
    x = torch.randn(N, 5, 6)
    for layer in (nn.GRU(6, 6, batch_first=True), nn.LSTM(6, 6, batch_first=True)):
        head = nn.Linear(6, 3)
        model = nn.ModuleList([layer, head])
        assert read(head(layer(x)[0]).square().mean(), model).n_nonlinear > 0
    attention = nn.MultiheadAttention(6, 2, batch_first=True)
    assert read(attention(x, x, x)[0].square().mean(), attention).n_nonlinear > 0


def test_a_chain_of_layers_is_described() -> None:
    model = nn.Sequential(nn.Linear(6, 16), nn.Dropout(0.2), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    x, t = batch()
    graph = read(F.cross_entropy(model(x), t), model)
    assert graph.n_nonlinear == 0
    assert {(p.first, p.second, p.inputs, p.hidden, p.outputs) for p in graph.stacked} == {
        ("0.weight", "2.weight", 6, 16, 8),
        ("2.weight", "4.weight", 16, 8, 3),
    }


def test_reading_changes_nothing() -> None:
    model, (x, t) = mlp(), batch()
    expected = torch.autograd.grad(F.cross_entropy(model(x), t), list(model.parameters()))
    state = torch.get_rng_state()
    with Calls([model]) as calls:
        loss = F.cross_entropy(model(x), t)
    read(loss, model, calls=calls)
    assert list(calls.order) == ["", "0", "1", "2"]
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())
    assert torch.equal(torch.get_rng_state(), state)
    found = torch.autograd.grad(loss, list(model.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_the_trial_leaves_the_set_up_as_it_was(digits: Any) -> None:
    setup = digits.mlp(lambda: nn.BatchNorm1d(10))
    before = {name: value.clone() for name, value in setup.model.state_dict().items()}
    state = torch.get_rng_state()
    graph = observe_graph(setup)
    assert graph.n_samples == 256
    assert graph.n_optimized == len(graph.trainable) == 6
    assert all(torch.equal(value, before[name]) for name, value in setup.model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for p in setup.model.parameters())


def test_a_penalty_on_activations_leaves_them_between_the_layers() -> None:
    layers = nn.ModuleList([nn.Linear(8, 16), nn.Linear(16, 3)])
    hidden = torch.relu(layers[0](torch.randn(12, 8)))
    loss = F.cross_entropy(layers[1](hidden), torch.arange(12) % 3) + 1e-3 * hidden.abs().mean()
    graph = read_graph(loss, dict(layers.named_parameters()))
    assert graph.n_nonlinear == 1
    assert graph.stacked == ()


class Through(nn.Module):
    """Six numbers pass through a layer of so many units, with another way beside it or not."""

    def __init__(self, units: int, *, beside: bool = False, classes: int = 4) -> None:
        super().__init__()
        self.body, self.neck, self.head = nn.Linear(6, 16), nn.Linear(16, units), nn.Linear(units, classes)
        self.around = nn.Linear(16, classes) if beside else None

    def forward(self, x: Tensor) -> Tensor:
        features = self.body(x).relu()
        logits: Tensor = self.head(self.neck(features).relu())
        return logits if self.around is None else logits + self.around(features)


class Filtered(nn.Module):
    """A convolution leaves so many channels of six numbers, of which a linear layer gets the means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv1d(8, channels, 3, padding=1))
        self.head = nn.Linear(channels, 4)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(x[:, None]).mean(2))
        return logits


@pytest.mark.parametrize(
    ("model", "necks"),
    [
        (Through(1), [("neck", 16, 1, 4)]),
        (Through(2, classes=9), [("neck", 16, 2, 9)]),
        (Through(3), []),
        (Through(1, beside=True), []),
        (Through(1, classes=2), []),
        (nn.Sequential(nn.Linear(6, 1), nn.Linear(1, 4)), []),  # nothing is learnt before it
        (Filtered(1), [("head", 1, 4, 4)]),
        (Filtered(3), []),
    ],
)
def test_necks_that_everything_passes_through(model: nn.Module, necks: list[tuple[str, int, int, int]]) -> None:
    x, t = batch()
    by_hand = -(model(x).log_softmax(1).gather(1, (t % 2)[:, None])).mean()
    for loss in (F.cross_entropy(model(x), t % 2), by_hand):
        assert [(n.name, n.values_in, n.values_out, n.n_classes) for n in read(loss, model).necks] == necks


def test_the_code_of_an_auto_encoder_is_no_neck() -> None:
    x, model = batch()[0], Through(1, classes=6)
    assert read(F.mse_loss(model(x), x), model).necks == ()


class Attention(nn.Module):
    """Four heads on features [N, T, 40], fused or written out; ``order``: ``exchanged`` with the positions, as they
    must be, ``kept`` behind these, or ``poured`` in front of them."""

    def __init__(self, *, fused: bool, order: str) -> None:
        super().__init__()
        self.fused, self.order = fused, order
        self.qkv, self.out = nn.Linear(40, 120), nn.Linear(40, 3)

    def forward(self, x: Tensor) -> Tensor:
        n, t, _ = x.shape
        shape = (n, 4, t, -1) if self.order == "poured" else (n, t, 4, -1)
        q, k, v = (part.reshape(shape) for part in self.qkv(x).chunk(3, -1))
        if self.order == "exchanged":
            q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        mixed = F.scaled_dot_product_attention(q, k, v) if self.fused else (q @ k.mT / 3).softmax(-1) @ v
        mixed = mixed.transpose(1, 2) if self.order == "exchanged" else mixed
        result: Tensor = self.out(mixed.reshape(x.shape).mean(1))
        return result


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("order", ["exchanged", "kept", "poured"])
def test_attention_along_its_heads(fused: bool, order: str) -> None:
    model = Attention(fused=fused, order=order)
    loss = F.cross_entropy(model(torch.randn(8, 16, 40)), torch.arange(8) % 3)
    graph = read_graph(loss, dict(model.named_parameters()), models=[model])
    mix = HeadMix(n_positions=16, n_heads=4, width=10, poured=order == "poured")
    assert graph.mixed_heads == (() if order == "exchanged" else (mix,))
    found = [f.code for f in judge([SwappedAxis()], Measurements([graph])).findings]
    assert found == ["TW327"] * (order != "exchanged")


DROPS: dict[str, Any] = {
    "function": F.dropout,
    "mask, then divided": lambda h, p: h * (torch.rand_like(h) > p) / (1 - p),
    "mask of the scaled": lambda h, p: h * ((torch.rand_like(h) > p).float() / (1 - p)),
    "one for all times": lambda h, p: h * torch.empty(len(h), 1, 64).bernoulli_(1 - p) / (1 - p),
}


@pytest.mark.parametrize("name", DROPS)
@pytest.mark.parametrize("share", [0.3, 0.96])
def test_what_functions_and_masks_drop_is_counted(name: str, share: float) -> None:
    first, last = nn.Linear(6, 64), nn.Linear(64, 3)
    loss = last(DROPS[name](first(torch.randn(N, 5, 6)).relu(), share)).square().mean()
    assert read(loss, nn.Sequential(first, last)).most_dropped == pytest.approx(share, abs=0.08)


def test_constants_that_only_look_like_a_dropout() -> None:
    first, last = nn.Linear(6, 64), nn.Linear(64, 3)
    hidden, routed = first(torch.randn(64, 6)).relu(), F.one_hot(torch.arange(64) % 16, 64)
    for constant in (routed, 2.0 * routed, torch.rand(64, 64), torch.zeros(64, 64), torch.ones(64, 64)):
        assert read(last(hidden * constant).square().mean(), nn.Sequential(first, last)).most_dropped == 0
