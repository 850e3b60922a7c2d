"""Configuration: every number and choice of an experiment, complete and reloadable.

Dotted names of these fields (``optimizer.learning_rate``) are the vocabulary of fixes, of search spaces and of YAML
files.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """Base of all sections: unknown keys are refused, values never change in place."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class DataConfig(Section):
    """Where the data come from, how they are split and prepared."""

    source: str = "digits"
    """A bundled name, a CSV/Parquet file, a folder of images, or ``python`` when an Experiment brings its arrays."""
    target: str | None = None
    """Target column of a table; the last column where none is given."""
    task: Literal["auto", "classification", "regression"] = "auto"
    test: float = Field(0.1, ge=0, lt=1)
    validation: float = Field(0.2, gt=0, lt=1)
    stratify: bool = True
    split_seed: int = 0
    image_size: int | None = Field(None, ge=4, le=512)
    """Side in pixels that images of a folder are resized to; the median side, at most 64, where none is given."""
    scaling: Literal["auto", "standardise", "range", "none"] = "auto"
    """auto: per-feature standardisation of tables and sequences, per-channel of images; fitted on train only."""
    missing: Literal["impute", "drop", "keep"] = "impute"
    scale_target: bool = True
    drop_samples: tuple[int, ...] = ()
    drop_features: tuple[str, ...] = ()
    deduplicate: bool = False
    """Keep one of each group of exact duplicates, train first, so that no sample stands in two splits."""


class ModelConfig(Section):
    """The model; a user's own factory receives ``options`` as keyword arguments."""

    name: Literal["auto", "linear", "mlp", "cnn", "python"] = "auto"
    width: int = Field(32, ge=1)
    depth: int = Field(2, ge=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    output_bias: Literal["default", "prior"] = "default"
    """prior: last bias set to the log class shares or the mean target."""
    output_transform: Literal["none", "log"] = "none"
    """log: loss is given the log of the outputs; exact repair of a softmax before cross entropy."""
    options: dict[str, float | int | str | bool] = Field(default_factory=dict)


class LossConfig(Section):
    """The training loss."""

    name: Literal["auto", "cross_entropy", "mse", "huber", "python"] = "auto"
    label_smoothing: float = Field(0.0, ge=0, lt=1)


class OptimizerConfig(Section):
    """The optimizer. For an Experiment's own optimizer factory ``learning_rate`` rescales its groups in proportion."""

    name: Literal["adam", "adamw", "sgd", "rmsprop", "python"] = "adam"
    learning_rate: float | None = Field(None, gt=0)
    """None: the usual rate of the built-in model, 3e-4 for a user's own, or whatever the user's factory sets."""
    weight_decay: float = Field(0.0, ge=0)
    momentum: float = Field(0.9, ge=0, lt=1)


class ScheduleConfig(Section):
    """Learning-rate schedule over the planned number of steps."""

    name: Literal["constant", "cosine", "onecycle", "step"] = "constant"
    warmup: float = Field(0.0, ge=0, lt=1)
    """Share of all steps."""
    end: float = Field(1.0, gt=0, le=1)
    """Share of all steps at which the schedule has run out; its last rate holds from there."""


class TrainingConfig(Section):
    """The loop."""

    epochs: int | None = Field(None, ge=1)
    """None: as many as a small network needs for the data at hand, see :attr:`Experiment.epochs`."""
    batch_size: int = Field(32, ge=1)
    shuffle: bool = True
    augmentation: Literal["none", "auto"] = "none"
    """auto: label-preserving for the kind of data (images: small shifts and turns; tables and sequences: small
    noise).
    """
    early_stopping: int = Field(0, ge=0)
    """Epochs without a better validation loss before stopping; 0 never stops."""
    keep: Literal["best", "last"] = "last"
    """Which epoch's weights are the result, judged by the validation loss."""
    clip_norm: float | None = Field(None, gt=0)
    accumulate: int = Field(1, ge=1)
    average: float = Field(0.0, ge=0, lt=1)
    """Decay of the exponential moving average of the weights; 0 for none."""
    amp: bool = False
    device: Literal["auto", "cpu", "cuda"] = "auto"
    checkpoint_seconds: float = Field(10.0, ge=0)
    snapshots: int = Field(0, ge=0)
    """How many equally spaced epochs' weights to keep (the last included), for snapshot ensembles."""


class RecipeConfig(Section):
    """How much the recipe may spend; complete so that two runs of one file do the same."""

    seeds: int = Field(3, ge=3)
    """Seeds of every paired comparison."""
    short_trials: int = Field(16, ge=4)
    long_trials: int = Field(4, ge=1)
    ensemble: int = Field(5, ge=2)
    rate_sweeps: int = Field(3, ge=3)
    effort: float = Field(1.0, gt=0)
    """Multiplies epochs of the recipe's trainings; the budget sets it."""


class Config(Section):
    """One experiment, complete."""

    seed: int = 0
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    training: TrainingConfig = TrainingConfig()
    recipe: RecipeConfig = RecipeConfig()
