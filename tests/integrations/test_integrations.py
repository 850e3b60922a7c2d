"""What every framework's callback must hold, with the real frameworks; and that scripts need none to be watched."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import trainwright
from trainwright.core import Severity, UsageError
from trainwright.measures.batches import BatchStream
from trainwright.measures.curves import LearningCurve
from trainwright.measures.layers import ActivationSignals, LayerSignals
from trainwright.measures.loop import Membership, Modes, StepOrder
from trainwright.report.watch import Watch

pytestmark = pytest.mark.filterwarnings("default")  # the frameworks warn of each other and of this machine

STEPS, EPOCHS = 12, 3

Make = Callable[..., Any]


def curve_of(doctor: Watch) -> LearningCurve:
    """The only learning curve."""
    (curve,) = doctor.measurements.of(LearningCurve)
    return curve


def check_whole_training(doctor: Watch, trained: Any) -> None:
    """What must be known of a healthy training, with the framework's own numbers."""
    assert doctor.fault == ""
    assert doctor.steps == STEPS * EPOCHS
    (order,) = doctor.measurements.of(StepOrder)
    assert (order.optimizer.removesuffix("W"), order.n_steps, order.backwards_per_step) == ("Adam", doctor.steps, 1)
    assert (order.n_stale, order.n_wiped, order.n_without_backward, order.n_unmoved) == (0, 0, 0, 0)
    curve = curve_of(doctor)
    assert len(curve.train_loss) == doctor.steps
    assert curve.train_loss.y[-STEPS:].mean() < 0.9 * curve.train_loss.y[:3].mean()
    assert curve.steps_per_epoch == STEPS
    assert list(curve.validation_loss.x) == [STEPS, 2 * STEPS, 3 * STEPS]
    assert curve.validation_loss.y == pytest.approx(trained.validation_loss, rel=1e-4)
    assert curve.validation_metric.y == pytest.approx([100 * each for each in trained.validation_accuracy], rel=1e-4)
    assert curve.n_validation == 120
    assert curve.baseline_train_loss == pytest.approx(2.29, abs=0.03)
    (layers,) = doctor.measurements.of(LayerSignals)
    assert layers.kinds in (("Linear", "Linear"), ("Dense", "Dense"))
    assert (layers.update_norm > 0).all()
    assert len(doctor.measurements.of(ActivationSignals)[0].names) == 1
    (modes,) = doctor.measurements.of(Modes)
    assert (modes.trained, modes.trained_in_eval, modes.evaluated_in_train) == (doctor.steps, 0, 0)
    assert len(modes.mode_layers) == 1
    (membership,) = doctor.measurements.of(Membership)
    assert (membership.n_trainable, membership.n_held, membership.foreign) == (4, 4, 0)
    assert doctor.measurements.of(BatchStream)[0].loader_shuffles in (True, None)
    assert doctor.verdict.at_least(Severity.WARNING) == ()


def test_a_healthy_training_is_known_whole_and_nothing_is_found(train: Make, make_callback: Make) -> None:
    callback = make_callback()
    trained = train(callback, epochs=EPOCHS)
    check_whole_training(callback.doctor, trained)


def test_a_program_without_the_callback_is_known_as_well(train: Make) -> None:
    with trainwright.watch(every=3, quiet=True) as doctor:
        trained = train(epochs=EPOCHS)
    check_whole_training(doctor, trained)


def test_training_is_the_same_to_the_bit(train: Make, make_callback: Make) -> None:
    plain, watched = train(), train(make_callback(every=1))
    assert all(torch.equal(a, b) for a, b in zip(plain.weights, watched.weights, strict=True))
    assert plain.validation_loss == watched.validation_loss


def test_a_softmax_too_many_is_named(train: Make, make_callback: Make) -> None:
    callback = make_callback()
    train(callback, softmax=True)
    assert callback.doctor.findings[0].code == "TW315"


def test_a_rate_that_is_absurd_shows(train: Make, make_callback: Make) -> None:
    callback = make_callback()
    train(callback, rate=10.0)
    assert curve_of(callback.doctor).peak_rate == 10.0
    assert curve_of(callback.doctor).train_loss.y.max() > 10 * 2.3
    assert callback.doctor.measurements.of(LayerSignals)[0].update_norm[0].max() > 100


def test_after_an_exception_all_is_put_back_and_there_is_a_report(
    train: Make, make_callback: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = [(nn.Module, "__call__"), (torch.autograd, "backward"), (nn.functional, "cross_entropy")]
    before = [getattr(owner, name) for owner, name in places]
    callback = make_callback(report=tmp_path / "report.html", quiet=False)
    with pytest.raises(ArithmeticError, match="enough"):
        train(callback, stop_at=20)
    assert [getattr(owner, name) for owner, name in places] == before
    assert Watch.running is None
    assert 8 <= callback.doctor.steps <= 20
    assert len(list(tmp_path.glob("report.*"))) == 1
    assert f"in {callback.doctor.steps} steps" in " ".join(capsys.readouterr().err.split())
    train(callback)  # and a new training begins anew
    assert callback.doctor.steps == STEPS * EPOCHS


def test_accumulated_steps_are_counted_as_the_framework_does(framework: str, train: Make, make_callback: Make) -> None:
    if framework == "skorch":
        pytest.skip("skorch accumulates in code of one's own")
    callback = make_callback()
    train(callback, accumulate=4)
    assert callback.doctor.steps == EPOCHS * STEPS / 4
    assert curve_of(callback.doctor).steps_per_epoch == STEPS / 4
    (order,) = callback.doctor.measurements.of(StepOrder)
    assert order.backwards_per_step == (1 if framework == "keras" else 4)  # Keras clears what it has taken over
    assert callback.doctor.verdict.at_least(Severity.WARNING) == ()


def test_within_a_watched_program_the_callback_tells_the_watch_that_runs(train: Make, make_callback: Make) -> None:
    callback = make_callback()
    with trainwright.watch(every=3, quiet=True) as doctor:
        train(callback, epochs=1)
        assert callback.doctor is doctor
        assert Watch.running is doctor
    assert doctor.steps == STEPS


def test_before_any_training_there_is_nothing_to_tell(make_callback: Make) -> None:
    with pytest.raises(UsageError, match="Nothing was trained"):
        _ = make_callback().doctor


def test_an_estimator_of_skorch_can_be_cloned_and_stored_with_its_callback(train_skorch: Make) -> None:
    from sklearn.base import clone

    from trainwright.report.integrations.skorch import TrainwrightCallback

    callback = TrainwrightCallback(quiet=True, every=3)
    train_skorch(callback, epochs=1)
    for copy in (clone(callback), pickle.loads(pickle.dumps(callback))):
        assert copy.get_params() == callback.get_params()
        train_skorch(copy, epochs=1)
        assert copy.doctor.steps == callback.doctor.steps == STEPS


# Keras has losses and an accumulation of its own ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("softmax", "one_hot", "from_logits", "code"),
    [
        (True, False, False, ""),
        (True, True, False, ""),
        (False, True, True, ""),
        (True, True, True, "TW315"),
        (False, False, False, "TW320"),
        (False, True, False, "TW320"),
    ],
)
def test_keras_cross_entropies(softmax: bool, one_hot: bool, from_logits: bool, code: str, train_keras: Make) -> None:
    import keras

    kind = keras.losses.CategoricalCrossentropy if one_hot else keras.losses.SparseCategoricalCrossentropy
    with trainwright.watch(every=3, quiet=True) as doctor:
        trained = train_keras(softmax=softmax, one_hot=one_hot, loss=kind(from_logits=from_logits))
    assert doctor.fault == ""
    assert curve_of(doctor).validation_loss.y == pytest.approx(trained.validation_loss, rel=1e-4)
    assert curve_of(doctor).metric_name == "accuracy"
    assert [f.code for f in doctor.verdict.at_least(Severity.WARNING)] == ([code] if code else [])


def test_a_keras_regression(train_keras: Make) -> None:
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((8,)), keras.layers.BatchNormalization(), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.05), loss="mse")
    inputs = np.random.default_rng(0).normal(size=(128, 8)).astype("float32")
    with trainwright.watch(every=1, quiet=True) as doctor:
        found = model.fit(inputs, inputs.sum(1), batch_size=32, epochs=3, validation_split=0.25, verbose=0).history
    curve = curve_of(doctor)
    assert curve.validation_loss.y == pytest.approx(found["val_loss"], rel=1e-4)
    assert curve.baseline_train_loss == pytest.approx(8, abs=3)
    assert doctor.measurements.of(Modes)[0].mode_layers == ("batch_normalization",)


def test_keras_on_torch_is_found_though_the_script_imports_it_late(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    (tmp_path / "fit.py").write_text(KERAS)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "KERAS_BACKEND": "torch"}
    command = "import sys; from trainwright.cli.main import main; sys.argv[0] = 'trainwright'; sys.exit(main())"
    arguments = ["watch", "--no-report", "--json", "found.json", "fit.py"]
    done = subprocess.run(
        [sys.executable, "-c", command, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "trained"
    found = json.loads((tmp_path / "found.json").read_text())
    assert (found["steps"], found["fault"]) == (8, "")


KERAS = """
import keras
import numpy as np

model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
model.compile(optimizer="adam", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(np.ones((64, 4)), np.arange(64) % 3, batch_size=16, epochs=2, verbose=0)
print("trained")
"""
