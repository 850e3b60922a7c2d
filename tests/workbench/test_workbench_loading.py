from __future__ import annotations

from pathlib import Path

import pytest

from trainwright.core import TrainwrightError, UsageError
from trainwright.workbench.config import Config
from trainwright.workbench.loading import dump_config, load_config, load_experiment

SCRIPT = """
import numpy as np
from trainwright import Experiment

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3)).astype(np.float32)
first = Experiment(data=(X, (X[:, 0] > 0).astype(int)), epochs=2)

def experiment():
    return first.with_changes({"training.epochs": 3})

def wrong():
    return 7
"""


def test_a_configuration_is_complete_and_reloads(tmp_path: Path) -> None:
    config = Config.model_validate(
        {"optimizer": {"learning_rate": 1e-5}, "data": {"drop_samples": (1, 2)}, "model": {"options": {"a": 1}}}
    )
    text = dump_config(config)
    assert load_config(text) == config
    (tmp_path / "c.yaml").write_text(text)
    assert load_config(tmp_path / "c.yaml") == load_config(str(tmp_path / "c.yaml")) == config
    for field in ("epochs: null", "test: 0.1", "checkpoint_seconds: 10.0"):
        assert field in dump_config(Config())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("optimizer:\n  learning_rate: 1e-3\n", 1e-3),
        ("optimizer.learning_rate: 5E-4", 5e-4),
        ("optimizer: {learning_rate: .5}\n", 0.5),
        ("optimizer:\n", None),
        ("", None),
    ],
)
def test_numbers_and_dotted_settings(text: str, value: float | None) -> None:
    assert load_config(text + "\n").optimizer.learning_rate == value


def test_options_keep_their_types() -> None:
    text = "model:\n  options:\n    a: 3\n    b: 1e-3\n    c: yes\n    d: text\n    e: 2.5\n"
    assert load_config(text).model.options == {"a": 3, "b": 1e-3, "c": True, "d": "text", "e": 2.5}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("seed: 1\ntraining:\n  epochs: 3\n  bach_size: 8\n", 4, "Did you mean 'training.batch_size'"),
        ("seed: 1\ntrainig:\n  epochs: 3\n", 2, "'trainig"),
        ("optimizer:\n  learning_rate: -1\n", 2, "greater than 0"),
        ("\n\nmodel:\n  name: resnet\n", 4, "'linear'"),
        ("training:\n  epochs: lots\n", 2, "training.epochs = 'lots'"),
        ("training: 5\n", 1, "section 'training' holds '5'"),
        ("seed: 1\nseed: 2\n", 2, "a second time"),
        ("seed: [1\n", 2, "no YAML"),
        ("- 1\n", 1, "file holds"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(UsageError) as caught:
        load_config(tmp_path / "c.yaml")
    assert f"line {line}" in str(caught.value)
    assert message in str(caught.value)


def test_files_that_are_missing_or_unreadable(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="no UTF-8"):
        load_config(tmp_path / "config.yaml")
    with pytest.raises(UsageError, match=r"Did you mean 'config\.yaml'"):
        load_config(tmp_path / "confg.yaml")


def test_experiments_from_every_kind_of_target(tmp_path: Path) -> None:
    (tmp_path / "my.py").write_text(SCRIPT)
    (tmp_path / "my.yaml").write_text("data.source: wine\n")
    (tmp_path / "my.csv").write_text("a,b\n" + "\n".join(f"{i % 7},{'xy'[i % 2]}" for i in range(40)))
    assert load_experiment(f"{tmp_path}/my.py").config.training.epochs == 3
    assert load_experiment(f"{tmp_path}/my.py:first").config.training.epochs == 2
    assert load_experiment(f"{tmp_path}/my.yaml").dataset.name == "wine"
    assert load_experiment(f"{tmp_path}/my.csv").dataset.n_outputs == 2
    changed = load_experiment("digits", {"training.epochs": "5", "optimizer.learning_rate": "1e-3"})
    assert (changed.config.training.epochs, changed.config.optimizer.learning_rate) == (5, 1e-3)
    assert changed.name == "digits"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("my.py:experimnt", "Did you mean 'experiment'"),
        ("my.py:wrong", "gives int"),
        ("my.py:X", "gives ndarray"),
        ("mine.py", r"Did you mean 'my.py'"),
        ("broken.py", "cannot be imported: ZeroDivisionError"),
        ("empty.py", "has no 'experiment'"),
        ("absent.csv", "absent.csv"),
    ],
)
def test_wrong_targets_are_explained(tmp_path: Path, target: str, message: str) -> None:
    (tmp_path / "my.py").write_text(SCRIPT)
    (tmp_path / "broken.py").write_text("1 / 0")
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(TrainwrightError, match=message):
        _ = load_experiment(f"{tmp_path}/{target}").dataset


def test_names_of_data_sources_are_suggested() -> None:
    with pytest.raises(TrainwrightError, match="Did you mean 'digits'"):
        _ = load_experiment("digit").dataset
