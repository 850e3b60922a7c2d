"""The live monitor: it never changes training, hears every kind of loop, and gets out of the way."""

from __future__ import annotations

import hashlib
import random
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader, TensorDataset

import trainwright
from trainwright.clinic import training_benches
from trainwright.clinic.bench import Bench
from trainwright.core import UsageError, discover
from trainwright.doctor.session import Session
from trainwright.doctor.taps import Taps
from trainwright.measures.curves import LearningCurve
from trainwright.measures.layers import ActivationSignals, LayerSignals
from trainwright.measures.loop import Clipping, Membership, StepOrder
from trainwright.measures.signal import NonFinite
from trainwright.report.watch import Watch
from trainwright.testing.bench import to_experiment
from trainwright.testing.bench_loops import LOOPS, run_loop
from trainwright.testing.matrix import Subject, subjects
from trainwright.testing.own_loops import run_own_loop

UNREPEATABLE = ("system_faults.unseeded_noise", "system_faults.unseeded_targets")
"""Faults that train to other bits each time by themselves."""


def _mark(number: int, subject: Subject) -> Any:
    is_quick = subject.fault is None or number % 12 == 0
    return pytest.param(subject, id=" ".join(subject.key[:2]).strip(), marks=() if is_quick else pytest.mark.slow)


WATCHED = [each for each in subjects(discover()) if each.view == "watch" and each.key[1] not in UNREPEATABLE]
SUBJECTS = [_mark(number, subject) for number, subject in enumerate(WATCHED)]
"""Every healthy bench, and every fault on the benches it is proved on, that is watched: of these one in twelve in every
run of the tests."""
INPUTS, CLASSES = torch.randn(96, 6, generator=torch.Generator().manual_seed(0)), torch.arange(96) % 3


def quiet() -> Watch:
    """A watch that looks at every third step and prints nothing."""
    return trainwright.watch(every=3, quiet=True)


def _digest(model: nn.Module, *more: Any) -> str:
    found = hashlib.sha256()
    for tensor in model.state_dict().values():
        found.update(tensor.detach().cpu().numpy().tobytes())
    states = (torch.get_rng_state().numpy().tobytes(), repr(np.random.get_state()), repr(random.getstate()))  # noqa: NPY002
    found.update(repr((states, more)).encode())
    return found.hexdigest()


# It never changes training -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", SUBJECTS)
def test_training_is_the_same_to_the_bit(subject: Subject) -> None:
    bench = subject.healthy(1) if subject.fault is None else subject.fault(subject.healthy(1))
    torch.manual_seed(3)
    alone = _fifty_steps(bench, nullcontext())
    torch.manual_seed(3)
    assert _fifty_steps(bench, quiet()) == alone


def _fifty_steps(bench: Bench, watch: AbstractContextManager[Any]) -> str:
    with watch:
        if not bench.is_of_the_recipe:
            return _digest(nn.ModuleList(run_own_loop(bench, steps=50)))
        result = run_loop(to_experiment(bench), bench, steps=50)
        return _digest(result.model, result.losses)


@pytest.mark.parametrize("loop", ["accumulation-undivided", "closure", "cyclic", "model-zero-grad", "stuck-in-eval"])
def test_every_kind_of_loop_is_the_same_to_the_bit(loop: str) -> None:
    from dataclasses import replace

    assert loop in LOOPS
    bench = replace(training_benches.digits_cnn(2), loop=loop)
    results = []
    for watch in (None, lambda *_: quiet()):
        result = run_loop(to_experiment(bench), bench, steps=30, watch=watch)
        results.append(_digest(result.model, result.losses))
    assert results[0] == results[1]


def _train(steps: int = 12, *, model: nn.Module | None = None, **settings: Any) -> nn.Module:
    torch.manual_seed(0)
    model = model or nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with settings.get("watch", nullcontext()):
        for _ in range(steps):
            rows = torch.randint(96, (16,))
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.get("amp", False)):
                outputs = model(INPUTS[rows])
            loss = nn.functional.cross_entropy(outputs.float(), CLASSES[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    return model


@pytest.mark.parametrize("amp", [False, True])
def test_random_numbers_and_autocast_are_left_alone(amp: bool) -> None:
    assert _digest(_train(amp=amp)) == _digest(_train(amp=amp, watch=quiet()))


def test_a_non_finite_loss_is_looked_into_without_a_trace() -> None:
    class Spoilt(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.norm, self.last = nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)
            self.drop, self.calls = nn.Dropout(0.3), 0

        def forward(self, inputs: Tensor) -> Tensor:
            self.calls += 1
            hidden = self.drop(self.norm(self.first(inputs)))
            outputs: Tensor = self.last(hidden.log() if self.calls > 5 else hidden)
            return outputs

    def trained(watch: AbstractContextManager[Any]) -> str:
        torch.manual_seed(0)  # of the model; the training has its own
        model = _train(8, model=(spoilt := Spoilt()), watch=watch)
        return _digest(model, spoilt.calls)

    doctor = quiet()
    assert trained(nullcontext()) == trained(doctor)
    found = doctor.measurements.of(NonFinite)[0]
    assert (found.kind, found.where, found.step) == ("activation", "the code before last", 5)
    assert doctor.findings[0].code == "TW401"


# It hears ------------------------------------------------------------------------------------------------------------


def test_what_is_known_of_a_plain_loop() -> None:
    with quiet() as doctor:
        _train(30)
    order = doctor.measurements.of(StepOrder)[0]
    assert (order.n_steps, order.n_backwards, order.backwards_per_step, order.n_stale) == (30, 30, 1, 0)
    layers = doctor.measurements.of(LayerSignals)[0]
    assert layers.names == ("0", "3")
    assert layers.consistent
    assert np.isfinite(layers.update_norm).all()
    assert doctor.measurements.of(ActivationSignals)[0].names == ("ReLU after 0",)
    curve = doctor.measurements.of(LearningCurve)[0]
    assert len(curve.train_loss) == 30
    assert curve.baseline_train_loss == pytest.approx(np.log(3), abs=0.05)
    assert curve.train_metric.y.max() <= 100
    clipping = doctor.measurements.of(Clipping)[0]
    assert clipping.limit == 1.0
    assert len(clipping.norms) == 30


def test_functions_imported_by_name_before_are_heard() -> None:
    model, before = nn.Linear(6, 3), (cross_entropy, clip_grad_norm_)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with quiet() as doctor:
        for _ in range(5):
            optimizer.zero_grad()
            cross_entropy(model(INPUTS), CLASSES).backward()  # type: ignore[no-untyped-call]
            clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    assert doctor.measurements.of(LearningCurve)[0].baseline_train_loss == pytest.approx(np.log(3), abs=0.05)
    assert len(doctor.measurements.of(Clipping)[0].norms) == 5
    assert (cross_entropy, clip_grad_norm_) == before


def test_norms_are_those_that_one_computes_by_hand() -> None:
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    by_hand = []
    with trainwright.watch(every=1, quiet=True) as doctor:
        for _ in range(4):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(INPUTS), CLASSES).backward()  # type: ignore[no-untyped-call]
            norm = float(torch.cat([p.grad.flatten() for p in model.parameters()]).norm())  # type: ignore[union-attr]
            by_hand.append(norm)
            optimizer.step()
    layers = doctor.measurements.of(LayerSignals)[0]
    assert layers.gradient_norm[0] == pytest.approx(by_hand, rel=1e-5)
    assert layers.update_norm[0] == pytest.approx([0.5 * norm for norm in by_hand], rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_activations_are_those_that_one_computes_by_hand(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(1, 8, 3)
    assert convolution.bias is not None
    with torch.no_grad():
        convolution.weight[:3], convolution.bias[:3] = 0.0, -1.0
    layers = nn.Sequential(convolution, nn.ReLU(), nn.Flatten(), nn.Linear(128, 3)).to(dtype)
    optimizer = torch.optim.SGD(layers.parameters(), lr=0.0)
    images = torch.randn(96, 1, 6, 6).to(dtype)
    with trainwright.watch(every=1, quiet=True) as doctor:
        for _ in range(5):
            optimizer.zero_grad()
            nn.functional.cross_entropy(layers(images), CLASSES).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    found = doctor.measurements.of(ActivationSignals)[0]
    values = layers[:2](images).detach().double()
    assert found.dead[0][-1] == 3 / 8
    assert found.zero[0][-1] == pytest.approx(float((values == 0).double().mean()), rel=1e-3)
    assert found.mean[0][-1] == pytest.approx(float(values.mean()), rel=1e-3)
    assert found.std[0][-1] == pytest.approx(float(values.std()), rel=1e-3)


def test_validation_and_its_accuracy_are_told_from_training() -> None:
    train, held_out = (DataLoader(TensorDataset(INPUTS, CLASSES), 24, shuffle=shuffle) for shuffle in (True, False))
    model = nn.Linear(6, 3)
    optimizer = torch.optim.Adam(model.parameters())
    wanted = []
    with quiet() as doctor:
        for _ in range(3):
            model.train()
            for inputs, classes in train:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(inputs), classes).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            model.eval()
            with torch.no_grad():
                losses = [nn.functional.cross_entropy(model(x), y).item() for x, y in held_out]
            wanted.append(sum(losses) / len(losses))
    curve = doctor.measurements.of(LearningCurve)[0]
    assert list(curve.validation_loss.x) == [4, 8, 12]
    assert curve.validation_loss.y == pytest.approx(wanted, rel=1e-5)
    assert curve.steps_per_epoch == 4


def test_an_evaluation_with_a_graph_is_no_training() -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 3))
    optimizer = torch.optim.Adam(model.parameters())
    with quiet() as doctor:
        for _ in range(3):
            model.train()
            for _ in range(5):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(INPUTS), CLASSES).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            model.eval()
            for _ in range(4):
                nn.functional.cross_entropy(model(INPUTS), CLASSES)  # forgot no_grad
    curve = doctor.measurements.of(LearningCurve)[0]
    assert len(curve.train_loss) == 15
    assert list(curve.validation_loss.x) == [5, 10, 15]


def test_losses_of_several_heads_are_no_batches() -> None:
    torch.manual_seed(0)
    trunk, heads = nn.Linear(6, 8), [nn.Linear(8, 3) for _ in range(4)]
    optimizer = torch.optim.SGD([p for module in (trunk, *heads) for p in module.parameters()], 0.01)
    with quiet() as doctor:
        for _ in range(20):
            optimizer.zero_grad()
            features = trunk(INPUTS)
            for head in heads:
                nn.functional.cross_entropy(head(features), CLASSES).backward(retain_graph=True)  # type: ignore[no-untyped-call]
            optimizer.step()
    (order,) = doctor.measurements.of(StepOrder)
    assert (order.backwards_per_step, order.batches_per_step) == (4, 1)
    assert "TW519" not in [finding.code for finding in doctor.findings]


def test_two_optimizers_that_take_turns() -> None:
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 6))
    critic = nn.Sequential(nn.Linear(6, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    ours, theirs = (torch.optim.Adam(m.parameters(), 1e-3) for m in (generator, critic))
    judge = nn.BCEWithLogitsLoss()
    with quiet() as doctor:
        for _ in range(20):
            fake = generator(torch.randn(32, 4))
            theirs.zero_grad()
            (
                judge(critic(INPUTS[:32]), torch.ones(32, 1)) + judge(critic(fake.detach()), torch.zeros(32, 1))
            ).backward()
            theirs.step()
            ours.zero_grad()
            judge(critic(fake), torch.ones(32, 1)).backward()
            ours.step()
    orders = doctor.measurements.of(StepOrder)
    assert [(o.n_steps, o.n_stale, o.n_wiped, o.backwards_per_step) for o in orders] == [(20, 0, 0, 1)] * 2
    assert len(doctor.measurements.of(LearningCurve)) == 2
    assert doctor.measurements.of(Membership)[0].foreign == 0


def test_memory_is_bounded_however_long_the_run() -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with trainwright.watch(every=5, quiet=True) as doctor:
        for _ in range(5000):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(INPUTS[:4, :2]), INPUTS[:4, 2:3]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    curve, layers = doctor.measurements.of(LearningCurve)[0], doctor.measurements.of(LayerSignals)[0]
    assert 1000 <= len(curve.train_loss) <= 2001
    assert curve.train_loss.x[-1] > 4990
    assert len(layers.steps) <= 240


def test_a_model_that_the_program_lets_go_is_let_go() -> None:
    import gc
    import weakref

    with quiet():
        model = _train(6)
        gone = weakref.ref(model)
        del model
        gc.collect()
        assert gone() is None


def test_what_was_watched_is_let_go_when_it_is_over() -> None:
    import gc
    import weakref

    doctor = quiet()
    with doctor:
        _train(3)
    session = weakref.ref(doctor.session)
    del doctor
    gc.collect()
    assert session() is None


# It gets out of the way ----------------------------------------------------------------------------------------------


def test_everything_is_put_back() -> None:
    places = [(nn.Module, "__call__"), (torch.autograd, "backward"), (nn.functional, "mse_loss"), (torch, "save")]
    before = [getattr(owner, name) for owner, name in places]
    with quiet():
        assert [getattr(owner, name) for owner, name in places] != before
    assert [getattr(owner, name) for owner, name in places] == before
    with pytest.raises(RuntimeError, match="cannot be multiplied"), quiet():
        nn.Linear(2, 1)(torch.ones(1, 3))
    assert [getattr(owner, name) for owner, name in places] == before


def test_a_fault_of_the_doctor_never_becomes_one_of_the_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(Session, "before_backward", fail)
    with trainwright.watch(every=3) as doctor:
        _train(5)
    assert doctor.fault == "ValueError: a fault of ours"
    said = capsys.readouterr().err
    assert "stopped watching at step 2" in said, "three faults are too many"
    assert "nothing to watch" not in said


def test_a_single_fault_of_the_doctor_costs_one_event(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        monkeypatch.undo()
        raise ValueError("a fault of ours")

    monkeypatch.setattr(Session, "loss_called", fail)
    with quiet() as doctor:
        _train(20)
    assert doctor.fault == "ValueError: a fault of ours"
    assert doctor.measurements.of(StepOrder)[0].n_steps == 20
    assert len(doctor.measurements.of(LearningCurve)[0].train_loss) == 20


def test_only_one_watch_at_a_time() -> None:
    with quiet(), pytest.raises(UsageError, match="already being watched"), quiet():
        pass
    with quiet():
        pass


def test_a_budget_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be kept"):
        trainwright.watch(budget=0)


def test_the_cost_is_counted() -> None:
    session = Session(every=1)
    with Taps(session, lambda error: pytest.fail(str(error)), session.governor.spend):
        _train(5)
    assert session.governor.spent > 0


def test_a_run_without_a_step_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with trainwright.watch():
        nn.Linear(2, 1)(torch.ones(1, 2))
    assert "nothing to watch" in capsys.readouterr().err


def test_a_compiled_model_is_watched_from_outside() -> None:
    model: Any = torch.compile(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)), backend="eager")
    with quiet() as doctor:
        trained = _train(10, model=model)
    assert isinstance(trained, nn.Module)
    assert doctor.fault == ""
    assert doctor.measurements.of(StepOrder)[0].n_steps == 10


def test_a_new_loader_in_every_epoch_is_the_same_pass_over_the_data() -> None:
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    data, kept = TensorDataset(INPUTS, CLASSES), []
    with quiet() as doctor:
        for _ in range(4):
            for inputs, classes in DataLoader(data, len(INPUTS) // 5, drop_last=True):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(inputs), classes).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            kept.append(object())  # so that places in memory are taken
    assert doctor.measurements.of(LearningCurve)[0].steps_per_epoch == 5
