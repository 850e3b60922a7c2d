"""Experiment: data, model, loss, optimizer and every number that matters, as one thing that can be varied."""

from __future__ import annotations

import copy
import json
import math
import weakref
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim import Optimizer

import trainwright
from trainwright.core import ModelError, UsageError
from trainwright.core.errors import nearest
from trainwright.data.dataset import Dataset, Splits
from trainwright.workbench.config import Config
from trainwright.workbench.evaluate import Metric, evaluating, metric_of
from trainwright.workbench.fitting import check_fit, run_model
from trainwright.workbench.losses import Loss, LossFunction, make_loss
from trainwright.workbench.models import BUILT_IN, choose
from trainwright.workbench.models.building import (
    ModelFactory,
    accepted,
    accepts,
    call_factory,
    default_of,
    dropout_layers,
    is_lazy,
    last_linear,
    log_outputs,
    prior_bias,
)
from trainwright.workbench.optimizers import OptimizerFactory, build_optimizer
from trainwright.workbench.prepared import DataSource, PreparedData, dataset_of, dataset_of_splits, is_tokens
from trainwright.workbench.randomness import derive, seeded
from trainwright.workbench.settings import dotted_keys, flatten, with_changes
from trainwright.workbench.source import describe, describe_model, digest_of

if TYPE_CHECKING:
    from trainwright.doctor.setup import Setup

STEPS_OF_A_FULL_TRAINING = 800
"""Optimizer steps after which a small network on a few thousand samples has converged; a user's own
``training.epochs`` goes before it."""
SETUP_SAMPLES = 512
"""Samples that the doctor's trials look at."""

_NOT_IN_KEY: dict[str, Any] = {"seed": True, "recipe": True, "training": {"checkpoint_seconds"}}
"""Settings that do not change what a training computes (its seed enters by itself)."""


class Experiment:
    """One experiment; never changes, :meth:`with_changes` gives another.

    ``data``: a pair (inputs, targets) of arrays or tensors, a :class:`~trainwright.data.dataset.Dataset` or a torch
    map-style data set of pairs; or the parts separately as ``train``, ``validation`` and ``test``. Without any, the
    data come from ``config.data.source``. ``kind`` (image, table, sequence) and ``task`` overrule what is guessed from
    the arrays; token numbers [N, T] are a ``sequence`` and enter the model as int64, unscaled.

    ``model``: a function or class that returns a *new* module. It is called with ``config.model.options``; with
    ``config.model.width`` under the name given as ``capacity``; and with those of ``sample_shape``, ``n_outputs`` and
    ``vocabulary`` that its signature names. ``loss(outputs, targets)``: mean over the batch; regression outputs and
    targets both come as [N]. ``optimizer``: a function of the parameters. Each that is left out is built in.

    ``config``: a :class:`Config`, or settings nested or dotted; ``epochs``, ``batch_size`` and ``seed`` are short for
    the settings they name. Raises ``UsageError`` and ``ModelError`` for what cannot work.
    """

    def __init__(
        self,
        *,
        data: Any = None,
        train: Any = None,
        validation: Any = None,
        test: Any = None,
        model: ModelFactory | None = None,
        loss: LossFunction | None = None,
        optimizer: OptimizerFactory | None = None,
        capacity: str | None = None,
        name: str = "experiment",
        kind: str = "auto",
        task: str = "auto",
        config: Config | Mapping[str, Any] | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        seed: int | None = None,
    ) -> None:
        base, changes = _given(config)
        short = {"training.epochs": epochs, "training.batch_size": batch_size, "seed": seed}
        changes.update({key: value for key, value in short.items() if value is not None})
        if task != "auto":
            changes["data.task"] = task
        own = _own_data(data, train, validation, test, name=name, kind=kind)
        for part, setting in (
            (own, "data.source"),
            (model, "model.name"),
            (loss, "loss.name"),
            (optimizer, "optimizer.name"),
        ):
            if part is not None:
                changes[setting] = "python"
        _require_factory(model, capacity)
        width = default_of(model, capacity) if model is not None and capacity else None
        if width is not None and "model.width" not in changes:
            base = with_changes(base, {"model.width": width})
        self.name = name
        self.config = with_changes(base, changes)
        self._explicit = frozenset(changes) | _differing(base)
        self._model, self._loss, self._optimizer = model, loss, optimizer
        self._capacity = capacity
        self._source = DataSource(own)
        self._last_built: weakref.ref[nn.Module] | None = None
        self._keys: dict[int, str] = {}
        if own is not None:
            self._source.raw(self.config.data)  # wrong data are reported where they are given

    @classmethod
    def from_config(cls, config: Config) -> Experiment:
        """The experiment a configuration describes; nothing is loaded yet.

        Raises ``UsageError`` where the configuration says ``python``, which only a Python file can bring.
        """
        for setting, value in (
            ("data.source", config.data.source),
            ("model.name", config.model.name),
            ("loss.name", config.loss.name),
            ("optimizer.name", config.optimizer.name),
        ):
            if value == "python":
                raise UsageError(
                    f"{setting} is 'python', which a configuration alone cannot bring.",
                    expected="A built-in name.",
                    todo="Start from the Python file that holds the experiment.",
                )
        name = config.data.source.rstrip("/").rpartition("/")[2].partition(".")[0] or "experiment"
        return cls(config=config, name=name)

    def with_changes(self, changes: Mapping[str, Any]) -> Experiment:
        """The experiment with dotted settings changed; shares loaded data.

        Raises ``UsageError`` for an unknown setting, with the nearest one, and for a value that is not allowed.
        """
        changes = flatten(changes)
        other = copy.copy(self)
        other.config = with_changes(self.config, changes)
        other._explicit = self._explicit | frozenset(changes)
        other._keys = {}
        other._last_built = None
        other.__dict__.pop("model_name", None)
        return other

    def with_dataset(self, dataset: Dataset) -> Experiment:
        """The same experiment on other data of the same shape, such as inputs set to zero; nothing else changes."""
        other = self.with_changes({"data.source": "python"})
        other._source = DataSource(lambda _task: dataset)
        return other

    @property
    def dataset(self) -> Dataset:
        """The data set, without the features that the configuration leaves out."""
        return self._source.selected(self.config.data)[0]

    @property
    def splits(self) -> Splits:
        """Row numbers of the parts, without the samples that the configuration leaves out."""
        return self._source.selected(self.config.data)[1]

    @property
    def prepared(self) -> PreparedData:
        """The tensors of the training and validation parts; shared by variants with equal data settings."""
        return self._source.prepared(self.config.data)

    @property
    def epochs(self) -> int:
        """The configured epochs, else as many as make :data:`STEPS_OF_A_FULL_TRAINING` steps (10 to 200)."""
        training = self.config.training
        if training.epochs is not None:
            return training.epochs
        steps = math.ceil(len(self.splits.train) / (training.batch_size * training.accumulate))
        return min(200, max(10, math.ceil(STEPS_OF_A_FULL_TRAINING / steps)))

    @property
    def capacity(self) -> str | None:
        """The keyword of the model factory that scales its capacity; None for a user's factory without one."""
        return self._capacity if self.config.model.name == "python" else "width"

    @property
    def metric(self) -> Metric:
        """What a person reads: accuracy, or RMSE in target units."""
        return metric_of(self.dataset.task, self.dataset.target_name)

    @cached_property
    def model_name(self) -> str:
        """The model's name, with ``auto`` resolved by the kind of data."""
        name = self.config.model.name
        return choose(self.dataset.kind) if name == "auto" else name

    def build_model(self, seed: int) -> nn.Module:
        """A new model, initialised from ``seed``; the caller's random state is left alone.

        Raises ``ModelError`` where the factory fails, returns no new module, or a setting does not fit the model.
        """
        with seeded(derive(seed, "initialisation")):
            model = self._call_factory()
            self._require_new(model)
            if is_lazy(model):
                with evaluating(model):
                    run_model(model, self.prepared.train_inputs[:2])
        self._apply_model_settings(model)
        return model

    def build_loss(self, *, smoothing: bool = True) -> Loss:
        """The loss to train with; without ``smoothing`` the one to judge with."""
        return make_loss(self.config.loss, self.dataset.task, self._loss, smoothing=smoothing)

    def build_optimizer(self, model: nn.Module) -> Optimizer:
        """The optimizer over a model's parameters, at the rate before any schedule."""
        return build_optimizer(
            self.config.optimizer, model, model_name=self.model_name, own=self._optimizer, explicit=self._explicit
        )

    def setup(self, seed: int) -> Setup:
        """Model, loss, optimizer and a large batch of training samples, for the doctor's trials."""
        from trainwright.doctor.setup import Setup

        data = self.prepared
        model = self.build_model(seed)
        generator = torch.Generator().manual_seed(derive(seed, "setup"))
        rows = torch.randperm(len(data.train_inputs), generator=generator)[:SETUP_SAMPLES]
        loss = self.build_loss()
        return Setup(
            model=model,
            loss=loss,
            optimizer=self.build_optimizer(model),
            inputs=data.train_inputs[rows],
            targets=data.train_targets[rows],
            task=str(self.dataset.task),
            n_outputs=self.dataset.n_outputs,
            loss_name=loss.name,
            clip_norm=self.config.training.clip_norm,
            batch_size=self.config.training.batch_size,
        )

    def check_model(self, model: nn.Module) -> None:
        """Prove on two samples that model, loss and data fit; ``ModelError`` with the shapes where they do not."""
        data = self.prepared
        check_fit(model, self.build_loss(), data.train_inputs[:2], data.train_targets[:2], self.dataset.n_outputs)

    def supports(self, setting: str) -> str | None:
        """Why a dotted setting would have no effect or fail here; None where it works.

        Raises ``UsageError`` for a setting that does not exist.
        """
        if setting not in set(dotted_keys()) and not setting.startswith("model.options."):
            raise UsageError(
                f"There is no setting '{setting}'.{nearest(setting, dotted_keys())}",
                expected="A dotted setting.",
                todo="Correct the name.",
            )
        from trainwright.workbench.support import REASONS

        reason = REASONS.get(setting)
        return reason(self) if reason else None

    def key(self, seed: int) -> str:
        """Names a training: the same key gives the same bits on the same machine.

        Made of the configuration (but for the recipe's settings and how often to save), the seed, the data and their
        splits, the version of this package, and of a user's own parts the source code and what it builds.
        """
        if seed not in self._keys:
            settings = self.config.model_dump_json(exclude=_NOT_IN_KEY)
            parts = [trainwright.__version__, str(seed), settings, self._data_digest(), *self._own_digests(seed)]
            self._keys[seed] = digest_of(*parts)
        return self._keys[seed]

    def _data_digest(self) -> str:
        dataset, splits = self._source.selected(self.config.data)
        rows = json.dumps({name: rows.tolist() for name, rows in splits.items()})
        return digest_of(dataset.fingerprint(), str(dataset.kind), str(dataset.task), rows)

    def _own_digests(self, seed: int) -> list[str]:
        """What the user's own code amounts to; closures and randomness show in what it builds."""
        digests = []
        own_model = self.config.model.name == "python"
        if own_model or self.config.optimizer.name == "python":
            model = self.build_model(seed)
            digests.append(describe_model(model))
            if self.config.optimizer.name == "python":
                optimizer = self.build_optimizer(model)
                groups = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
                digests.append(f"{type(optimizer).__qualname__} {groups} {describe(self._optimizer)}")
        if own_model:
            digests.append(describe(self._model))
        if self.config.loss.name == "python":
            digests.append(describe(self._loss))
        return digests

    def _call_factory(self) -> nn.Module:
        data, settings = self.prepared, self.config.model
        offered: dict[str, Any] = {"sample_shape": data.sample_shape, "n_outputs": self.dataset.n_outputs}
        if is_tokens(self.dataset):
            offered["vocabulary"] = int(self.dataset.inputs.max()) + 1
        if self.model_name != "python":
            sizes = {"width": settings.width, "depth": settings.depth, "dropout": settings.dropout}
            factory = BUILT_IN[self.model_name]
            return call_factory(factory, {**accepted(factory, offered), **sizes, **settings.options})
        if self._model is None:
            raise UsageError(
                "model.name is 'python', but the experiment brings no model of its own.",
                expected="Experiment(model=...) or a built-in model.",
                todo="Set model.name to auto, linear, mlp or cnn.",
            )
        sizes = {self._capacity: settings.width} if self._capacity else {}
        return call_factory(self._model, {**accepted(self._model, offered), **sizes, **settings.options})

    def _require_new(self, model: nn.Module) -> None:
        if self._last_built is not None and self._last_built() is model:
            raise ModelError(
                f"The model factory returned the same {type(model).__name__} object a second time.",
                expected="A new module on every call, so that every training starts from fresh weights.",
                todo="Create the module inside the factory, for example model=lambda: Net().",
            )
        self._last_built = weakref.ref(model)

    def _apply_model_settings(self, model: nn.Module) -> None:
        settings = self.config.model
        own = settings.name == "python"
        if own and (settings.dropout > 0 or "model.dropout" in self._explicit):
            layers = dropout_layers(model)
            if not layers and settings.dropout > 0:
                raise ModelError(
                    f"model.dropout is {settings.dropout}, but {type(model).__name__} has no dropout layer.",
                    expected="A model with nn.Dropout layers.",
                    todo="Add an nn.Dropout layer, or set model.dropout to 0.",
                )
            for layer in layers:
                layer.p = settings.dropout
        if settings.output_bias == "prior":
            self._set_output_bias(model)
        if settings.output_transform == "log":
            model.register_forward_hook(log_outputs)

    def _set_output_bias(self, model: nn.Module) -> None:
        data = self.prepared
        n = self.dataset.n_outputs
        layer = last_linear(model, n)
        if layer is None:
            raise ModelError(
                f"model.output_bias is 'prior', but {type(model).__name__} does not end in a linear layer with {n} "
                "outputs and a bias.",
                expected=f"nn.Linear(..., {n}) as the last layer.",
                todo="Set model.output_bias to default, or the bias in your own code.",
            )
        with torch.no_grad():
            layer.bias.copy_(prior_bias(data.train_targets, self.dataset.task, n))


def _given(config: Config | Mapping[str, Any] | None) -> tuple[Config, dict[str, Any]]:
    """The configuration to start from, and the settings given besides it."""
    if isinstance(config, Config):
        return config, {}
    return Config(), flatten(config or {})


def _differing(config: Config) -> frozenset[str]:
    """Settings that are not at their defaults, and so were chosen by somebody."""
    default, present = flatten(Config().model_dump()), flatten(config.model_dump())
    return frozenset(key for key, value in present.items() if default.get(key) != value)


def _own_data(
    data: Any, train: Any, validation: Any, test: Any, *, name: str, kind: str
) -> Callable[[str], Dataset] | None:
    """A function of the task that gives the user's data set, or None where there are none."""
    parts = {"train": train, "validation": validation, "test": test}
    if data is None and all(part is None for part in parts.values()):
        return None
    if data is not None and any(part is not None for part in parts.values()):
        raise UsageError(
            "Both 'data' and separate splits were given.",
            expected="data=..., or train=... with validation=... and test=....",
            todo="Leave out one of them.",
        )
    if data is not None:
        return lambda task: dataset_of(data, name=name, kind=kind, task=task)
    if train is None:
        raise UsageError(
            "Splits were given without 'train'.",
            expected="train=(inputs, targets), and with it validation and test as wanted.",
            todo="Pass train=..., or everything as data=....",
        )
    return lambda task: dataset_of_splits(parts, name=name, kind=kind, task=task)


def _require_factory(model: Any, capacity: str | None) -> None:
    if model is None:
        if capacity is not None:
            raise UsageError(
                f"capacity='{capacity}' was given without a model.",
                expected="The name of a keyword of the model factory.",
                todo="Pass model=..., or leave out capacity; built-in models scale by model.width.",
            )
        return
    if isinstance(model, nn.Module) or not callable(model):
        raise ModelError(
            f"'model' is {type(model).__name__}, not a function that makes one.",
            expected="A function or class that returns a new torch.nn.Module, since many trainings each start afresh.",
            todo="Pass model=lambda: Net(), or the class itself.",
        )
    if capacity is not None and not accepts(model, capacity):
        raise UsageError(
            f"The model factory has no keyword '{capacity}'.",
            expected="The name of the keyword that makes the model larger.",
            todo="Correct capacity, or add the keyword to the factory.",
        )
