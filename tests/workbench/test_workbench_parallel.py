from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from trainwright.core import UsageError
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import Trainer, train
from trainwright.workbench.parallel import Team, join_team

PROGRAM = """
import json, os, sys
from pathlib import Path
import torch
from trainwright import Config, Experiment, train
torch.set_num_threads(1)
settings = json.loads(sys.argv[1])
experiment = Experiment.from_config(Config()).with_changes(settings)
result = train(experiment, seed=0, folder=Path(sys.argv[2]))
torch.save([p.detach() for p in result.load_model().parameters()], Path(sys.argv[3]) / os.environ["RANK"])
"""

SETTINGS = {
    "data.source": "wine",
    "optimizer.name": "sgd",
    "training.epochs": 3,
    "training.batch_size": 31,
    "training.accumulate": 2,
    "training.checkpoint_seconds": 0.0,
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
def test_two_processes_train_the_same_model_as_one(tmp_path: Path) -> None:
    common = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    command = [sys.executable, "-c", PROGRAM, json.dumps(SETTINGS), str(tmp_path / "run"), str(tmp_path)]
    team = [subprocess.Popen(command, env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)}) for rank in (0, 1)]
    assert [process.wait(timeout=100) for process in team] == [0, 0]
    experiment = Experiment(config=SETTINGS)
    alone = train(experiment, seed=0)
    together = train(experiment, seed=0, folder=tmp_path / "run", on_epoch=lambda _: pytest.fail("trained again"))
    leader, other = (torch.load(tmp_path / rank, weights_only=True) for rank in "01")
    for mine, theirs, single in zip(leader, other, alone.load_model().parameters(), strict=True):
        assert torch.equal(mine, theirs)
        torch.testing.assert_close(mine, single.detach(), atol=1e-5, rtol=1e-4)
    for one, two in zip(alone.history, together.history, strict=True):
        assert one.train_loss == pytest.approx(two.train_loss, rel=1e-4)
        assert one.train_metric == pytest.approx(two.train_metric)


def test_a_batch_too_small_to_share_is_refused() -> None:
    experiment = Experiment(config={**SETTINGS, "training.batch_size": 3})
    with pytest.raises(UsageError, match="4 processes share each batch"):
        Trainer(experiment, 0, folder=None, team=Team(0, 4, torch.device("cpu")), on_epoch=None)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_missing_device_is_said() -> None:
    with pytest.raises(UsageError, match="no CUDA device"), join_team("cuda"):
        pass
