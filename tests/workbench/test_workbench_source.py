from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trainwright.workbench.source import describe, describe_model

MODULE = """
import torch
class Net(torch.nn.Module):
    def __init__(self, k=3):
        super().__init__()
        self.layer = torch.nn.Linear(2, k)
    def forward(self, x):
        return self.layer(x){change}
def make(k={default}):
    return Net(k)
"""


def load(folder: Path, **parts: Any) -> Any:
    """The module above, written and imported anew."""
    folder.mkdir(exist_ok=True)
    path = folder / "net.py"
    path.write_text(MODULE.format(**{"change": "", "default": 3, **parts}))
    spec = importlib.util.spec_from_file_location("net", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_code_counts_and_comments_do_not(tmp_path: Path) -> None:
    base = load(tmp_path / "a")
    same = load(tmp_path / "b", change="  # a remark\n\n")
    forward = load(tmp_path / "c", change=".relu()")
    default = load(tmp_path / "d", default=4)
    assert describe(base.make) == describe(same.make)
    assert len({describe(m.make) for m in (base, forward, default)}) == 3
    assert describe(base.Net) != describe(forward.Net)


def test_a_change_of_forward_shows_in_the_model_itself(tmp_path: Path) -> None:
    base, forward = load(tmp_path / "a"), load(tmp_path / "b", change=".relu()")
    models = []
    for module in (base, forward):
        torch.manual_seed(0)
        models.append(nn.Sequential(module.Net()))
    assert describe_model(models[0]) != describe_model(models[1])


def test_values_of_closures_partials_and_modules_count() -> None:
    def outer(value: Any) -> Any:
        return lambda: value

    assert describe(outer(1)) == describe(outer(1))
    assert describe(outer(1)) != describe(outer(2))
    assert describe(outer(object)) == describe(outer(object))
    assert describe(functools.partial(nn.Linear, 2)) != describe(functools.partial(nn.Linear, 3))
    assert describe(functools.partial(nn.Linear, bias=False)) != describe(functools.partial(nn.Linear, bias=True))
    assert describe(nn.CrossEntropyLoss(torch.ones(3))) != describe(nn.CrossEntropyLoss(torch.zeros(3)))
    assert describe(nn.CrossEntropyLoss()) == describe(nn.CrossEntropyLoss())
    assert describe(nn.CrossEntropyLoss(label_smoothing=0.1)) != describe(nn.CrossEntropyLoss())


def test_two_lambdas_of_one_file_are_told_apart() -> None:
    losses = [lambda a, b: (a - b).abs().mean(), lambda a, b: (a - b).square().mean()]
    assert describe(losses[0]) != describe(losses[1])
    weights = [torch.ones(2000), torch.ones(2000)]
    weights[1][1000] = 2  # where the text of a tensor has dots
    first, second = (lambda a, b, w=w: (w * (a - b)).mean() for w in weights)
    assert describe(first) != describe(second)


def test_a_function_that_closes_over_itself_is_described() -> None:
    def countdown(n: int) -> int:
        return countdown(n - 1) if n else 0

    assert describe(countdown) == describe(countdown)
