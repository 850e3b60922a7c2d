"""Code and objects as text that changes when they would do something else; part of a training's key."""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import re
import sys
import types
from pathlib import Path
from typing import Any

import torch
from torch import nn

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def digest_of(*parts: str) -> str:
    """A short name for some text."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def describe(thing: Any) -> str:
    """Text that changes with the code of a function, class or object, its defaults, its closure and its values.

    Of code in a file of the user's the whole module counts, since a factory calls what stands beside it; comments and
    layout do not. Names looked up at run time elsewhere are beyond what can be seen.
    """
    if isinstance(thing, functools.partial):
        arguments = (*thing.args, *(f"{name}={describe(value)}" for name, value in sorted(thing.keywords.items())))
        return f"partial({describe(thing.func)}, {', '.join(map(describe, arguments))})"
    if isinstance(thing, nn.Module):
        return f"{thing!r} {weights_digest(thing)} {_code(type(thing))}"
    if isinstance(thing, types.MethodType):
        return f"{describe(thing.__func__)} of {describe(thing.__self__)}"
    if isinstance(thing, types.FunctionType):
        closure = [cell.cell_contents for cell in thing.__closure__ or ()]
        values = [_value(v) for v in (*(thing.__defaults__ or ()), *closure, thing.__kwdefaults__)]
        return f"{thing.__qualname__} {_code(thing)} {values}"
    if isinstance(thing, type):
        return f"{thing.__qualname__} {_code(thing)}"
    return f"{type(thing).__qualname__} {_value(thing)}"


def weights_digest(model: nn.Module) -> str:
    """Names, shapes and values of everything a model stores."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        if isinstance(tensor, torch.Tensor):
            values = tensor.detach().cpu().contiguous()
            digest.update(f"{name} {tuple(values.shape)} {values.dtype}".encode())
            digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _value(value: Any) -> str:
    if isinstance(value, types.FunctionType | type | nn.Module | functools.partial):
        return describe(value)
    return _ADDRESS.sub("", repr(value))


def _code(thing: Any) -> str:
    """The syntax tree of the module a user's function or class stands in, or as much of it as can be had."""
    try:
        file = Path(inspect.getsourcefile(thing) or "")
    except TypeError:
        return _ADDRESS.sub("", repr(thing))
    if _is_installed(file):
        return f"{thing.__module__}.{thing.__qualname__}"
    try:
        return digest_of(_tree(file, file.stat().st_mtime_ns))
    except (OSError, SyntaxError, ValueError):
        code = getattr(thing, "__code__", None)
        return digest_of(code.co_code.hex(), _ADDRESS.sub("", repr(code.co_consts))) if code else thing.__qualname__


@functools.lru_cache(maxsize=64)
def _tree(file: Path, _modified: int) -> str:
    return ast.dump(ast.parse(file.read_bytes()))


def _is_installed(file: Path) -> bool:
    """Whether the file belongs to Python or to an installed package, whose version stands in the environment."""
    text = str(file)
    return "site-packages" in text or text.startswith((sys.base_prefix + "/lib", "<frozen"))
