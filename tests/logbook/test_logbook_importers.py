"""Logs of other programs: files that Lightning, transformers and TensorBoard's writers really wrote, and broken ones.

The files below ``logs/`` were written by lightning 2.6 (``CSVLogger``), transformers 5.23 (``TrainerState``) and
torch 2.13 (``SummaryWriter``, which is TensorBoard's own writer; ``keras/`` lies in folders as Keras' callback does).
"""

from __future__ import annotations

import contextlib
import json
import math
import string
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwright.core import UsageError
from trainwright.logbook.importers import ImportedLog, log_of_columns, read_logs
from trainwright.logbook.importers.columns import QUANTITIES, recognise
from trainwright.logbook.importers.tensorboard import masked_crc, read_events
from trainwright.logbook.importers.text import read_csv

LOGS = Path(__file__).parent / "logs"
EVENTS = LOGS / "torch" / "events.out.tfevents.1700000000.host.1.0"


def only(path: Path, wanted: Mapping[str, str] | None = None) -> ImportedLog:
    (log,) = read_logs(path, wanted)
    return log


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path, wanted: Mapping[str, str] | None = None) -> str:
    with pytest.raises(UsageError) as error:
        read_logs(path, wanted)
    return str(error.value)


# Real files ------------------------------------------------------------


def test_tensorboard_scalars_of_both_kinds_are_read() -> None:
    log = only(EVENTS)
    expected = [2.3 * math.exp(-i / 8) + 0.1 for i in range(20)]
    assert log.curve.x_unit == "step"
    assert log.curve.train_loss.x.tolist() == list(range(1, 21))
    assert log.curve.train_loss.y == pytest.approx(expected, rel=1e-6)
    assert log.curve.validation_loss.y == pytest.approx([e + 0.05 for e in expected[3::4]], rel=1e-6)
    assert log.curve.learning_rate.y == pytest.approx([1e-3] * 20, rel=1e-6)
    assert log.recognised["train_loss"] == "train/loss"


def test_writers_beside_each_other_are_one_log() -> None:
    log = only(LOGS / "keras")
    assert log.recognised["train_loss"] == "train/epoch_loss"
    assert log.recognised["validation_metric"] == "validation/epoch_accuracy"
    assert len(log.curve.train_loss) == len(log.curve.validation_loss) == 10
    assert log.curve.unit == "%"
    assert log.curve.validation_metric.y[0] == pytest.approx(45, rel=1e-5)


def test_lightning_metrics_have_rows_for_each_logger_call() -> None:
    log = only(LOGS / "lightning" / "metrics.csv")
    assert log.recognised == {
        "step": "step",
        "epoch": "epoch",
        "train_loss": "train_loss_step",
        "validation_loss": "val_loss",
        "validation_metric": "val_mae",
        "learning_rate": "lr-SGD",
    }
    assert log.curve.x_unit == "step"
    assert log.curve.train_loss.x[-1] == 47
    assert len(log.curve.validation_loss) == 6
    assert log.curve.steps_per_epoch == pytest.approx(8)
    assert log.curve.higher_is_better is False


def test_hugging_face_state_is_read_without_its_last_line_and_only_once() -> None:
    log = only(LOGS / "hf")
    assert log.source.endswith("checkpoint-60/trainer_state.json")
    assert log.curve.train_loss.x.tolist() == list(range(5, 61, 5))
    assert log.curve.gradient_norm.y[0] == pytest.approx(1.45)
    assert log.curve.validation_metric.y[-1] == pytest.approx(80)
    assert log.curve.steps_per_epoch == 10
    assert 0.9 not in log.curve.train_loss.y


def test_a_folder_is_searched_for_all_of_them() -> None:
    assert len(read_logs(LOGS)) == 4


def test_this_package_reads_its_own_log_and_forgets_what_was_repeated(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [
        {"epoch": e, "step": 10 * e, "train_loss": 1 / e, "validation_loss": 1.1 / e, "signal": {"a": {"norm": 1.0}}}
        for e in (1, 2, 3)
    ]
    records += [{"event": "resumed", "step": 20}, {**records[2], "train_loss": 0.25}]
    log = only(write(tmp_path, "metrics.jsonl", "\n".join(map(json.dumps, records)) + "\n"))
    assert log.curve.x_unit == "epoch"
    assert log.curve.train_loss.y.tolist() == [1.0, 0.5, 0.25]
    assert log.curve.steps_per_epoch == 10
    assert "signal/a/norm" in log.unused


# Columns ------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "quantity"),
    [
        ("loss", "train_loss"),
        ("Train Loss", "train_loss"),
        ("trainLoss", "train_loss"),
        ("train/loss_epoch", "train_loss"),
        ("Loss/train", "train_loss"),
        ("val_loss", "validation_loss"),
        ("valid_loss", "validation_loss"),
        ("eval/loss", "validation_loss"),
        ("test_loss", "validation_loss"),
        ("lr", "learning_rate"),
        ("lr-AdamW/pg1", "learning_rate"),
        ("train/learning_rate", "learning_rate"),
        ("grad_norm", "gradient_norm"),
        ("train/grad_norm", "gradient_norm"),
        ("val_acc", "validation_metric"),
        ("eval_accuracy", "validation_metric"),
        ("accuracy", "train_metric"),
        ("metrics/mAP", "train_metric"),
        ("global_step", "step"),
        ("trainer/global_step", "step"),
        ("Epoch", "epoch"),
        ("g_loss", None),
        ("box_loss", None),
        ("loss_scale", None),
        ("train_runtime", None),
        ("time", None),
        ("", None),
    ],
)
def test_columns_are_recognised_by_name(name: str, quantity: str | None) -> None:
    found = recognise(name)
    assert (found[0] if found else None) == quantity


@given(st.text(alphabet=string.printable, max_size=30))
def test_any_name_is_recognised_or_not_and_never_breaks(name: str) -> None:
    found = recognise(name)
    assert found is None or found[0] in QUANTITIES


def test_what_the_user_says_goes_first(tmp_path: Path) -> None:
    path = write(tmp_path, "log.csv", "step,objective,loss\n1,2.0,9\n2,1.0,9\n")
    assert only(path, {"train_loss": "objective"}).curve.train_loss.y.tolist() == [2.0, 1.0]
    assert "no column 'objektive'" in refusal(path, {"train_loss": "objektive"})
    assert "Did you mean 'objective'?" in refusal(path, {"train_loss": "objektive"})
    assert "Did you mean 'train_loss'?" in refusal(path, {"trainloss": "objective"})


def test_validation_is_preferred_to_test_and_the_metric_is_the_same_on_both_parts() -> None:
    log = log_of_columns(
        {"loss": [1, 2], "test_loss": [5, 5], "val_loss": [3, 3], "acc": [0.1, 0.2], "val_f1": [0.3, 0.4]}
    )
    assert log.recognised["validation_loss"] == "val_loss"
    assert log.recognised["validation_metric"] == "val_f1"
    assert "train_metric" not in log.recognised


def test_losses_of_networks_that_play_against_each_other_are_known_as_such() -> None:
    columns = {"loss_G": [1.0, 2.0], "loss_D": [1.0, 0.5], "step": [1, 2]}
    assert log_of_columns(columns, {"train_loss": "loss_G"}).curve.is_game is True
    assert log_of_columns({"loss": [1.0, 2.0]}).curve.is_game is None


# Places ------------------------------------------------------------


def test_epochs_that_begin_at_zero_are_counted_from_one() -> None:
    curve = log_of_columns({"epoch": [0, 1, 2], "loss": [3, 2, 1], "val_loss": [3, 2, 1]}).curve
    assert (curve.x_unit, curve.train_loss.x.tolist()) == ("epoch", [1.0, 2.0, 3.0])


def test_steps_that_begin_again_in_every_epoch_are_counted_through() -> None:
    log = log_of_columns({"epoch": [0, 0, 1, 1, 2, 2], "step": [0, 9, 0, 9, 0, 9], "loss": [6, 5, 4, 3, 2, 1]})
    assert log.curve.train_loss.y.tolist() == [6, 5, 4, 3, 2, 1]
    assert log.curve.x_unit == "step"
    assert "begins again" in log.notes[0]


def test_rows_are_counted_where_nothing_was() -> None:
    assert log_of_columns({"loss": [3, 2, 1], "val_loss": [3, 2, 1]}).curve.x_unit == "epoch"
    log = log_of_columns({"loss": [3, 2, 1]})
    assert log.curve.x_unit == "step"
    assert "neither steps nor epochs" in log.notes[0]


def test_nan_between_numbers_means_not_taken_and_nan_at_the_end_means_nan() -> None:
    nan = math.nan
    sparse = log_of_columns({"step": [1, 2, 3, 4], "loss": [4, 3, 2, 1], "val_loss": [nan, 3, nan, 2]}).curve
    assert sparse.validation_loss.x.tolist() == [2, 4]
    broken = log_of_columns({"step": [1, 2, 3, 4], "loss": [4, 3, nan, nan]}).curve
    assert np.isnan(broken.train_loss.y[-1])


# Broken files ------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("log.csv", "", "is empty"),
        ("log.csv", "epoch,loss\n", "No column"),
        ("log.csv", "epoch,speed\n1,2\n", "It has epoch, speed."),
        ("log.csv", "1,2,3\n4,5,6\n", "numbers only"),
        ("log.csv", "epoch,loss\n1,0.5\n2,oops\n", "holds 'oops' in line 3"),
        ("log.csv", "epoch;loss\n1;0,5\n", "decimal point"),
        ("log.jsonl", '{"loss": 1}\nnonsense\n{"loss": 2}\n', "Line 2"),
        ("log.jsonl", "[1, 2]\n", "no JSON object"),
        ("log.json", "{", "is no JSON"),
        ("log.json", "[1, 2]", "holds no training"),
        ("log.txt", "loss 1", "no known kind"),
        ("events.out.tfevents.1", "no event file at all", "checksum of its length"),
        ("events.out.tfevents.1", "short", "No column"),
    ],
)
def test_what_cannot_be_read_is_said(name: str, content: str, said: str, tmp_path: Path) -> None:
    assert said in refusal(write(tmp_path, name, content))


def test_what_is_not_there_or_no_text_is_said(tmp_path: Path) -> None:
    write(tmp_path, "metrics.csv", "loss\n1\n")
    assert "Did you mean 'metrics.csv'?" in refusal(tmp_path / "metric.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00loss")
    assert "no UTF-8" in refusal(tmp_path / "binary.csv")
    (tmp_path / "empty").mkdir()
    assert "No log was found" in refusal(tmp_path / "empty")


def test_a_cut_off_last_line_is_passed_over_and_noted(tmp_path: Path) -> None:
    log = only(write(tmp_path, "log.jsonl", '{"loss": 1}\n{"loss": 2}\n{"lo'))
    assert log.curve.train_loss.y.tolist() == [1, 2]
    assert "line 3 is cut off" in log.notes[0]


def test_a_cut_off_event_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / EVENTS.name
    path.write_bytes(EVENTS.read_bytes()[:1000])
    log = only(path)
    assert 1 < len(log.curve.train_loss) < 20
    assert "is cut off" in log.notes[0]


# Properties ------------------------------------------------------------


def _field(number: int, kind: int, content: bytes) -> bytes:
    length = bytes([len(content)]) if kind == 2 else b""
    return bytes([number << 3 | kind]) + length + content


def event_file(scalars: list[tuple[int, str, float]]) -> bytes:
    """An event file with one record for each (step below 128, tag, value), encoded by hand."""
    content = b""
    for step, tag, value in scalars:
        entry = _field(1, 2, tag.encode()) + _field(2, 5, struct.pack("<f", value))
        record = _field(2, 0, bytes([step])) + _field(5, 2, _field(1, 2, entry))
        length = struct.pack("<Q", len(record))
        crcs = [struct.pack("<I", masked_crc(each)) for each in (length, record)]
        content += length + crcs[0] + record + crcs[1]
    return content


def test_the_checksum_is_that_of_the_standard() -> None:
    # CRC-32C of "123456789" is E3069283 (RFC 3720); unmasked as TFRecord masks it.
    masked = (masked_crc(b"123456789") - 0xA282EAD8) & 0xFFFFFFFF
    assert (masked << 15 | masked >> 17) & 0xFFFFFFFF == 0xE3069283


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 127), st.sampled_from(["loss", "val/loss", "lr"]), st.floats(width=32)), min_size=1
    )
)
def test_any_scalars_come_back(tmp_path_factory: pytest.TempPathFactory, scalars: list[tuple[int, str, float]]) -> None:
    path = tmp_path_factory.mktemp("events") / "events.out.tfevents.1"
    path.write_bytes(event_file(scalars))
    rows = read_events(path).rows
    assert [row["step"] for row in rows] == [step for step, _, _ in scalars]
    for row, (_, tag, value) in zip(rows, scalars, strict=True):
        assert row[tag] == value or (math.isnan(row[tag]) and math.isnan(value))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 12_000), st.integers(1, 255), st.booleans())
def test_a_damaged_event_file_is_refused_or_read_rightly(
    tmp_path_factory: pytest.TempPathFactory, place: int, change: int, cut: bool
) -> None:
    content = bytearray(EVENTS.read_bytes())
    sound = read_events(EVENTS).rows
    if cut:
        content = content[: place or 1]
    else:
        content[place % len(content)] ^= change
    path = tmp_path_factory.mktemp("events") / EVENTS.name
    path.write_bytes(content)
    try:
        rows = read_events(path).rows
    except UsageError:
        return
    assert all(row in sound for row in rows)


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(NUMBERS, st.none() | NUMBERS), min_size=1, max_size=30), st.sampled_from(",;\t|"))
def test_any_table_comes_back(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[float, float | None]], delimiter: str
) -> None:
    lines = [delimiter.join(("loss", "val_loss"))]
    lines += [delimiter.join((repr(a), "" if b is None else repr(b))) for a, b in cells]
    path = write(tmp_path_factory.mktemp("tables"), "log.csv", "\n".join(lines))
    assert [(row["loss"], row.get("val_loss")) for row in read_csv(path).rows] == cells


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["log.csv", "log.jsonl", "log.json", "events.out.tfevents.1"]))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(content)
    with contextlib.suppress(UsageError):
        assert only(path).source == str(path)
