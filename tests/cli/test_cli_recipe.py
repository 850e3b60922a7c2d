"""The whole recipe from the command line on real data, once; then every question about what it left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from trainwright.cli.options import STAGES

PROGRAM = "from trainwright.cli.main import main; main()"
pytestmark = pytest.mark.xdist_group("recipe-of-wine")  # one process, so that the run is made once


def start(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env=environment, timeout=280
    )


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, what --json printed, and its stages by name."""

    folder: Path
    view: dict[str, Any]
    stages: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, done: subprocess.CompletedProcess[str], root: Path) -> Run:
        assert done.returncode == 0, done.stderr
        view = json.loads(done.stdout)
        return cls(root / "runs" / view["name"], view, {stage["stage"]: stage for stage in view["stages"]})

    def step(self, stage: str, name: str) -> dict[str, Any]:
        """The one step of a stage that has this name."""
        (found,) = (step for step in self.stages[stage]["steps"] if step["name"] == name)
        return dict(found)

    def names(self, stage: str, kind: str) -> list[str]:
        """Titles of a stage's charts, tables or pictures, or names of its steps."""
        return [each["name" if kind == "steps" else "title"] for each in self.stages[stage][kind]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """`trainwright run wine`, with few epochs."""
    folder = tmp_path_factory.mktemp("recipe")
    return Run.of(start(folder, "run", "wine", "--set", "training.epochs=6", "--json"), folder)


def test_every_stage_says_what_it_expects_measures_and_judges(run: Run) -> None:
    assert tuple(run.stages) == STAGES
    for stage in run.stages.values():
        assert stage["gate"]["is_open"]
        assert stage["steps"]
        for step in stage["steps"]:
            assert step["expect"]
            assert step["measured"]
            assert step["outcome"] in ("as expected", "surprise", "information")


def test_the_audit_counts_splits_and_shows_samples(run: Run) -> None:
    assert "178 samples" in run.step("audit", "size")["measured"]
    assert "train 124" in run.step("audit", "split")["measured"]
    assert "Samples per class" in run.names("audit", "charts")
    (table,) = run.stages["audit"]["tables"]
    assert len(table["rows"]) == 13
    assert (run.folder / run.stages["audit"]["pictures"][0]["path"]).stat().st_size > 1000


@pytest.mark.parametrize(
    "name",
    [
        "loss at initialisation",
        "overfit one batch",
        "outputs follow inputs",
        "samples do not mix",
        "reproducible",
        "zeroed inputs",
        "tiny network",
        "a bit more capacity",
    ],
)
def test_a_healthy_set_up_passes_each_proof(run: Run, name: str) -> None:
    assert run.step("check", name)["outcome"] == "as expected"


def test_what_enters_the_network_and_the_overfitted_batch_are_shown(run: Run) -> None:
    assert run.names("check", "pictures") == ["What enters the network", "The overfitted batch"]
    for picture in run.stages["check"]["pictures"]:
        assert (run.folder / picture["path"]).read_bytes().startswith(b"\x89PNG")


def test_baselines_are_fitted_and_drawn_with_the_result(run: Run) -> None:
    assert len(run.stages["check"]["facts"]["baselines"]) >= 3
    assert "beside the baselines" in run.names("overfit", "steps")
    final = run.stages["report"]["facts"]["baselines_test"]
    assert final.keys() == run.stages["check"]["facts"]["baselines"].keys()


def test_capacity_is_a_ladder_and_the_rate_is_verified(run: Run) -> None:
    rungs = [name for name in run.names("overfit", "steps") if name.startswith("capacity:")]
    assert len(rungs) >= 3
    verified = [name for name in run.names("overfit", "steps") if name.startswith("verify rate")]
    assert len(verified) >= 2
    assert run.stages["overfit"]["facts"]["changes"]


def test_gradients_and_updates_of_every_layer_are_drawn(run: Run) -> None:
    charts = {chart["title"]: chart for chart in run.stages["overfit"]["charts"]}
    for title in ("Gradient norm per layer", "Update-to-weight ratio per layer"):
        assert len({row[charts[title]["color"]] for row in charts[title]["rows"]}) >= 2


def test_each_regulariser_is_tried_alone_over_seeds(run: Run) -> None:
    gains = run.stages["regularize"]["facts"]["gains"]
    assert {"augmentation", "dropout", "label smoothing"} <= gains.keys()
    assert all(len(per_seed) >= 3 for per_seed in gains.values())
    assert "Ablation" in run.names("regularize", "tables")


def test_the_search_is_kept_and_tells_what_mattered(run: Run) -> None:
    tables = {table["title"]: table for table in run.stages["tune"]["tables"]}
    assert len(tables["Best short trials"]["rows"]) >= 4
    assert "What mattered" in run.names("tune", "charts")
    assert "adopt" in run.names("tune", "steps")


def test_averages_and_ensembles_are_compared_with_the_single_model(run: Run) -> None:
    assert {"moving average", "checkpoint average", "snapshots", "ensemble", "mixed ensemble"} <= set(
        run.names("squeeze", "steps")
    )
    assert run.stages["squeeze"]["facts"]["members"]


def test_the_test_part_is_opened_once_and_the_opening_is_written_down(run: Run) -> None:
    low, high = run.stages["report"]["facts"]["test_interval"]
    assert low <= run.stages["report"]["facts"]["test_metric"] <= high
    openings = (run.folder.parent / "test-openings.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(openings) == 1
    assert run.folder.name in openings[0]


def test_errors_are_shown_as_a_confusion(run: Run) -> None:
    confusion = next(chart for chart in run.stages["report"]["charts"] if chart["title"].startswith("Confusion"))
    assert confusion["kind"] == "heatmap"


def test_the_folder_can_be_read_without_the_program(run: Run) -> None:
    for name in ("config.yaml", "environment.json", "plan.json", "findings.json", "report.html"):
        assert (run.folder / name).stat().st_size > 0
    assert {path.stem for path in (run.folder / "stages").glob("*.json")} == set(STAGES)
    assert run.view["config_yaml"] == (run.folder / "config.yaml").read_text(encoding="utf-8")
    metrics = next((run.folder / "trainings").glob("*/metrics.jsonl")).read_text(encoding="utf-8").splitlines()
    assert all(json.loads(line) for line in metrics)


def test_a_finished_run_is_only_reported_again(run: Run) -> None:
    stages = {path: path.read_bytes() for path in (run.folder / "stages").glob("*.json")}
    again = Run.of(start(run.folder.parents[1], "run", "--resume", run.folder.name, "--json"), run.folder.parents[1])
    assert again.stages == run.stages
    assert {path: path.read_bytes() for path in stages} == stages


@pytest.mark.slow
def test_the_configuration_run_again_gives_the_same_result(run: Run) -> None:
    root = run.folder.parents[1]
    again = Run.of(start(root, "run", str(run.folder / "config.yaml"), "--json"), root)
    for stage in STAGES:
        ours, theirs = (dict(each.stages[stage]["facts"]) for each in (run, again))
        for facts in (ours, theirs):
            facts.pop("headline", None)
            facts.pop("seconds_per_training", None)
        assert ours == theirs
    assert len((root / "runs" / "test-openings.jsonl").read_text(encoding="utf-8").splitlines()) == 2


@pytest.mark.slow
def test_images_show_filters_and_worst_errors(tmp_path: Path) -> None:
    done = start(tmp_path, "run", "digits-200", "--set", "training.epochs=2", "--force", "--json")
    assert done.returncode in (0, 1), done.stderr
    titles = [each["title"] for stage in json.loads(done.stdout)["stages"] for each in stage["pictures"]]
    assert any("filter" in title.lower() for title in titles), titles
    assert any("loss" in title.lower() or "wrong" in title.lower() for title in titles), titles
