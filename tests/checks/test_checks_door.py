"""Checks at the door of the loss and on its graph: the many ways in which people write sound and faulty losses."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Normal
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from trainwright.checks.model.target_out_of_range import TargetOutOfRange
from trainwright.core import Measurements, Severity, Verdict, discover, judge
from trainwright.doctor.calls import Calls
from trainwright.doctor.door import LossCalls, describe_door
from trainwright.doctor.graph import read_graph
from trainwright.measures.door import LossDoor
from trainwright.measures.graph import LossGraph

torch.set_num_threads(1)

CHECKS = [check for check in discover() if {need.kind for need in check.needs} & {LossDoor, LossGraph}]
N = 8
ROWS = torch.arange(N)
T = ROWS % 3
ONE_HOT = F.one_hot(T, 3).float()
YES = (torch.arange(3 * N).reshape(N, 3) % 2).float()

Loss = Callable[[Tensor], Tensor]


def values() -> Tensor:
    return torch.linspace(-2, 2, N)


def mlp(outputs: int = 3, end: nn.Module | None = None) -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, outputs), *([end] if end else []))


def verdict(
    model: nn.Module,
    loss: Loss,
    *,
    optimizer: Iterable[Tensor] | None = None,
    inputs: Tensor | None = None,
    targets: Tensor | None = None,
    observed: bool = True,
) -> Verdict:
    """What the checks say of ``loss(model(inputs))``; ``targets`` for a loss that calls none of torch's own;
    ``observed``: whether calls of modules are."""
    inputs = torch.randn(N, 6) if inputs is None else inputs
    with LossCalls() as losses, Calls([model]) as calls:
        outputs = model(inputs)
        value = loss(outputs)
    named = dict(model.named_parameters())
    held = list(model.parameters()) if optimizer is None else list(optimizer)
    graph = read_graph(value, named, held, models=[model], n_samples=N, calls=calls if observed else None)
    doors = losses.doors[:1]
    if not doors and targets is not None:
        doors = [describe_door("python", outputs, targets)]
    return judge(CHECKS, Measurements([graph, *doors]))


def refusals(found: Verdict) -> list[tuple[str, str]]:
    """What could not be evaluated although it was measured."""
    return [(code, reason) for code, reason in found.not_evaluated if "not measured" not in reason]


def named(found: Verdict) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity.value) for finding in found.findings]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def binary_likelihood(p: Tensor, yes: Tensor) -> Tensor:
    return yes * p.log() + (1 - yes) * (1 - p).log()


def ppo(o: Tensor) -> Tensor:
    policy: Any = Categorical(logits=o)
    ratio, advantage = (policy.log_prob(T) + 1.1).exp(), values()
    clipped = torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
    loss: Tensor = -clipped.mean() - 0.01 * policy.entropy().mean()
    return loss


def reinforce(o: Tensor) -> Tensor:
    policy: Any = Categorical(logits=o)
    return -(policy.log_prob(T) * values()).mean()  # type: ignore[no-any-return]


def density(o: Tensor) -> Tensor:
    around: Any = Normal(o[:, 0], F.softplus(o[:, 1]) + 1e-3)
    return -around.log_prob(values()).mean()  # type: ignore[no-any-return]


def focal(o: Tensor) -> Tensor:
    chosen = o.log_softmax(1).gather(1, T[:, None])
    return -((1 - chosen.exp()) ** 2 * chosen).mean()


def contrast(o: Tensor) -> Tensor:
    z = F.normalize(o, dim=1)
    similar = z @ F.normalize(o + 0.1 * torch.randn(N, 3), dim=1).T / 0.1
    return (F.cross_entropy(similar, ROWS) + F.cross_entropy(similar.T, ROWS)) / 2


def mixture(o: Tensor) -> Tensor:
    around: Any = Normal(o[:, 1:2], o[:, 2:].exp())
    return -torch.logsumexp(o[:, :1].log_softmax(1) + around.log_prob(values()[:, None]), 1).mean()


def humps(o: Tensor, most: float = math.inf) -> Tensor:
    """The log-density of targets under humps that the outputs place and widen, written out."""
    centre, spread = o, (0.1 * o).clamp(-5, 3).exp()
    z = (values()[:, None] - centre) / spread
    z = z if math.isinf(most) else z.clamp(-most, most)
    return torch.logsumexp(o.log_softmax(1) - 0.5 * z**2 - spread.log() - 0.919, 1)


def halves(o: Tensor) -> tuple[Tensor, Tensor]:
    """What yes and no have in a focal log-likelihood."""
    p = o.sigmoid().clamp(1e-6, 1 - 1e-6)
    return (1 - p) ** 2 * p.log() * YES, p**2 * (1 - p).log() * (1 - YES)


def clipped_value(o: Tensor) -> Tensor:
    old = values()
    return ((old + (o[:, 0] - old).clamp(-0.2, 0.2) - 2 * values()) ** 2).mean()


SOUND_ON_CLASSES: dict[str, Loss] = {
    "humps": lambda o: -humps(o).mean(),
    "focal tags": lambda o: -torch.stack(halves(o)).sum(0).mean(),
    "density with a spread of its own": lambda o: (
        0.5 * (o[:, 0] - values()) ** 2 / (F.softplus(o[:, 1]) + 1e-3) + 0.5 * (F.softplus(o[:, 1]) + 1e-3).log()
    ).mean(),
    "clipped value": clipped_value,
    "mixture of one": mixture,
    "cross entropy": lambda o: F.cross_entropy(o, T),
    "with weights": lambda o: nn.CrossEntropyLoss(torch.tensor([1.0, 5, 0.2]))(o, T),
    "smoothed": lambda o: nn.CrossEntropyLoss(label_smoothing=0.1)(o, T),
    "soft targets": lambda o: F.cross_entropy(o, ONE_HOT * 0.9 + 0.1 / 3),
    "log-softmax and nll": lambda o: F.nll_loss(F.log_softmax(o, 1), T),
    "log of softmax": lambda o: F.nll_loss((o.softmax(1) + 1e-9).log(), T),
    "minus log p": lambda o: -o.log_softmax(1)[ROWS, T].mean(),
    "minus log p by mask": lambda o: -(ONE_HOT * o.log_softmax(1)).sum(1).mean(),
    "minus log of probability": lambda o: -torch.log(o.softmax(1)[ROWS, T]).mean(),
    "log-sum-exp": lambda o: (o.logsumexp(1) - o[ROWS, T]).mean(),
    "hazards": lambda o: -(o[:, 0] - o[:, 0].logcumsumexp(0)).mul(T > 0).sum() / (T > 0).sum(),
    "energy": lambda o: -o.logsumexp(1).mean() + o.square().mean(),
    "focal": focal,
    "distilled": lambda o: F.kl_div(F.log_softmax(o / 4, 1), ONE_HOT.softmax(1), reduction="batchmean") * 16,
    "entropy bonus": lambda o: F.cross_entropy(o, T) + 0.1 * (o.softmax(1) * o.log_softmax(1)).sum(1).mean(),
    "policy gradient": reinforce,
    "clipped policy": ppo,
    "contrastive": contrast,
    "soft-capped logits": lambda o: F.cross_entropy(30 * torch.tanh(o / 30), T),
    "scaled for half precision": lambda o: F.cross_entropy(o, T) * 65536,
    "divided for accumulation": lambda o: F.cross_entropy(o, T) / 4,
    "tags": lambda o: F.binary_cross_entropy_with_logits(o, YES),
    "tags of probabilities": lambda o: F.binary_cross_entropy(o.sigmoid().clamp(1e-6, 1 - 1e-6), YES),
    "tags written out": lambda o: -binary_likelihood(o.sigmoid(), YES).mean(),
    "tags by log-sigmoids": lambda o: -(YES * F.logsigmoid(o) + (1 - YES) * F.logsigmoid(-o)).mean(),
    "tags negated first": lambda o: ((-YES) * o.sigmoid().log() + (YES - 1) * (1 - o.sigmoid()).log()).mean(),
    "both players": lambda o: -o[:4].sigmoid().log().mean() - (1 - o[4:].sigmoid()).log().mean(),
    "the generator's part": lambda o: (0.9 * (1 - o.sigmoid()).log()).mean(),
    "overlap": lambda o: 1 - 2 * (o.sigmoid() * YES).sum() / (o.sigmoid().sum() + YES.sum()),
    "margin": lambda o: (1 - (2 * YES - 1) * o).clamp(min=0).mean(),
    "triplet": lambda o: F.relu((o - o.roll(1, 0)).pow(2).sum(1) - (o - o.roll(2, 0)).pow(2).sum(1) + 1).mean(),
    "cosine": lambda o: 1 - F.cosine_similarity(o, ONE_HOT).mean(),
    "free bits": lambda o: F.cross_entropy(o, T) + o.square().mean().clamp(min=100.0),
    "flooded": lambda o: (F.cross_entropy(o, T) - 0.1).abs() + 0.1,
    "margin between means": lambda o: (o[:4].mean() - o[4:].mean() - 100).clamp(min=0),
    "correlation of features": lambda o: ((o.T @ o / N - torch.eye(3)) ** 2).sum(),
    "critic": lambda o: o[:4].mean() - o[4:].mean(),
    "value of an action": lambda o: F.smooth_l1_loss(o[ROWS, T], values() + 0.9 * o.detach().max(1)[0]),
    "mean and spread": density,
    "gaussian": lambda o: F.gaussian_nll_loss(o[:, 0], values(), o[:, 1].exp()),
}
SOUND_ON_VALUES: dict[str, Loss] = {
    "squared": lambda o: F.mse_loss(o[:, 0], values()),
    "squared in columns": lambda o: F.mse_loss(o, values()[:, None]),
    "by hand": lambda o: ((o.squeeze(1) - values()) ** 2).mean(),
    "the other way round": lambda o: (values() - o.squeeze(1)).pow(2).mean(),
    "root": lambda o: (values() - o.squeeze(1)).pow(2).mean().sqrt(),
    "absolute": lambda o: (values() - o.squeeze(1)).abs().mean(),
    "weighted": lambda o: (torch.linspace(0, 1, N) * (o[:, 0] - values()) ** 2).mean(),
    "masked": lambda o: (((o[:, 0] - values()) ** 2) * (T > 0)).sum() / (T > 0).sum(),
    "sum over the number": lambda o: F.mse_loss(o[:, 0], values(), reduction="sum") / N,
    "quantile": lambda o: torch.max(0.9 * (values() - o[:, 0]), 0.1 * (o[:, 0] - values())).mean(),
    "log cosh": lambda o: torch.log(torch.cosh(o[:, 0] - values())).mean(),
    "huber": lambda o: F.huber_loss(o[:, 0], values()),
    "relu on positive targets": lambda o: F.mse_loss(o[:, 0].relu(), values().abs()),
    "sigmoid on shares": lambda o: F.mse_loss(o[:, 0].sigmoid(), torch.linspace(0, 1, N)),
    "sigmoid that was scaled": lambda o: F.mse_loss(o[:, 0].sigmoid() * 10, torch.linspace(0, 10, N)),
    "tanh on pictures": lambda o: F.l1_loss(o[:, 0].tanh(), torch.linspace(-1, 1, N)),
    "exp on positive targets": lambda o: F.mse_loss(o[:, 0].exp(), values().abs()),
}


@pytest.mark.parametrize("name", SOUND_ON_CLASSES)
def test_sound_losses_of_several_outputs_are_passed(name: str) -> None:
    found = verdict(mlp(), SOUND_ON_CLASSES[name], targets=T)
    assert named(found) == []
    assert refusals(found) == []


@pytest.mark.parametrize("name", SOUND_ON_VALUES)
def test_sound_losses_of_one_output_are_passed(name: str) -> None:
    found = verdict(mlp(1), SOUND_ON_VALUES[name], targets=values()[:, None])
    assert named(found) == []
    assert refusals(found) == []


FAULTS_ON_CLASSES: list[tuple[str, str, Loss]] = [
    ("TW315", "error", lambda o: F.cross_entropy(o.softmax(1), T)),
    ("TW315", "error", lambda o: nn.CrossEntropyLoss()(nn.Softmax(dim=-1)(o), T)),
    ("TW315", "error", lambda o: F.nll_loss(o[:, None].softmax(-1).flatten(0, 1).log_softmax(1), T)),
    ("TW315", "error", lambda o: F.nll_loss(o[:, None].softmax(-1).transpose(1, 2).log_softmax(1), T[:, None])),
    ("TW316", "error", lambda o: nn.BCEWithLogitsLoss()(torch.sigmoid(o), YES)),
    ("TW317", "error", lambda o: F.cross_entropy(o.sigmoid(), T)),
    ("TW317", "error", lambda o: F.cross_entropy(o.tanh(), T)),
    ("TW317", "warning", lambda o: F.cross_entropy(o.relu(), T)),
    ("TW320", "error", lambda o: F.nll_loss(o, T)),
    ("TW320", "error", lambda o: F.nll_loss(o.softmax(1), T)),
    ("TW320", "error", lambda o: F.kl_div(o, ONE_HOT, reduction="batchmean")),
    ("TW321", "error", lambda o: torch.clamp(F.cross_entropy(o, T), 0, 1)),
    ("TW321", "error", lambda o: torch.minimum(F.cross_entropy(o, T), torch.tensor(1.0))),
    ("TW321", "error", lambda o: F.cross_entropy(o, T, reduction="none").clamp(max=0.5).mean()),
    ("TW322", "advice", lambda o: F.cross_entropy(o, T, reduction="sum")),
    ("TW322", "advice", lambda o: -o.log_softmax(1).gather(1, T[:, None]).sum()),
    ("TW325", "error", lambda o: F.binary_cross_entropy_with_logits(o, 2 * YES - 1)),
    ("TW325", "warning", lambda o: F.cross_entropy(o, ONE_HOT + ONE_HOT.roll(1, 1))),
    ("TW330", "error", lambda o: F.nll_loss(F.log_softmax(o, 0), T)),
    ("TW330", "error", lambda o: F.cross_entropy(o.softmax(0), T)),
    ("TW332", "error", lambda o: torch.tensor(F.cross_entropy(o, T).item(), requires_grad=True)),
    ("TW332", "error", lambda o: F.mse_loss(o.argmax(1).float(), T.float()).requires_grad_()),
    ("TW339", "error", lambda o: -F.cross_entropy(o, T)),
    ("TW339", "error", lambda o: 1 - F.cross_entropy(o, T)),
    ("TW339", "error", lambda o: o.log_softmax(1)[ROWS, T].mean()),
    ("TW339", "error", lambda o: (ONE_HOT * torch.log(o.softmax(1))).sum(1).mean()),
    ("TW339", "error", lambda o: (o[ROWS, T] - o.logsumexp(1)).mean()),
    ("TW339", "error", lambda o: ((o - o.logsumexp(1, keepdim=True)) * ONE_HOT).sum(1).mean()),
    ("TW339", "error", lambda o: (o[:, 0][T] - o[:, 0][T].logcumsumexp(0)).mul(T > 0).sum() / (T > 0).sum()),
    ("TW321", "error", lambda o: -humps(o, 0.5).mean()),
    ("TW339", "error", lambda o: humps(o).mean()),
    ("TW339", "error", lambda o: -focal(o)),
    ("TW339", "error", lambda o: -((o[:, 0] - values()) ** 2 / (F.softplus(o[:, 1]) + 1e-3)).mean()),
    ("TW339", "warning", lambda o: torch.sub(*halves(o)).mean()),
    ("TW339", "warning", lambda o: -F.binary_cross_entropy_with_logits(o, YES)),
    ("TW339", "warning", lambda o: binary_likelihood(o.sigmoid(), YES).mean()),
    ("TW339", "warning", lambda o: (YES * F.logsigmoid(o) + (1 - YES) * F.logsigmoid(-o)).mean()),
    ("TW339", "warning", lambda o: binary_likelihood(o.sigmoid().clamp(1e-5, 1 - 1e-5), YES).sum(1).mean() / 2),
]
FAULTS_ON_VALUES: list[tuple[str, str, Loss]] = [
    ("TW318", "error", lambda o: F.mse_loss(o[:, 0].relu(), values())),
    ("TW318", "error", lambda o: ((o[:, 0].sigmoid() - values()) ** 2).mean()),
    ("TW318", "error", lambda o: F.smooth_l1_loss(o[:, 0].tanh(), 2 * values())),
    ("TW318", "error", lambda o: F.mse_loss(o[:, 0].clamp(0, 1), values())),
    ("TW319", "error", lambda o: ((o - values()) ** 2).mean()),
    ("TW319", "error", lambda o: (values() - o).abs().mean()),
    ("TW319", "error", lambda o: ((o.squeeze(1) - values()[:, None]) ** 2).mean()),
    ("TW321", "error", lambda o: ((o[:, 0] - values()).clamp(-0.1, 0.1) ** 2).mean()),
    ("TW321", "error", lambda o: torch.clamp(F.poisson_nll_loss(o[:, 0] + 1, torch.arange(N) + 9.0), min=0)),
    ("TW321", "error", lambda o: torch.maximum((o[:, 0].exp() - 9 * (o[:, 0] + 1)).mean(), torch.tensor(0.0)) / 2),
    ("TW322", "advice", lambda o: ((o[:, 0] - values()) ** 2).sum()),
    ("TW339", "error", lambda o: -((o[:, 0] - values()) ** 2).mean()),
    ("TW339", "error", lambda o: 0 - F.mse_loss(o[:, 0], values())),
    ("TW340", "error", lambda o: F.binary_cross_entropy(o.softmax(1), YES[:, :1])),
    ("TW340", "error", lambda o: F.cross_entropy(o, torch.zeros(N, dtype=torch.int64))),
]


@pytest.mark.parametrize(("code", "severity", "loss"), FAULTS_ON_CLASSES)
def test_faulty_losses_of_several_outputs_are_named(code: str, severity: str, loss: Loss) -> None:
    assert named(verdict(mlp(), loss, targets=T)) == [(code, severity)]


@pytest.mark.parametrize(("code", "severity", "loss"), FAULTS_ON_VALUES)
def test_faulty_losses_of_one_output_are_named(code: str, severity: str, loss: Loss) -> None:
    assert named(verdict(mlp(1), loss, targets=values()[:, None])) == [(code, severity)]


@pytest.mark.parametrize(
    ("lowered", "ignored", "fires"),
    [
        (torch.arange(48) % 6 - 1, -1, True),
        (torch.arange(48) % 6, -1, False),
        (torch.arange(48) % 7 - 1, -1, False),  # -1 beside all six
        (torch.arange(48) % 6 - 1, -100, False),  # out of range
        (torch.cat([torch.full((40,), -1), torch.arange(8) % 5]), -1, False),  # mostly padding
        (torch.arange(12) % 6 - 1, -1, False),  # too few
    ],
)
def test_classes_that_were_lowered_by_one_under_an_ignored_number(lowered: Tensor, ignored: int, fires: bool) -> None:
    door = describe_door("nll", torch.randn(len(lowered), 6).log_softmax(1), lowered, ignore_index=ignored)
    found = [f for f in TargetOutOfRange().run(door, None, None) if f.severity is Severity.WARNING]
    assert bool(found) == fires


def test_ranges_are_compared_with_the_targets_of_the_same_loss() -> None:
    def loss(o: Tensor) -> Tensor:
        return F.mse_loss(o.sigmoid(), YES) + F.mse_loss(o @ torch.ones(3), values())

    assert named(verdict(mlp(), loss)) == []
    assert named(verdict(mlp(), lambda o: F.mse_loss(o, ONE_HOT) + F.mse_loss(o.sigmoid(), 3 * YES))) == [
        ("TW318", "error")
    ]


def places(weights: Tensor) -> Tensor:
    """Mean column and row [N, K, 2] under weights [N, K, H, W]."""
    columns, rows = torch.arange(5.0), torch.arange(4.0)
    return torch.stack([(weights.sum(2) * columns).sum(-1), (weights.sum(3) * rows).sum(-1)], -1)


@pytest.mark.parametrize(
    ("code", "loss"),
    [
        ("TW330", lambda m: F.mse_loss(places(m.softmax(1)), torch.rand(N, 3, 2))),
        ("TW330", lambda m: (places(m.softmax(1)) / 5 - torch.rand(N, 3, 2)).abs().mean()),
        ("", lambda m: F.mse_loss(places(m.flatten(2).softmax(-1).view_as(m)), torch.rand(N, 3, 2))),
        ("", lambda m: F.mse_loss(m.softmax(1).sum((2, 3)), torch.rand(N, 3))),
        ("", lambda m: F.mse_loss((m.softmax(1) * torch.rand(4, 5)).sum((2, 3)), torch.rand(N, 3))),
        ("", lambda m: -overlap(m.softmax(1), torch.rand(N, 3, 4, 5)).log().mean()),
        ("", lambda m: F.mse_loss(places(m.sigmoid()), torch.rand(N, 3, 2))),
    ],
)
def test_weights_of_places_sum_to_one_over_the_places(code: str, loss: Loss) -> None:
    found = verdict(nn.Conv2d(2, 3, 1), loss, inputs=torch.randn(N, 2, 4, 5), targets=torch.rand(N, 3, 2))
    assert [each for each, _ in named(found)] == [code] * bool(code)


def overlap(p: Tensor, mask: Tensor) -> Tensor:
    return 2 * (p * mask).sum((2, 3)) / (p.sum((2, 3)) + mask.sum((2, 3)))


def test_what_torch_only_warns_of_is_an_error() -> None:
    with pytest.warns(UserWarning, match="target size"):
        found = verdict(mlp(1), lambda o: F.mse_loss(o, values()))
    assert named(found) == [("TW319", "error")]


class Cut(nn.Module):
    """Three layers and a place for cuts."""

    def __init__(self, forward: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 16), nn.Linear(16, 16), nn.Linear(16, 3)
        self.run = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


def ungraded(net: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        features = net.a(x).relu()
    return net.c(net.b(features).relu())  # type: ignore[no-any-return]


def overwritten(net: Any, x: Tensor) -> Tensor:
    features = net.a(x).relu()
    net.b(features)
    return net.c(features)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("code", "severity", "forward"),
    [
        ("TW307", "error", lambda net, x: net.c(net.b(net.a(x).relu().detach()).relu())),
        ("TW307", "error", lambda net, x: net.c(net.b(net.a(x).relu()).relu().data)),
        ("TW307", "error", lambda net, x: net.c(torch.from_numpy(net.b(net.a(x).relu()).detach().numpy()).relu())),
        ("TW307", "error", lambda net, x: net.c(net.b(torch.tensor(net.a(x).tolist())).relu())),
        ("TW307", "warning", ungraded),
        ("TW331", "warning", lambda net, x: net.c(net.a(x).relu())),
        ("TW331", "warning", overwritten),
    ],
)
def test_cut_and_skipped_layers_are_named(code: str, severity: str, forward: Any) -> None:
    net = Cut(forward)
    assert named(verdict(net, lambda o: F.cross_entropy(o, T))) == [(code, severity)]
    net.a.requires_grad_(False)
    net.b.requires_grad_(False)
    assert named(verdict(net, lambda o: F.cross_entropy(o, T))) == [("TW308", "warning")], "at their random start"
    for layer in (net.a, net.b):
        layer.weight.data *= torch.linspace(0.5, 2, layer.in_features)  # some inputs came to count more than others
    assert named(verdict(net, lambda o: F.cross_entropy(o, T))) == [], "frozen on purpose"


def test_where_calls_are_not_observed_the_order_of_definition_tells_cuts_from_dead_ends() -> None:
    cut = Cut(lambda net, x: net.c(net.b(net.a(x).relu().detach()).relu()))
    assert named(verdict(cut, lambda o: F.cross_entropy(o, T), observed=False)) == [("TW307", "warning")]
    dead_end = verdict(Cut(overwritten), lambda o: F.cross_entropy(o, T), observed=False)
    assert named(dead_end) == []
    assert "TW331" in dict(dead_end.not_evaluated)


def test_a_head_without_use_is_advice_and_one_called_auxiliary_is_passed() -> None:
    class Heads(nn.Module):
        def __init__(self, second: str) -> None:
            super().__init__()
            self.body, self.first = nn.Linear(6, 16), nn.Linear(16, 3)
            self.add_module(second, nn.Linear(16, 16 if second == "link" else 4))
            self.second = second

        def forward(self, x: Tensor) -> Tensor:
            features = self.body(x).relu()
            if self.second == "box":
                self.get_submodule("box")(features)
            return self.first(features)  # type: ignore[no-any-return]

    assert named(verdict(Heads("box"), lambda o: F.cross_entropy(o, T))) == [("TW331", "advice")]
    assert named(verdict(Heads("spare"), lambda o: F.cross_entropy(o, T))) == [("TW331", "advice")], "fits nowhere"
    assert named(verdict(Heads("link"), lambda o: F.cross_entropy(o, T))) == [("TW331", "warning")]
    assert named(verdict(Heads("aux_head"), lambda o: F.cross_entropy(o, T))) == []


@pytest.mark.parametrize(("width", "severity"), [(16, "advice"), (12, "warning")], ids=["head", "gate"])
def test_one_number_is_a_head_where_the_last_layer_is_given_the_same(width: int, severity: str) -> None:
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.middle, self.first = nn.Linear(6, 12), nn.Linear(12, 16), nn.Linear(16, 3)
            self.second = nn.Linear(width, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.first(self.middle(self.body(x).relu()).relu())  # type: ignore[no-any-return]

    assert named(verdict(Heads(), lambda o: F.cross_entropy(o, T))) == [("TW331", severity)]


def test_a_head_that_another_method_calls_is_advice() -> None:
    class Galaxy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.kind, self.tilt, self.old = nn.Linear(6, 16), nn.Linear(16, 3), nn.Linear(16, 1), None

        def forward(self, x: Tensor) -> Tensor:
            return self.kind(self.body(x).relu())  # type: ignore[no-any-return]

        def inclination(self, features: Tensor) -> Tensor:
            return torch.sigmoid(self.tilt(features))

        def reset(self) -> None:
            nn.init.zeros_(self.tilt.weight)

    net = Galaxy()
    assert named(verdict(net, lambda o: F.cross_entropy(o, T))) == [("TW331", "advice")]
    net.old = nn.Linear(16, 3)  # type: ignore[assignment]
    assert named(verdict(net, lambda o: F.cross_entropy(o, T))) == [("TW331", "warning"), ("TW331", "advice")]


def test_heads_of_a_library_s_model_are_advice() -> None:
    hf = pytest.importorskip("transformers")
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    config = hf.EsmConfig(vocab_size=8, pad_token_id=1, mask_token_id=2, max_position_embeddings=12, **sizes)

    class Protein(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.head = hf.EsmModel(config, add_pooling_layer=False), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.encoder(x.abs().long() + 3).last_hidden_state.mean(1))  # type: ignore[no-any-return]

    assert named(verdict(Protein(), lambda o: F.cross_entropy(o, T))) == [("TW331", "advice")]


def test_a_recurrent_layer_whose_result_is_dropped_is_a_warning() -> None:
    class Tune(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.rnn, self.drop = nn.Linear(6, 16), nn.GRU(16, 16), nn.Dropout(0.1)
            self.out = nn.Linear(16, 3)

        def forward(self, x: Tensor) -> Tensor:
            features = self.embed(x).relu()
            self.rnn(features)
            return self.out(self.drop(features))  # type: ignore[no-any-return]

    assert named(verdict(Tune(), lambda o: F.cross_entropy(o, T))) == [("TW331", "warning")]


def test_a_teacher_under_no_grad_is_advice_and_passed_where_no_optimizer_holds_it() -> None:
    class Taught(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.student, self.teacher = mlp(), mlp()

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                wanted = self.teacher(x)
            return self.student(x) - wanted  # type: ignore[no-any-return]

    net = Taught()
    assert named(verdict(net, lambda o: o.square().mean())) == [("TW307", "advice")]
    assert named(verdict(net, lambda o: o.square().mean(), optimizer=net.student.parameters())) == []


def test_idle_experts_are_passed() -> None:
    class Mixture(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = nn.Linear(6, 20)
            self.experts = nn.ModuleList(mlp() for _ in range(20))

        def forward(self, x: Tensor) -> Tensor:
            weight, chosen = self.gate(x).softmax(-1).max(-1)
            outputs = torch.zeros(len(x), 3)
            for number in chosen.unique().tolist():
                rows = chosen == number
                outputs[rows] = self.experts[number](x[rows]) * weight[rows, None]
            return outputs

    assert named(verdict(Mixture(), lambda o: F.cross_entropy(o, T))) == []


class Hidden(nn.Module):
    """A weight that torch does not see, held in one way or another."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.head = nn.Linear(6, 3)
        ways: dict[str, Callable[[], Any]] = {
            "list": lambda: [nn.Linear(6, 6)],
            "dict": lambda: {"a": nn.Linear(6, 6)},
            "tensor": lambda: torch.randn(6, 6, requires_grad=True),
            "parameters": lambda: [nn.Parameter(torch.randn(6, 6))],
            "anew": lambda: None,
        }
        self.held = ways[how]()

    def forward(self, x: Tensor) -> Tensor:
        held = self.held
        if isinstance(held, dict):
            held = held["a"]
        if isinstance(held, list):
            held = held[0]
        if held is None:
            held = nn.Linear(6, 6)
        x = held(x) if isinstance(held, nn.Module) else x @ held
        return self.head(x.relu())  # type: ignore[no-any-return]


@pytest.mark.parametrize("how", ["list", "dict", "tensor", "parameters", "anew"])
def test_hidden_layers_are_named(how: str) -> None:
    severity = "warning" if how == "anew" else "error"
    found = verdict(Hidden(how), lambda o: F.cross_entropy(o, T))
    assert named(found) == [("TW342", severity)]
    assert ("Hidden.held" in found.findings[0].happened) == (how != "anew")


def test_a_hidden_teacher_is_passed() -> None:
    student = mlp()
    student.teacher_ = [mlp()]  # type: ignore[assignment]
    assert named(verdict(student, lambda o: F.cross_entropy(o, T))) == []


def test_optimizers_of_old_and_missing_parameters() -> None:
    def loss(o: Tensor) -> Tensor:
        return F.cross_entropy(o, T)

    model = mlp()
    before = list(model.parameters())
    model[2] = nn.Linear(16, 3)
    found = verdict(model, loss, optimizer=before)
    assert named(found) == [("TW309", "error")]
    assert [(finding.code, cause) for finding, cause in found.masked] == [("TW308", "TW309")]
    assert named(verdict(model, loss, optimizer=model[0].parameters())) == [("TW308", "error")]
    assert named(verdict(model, loss, optimizer=model[2].parameters())) == [("TW308", "warning")], "a random start"
    with torch.no_grad():
        for parameter in model[0].parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    assert named(verdict(model, loss, optimizer=model[2].parameters())) == [("TW308", "advice")], "fine-tuning"
    biases = [p for name, p in model.named_parameters() if name.endswith("bias")]
    assert named(verdict(model, loss, optimizer=biases)) == [], "biases alone"
    picture = torch.randn(N, 6, requires_grad=True)
    assert named(verdict(model, loss, optimizer=[picture], inputs=picture)) == [], "the input is what learns"
    both = [*model.parameters(), *mlp().parameters()]
    assert verdict(model, loss, optimizer=both).at_least(Severity.WARNING) == (), "an optimizer for two models"


@pytest.mark.parametrize(
    ("layers", "alarm"),
    [
        ([nn.Linear(6, 16), nn.Linear(16, 3)], True),
        ([nn.Linear(6, 16), nn.Dropout(0.2), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)], True),
        ([nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 8, 3), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(16, 3)], True),
        ([nn.Linear(6, 3)], False),
        ([nn.Linear(6, 2), nn.Linear(2, 3)], False),
        ([nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 16), nn.Linear(16, 3)], False),
    ],
    ids=["two", "dropout and normalisation", "convolution and pooling", "linear model", "low rank", "one activation"],
)
def test_networks_without_an_activation(layers: list[nn.Module], alarm: bool) -> None:
    found = verdict(nn.Sequential(*layers), lambda o: F.cross_entropy(o, T))
    assert named(found) == ([("TW328", "warning")] if alarm else [])


def test_compiled_models_are_judged_by_the_door_alone() -> None:
    def compiled(model: nn.Module) -> Any:
        return torch.compile(model, backend="aot_eager")

    x = torch.randn(N, 6)
    sound, ill = mlp(), mlp(end=nn.Softmax(-1))
    found = verdict(sound, lambda _: F.cross_entropy(compiled(sound)(x), T))
    assert named(found) == []
    assert {"TW317", "TW328"} <= {code for code, _ in found.not_evaluated}
    assert named(verdict(ill, lambda _: F.cross_entropy(compiled(ill)(x), T))) == [("TW315", "error")]
    squashed = mlp(end=nn.Sigmoid())
    by_door = verdict(squashed, lambda _: F.binary_cross_entropy_with_logits(compiled(squashed)(x), YES))
    assert named(by_door) == [("TW316", "warning")]
