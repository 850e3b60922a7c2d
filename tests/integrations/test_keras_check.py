"""Scripts that train with Keras on torch, run up to their first step and tried out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainwright.core import CannotEvaluate, Severity
from trainwright.doctor.capture import capture
from trainwright.doctor.capture_keras import KerasOptimizer
from trainwright.doctor.optimizer_keras import clip_norm_of, torch_optimizer
from trainwright.doctor.preflight import examine
from trainwright.doctor.replay import setup_of

pytestmark = pytest.mark.filterwarnings("default")  # Keras warns of this machine

keras: Any = pytest.importorskip("keras")

HEAD = """
import keras
import numpy as np
import torch
from keras import layers, losses, optimizers

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
classes = rng.integers(0, 4, 256)
x = (rng.normal(size=(4, 12))[classes] + rng.normal(size=(256, 12))).astype("float32")
one_hot = keras.utils.to_categorical(classes, 4)
value = (np.sin(x[:, 0]) + x[:, 1]).astype("float32")
yes = (x[:, 0] > 0).astype("float32")
tokens = rng.integers(0, 9, (256, 5))


def net(units, activation=None, hidden=(layers.Dense(32, activation="relu"),)):
    return keras.Sequential([keras.Input((12,)), *hidden, layers.Dense(units, activation=activation)])


def fit(model, y, loss, optimizer="adam", x=x, **settings):
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    model.fit(x, y, batch_size=64, epochs=2, verbose=0, **settings)
    print("went on")
"""
NORMED = "hidden=[layers.Dense(32, use_bias=False), layers.BatchNormalization(), layers.ReLU(), layers.Dropout(0.4)]"
LOSSES = {
    "class numbers": ('fit(net(4, "softmax"), classes, "sparse_categorical_crossentropy")', "nll"),
    "class numbers as floats": (
        "fit(net(4), classes[:, None].astype('float32'), losses.SparseCategoricalCrossentropy(from_logits=True))",
        "cross_entropy",
    ),
    "one-hot": ('fit(net(4, "softmax"), one_hot, "categorical_crossentropy")', "nll"),
    "one-hot logits": (
        "fit(net(4), one_hot, losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1))",
        "cross_entropy",
    ),
    "binary": ('fit(net(1, "sigmoid"), yes, "binary_crossentropy")', "bce"),
    "binary logits": ("fit(net(1), yes, losses.BinaryCrossentropy(from_logits=True))", "bce_with_logits"),
    "squares": ('fit(net(1), value, "mse")', "mse"),
    "distances": ('fit(net(1), value[:, None], "mae")', "l1"),
    "huber": ("fit(net(1), value, losses.Huber(delta=0.5))", "huber"),
    "of one's own": ("fit(net(1), value[:, None], lambda y, p: keras.ops.mean((y - p) ** 4, axis=-1))", "python"),
    "penalised": ('fit(net(1, hidden=[layers.Dense(9, "tanh", kernel_regularizer="l2")]), value, "mse")', "mse"),
    "positions": (
        'm = keras.Sequential([keras.Input((5,)), layers.Embedding(9, 8), layers.Dense(9, activation="softmax")])\n'
        'fit(m, tokens, "sparse_categorical_crossentropy", x=tokens)',
        "nll",
    ),
    "two outputs": (
        "i = keras.Input((12,))\n"
        'm = keras.Model(i, [layers.Dense(4, activation="softmax")(i), layers.Dense(1)(i)])\n'
        'm.compile("adam", ["sparse_categorical_crossentropy", "mse"])\n'
        "m.fit(x, [classes, value], batch_size=64, verbose=0)",
        "python",
    ),
    "own step": (
        "class Net(keras.Model):\n"
        "    def train_step(self, data):\n"
        "        outputs = self(data[0], training=True)\n"
        "        self.zero_grad()\n"
        "        self.compute_loss(y=data[1], y_pred=outputs).backward()\n"
        "        weights = self.trainable_weights\n"
        "        self.optimizer.apply([w.value.grad for w in weights], weights)\n"
        "        return {}\n"
        "i = keras.Input((12,))\n"
        'fit(Net(i, layers.Dense(1)(i)), value, "mse")',
        "mse",
    ),
    "own loop": (
        "m = net(4)\n"
        "optimizer = torch.optim.Adam(m.parameters())\n"
        "loss = losses.SparseCategoricalCrossentropy(from_logits=True)\n"
        "loss(torch.tensor(classes[:64]), m(torch.tensor(x[:64]), training=True)).backward()\n"
        "optimizer.step()",
        "cross_entropy",
    ),
}


@pytest.fixture
def captured(tmp_path: Path) -> Callable[[str], Any]:
    def run(body: str) -> Any:
        path = tmp_path / "train.py"
        path.write_text(HEAD + body, encoding="utf-8")
        return capture(path)

    return run


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_keras_is_made_again_whole_and_in_part(name: str, captured: Any, capsys: Any) -> None:
    body, loss_name = LOSSES[name]
    before = (keras.losses.Loss.__call__, keras.Model.compute_loss, keras.optimizers.Optimizer.apply)
    step = captured(body)
    assert "went on" not in capsys.readouterr().out
    assert (keras.losses.Loss.__call__, keras.Model.compute_loss, keras.optimizers.Optimizer.apply) == before
    root = float(step.passes[-1].root.detach())
    setup = setup_of(step)
    assert setup.loss_name == loss_name
    setup.model.train()
    assert setup.evaluate(setup.inputs, setup.targets) == pytest.approx(root, rel=1e-4)
    halves = [setup.evaluate(*setup.rows(rows)) for rows in (slice(32), slice(32, 64))]
    assert sum(halves) / 2 == pytest.approx(root, rel=1e-3)
    losses = [setup.step(*setup.batch(0)) for _ in range(20)]
    assert losses[-1] < losses[0]


def everything(model: Any) -> dict[str, torch.Tensor]:
    """All variables of a Keras model, those of its random generators too."""
    seeds = [each.state for layer in model._flatten_layers() for each in layer._seed_generators]
    return {each.path: each.value.detach().clone() for each in (*model.variables, *seeds)}


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("functional", [False, True])
def test_a_healthy_model_passes_and_is_left_to_the_bit(functional: bool, jit_compile: bool, captured: Any) -> None:
    if functional:
        body = (
            'i = keras.Input((12,))\nh = layers.BatchNormalization()(layers.Dense(32, activation="relu")(i))\n'
            'm = keras.Model(i, layers.Dense(4, activation="softmax")(layers.Dropout(0.4)(h)))\n'
        )
    else:
        body = f'm = net(4, "softmax", {NORMED})\n'
    body += (
        f'm.compile("adam", "sparse_categorical_crossentropy", jit_compile={jit_compile})\n'
        "m.fit(x, classes, batch_size=64, class_weight={0: 1, 1: 2, 2: 1, 3: 1}, verbose=0)"
    )
    setup = setup_of(captured(body))
    model: Any = next(setup.model.children())
    before = everything(model)
    assert len(before) >= 8
    found = examine(setup)
    assert found.verdict.at_least(Severity.ADVICE) == ()
    assert found.verdict.not_evaluated == ()
    assert all(torch.equal(value, before[path]) for path, value in everything(model).items())


def test_layers_follow_the_mode(captured: Any) -> None:
    setup = setup_of(captured(f'fit(net(4, "softmax", {NORMED}), one_hot, "categorical_crossentropy")'))
    model: Any = next(setup.model.children())
    names = [name.rpartition(".")[2] for name, _ in setup.model.named_parameters()]
    assert names == ["kernel", "gamma", "beta", "kernel", "bias"]
    norm = next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    mean = norm.moving_mean.value.clone()
    setup.model.eval()
    assert torch.equal(setup.forward(setup.inputs), setup.forward(setup.inputs))
    assert torch.equal(norm.moving_mean.value, mean)
    setup.model.train()
    assert not torch.equal(setup.forward(setup.inputs), setup.forward(setup.inputs))
    assert not torch.equal(norm.moving_mean.value, mean)
    norm.eval()
    mean = norm.moving_mean.value.clone()
    setup.forward(setup.inputs)
    assert torch.equal(norm.moving_mean.value, mean)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('fit(net(4), classes, "sparse_categorical_crossentropy")', "TW320"),
        ('fit(net(4, "relu"), one_hot, "categorical_crossentropy")', "TW320"),
        ('fit(net(4, "softmax"), classes, losses.SparseCategoricalCrossentropy(from_logits=True))', "TW315"),
        ('fit(net(1, "softmax"), yes, "binary_crossentropy")', "TW340"),
        ('fit(net(1, "sigmoid"), yes, losses.BinaryCrossentropy(from_logits=True))', "TW316"),
        ("fit(net(1), 3 * yes, losses.BinaryCrossentropy(from_logits=True))", "TW325"),
        ('fit(net(4, hidden=[layers.Dense(9, "relu", kernel_initializer="zeros")]), one_hot, "mse")', "TW310"),
        ('fit(net(4, "softmax", [layers.Dense(1)]), classes, "sparse_categorical_crossentropy")', "TW329"),
        ('fit(net(4, "softmax", [layers.Dropout(0.97)]), classes, "sparse_categorical_crossentropy")', "TW337"),
    ],
)
def test_what_is_wrong_is_named(body: str, code: str, captured: Any) -> None:
    found = examine(setup_of(captured(body)), seconds=3)
    assert code in [finding.code for finding in found.verdict.at_least(Severity.WARNING)]


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "sgd": lambda: keras.optimizers.SGD(0.1, weight_decay=0.01),
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "nesterov": lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(0.01, beta_1=0.8, amsgrad=True),
    "adam with decay": lambda: keras.optimizers.Adam(0.01, weight_decay=0.1),
    "adamw": lambda: keras.optimizers.AdamW(0.01),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01, rho=0.8, momentum=0.5),
    "adagrad": lambda: keras.optimizers.Adagrad(0.1),
    "adadelta": lambda: keras.optimizers.Adadelta(1.0),
    "adamax": lambda: keras.optimizers.Adamax(0.01),
    "nadam": lambda: keras.optimizers.Nadam(0.01, weight_decay=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_optimizer_of_torch_makes_the_steps_of_keras(name: str) -> None:
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(3, 4)), torch.tensor(rng.normal(size=(5, 3, 4)), dtype=torch.float32)
    theirs, ours = (keras.Variable(start.astype("float32")) for _ in range(2))
    original, twin = OPTIMIZERS[name](), OPTIMIZERS[name]()
    optimizer = torch_optimizer(KerasOptimizer(twin, [ours]))
    for gradient in gradients:
        original.apply([gradient], [theirs])
        ours.value.grad = gradient.clone()
        optimizer.step()
    moved = np.abs(theirs.numpy() - start).max()
    assert moved > 1e-3
    assert np.abs(ours.numpy() - theirs.numpy()).max() < 5e-3 * moved


def test_rates_norms_and_variables_without_decay() -> None:
    kernel, bias = keras.Variable(np.ones((2, 2))), keras.Variable(np.ones(2))
    schedule = keras.optimizers.schedules.CosineDecay(0.0, 100, warmup_target=0.02, warmup_steps=10)
    made = keras.optimizers.AdamW(schedule, weight_decay=0.1, global_clipnorm=2.0)
    made.exclude_from_weight_decay([bias])
    found = KerasOptimizer(made, [kernel, bias])
    optimizer = torch_optimizer(found)
    groups = [(group["lr"], group["weight_decay"], group["params"]) for group in optimizer.param_groups]
    assert groups == [(0.02, 0.1, [kernel.value]), (0.02, 0.0, [bias.value])]
    assert clip_norm_of(found) == 2.0


@pytest.mark.parametrize(
    ("optimizer", "reason"),
    [
        ('"lion"', "Lion"),
        ("optimizers.LossScaleOptimizer(optimizers.SGD())", "LossScaleOptimizer"),
        ("optimizers.SGD(clipvalue=0.5)", "clipvalue=0.5"),
        ("optimizers.SGD(loss_scale_factor=8.0)", "loss_scale_factor=8"),
        ("optimizers.RMSprop(weight_decay=0.1)", "torch has no RMSprop whose weight decay"),
        ("type('Own', (optimizers.SGD,), {})()", "Own"),
    ],
)
def test_what_torch_has_no_equal_of_is_refused_by_name(optimizer: str, reason: str, captured: Any) -> None:
    step = captured(f'fit(net(1), value, "mse", {optimizer})')
    with pytest.raises(CannotEvaluate, match=reason):
        setup_of(step)


@pytest.mark.parametrize(("activation", "found"), [("softmax", ["TW312"]), ("tanh", [])])
def test_a_hidden_softmax_is_named(activation: str, found: list[str], captured: Any) -> None:
    hidden = f'[layers.Dense(32, "relu"), layers.Dense(64, "{activation}")]'
    verdict = examine(setup_of(captured(f'fit(net(1, hidden={hidden}), value, "mse")')))
    assert [each.code for each in verdict.findings if each.severity >= Severity.WARNING] == found


@pytest.mark.parametrize(("scaled", "found"), [(True, []), (False, ["TW112"])])
def test_numbers_that_a_layer_scales_beside_an_embedding_are_no_raw_ones(
    scaled: bool, found: list[str], captured: Any
) -> None:
    raw = "x = (300 + 80 * x).astype('float32')\n"
    inner = "layers.Normalization(mean=x.mean(0), variance=x.var(0))(i)" if scaled else "i"
    joined = f"layers.Concatenate()([{inner}, layers.Embedding(4, 3)(k)])"
    model = f"i, k = keras.Input((12,)), keras.Input((), dtype='int32')\nm = keras.Model([i, k], net_of({joined}))\n"
    head = "def net_of(h):\n    return layers.Dense(1)(layers.Dense(32, activation='relu')(h))\n"
    captured_step = captured(raw + head + model + 'fit(m, value, "mse", x=[x, classes])')
    verdict = examine(setup_of(captured_step))
    assert [each.code for each in verdict.findings if each.code == "TW112"] == found
