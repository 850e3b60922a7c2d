"""Spare modules: parts of a model that its forward pass leaves to others, on purpose."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from torch import nn

from trainwright.measures.reach import module_of

_OF_FORWARD = ("__init__", "forward", "__call__")


def spare_modules(model: nn.Module, called: Collection[str], parameters: Iterable[str]) -> Iterator[str]:
    """Modules of these ``parameters`` that did not run and belong to a library's own model, which has heads for several
    uses, or that another method than ``forward`` calls. ``called``: names of the modules that ran."""
    for name in dict.fromkeys(map(module_of, parameters)):
        if name in called:
            continue
        owner, attribute = _owner(name, called)
        kind = type(model.get_submodule(owner))
        if not _is_container(kind) and (_is_of_library(kind) or attribute in _called_elsewhere(kind)):
            yield name


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
