from __future__ import annotations

from pathlib import Path

import pytest

from trainwright.core import RunFolderError
from trainwright.logbook.metrics import MetricsLog, read_metrics


def test_records_come_back_in_order(tmp_path: Path) -> None:
    with MetricsLog(tmp_path / "deep" / "m.jsonl") as log:
        assert log.is_new
        log.append({"step": 1, "loss": 0.1})
        log.append({"step": 2, "loss": float("inf")})
    assert read_metrics(tmp_path / "deep" / "m.jsonl") == [{"step": 1, "loss": 0.1}, {"step": 2, "loss": float("inf")}]
    assert read_metrics(tmp_path / "none.jsonl") == []


def test_a_cut_off_last_line_is_passed_over_and_then_removed(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'{"step":1}\n{"step":2,"lo')
    assert read_metrics(path) == [{"step": 1}]
    with MetricsLog(path) as log:
        assert not log.is_new
        log.append({"step": 2})
    assert read_metrics(path) == [{"step": 1}, {"step": 2}]


def test_records_repeated_after_a_resume_count_once(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    with MetricsLog(path) as log:
        for step in (10, 20, 30):
            log.append({"step": step, "try": 1})
        log.append({"event": "resumed", "step": 20})
        log.append({"step": 30, "try": 2})
    assert [(r["step"], r["try"]) for r in read_metrics(path)] == [(10, 1), (20, 1), (30, 2)]


def test_damage_elsewhere_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'{"step":1}\nnonsense\n{"step":2}\n')
    with pytest.raises(RunFolderError, match="line 2"):
        read_metrics(path)


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="No space left"), MetricsLog(Path("/dev/full")) as log:
        log.append({"step": 1})


def test_a_log_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="is a file"):
        MetricsLog(tmp_path / "file" / "m.jsonl")
