"""The live monitor in programs of unusual kinds: it hears what can be heard, without a fault of its own or an alarm."""

from __future__ import annotations

import copy
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, update_bn
from torch.utils.data import DataLoader, TensorDataset

import trainwright
from trainwright.core import Finding, Severity, Verdict
from trainwright.measures.curves import LearningCurve
from trainwright.measures.layers import LayerSignals
from trainwright.report import watch as watching
from trainwright.report.watch import Watch

STEPS = 40


@pytest.fixture
def doubles() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def _data(n: int = 400) -> tuple[Tensor, Tensor]:
    inputs = torch.randn(n, 6, generator=torch.Generator().manual_seed(1))
    return inputs.to(torch.get_default_dtype()), inputs[:, :3].argmax(1)


def _model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 3))


def _fit(model: nn.Module, rows: DataLoader[tuple[Tensor, ...]], epochs: int = 5) -> None:
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    model.train()
    for _ in range(epochs):
        for inputs, labels in rows:
            optimizer.zero_grad()
            functional.cross_entropy(model(inputs), labels).backward()  # type: ignore[no-untyped-call]
            optimizer.step()


def _loader() -> DataLoader[tuple[Tensor, ...]]:
    inputs, labels = _data()
    return DataLoader(TensorDataset(inputs[:300], labels[:300]), 30, shuffle=True)


def _traced(model: nn.Module) -> nn.Module:
    traced: nn.Module = torch.jit.trace(model, _data(30)[0], check_trace=False)  # type: ignore[no-untyped-call]
    return traced


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("compiled", [torch.jit.script, _traced])
def test_a_model_of_torchscript(compiled: Callable[[nn.Module], nn.Module]) -> None:
    with trainwright.watch(every=1, quiet=True) as doctor:
        _fit(compiled(_model()), _loader())
    assert (doctor.fault, doctor.findings, doctor.steps) == ("", (), 50)
    assert len(doctor.measurements.of(LearningCurve)[0].train_loss) == 50


@pytest.mark.usefixtures("doubles")
def test_double_precision_as_default() -> None:
    with trainwright.watch(every=1, quiet=True) as doctor:
        _fit(_model(), _loader())
    assert (doctor.fault, doctor.findings) == ("", ())
    assert (doctor.measurements.of(LayerSignals)[0].gradient_norm > 0).all()


def test_an_ensemble_under_vmap() -> None:
    models = [nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3)) for _ in range(3)]
    parameters, buffers = torch.func.stack_module_state(models)
    skeleton = copy.deepcopy(models[0]).to("meta")
    inputs, labels = _data()

    def loss(own: Any, kept: Any) -> Tensor:
        return functional.cross_entropy(torch.func.functional_call(skeleton, (own, kept), (inputs,)), labels)

    held = {name: each.detach().requires_grad_() for name, each in parameters.items()}
    optimizer = torch.optim.Adam(held.values(), 1e-2)
    with trainwright.watch(every=1, quiet=True) as doctor:
        for _ in range(STEPS):
            optimizer.zero_grad()
            torch.func.vmap(loss)(held, buffers).mean().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    assert (doctor.fault, doctor.findings, doctor.steps) == ("", (), STEPS)


def _by_torch(rows: DataLoader[tuple[Tensor, ...]], model: nn.Module) -> None:
    update_bn(rows, model)  # by its name in this module, as programs call it


def _by_hand(rows: DataLoader[tuple[Tensor, ...]], model: nn.Module) -> None:
    model.train()
    with torch.no_grad():
        for inputs, _ in rows:
            model(inputs)


@pytest.mark.parametrize(("anew", "evaluates"), [(_by_torch, True), (_by_torch, False), (_by_hand, True)])
def test_running_statistics_made_anew_are_no_evaluation(anew: Callable[..., None], evaluates: bool) -> None:
    inputs, labels = _data()
    with trainwright.watch(every=1, quiet=True) as doctor:
        model, rows = _model(), _loader()
        _fit(model, rows)
        averaged = AveragedModel(model)
        anew(rows, averaged)
        averaged.eval()
        if evaluates:
            with torch.no_grad():
                assert float((averaged(inputs[300:]).argmax(1) == labels[300:]).float().mean()) > 0.7
    assert (doctor.fault, doctor.findings) == ("", ())


def test_the_nodes_of_one_graph_are_no_leak() -> None:
    """All enter the model in training and evaluation; the loss is computed of some, the score of others."""
    inputs, labels = _data(300)
    links = (torch.rand(300, 300, generator=torch.Generator().manual_seed(2)) < 0.02) & (labels[:, None] == labels)
    graph = (links + torch.eye(300)) / (links + torch.eye(300)).sum(1, keepdim=True)
    model = _model()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    with trainwright.watch(every=1, quiet=True) as doctor:
        for _ in range(60):
            model.train()
            optimizer.zero_grad()
            functional.cross_entropy(model(graph @ inputs)[:150], labels[:150]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            model.eval()
            with torch.no_grad():
                functional.cross_entropy(model(graph @ inputs)[150:], labels[150:])
    assert (doctor.fault, [f.code for f in doctor.findings if f.code == "TW212"]) == ("", [])
    assert len(doctor.measurements.of(LearningCurve)[0].validation_loss) == 60


def test_a_search_that_went_all_the_way_in_its_first_step_is_done() -> None:
    inputs, labels = _data(300)
    targets = inputs @ torch.linspace(-1, 1, inputs.shape[1]) + 0.1 * labels
    model = nn.Linear(inputs.shape[1], 1)
    optimizer = torch.optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        error = functional.mse_loss(model(inputs[:200])[:, 0], targets[:200])
        error.backward()  # type: ignore[no-untyped-call]
        return error

    with trainwright.watch(every=1, quiet=True) as doctor:
        for _ in range(30):
            optimizer.step(loss)  # type: ignore[no-untyped-call]
            with torch.no_grad():
                functional.mse_loss(model(inputs[200:])[:, 0], targets[200:])
    assert (doctor.fault, [f.code for f in doctor.findings if f.severity is not Severity.ADVICE]) == ("", [])


def _by_epochs(rows: DataLoader[tuple[Tensor, ...]]) -> Iterator[tuple[Tensor, ...]]:
    for _ in range(10):
        yield from rows


def _without_end(rows: DataLoader[tuple[Tensor, ...]]) -> Iterator[tuple[Tensor, ...]]:
    while True:
        yield from rows


@pytest.mark.parametrize("batches", [_by_epochs, _without_end])
@pytest.mark.parametrize("heard", [True, False])
def test_scores_of_both_parts_beside_a_loader_are_no_leak(
    batches: Callable[[Any], Iterator[tuple[Tensor, ...]]], heard: bool
) -> None:
    """By a loss that is written out as well; the loader is at its end then, or in the middle of a pass."""
    data, labels = _data(400)
    model, hot = _model(), functional.one_hot(labels, 3)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    with trainwright.watch(quiet=True) as doctor:
        for step, (inputs, targets) in enumerate(batches(_loader())):
            outputs = model(inputs)
            own = -(outputs.log_softmax(1) * functional.one_hot(targets, 3)).sum(1).mean()
            optimizer.zero_grad()
            (functional.cross_entropy(outputs, targets) if heard else own).backward()
            optimizer.step()
            if step % 25 == 24 or step == 99:
                model.eval()
                with torch.no_grad():
                    for part in (slice(300), slice(300, 400)):
                        assert (model(data[part]).softmax(1) * hot[part]).sum(1).mean() > 0.2
                model.train()
            if step == 99:
                break
    assert (doctor.fault, [f.code for f in doctor.findings if f.code == "TW212"]) == ("", [])


def test_a_training_in_another_thread_is_said_to_be_there(capsys: pytest.CaptureFixture[str]) -> None:
    with trainwright.watch():
        thread = threading.Thread(target=_fit, args=(_model(), _loader()))
        thread.start()
        thread.join()
    said = " ".join(capsys.readouterr().err.split())
    assert "in the thread that was watched; others were at work" in said
    assert "'with trainwright.watch():' into the function they run" in said


def test_what_we_fail_to_measure_costs_nothing_else(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Any) -> Iterator[Any]:
        raise ZeroDivisionError("nothing to divide by")
        yield

    monkeypatch.setattr("trainwright.doctor.observers.activity.Activity.measurements", broken)
    with trainwright.watch(every=1) as doctor:
        _fit(_model(), _loader())
    assert doctor.fault == "ZeroDivisionError: nothing to divide by"
    assert doctor.measurements.of(LearningCurve)
    assert doctor.measurements.of(LayerSignals)
    assert "nothing to divide by" in " ".join(capsys.readouterr().err.split())


def test_recordings_of_nothing_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A sample of NaN among signals that are looked at for turns."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (300,), generator=generator)
    signals = torch.randn(300, 2, 40, generator=generator) + labels[:, None, None]
    signals[7] = float("nan")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(2, 8, 5), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, 3))
    rows = DataLoader(TensorDataset(signals[:200], labels[:200]), 20, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    with trainwright.watch(every=1) as doctor:
        for _ in range(8):
            for inputs, targets in rows:
                optimizer.zero_grad()
                functional.cross_entropy(model(inputs), targets).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            with torch.no_grad():
                functional.cross_entropy(model(signals[200:]), labels[200:])
    assert (doctor.fault, doctor.findings[0].code) == ("", "TW401")
    assert "TW401" in capsys.readouterr().err


class _Graph(nn.Module):
    """One layer of a network on a graph, whose links it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(6, 24), nn.Linear(24, 3)

    def forward(self, nodes: Tensor, links: Tensor) -> Tensor:
        hidden: Tensor = links @ self.inner(nodes)
        outputs: Tensor = self.outer(hidden.relu())
        return outputs


def test_states_of_models_that_are_trained_no_more_may_be_kept() -> None:
    """Of the clients of a federation, say: steps of others do not touch them."""
    kept = []
    with trainwright.watch(quiet=True) as doctor:
        for _ in range(4):
            client = _model()
            _fit(client, _loader(), epochs=2)
            kept.append(client.state_dict())
    assert (doctor.fault, [f.code for f in doctor.findings if f.code == "TW805"]) == ("", [])


def test_sparse_inputs_are_passed_over() -> None:
    inputs, labels = _data(300)
    links = torch.eye(300).to_sparse()
    model = _Graph()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    with trainwright.watch(every=1, quiet=True) as doctor:
        for _ in range(40):
            optimizer.zero_grad()
            functional.cross_entropy(model(inputs, links)[:200], labels[:200]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            with torch.no_grad():
                functional.cross_entropy(model(inputs, links)[200:], labels[200:])
    assert (doctor.fault, doctor.steps) == ("", 40)
    assert not [f for f in doctor.findings if f.severity is not Severity.ADVICE]


class _Experts(nn.Module):
    """Each sample is sent to one of several experts; some batches leave one without any."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(6, 8)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3)) for _ in range(8))

    def forward(self, inputs: Tensor) -> Tensor:
        shares: Tensor = self.router(inputs).softmax(1)
        chosen = shares.argmax(1)
        outputs = inputs.new_zeros(len(inputs), 3)
        for number, expert in enumerate(self.experts):
            outputs = outputs.index_add(0, (chosen == number).nonzero()[:, 0], expert(inputs[chosen == number]))
        return outputs * shares.amax(1, keepdim=True)


def test_an_expert_may_have_no_sample_of_a_batch() -> None:
    inputs, labels = _data()
    torch.manual_seed(0)
    with trainwright.watch(every=1, quiet=True) as doctor:
        _fit(_Experts(), DataLoader(TensorDataset(inputs, labels), 8, shuffle=True))
    assert (doctor.fault, doctor.steps) == ("", 250)
    assert not [f for f in doctor.findings if f.severity is not Severity.ADVICE]


def test_the_last_line_names_a_few_of_many_models(capsys: pytest.CaptureFixture[str]) -> None:
    with trainwright.watch():
        for _ in range(9):
            _fit(_model(), _loader(), epochs=1)
    assert "and 3 more" in " ".join(capsys.readouterr().err.split())


def test_nan_that_ends_a_divergence_is_not_taken_back(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def finding(code: str, name: str) -> Finding:
        return Finding(code, name, Severity.ERROR, "It is not finite.", "It is.", "Lower the rate.")

    said = iter([Verdict((finding("TW401", "non-finite"),), (), (), ())])
    in_the_end = Verdict((finding("TW502", "diverging"),), (), (), ())
    monkeypatch.setattr(watching, "judge", lambda *_: next(said, in_the_end))
    with trainwright.watch(every=1):
        _fit(_model(), _loader())
    err = capsys.readouterr().err
    assert "TW401 non-finite" in err
    assert "not what the whole run shows" not in err


def test_what_the_whole_run_does_not_show_is_taken_back(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    early = Finding("TW212", "evaluated-on-training", Severity.ERROR, "It is.", "It is not.", "Split it.")
    verdicts = iter([Verdict((early,), (), (), ())])
    monkeypatch.setattr(watching, "judge", lambda *_: next(verdicts, Verdict((), (), (), ())))
    with trainwright.watch(every=1):
        _fit(_model(), _loader())
    assert "TW212 evaluated-on-training, said at step 32, is not what the whole run shows." in capsys.readouterr().err


@pytest.mark.parametrize(("times", "said"), [(1, False), (2, True)])
def test_what_rests_on_the_course_is_said_when_two_looks_find_it(
    times: int, said: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    early = Finding("TW503", "rate-too-high", Severity.WARNING, "It jumps.", "It falls.", "Lower it.")
    verdicts = iter([Verdict((early,), (), (), ())] * times)
    monkeypatch.setattr(watching, "judge", lambda *_: next(verdicts, Verdict((), (), (), ())))
    with trainwright.watch(every=1):
        _fit(_model(), _loader(), epochs=8)
    assert ("▲ trainwright step 64  TW503" in capsys.readouterr().err) == said


def test_a_rate_that_is_to_fall_later_is_not_complained_about_meanwhile(capsys: pytest.CaptureFixture[str]) -> None:
    """The usual recipe: once per epoch, and the first fall after the first looks of all."""
    model, rows = _model(), _loader()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 30)
    with trainwright.watch(every=1) as doctor:
        for _ in range(40):
            for inputs, labels in rows:
                optimizer.zero_grad()
                functional.cross_entropy(model(inputs), labels).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            schedule.step()
    assert "TW508" not in capsys.readouterr().err
    assert "TW508" not in {finding.code for finding in doctor.findings}


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("name", ["ExponentialLR", "CosineAnnealingWarmRestarts", "ReduceLROnPlateau"])
def test_schedules_of_every_kind_are_heard(name: str, before: bool) -> None:
    model, rows = _model(), _loader()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    kind = getattr(torch.optim.lr_scheduler, name)
    schedule = kind(optimizer) if name == "ReduceLROnPlateau" else kind(optimizer, 20 if "Warm" in name else 0.99)
    given = (1.0,) if name == "ReduceLROnPlateau" else ()
    with trainwright.watch(every=1) as doctor, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch itself says it of the simple ones
        for inputs, labels in [*rows, *rows]:
            optimizer.zero_grad()
            functional.cross_entropy(model(inputs), labels).backward()  # type: ignore[no-untyped-call]
            if before:
                schedule.step(*given)
            optimizer.step()
            if not before:
                schedule.step(*given)
    assert ("TW509" in {finding.code for finding in doctor.findings}) == before


def test_of_a_distributed_run_the_first_process_speaks(
    tmp_path: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    with Watch(report=tmp_path / "report.html") as doctor:
        _fit(_model(), _loader())
    assert doctor.steps == 50
    assert not capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()
