"""Code and objects as text that changes when they would do something else; part of a training's key."""

from __future__ import annotations

import ast
import functools
import hashlib
import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

_PLAIN = (int, float, str, bool, tuple, list, types.NoneType)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def digest_of(*parts: str) -> str:
    """A short name for some text."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def describe(thing: Any) -> str:
    """Text that changes with the code of a function, class or object, its defaults, its closure and its values.

    Of code in a file of the user's the whole module counts, since a factory calls what stands beside it; comments and
    layout do not. Names looked up at run time elsewhere are beyond what can be seen.
    """
    return _describe(thing, frozenset())


def _describe(thing: Any, above: frozenset[int]) -> str:
    """``above``: what is being described already; a function may close over itself."""
    if id(thing) in above:
        return "itself"
    above |= {id(thing)}
    if isinstance(thing, functools.partial | types.MethodType | types.FunctionType | type):
        return _describe_code(thing, above)
    if isinstance(thing, nn.Module):
        return describe_model(thing)
    if isinstance(thing, torch.Tensor | np.ndarray):
        return f"{thing.shape} {thing.dtype} {_digest_of_values(torch.as_tensor(thing))}"
    if isinstance(thing, tuple | list):
        return f"{type(thing).__qualname__} {[_describe(item, above) for item in thing]}"
    return f"{type(thing).__qualname__} {_ADDRESS.sub('', repr(thing))}"


def _describe_code(thing: Any, above: frozenset[int]) -> str:
    if isinstance(thing, functools.partial):
        arguments = [*thing.args, *sorted(thing.keywords.items())]
        return f"partial({_describe(thing.func, above)}, {[_describe(a, above) for a in arguments]})"
    if isinstance(thing, types.MethodType):
        return f"{_describe(thing.__func__, above)} of {_describe(thing.__self__, above)}"
    if isinstance(thing, type):
        methods = [_bytecode(f.__code__) for f in vars(thing).values() if isinstance(f, types.FunctionType)]
        return f"{thing.__qualname__} {_module_code(thing)} {digest_of(*methods)}"
    values = [*(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).items(), *_closure(thing)]
    # The module's code does not tell two lambdas of one file apart, their own does.
    own = [_bytecode(thing.__code__), *(_describe(value, above) for value in values)]
    return f"{thing.__qualname__} {_module_code(thing)} {digest_of(*own)}"


def _closure(function: types.FunctionType) -> list[Any]:
    cells = function.__closure__ or ()
    return [cell.cell_contents for cell in cells if cell != types.CellType()]


def _bytecode(code: types.CodeType) -> str:
    constants = [_bytecode(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts]
    return digest_of(code.co_code.hex(), *code.co_names, *constants)


def describe_model(model: nn.Module) -> str:
    """Structure, settings, initial weights and the code of every module class, wherever it is defined."""
    classes = sorted({describe(type(module)) for module in model.modules()})
    settings = [_settings(module) for module in model.modules()]
    return f"{_ADDRESS.sub('', repr(model))} {settings} {weights_digest(model)} {classes}"


def _settings(module: nn.Module) -> dict[str, str]:
    """What a module keeps in plain attributes, not all of which its text shows."""
    attributes = sorted((name, value) for name, value in vars(module).items() if not name.startswith("_"))
    return {name: repr(value) for name, value in attributes if isinstance(value, _PLAIN) and name != "training"}


def weights_digest(model: nn.Module) -> str:
    """Names, shapes and values of everything a model stores."""
    tensors = [(name, t) for name, t in sorted(model.state_dict().items()) if isinstance(t, torch.Tensor)]
    return digest_of(*(f"{name} {tuple(t.shape)} {t.dtype} {_digest_of_values(t)}" for name, t in tensors))


def _digest_of_values(tensor: torch.Tensor) -> str:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return hashlib.sha256(flat.view(torch.uint8).numpy().tobytes()).hexdigest()


def _module_code(thing: Any) -> str:
    """The syntax tree of the module a user's function or class stands in, or as much of it as can be had."""
    file = _file_of(thing)
    if file is None:
        return _ADDRESS.sub("", repr(thing))
    if _is_installed(file):
        return f"{thing.__module__}.{thing.__qualname__}"
    try:
        return digest_of(_tree(file, file.stat().st_mtime_ns))
    except (OSError, SyntaxError, ValueError):
        return "typed in"  # its bytecode is all there is


def _file_of(thing: Any) -> Path | None:
    """The file of a function, or of a class by its methods: its module need not be registered anywhere."""
    functions = [thing] if isinstance(thing, types.FunctionType) else list(vars(thing).values())
    code = next((f.__code__ for f in functions if isinstance(f, types.FunctionType)), None)
    return None if code is None else Path(code.co_filename)


@functools.lru_cache(maxsize=64)
def _tree(file: Path, _modified: int) -> str:
    return ast.dump(ast.parse(file.read_bytes()))


def _is_installed(file: Path) -> bool:
    """Whether the file belongs to Python or to an installed package, whose version stands in the environment."""
    text = str(file)
    return "site-packages" in text or text.startswith((sys.base_prefix + "/lib", "<frozen"))
