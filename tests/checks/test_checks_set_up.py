"""Checks of set-ups through real experiments, on other data and models than those they were calibrated on."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from torch import nn
from torch.nn import functional

import trainwright
from trainwright.core import Severity, Verdict, discover, judge
from trainwright.doctor.trials import TRIALS, run_trials
from trainwright.workbench.experiment import Experiment

torch.set_num_threads(1)

CHECKS = [check for check in discover() if all(need.optional or need.kind in TRIALS for need in check.needs)]


def wine(model: Callable[..., nn.Module] | None = None, **settings: Any) -> Experiment:
    data = load_wine()
    return Experiment(
        data=(data.data.astype(np.float32), data.target.astype(np.int64)), model=model, name="wine", **settings
    )


def verdict(experiment: Experiment, seed: int = 0) -> Verdict:
    return judge(CHECKS, run_trials(experiment.setup(seed)))


def codes(found: Verdict) -> list[str]:
    return [finding.code for finding in found.at_least(Severity.WARNING)]


class Net(nn.Module):
    """Thirteen inputs, three classes, and a place for bugs."""

    def __init__(self, hidden: int = 24, end: Callable[[torch.Tensor], torch.Tensor] | None = None) -> None:
        super().__init__()
        self.first, self.last, self.end = nn.Linear(13, hidden), nn.Linear(hidden, 3), end

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.last(self.first(x).relu())
        return self.end(outputs) if self.end else outputs


@pytest.mark.parametrize("name", ["digits", "breast-cancer", "diabetes", "wine"])
@pytest.mark.parametrize("seed", [0, 1])
def test_built_in_models_on_bundled_data_are_passed(name: str, seed: int) -> None:
    experiment = Experiment(config={"data.source": name})
    found = verdict(experiment, seed)
    assert codes(found) == []
    assert {code for code, _ in found.not_evaluated} == ({"TW315"} if name == "diabetes" else set())


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)},
        {"optimizer": lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.05)},
        {"loss": nn.CrossEntropyLoss(label_smoothing=0.2)},
        {"loss": nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 0.2]))},
        {"config": {"training.clip_norm": 0.1}},
        {"config": {"data.scaling": "range"}},
    ],
    ids=["sgd", "adamw", "smoothing", "weights", "clip", "range"],
)
def test_unusual_but_sound_set_ups_are_passed(settings: dict[str, Any]) -> None:
    assert codes(verdict(wine(Net, **settings))) == []


def test_pixels_from_0_to_16_under_adam_are_passed() -> None:
    digits = load_digits()
    model = lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))  # noqa: E731
    experiment = Experiment(
        data=(digits.images[:, None].astype(np.float32), digits.target), model=model, config={"data.scaling": "none"}
    )
    assert codes(verdict(experiment)) == []


def test_softmax_is_named_as_the_one_cause_and_the_fix_cures() -> None:
    experiment = wine(lambda: Net(end=lambda x: x.softmax(-1)), loss=nn.CrossEntropyLoss())
    found = verdict(experiment)
    assert codes(found) == ["TW315"]
    assert [(f.code, cause) for f, cause in found.masked] == [("TW303", "TW315")]
    finding = found.findings[0]
    assert finding.confidence == 1
    assert "0.55" in finding.happened, "ln(e + 2) - 1 for three classes"
    cured = experiment.with_changes(finding.fixes[0].changes)
    assert codes(verdict(cured)) == []


def test_log_softmax_and_probabilities_under_their_own_loss_are_no_softmax_bug() -> None:
    assert codes(verdict(wine(lambda: Net(end=lambda x: x.log_softmax(-1)), loss=nn.CrossEntropyLoss()))) == []
    own = wine(lambda: Net(end=lambda x: x.softmax(-1)), loss=lambda o, t: functional.nll_loss(o.log(), t))
    assert codes(verdict(own)) == []


@pytest.mark.parametrize(
    ("build", "settings", "code"),
    [
        (Net, {"optimizer": lambda p: torch.optim.Adam(p, lr=3e-7)}, "TW303"),
        (Net, {"optimizer": lambda p: torch.optim.SGD(p, lr=1e-5)}, "TW303"),
        (Net, {"loss": lambda o, t: -functional.cross_entropy(o, t)}, "TW339"),
        (lambda: Net(end=torch.detach), {}, "TW303"),
        (lambda: Net(end=lambda x: x * 0 + 1), {}, "TW304"),
        (lambda: Net(end=lambda x: x.softmax(0) * 10), {}, "TW330"),
        (lambda: Net(end=lambda x: x.roll(1, 0)), {}, "TW305"),
        (lambda: Net(end=lambda x: x.log()), {}, "TW401"),
        (Net, {"optimizer": lambda p: torch.optim.SGD(p, lr=1e30)}, "TW401"),
        (Net, {"config": {"data.scaling": "none"}}, "TW112"),
        (lambda: Net(end=lambda x: 50 * x), {}, "TW301"),
    ],
)
def test_faults_on_other_data_are_named(build: Callable[..., nn.Module], settings: dict[str, Any], code: str) -> None:
    if code == "TW303" and "loss" not in settings and "optimizer" not in settings:
        with pytest.raises(RuntimeError, match="does not require grad"):
            verdict(wine(build, **settings))
        return
    assert code in codes(verdict(wine(build, **settings)))[:2]


def test_the_rate_found_for_a_batch_is_proposed() -> None:
    experiment = wine(Net, config={"optimizer.name": "adam", "optimizer.learning_rate": 1e-6})
    finding = next(f for f in verdict(experiment).findings if f.code == "TW303")
    rate = finding.fixes[0].changes["optimizer.learning_rate"]
    assert 1e-4 <= rate <= 1e-2
    assert f"{rate:g}" in finding.todo
    assert codes(verdict(experiment.with_changes({"optimizer.learning_rate": rate}))) == []


def test_a_custom_loss_is_not_judged_by_theory() -> None:
    found = verdict(wine(Net, loss=lambda o, t: functional.cross_entropy(o, t) + 30))
    reasons = dict(found.not_evaluated)
    assert "not known" in reasons["TW301"]
    assert codes(found) == []


@pytest.mark.parametrize(("n_classes", "n_samples"), [(10, 16), (20, 32), (100, 64), (1000, 64)])
def test_few_samples_of_many_classes_are_no_imbalance(n_classes: int, n_samples: int) -> None:
    generator = torch.Generator().manual_seed(n_classes)
    inputs = torch.randn(n_samples, 8, generator=generator)
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, n_classes))
    found = {}
    for kind, n_drawn in (("all alike", n_classes), ("a tenth of them", max(1, n_classes // 10))):
        labels = torch.randint(n_drawn, (n_samples,), generator=generator)
        report = trainwright.check(model=model, loss=nn.CrossEntropyLoss(), batch=(inputs, labels))
        found[kind] = "TW302" in [finding.code for finding in report.findings]
    assert not found["all alike"]
    # Sixty samples of a thousand classes say nothing of their shares.
    assert found["a tenth of them"] == (n_classes <= 100)


class Pair(nn.Module):
    """How far apart two inputs, side by side, are: 0 and more."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 8))

    def forward(self, both: torch.Tensor) -> torch.Tensor:
        first, second = (self.body(part) for part in both.chunk(2, 1))
        distances: torch.Tensor = (first - second).square().sum(1).add(1e-6).sqrt()
        return distances


def test_a_distance_that_falls_for_pairs_that_belong_together_has_the_right_sign() -> None:
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(64, 4, generator=generator)
    same = torch.arange(64) % 2
    other = torch.where(same[:, None] == 1, first + 0.1, torch.randn(64, 4, generator=generator))
    batch = (torch.cat((first, other), 1), same.float())

    def contrastive(distances: torch.Tensor, together: torch.Tensor) -> torch.Tensor:
        return (together * distances**2 + (1 - together) * (1.5 - distances).relu() ** 2).mean()

    report = trainwright.check(model=Pair(), loss=contrastive, batch=batch)
    assert "TW339" not in [finding.code for finding in report.findings]
    logits = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
    report = trainwright.check(model=logits, loss=lambda o, t: ((2 * t - 1) * o.tanh()).mean(), batch=batch)
    assert "TW339" in [finding.code for finding in report.findings]


class Angles(nn.Module):
    """Sixteen times the cosines between an embedding and a direction for each class."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 8))
        self.directions = nn.Parameter(torch.randn(6, 8, generator=torch.Generator().manual_seed(3)))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return 16 * functional.linear(functional.normalize(self.body(inputs)), functional.normalize(self.directions))


def test_cosines_are_as_large_as_their_factor_makes_them() -> None:
    torch.manual_seed(0)
    batch = torch.randn(64, 8), torch.arange(64) % 6
    report = trainwright.check(model=Angles(), loss=nn.CrossEntropyLoss(), batch=batch)
    assert "cosines" in dict(report.verdict.not_evaluated)["TW301"]
    head = nn.Linear(32, 6)
    with torch.no_grad():
        head.weight.mul_(100)
    large = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), head)
    report = trainwright.check(model=large, loss=nn.CrossEntropyLoss(), batch=batch)
    assert "TW301" in [finding.code for finding in report.findings]


def _overlap(shares: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    both = (shares * masks).sum((1, 2, 3))
    return ((2 * both + 1) / (shares.sum((1, 2, 3)) + masks.sum((1, 2, 3)) + 1)).mean()


@pytest.mark.parametrize("right", [True, False])
def test_an_overlap_of_shares_can_be_fitted_and_its_sign_is_seen(right: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(32, 1, 16, 16, generator=generator)
    smooth = functional.avg_pool2d(noise, 5, 1, 2)
    batch = noise * 0.5 + smooth, (smooth > 0.1).float()
    torch.manual_seed(0)
    inner = (nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())
    model = nn.Sequential(*inner, nn.Conv2d(16, 1, 1), nn.Sigmoid())
    loss = (lambda o, t: 1 - _overlap(o, t)) if right else _overlap
    report = trainwright.check(
        model=model, loss=loss, batch=batch, optimizer=torch.optim.Adam(model.parameters(), 2e-3)
    )
    found = {finding.code for finding in report.findings}
    assert not {"TW303", "TW339"} & found if right else "TW339" in found


def test_imbalance_of_classes_and_far_targets_that_are_fitted_all_the_same_are_advice() -> None:
    data = load_breast_cancer()
    rows = np.concatenate([np.flatnonzero(data.target == 1), np.flatnonzero(data.target == 0)[:20]])
    x, y = data.data[rows].astype(np.float32), data.target[rows].astype(np.int64)
    rare = verdict(Experiment(data=(x, y), config={"model.name": "mlp"}))
    assert [f.severity for f in rare.findings if f.code == "TW302"] == [Severity.ADVICE]
    patients = load_diabetes(scaled=False)
    for shift in (0, 100):  # 2 and 3.3 standard deviations away
        x, y = patients.data.astype(np.float32), (patients.target + shift).astype(np.float32)
        far = Experiment(data=(x, y), config={"model.name": "mlp", "data.scale_target": False})
        finding = next(f for f in verdict(far).findings if f.code == "TW302")
        assert finding.severity is Severity.ADVICE
        assert "TW302" not in codes(verdict(far.with_changes(finding.fixes[0].changes)))
