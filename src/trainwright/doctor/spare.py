"""Spare modules: parts of a model that its forward pass leaves to others, on purpose."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from torch import nn

from trainwright.measures.reach import module_of

_OF_FORWARD = ("__init__", "forward", "__call__")
_OUT, _IN = ("out_features", "out_channels"), ("in_features", "in_channels")
_WIDTHS = (
    *(*_OUT, *_IN, "num_features", "num_channels", "normalized_shape"),
    *("input_size", "hidden_size", "embedding_dim", "embed_dim"),
)
"""Attributes of torch's layers that say how many numbers they take or give."""


def spare_modules(model: nn.Module, called: Sequence[str], parameters: Iterable[str]) -> Iterator[str]:
    """Modules of these ``parameters`` that did not run and belong to a library's own model, which has heads for several
    uses, or that another method than ``forward`` calls, or whose results are as wide as nothing that ran, so that they
    were left out of nothing, or one number of what the last layer is given. ``called``: names of the modules that ran,
    one after the other."""
    modules = dict(model.named_modules())
    ran = [modules[name] for name in called if name in modules]
    widths = {width for each in ran for width in _widths(each)}
    given = next((width for each in reversed(ran) if (width := _width(each, _IN))), 0)
    idle = [name for name in dict.fromkeys(map(module_of, parameters)) if name not in called]
    last = {_owner(name, called): modules.get(name) for name in idle}  # None: a parameter of the model itself
    for name in idle:
        owner, attribute = _owner(name, called)
        kind = type(model.get_submodule(owner))
        elsewhere = _is_of_library(kind) or attribute in _called_elsewhere(kind)
        if not _is_container(kind) and (elsewhere or not _fits(last[owner, attribute], widths, given)):
            yield name


def _widths(module: nn.Module) -> Iterator[int]:
    """What a layer takes and gives, as its attributes say."""
    for attribute in _WIDTHS:
        width = getattr(module, attribute, None)
        yield from (each for each in (width if isinstance(width, tuple) else (width,)) if isinstance(each, int))


def _width(module: nn.Module | None, attributes: Iterable[str]) -> int:
    """What a layer takes, or gives, in one of these attributes; 0 where it has none."""
    return next((value for each in attributes if isinstance(value := getattr(module, each, None), int)), 0)


def _fits(module: nn.Module | None, widths: Collection[int], given: int) -> bool:
    """Whether the result could be given to a layer that ran, or added to the result of one. One number, a gate say,
    fits all, unless the layer takes just what the last one is ``given``: that is a head beside it."""
    out = _width(module, _OUT)
    return _width(module, _IN) != given if out == 1 else out == 0 or out in widths


def _owner(name: str, called: Collection[str]) -> tuple[str, str]:
    """The innermost module around ``name`` that ran, and the attribute of it that leads there."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        if ".".join(parts[:end]) in called:
            return ".".join(parts[:end]), parts[end]
    return "", parts[0]


def _is_container(kind: type[nn.Module]) -> bool:
    return kind.__module__.startswith("torch.nn")


def _is_of_library(kind: type[nn.Module]) -> bool:
    return any("site-packages" in Path(method.__code__.co_filename).parts for method in _methods(kind))


def _called_elsewhere(kind: type[nn.Module]) -> frozenset[str]:
    """Attributes of ``self`` that are called in other methods of the class than those of the forward pass."""
    others = [_tree(method) for method in _methods(kind) if method.__name__ not in _OF_FORWARD]
    return frozenset(name for tree in others for node in ast.walk(tree) if (name := _called_attribute(node)))


def _methods(kind: type[nn.Module]) -> list[types.FunctionType]:
    return [method for method in vars(kind).values() if isinstance(method, types.FunctionType)]


def _tree(method: types.FunctionType) -> ast.AST:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(method)))
    except (OSError, SyntaxError):  # typed in, or changed since it was loaded
        return ast.Module([], [])


def _called_attribute(node: ast.AST) -> str:
    """``tilt`` for ``self.tilt(…)``, nothing for anything else."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return ""
    owner = node.func.value
    return node.func.attr if isinstance(owner, ast.Name) and owner.id == "self" else ""
