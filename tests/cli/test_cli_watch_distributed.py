"""``trainwright watch`` under ``torchrun``: several processes that train one model together."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOGETHER = """
import torch
import torch.distributed as dist
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

RATE = 3e-3


def main():
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    digits = load_digits()
    images, names = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)
    training, validation = TensorDataset(images[:1400], names[:1400]), TensorDataset(images[1400:], names[1400:])
    sampler = DistributedSampler(training)
    model = nn.parallel.DistributedDataParallel(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)))
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    for epoch in range(6):
        sampler.set_epoch(epoch)
        model.train()
        for x, y in DataLoader(training, 32, sampler=sampler):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = sum(int((model(x).argmax(1) == y).sum()) for x, y in DataLoader(validation, 100))
        if dist.get_rank() == 0:
            print(epoch, right / len(validation))
    dist.destroy_process_group()


main()
"""


@pytest.mark.parametrize(("rate", "said"), [("3e-3", "nothing found"), ("3e-7", "TW406 update-ratio")])
def test_of_two_processes_one_speaks(rate: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TOGETHER.replace("RATE = 3e-3", f"RATE = {rate}"))
    programs = Path(sys.executable).parent
    start = [str(programs / "torchrun"), "--nproc_per_node=2", "--no-python"]
    command = [*start, str(programs / "trainwright"), "watch", "train.py"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "110"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=environment)
    assert len(done.stdout.splitlines()) == 6
    assert done.stderr.count("Report: trainwright-report.html") == 1
    assert said in done.stderr
    assert (tmp_path / "trainwright-report.html").exists()
