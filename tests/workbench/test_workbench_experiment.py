from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_wine
from torch import Tensor, nn

from trainwright.core import DataError, ModelError, UsageError
from trainwright.workbench.config import Config
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import train

X, Y = load_wine(return_X_y=True)


class Net(nn.Module):
    def __init__(self, hidden: int = 12, dropout: bool = True) -> None:
        super().__init__()
        self.hidden = nn.Linear(13, hidden)
        self.drop = nn.Dropout(0.7) if dropout else nn.Identity()
        self.head = nn.Linear(hidden, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.drop(torch.relu(self.hidden(inputs))))
        return outputs


def wine(**arguments: Any) -> Experiment:
    return Experiment(data=(X, Y), **{"epochs": 3, **arguments})


def rows(n: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(n, 4, generator=generator)
    return inputs, (inputs[:, 0] > 0).long()


def test_built_in_parts_fill_what_is_left_out() -> None:
    experiment = wine(seed=5, batch_size=16)
    config = experiment.config
    assert (config.data.source, config.model.name, config.training.batch_size, config.seed) == ("python", "auto", 16, 5)
    assert experiment.model_name == "mlp"
    assert experiment.capacity == "width"
    assert experiment.metric.name == "accuracy"
    assert experiment.prepared.sample_shape == (13,)
    assert len(experiment.splits.train) + len(experiment.splits.validation) + len(experiment.splits.test) == len(X)


def test_changes_give_another_experiment_and_share_data() -> None:
    experiment = wine()
    other = experiment.with_changes({"optimizer.learning_rate": 0.5, "model": {"width": 7}})
    assert other.config.model.width == 7
    assert experiment.config.optimizer.learning_rate is None
    assert other.prepared is experiment.prepared
    assert other.build_optimizer(other.build_model(0)).param_groups[0]["lr"] == 0.5
    unscaled = experiment.with_changes({"data.scaling": "none"})
    assert unscaled.prepared is not experiment.prepared
    assert unscaled.prepared.train_inputs.max() > 1000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer.learning_rat": 1}, "Did you mean 'optimizer.learning_rate'"),
        ({"learning_rate": 1}, "Did you mean 'optimizer.learning_rate'"),
        ({"optimizer.learning_rate": -1}, "greater than 0"),
        ({"training.epochs": "many"}, "training.epochs = 'many'"),
        ({"model.name": "transformer"}, "'auto', 'linear', 'mlp', 'cnn' or 'python'"),
        ({"model": 3}, "is a section"),
    ],
)
def test_wrong_settings_are_explained(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        wine().with_changes(changes)
    assert message in str(caught.value)


def test_separate_splits_are_kept() -> None:
    inputs, targets = rows(60)
    parts = {"train": slice(0, 30), "validation": slice(30, 50), "test": slice(50, 60)}
    train_part, validation_part, test_part = ((inputs[part], targets[part]) for part in parts.values())
    experiment = Experiment(train=train_part, validation=validation_part, test=test_part)
    for name, split in experiment.splits.items():
        np.testing.assert_array_equal(experiment.dataset.inputs[split], inputs[parts[name]].numpy())


def test_a_torch_data_set_is_read_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, targets = rows(30)
    experiment = Experiment(data=torch.utils.data.TensorDataset(inputs, targets))
    np.testing.assert_array_equal(experiment.dataset.inputs, inputs.numpy())
    monkeypatch.setattr("trainwright.workbench.prepared.LARGEST_DATASET", 30 * 16 - 1)
    with pytest.raises(DataError, match="30 samples"):
        Experiment(data=torch.utils.data.TensorDataset(inputs, targets))


def uneven(index: int) -> tuple[Tensor, int]:
    return torch.zeros(index + 1), 0


class Uneven:
    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return uneven(index)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": 3}, "The data are int"),
        ({"data": Uneven()}, "cannot be stacked"),
        ({"data": ([[1], [1, 2]], [0, 1])}, "do not have one shape"),
        (
            {"train": (np.zeros((4, 2)), [0, 1, 0, 1]), "validation": (np.zeros((4, 3)), [0, 1, 0, 1])},
            "different shapes",
        ),
    ],
)
def test_wrong_data_are_explained(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        Experiment(**arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"data": (X, Y), "train": (X, Y)},
        {"validation": (X, Y)},
        {"data": (X, Y), "capacity": "width"},
        {"data": (X, Y), "model": Net, "capacity": "widht"},
    ],
)
def test_arguments_that_contradict_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Experiment(**arguments)


def test_a_configuration_cannot_bring_python() -> None:
    with pytest.raises(UsageError, match=r"model\.name is 'python'"):
        Experiment.from_config(Config.model_validate({"model": {"name": "python"}}))


def test_an_own_model_trains() -> None:
    experiment = wine(model=Net, capacity="hidden", epochs=25, config={"optimizer.learning_rate": 0.01})
    assert experiment.config.model.name == "python"
    assert experiment.config.model.width == 12  # the factory's default
    assert train(experiment, seed=0).validation_metric > 85
    wider = experiment.with_changes({"model.width": 5}).build_model(0)
    assert isinstance(wider, Net)
    assert wider.hidden.out_features == 5
    assert experiment.with_changes({"model.name": "linear"}).model_name == "linear"


def test_a_factory_gets_the_shapes_it_asks_for() -> None:
    def make(sample_shape: tuple[int, ...], n_outputs: int, extra: int = 1) -> nn.Module:
        return nn.Linear(sample_shape[0] * extra, n_outputs)

    assert isinstance(wine(model=make).build_model(0), nn.Linear)
    with pytest.raises(ModelError, match=r"failed on a batch of shape \[2, 13\]"):
        train(wine(model=make, config={"model.options": {"extra": 2}}), seed=0)


def test_lazy_layers_are_initialised_from_the_seed() -> None:
    def lazy() -> nn.Module:
        return nn.Sequential(nn.LazyLinear(6), nn.ReLU(), nn.LazyLinear(3))

    experiment = wine(model=lazy)
    first, again, other = (experiment.build_model(seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(first["0.weight"], again["0.weight"])
    assert not torch.equal(first["0.weight"], other["0.weight"])
    assert train(experiment, seed=0).n_parameters == 13 * 6 + 6 + 6 * 3 + 3


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Linear(13, 3), "not a function"),
        (lambda: "net", "returned str"),
        (lambda: nn.Linear(13, 5), r"shape \[2, 5\].*Shape \[2, 3\].*3 classes"),
        (lambda: nn.Linear(12, 3), r"failed on a batch of shape \[2, 13\]"),
        (lambda: nn.Sequential(nn.Linear(13, 3), nn.Flatten(0)), r"shape \[6\]"),
        (lambda: nn.GRU(13, 3), "returned tuple"),
        (lambda: nn.Embedding(10, 3), "kind='sequence'"),
        (lambda: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_models_that_do_not_fit_are_explained(model: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        train(wine(model=model), seed=0)


def test_a_model_that_is_not_new_is_refused() -> None:
    shared = Net()
    experiment = wine(model=lambda: shared)
    experiment.build_model(0)
    with pytest.raises(ModelError, match="same Net object"):
        experiment.build_model(0)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (nn.CrossEntropyLoss(reduction="none"), r"returned \[2\]"),
        (nn.BCEWithLogitsLoss(), r"failed for outputs \[2, 3\]"),
        (lambda outputs, targets: 0.5, "returned float"),
    ],
)
def test_losses_that_do_not_fit_are_explained(loss: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        train(wine(loss=loss), seed=0)


def test_a_single_column_is_squeezed_and_more_are_refused() -> None:
    inputs = np.random.default_rng(0).normal(size=(80, 13)).astype(np.float32)
    values = inputs[:, :1] + 3.0

    def experiment(model: Any) -> Experiment:
        return Experiment(data=(inputs, values), task="regression", model=model, loss=nn.MSELoss(), epochs=2)

    column = train(experiment(lambda: nn.Linear(13, 1)), seed=0)
    flat = train(experiment(lambda: nn.Sequential(nn.Linear(13, 1), nn.Flatten(0))), seed=0)
    assert column.validation_outputs.shape == (16, 1)
    np.testing.assert_array_equal(column.validation_outputs, flat.validation_outputs)
    with pytest.raises(ModelError, match=r"\[2, 5\].*\[2\] or \[2, 1\]"):
        train(experiment(lambda: nn.Linear(13, 5)), seed=0)


def test_token_numbers_reach_the_model_as_they_are() -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 50, (120, 7), generator=generator)
    labels = (tokens == 3).any(dim=1).long()

    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.EmbeddingBag(50, 2)

        def forward(self, inputs: Tensor) -> Tensor:
            assert inputs.dtype == torch.int64
            outputs: Tensor = self.embed(inputs)
            return outputs

    for data in ((tokens, labels), (tokens.numpy(), labels.numpy())):
        experiment = Experiment(data=data, model=Bag, kind="sequence", epochs=1)
        assert torch.equal(experiment.prepared.train_inputs, tokens[torch.from_numpy(experiment.splits.train)])
        train(experiment, seed=0)
    built_in = Experiment(data=(tokens, labels), epochs=1)
    assert built_in.model_name == "cnn"
    assert len(train(built_in, seed=0).history) == 1


def test_dropout_of_an_own_model_is_set_only_when_asked() -> None:
    experiment = wine(model=Net)
    assert experiment.supports("model.dropout") is None
    for changes, expected in (({}, 0.7), ({"model.dropout": 0.2}, 0.2), ({"model.dropout": 0.0}, 0.0)):
        model = experiment.with_changes(changes).build_model(0)
        assert isinstance(model, Net)
        assert isinstance(model.drop, nn.Dropout)
        assert model.drop.p == expected
    without = wine(model=functools.partial(Net, dropout=False))
    assert "no dropout layer" in (without.supports("model.dropout") or "")
    with pytest.raises(ModelError, match="no dropout layer"):
        without.with_changes({"model.dropout": 0.2}).build_model(0)


def test_output_bias_starts_at_the_class_shares() -> None:
    experiment = wine().with_changes({"model.output_bias": "prior", "model.name": "linear"})
    layer = experiment.build_model(0)[-1]  # type: ignore[index]
    shares = np.bincount(Y[experiment.splits.train]) / len(experiment.splits.train)
    np.testing.assert_allclose(layer.bias.detach().numpy(), np.log(shares), rtol=1e-5)
    assert experiment.supports("model.output_bias") is None

    def no_bias() -> nn.Module:
        return nn.Linear(13, 3, bias=False)

    assert "linear layer" in (wine(model=no_bias).supports("model.output_bias") or "")
    with pytest.raises(ModelError, match="output_bias"):
        wine(model=no_bias, config={"model.output_bias": "prior"}).build_model(0)


def test_log_of_a_softmax_restores_the_loss_of_the_logits() -> None:
    def softmax() -> nn.Module:
        return nn.Sequential(nn.Linear(13, 3), nn.Softmax(dim=1))

    repaired = wine(model=softmax).with_changes({"model.output_transform": "log"}).setup(0)
    plain = wine(model=lambda: nn.Sequential(nn.Linear(13, 3))).setup(0)
    plain.model.load_state_dict(repaired.model.state_dict())
    loss = repaired.evaluate(repaired.inputs, repaired.targets)
    assert loss == pytest.approx(plain.evaluate(repaired.inputs, repaired.targets), rel=1e-5)


def test_label_smoothing_of_an_own_cross_entropy() -> None:
    experiment = wine(loss=nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]), label_smoothing=0.3))
    smooth = experiment.with_changes({"loss.label_smoothing": 0.1})
    assert smooth.build_loss().function.label_smoothing == 0.1  # type: ignore[attr-defined]
    assert smooth.build_loss(smoothing=False).function.label_smoothing == 0.0  # type: ignore[attr-defined]
    assert smooth.build_loss().name == "cross_entropy"
    assert experiment.build_loss().function.label_smoothing == 0.3  # type: ignore[attr-defined]
    assert experiment.supports("loss.label_smoothing") is None
    assert "cross entropy" in (wine(loss=nn.MultiMarginLoss()).supports("loss.label_smoothing") or "")
    assert "mse" in (wine(config={"loss.name": "mse"}).supports("loss.label_smoothing") or "")


def test_rates_of_an_own_optimizer_keep_their_proportions() -> None:
    def two_groups(parameters: Any) -> torch.optim.Optimizer:
        first, *rest = parameters
        return torch.optim.SGD([{"params": [first], "lr": 0.1}, {"params": rest, "lr": 0.01}], weight_decay=0.5)

    experiment = wine(optimizer=two_groups)
    assert [g["lr"] for g in experiment.build_optimizer(experiment.build_model(0)).param_groups] == [0.1, 0.01]
    changed = experiment.with_changes({"optimizer.learning_rate": 1.0, "optimizer.weight_decay": 0.0})
    groups = changed.build_optimizer(changed.build_model(0)).param_groups
    assert [g["lr"] for g in groups] == pytest.approx([1.0, 0.1])
    assert [g["weight_decay"] for g in groups] == [0.0, 0.0]
    rprop = wine(optimizer=torch.optim.Rprop)
    assert "weight decay" in (rprop.supports("optimizer.weight_decay") or "")
    assert "momentum" in (wine().supports("optimizer.momentum") or "")


@pytest.mark.parametrize("optimizer", [lambda parameters: None, torch.optim.LBFGS])
def test_wrong_optimizers_are_refused(optimizer: Any) -> None:
    with pytest.raises(ModelError):
        train(wine(optimizer=optimizer), seed=0)


def test_what_settings_apply() -> None:
    assert wine().supports("model.width") is None
    assert wine(model=Net).supports("model.width") is not None
    assert wine(model=Net, capacity="hidden").supports("model.width") is None
    assert wine(model=Net).supports("model.depth") is not None
    assert wine().supports("training.augmentation") is None
    with pytest.raises(UsageError, match=r"Did you mean 'model\.dropout'"):
        wine().supports("model.dropuot")


def net_factory(hidden: int) -> Any:
    return lambda: Net(hidden)


def test_the_key_names_all_that_decides_the_outcome() -> None:
    base = wine(model=net_factory(4))
    key = base.key(0)
    same = [
        wine(model=net_factory(4)),
        base.with_changes({"training.checkpoint_seconds": 1.0}),
        base.with_changes({"recipe.short_trials": 5}),
        base.with_changes({"seed": 9}),
    ]
    other = [
        wine(model=net_factory(5)),  # the same code with another closure
        wine(model=net_factory(4), loss=nn.CrossEntropyLoss(label_smoothing=0.1)),
        wine(model=net_factory(4), optimizer=torch.optim.Adam),
        wine(model=net_factory(4), optimizer=functools.partial(torch.optim.Adam, lr=0.1)),
        base.with_changes({"training.epochs": 7}),
        base.with_changes({"data.split_seed": 1}),
        Experiment(data=(X[:-1], Y[:-1]), model=net_factory(4), epochs=3),
    ]
    assert {experiment.key(0) for experiment in same} == {key}
    keys = [experiment.key(0) for experiment in other]
    assert key not in keys
    assert len(set(keys)) == len(keys)
    assert base.key(1) != key


def test_the_setup_is_a_random_part_of_the_training_data() -> None:
    experiment = wine()
    setup, again = experiment.setup(0), experiment.setup(0)
    assert len(setup.inputs) == len(experiment.splits.train)
    assert torch.equal(setup.inputs, again.inputs)
    assert not torch.equal(setup.inputs, experiment.prepared.train_inputs)
    assert (setup.task, setup.n_outputs, setup.loss_name) == ("classification", 3, "cross_entropy")
    assert setup.step(setup.inputs, setup.targets) > 0


def test_building_leaves_the_callers_random_state_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    wine().setup(5)
    train(wine(epochs=1), seed=0)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("changes", [{}, {"seed": 3}, {"data.split_seed": 3}, {"training.epochs": 7}])
def test_small_data_take_more_epochs_unless_the_user_says_how_many(changes: dict[str, int]) -> None:
    few, many = (Experiment(config={"data.source": name, **changes}) for name in ("digits-200", "digits"))
    given = changes.get("training.epochs")
    assert few.epochs == (given or 115)  # 200 images: 7 steps an epoch
    assert many.epochs == (given or 20)  # 1,258 images: 40 steps an epoch
