"""Watching changes no program of the corpus: after fifty steps weights and random states are the same to the bit."""

from __future__ import annotations

import hashlib
import random
import runpy
import warnings
from contextlib import AbstractContextManager, nullcontext, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bench.detection.program import Program
from bench.detection.programs import PROGRAMS
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook

import trainwright

STEPS = 50
QUICK = ("char-transformer", "digits-cnn", "house-prices", "ring-gan", "table-classes", "wave-gru")
"""Bases whose sound program is run in every test; the others are run with the slow ones."""


class _Enough(SystemExit):
    """Enough steps were made."""


def _mark(program: Program) -> Any:
    quick = program.name in {f"{base}--as-written" for base in QUICK}
    return pytest.param(program, id=program.name, marks=() if quick else pytest.mark.slow)


def _digest(script: Path, watching: AbstractContextManager[Any]) -> str:
    """What the program's weights and the random states come to after :data:`STEPS` steps, or at its end."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the programs draw from it
    torch.manual_seed(0)
    trained: dict[int, torch.Tensor] = {}
    steps = 0

    def after(optimizer: Optimizer, *_: Any) -> None:
        nonlocal steps
        trained.update({id(p): p for group in optimizer.param_groups for p in group["params"]})
        steps += 1
        if steps == STEPS:
            raise _Enough

    handle = register_optimizer_step_post_hook(after)
    said = StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said), warnings.catch_warnings(), watching:
            warnings.simplefilter("ignore")
            runpy.run_path(str(script), run_name="__main__")
    except (_Enough, Exception):  # noqa: BLE001 - faulty programs may end with an exception of their own
        pass
    finally:
        handle.remove()
    found = hashlib.sha256()
    for parameter in trained.values():
        found.update(parameter.detach().float().numpy().tobytes())
    found.update(torch.get_rng_state().numpy().tobytes())
    found.update(repr((np.random.get_state(), random.getstate(), steps)).encode())  # noqa: NPY002
    return found.hexdigest()


@pytest.mark.parametrize("program", [_mark(program) for program in PROGRAMS])
def test_a_watched_program_trains_to_the_same_bits(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "program.py"
    script.write_text(program.source(), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(script)])
    monkeypatch.setenv("SEED", "0")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    threads = torch.get_num_threads()
    try:
        alone = _digest(script, nullcontext())
        watched = _digest(script, trainwright.watch(every=3, quiet=True))
        # Where tensors lie in memory may change sums by a bit: what a second run alone does as well is not watching's.
        again = alone if alone == watched else _digest(script, nullcontext())
    finally:
        torch.set_num_threads(threads)
    if alone != again != watched:
        pytest.skip("three runs, three results: this program is not deterministic by itself")
    assert watched == again
