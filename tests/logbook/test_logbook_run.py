from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainwright.core import RunFolderError
from trainwright.logbook.files import read_json
from trainwright.logbook.index import list_runs, same_configuration
from trainwright.logbook.openings import count_openings, record_opening
from trainwright.logbook.run import RunFolder, configuration_key

CONFIG = "seed: 0\ndata:\n  source: wine\n"


def finished_run(root: Path, name: str = "wine") -> RunFolder:
    run = RunFolder.create(root, name)
    run.save_config(CONFIG)
    run.save_plan({"key": "abc"})
    run.save_stage("audit", {"seconds": 2.0, "facts": {}})
    run.save_stage("report", {"seconds": 10.0, "facts": {"metric": "accuracy", "test_metric": 97.5}})
    run.set_status("finished")
    return run


def test_a_run_keeps_everything(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "runs", "my data/set")
    assert run.name.startswith("my-data-set-")
    assert run.status == "running"
    assert run.load_stage("audit") is None
    assert run.load_plan() is None
    run.save_config(CONFIG)
    run.save_stage("audit", {"seconds": 1.5})
    again = RunFolder.open(run.path)
    assert again.load_config() == CONFIG
    assert again.load_stage("audit") == {"seconds": 1.5}
    assert again.training_folder("k").is_dir()
    assert again.pictures.is_dir()
    run.set_status("stopped", "gate shut")
    assert (again.status, again.status_reason) == ("stopped", "gate shut")
    environment = read_json(run.path / "environment.json")
    assert environment["packages"]["torch"]
    assert environment["command"] == sys.argv


def test_two_runs_in_one_second_get_their_own_folders(tmp_path: Path) -> None:
    names = {RunFolder.create(tmp_path, "x").name for _ in range(3)}
    assert len(names) == 3


def test_other_folders_are_no_runs(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no run folder"):
        RunFolder.open(tmp_path)
    with pytest.raises(RunFolderError, match="does not exist"):
        RunFolder.open(tmp_path / "missing")


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="is a file"):
        RunFolder.create(tmp_path / "file", "x")


def test_a_second_process_is_refused_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "x")
    code = (
        "import sys, time; from pathlib import Path; from trainwright.logbook.run import RunFolder\n"
        "with RunFolder.open(sys.argv[1]).lock(): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(run.path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunFolderError, match=f"in use by another process \\(number {holder.pid}\\)"), run.lock():
            pass
        assert str(run.status) == "running"
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    assert str(run.status) == "interrupted"
    with run.lock():
        assert str(run.status) == "running"


def test_runs_are_listed_from_folders_or_cache_alike(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "nothing") == []
    run = finished_run(tmp_path)
    first = list_runs(tmp_path)
    assert [(s.name, s.status, s.data_name, s.test_metric, s.seconds) for s in first] == [
        (run.name, "finished", "wine", 97.5, 12.0)
    ]
    assert (tmp_path / "index.sqlite").exists()
    assert list_runs(tmp_path) == first
    (tmp_path / "index.sqlite").write_bytes(b"no database at all" * 100)
    assert list_runs(tmp_path) == first
    assert list_runs(tmp_path) == first


def test_the_list_follows_changes(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    list_runs(tmp_path)
    time.sleep(0.01)
    run.set_status("stopped", "no")
    other = finished_run(tmp_path, "other")
    assert [s.status for s in list_runs(tmp_path) if s.name == run.name] == ["stopped"]
    (other.path / "environment.json").unlink()
    assert [s.name for s in list_runs(tmp_path)] == [run.name]


def test_a_damaged_run_does_not_hide_the_others(tmp_path: Path) -> None:
    good, bad = finished_run(tmp_path), finished_run(tmp_path, "bad")
    (bad.path / "status.json").write_text("{")
    assert {s.name: s.status for s in list_runs(tmp_path)} == {good.name: "finished", bad.name: "damaged"}


def test_an_unfinished_run_shows_what_is_known(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "x")
    run.save_config(CONFIG)
    run.save_stage("audit", {"seconds": 2.0})
    run.save_stage("check", {"seconds": 3.0})
    (summary,) = list_runs(tmp_path)
    assert (summary.data_name, summary.seconds, summary.test_metric) == ("wine", 5.0, None)


def test_the_same_configuration_is_recognised(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    for key in ("abc", configuration_key(CONFIG)):
        assert [s.name for s in same_configuration(tmp_path, key)] == [run.name]
    assert same_configuration(tmp_path, "other") == []


def test_openings_count_distinct_runs(tmp_path: Path) -> None:
    assert count_openings(tmp_path, "f") == 0
    assert record_opening(tmp_path, "f", "run-1") == 1
    assert record_opening(tmp_path, "f", "run-1") == 1
    assert record_opening(tmp_path, "g", "run-1") == 1
    with (tmp_path / "test-openings.jsonl").open("a") as file:
        file.write('{"fingerprint": "f", "ru')  # the machine went down while writing
    assert record_opening(tmp_path, "f", "run-2") == 2
    assert count_openings(tmp_path, "f") == 2


def test_an_opening_that_cannot_be_noted_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test-openings.jsonl").mkdir()
    with pytest.raises(RunFolderError, match="Cannot write"):
        record_opening(tmp_path, "f", "run-1")
