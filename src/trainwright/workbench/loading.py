"""From what the user names to an experiment: a data source, a YAML file or a Python file."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import yaml

from trainwright.core import TrainwrightError, UsageError
from trainwright.core.errors import nearest
from trainwright.workbench.config import Config
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.settings import dotted_keys, dump_config, with_changes

__all__ = ["dump_config", "load_config", "load_experiment"]

_YAML_SUFFIXES = (".yaml", ".yml")


class _Loader(yaml.SafeLoader):
    """YAML 1.2's view of numbers: ``1e-3`` is a number, which PyYAML takes for text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|nan)$"),
    list("-+0123456789."),
)
_Loader.yaml_implicit_resolvers = {
    # Integers first: the pattern above also matches them.
    character: sorted(resolvers, key=lambda r: r[0] != "tag:yaml.org,2002:int")
    for character, resolvers in _Loader.yaml_implicit_resolvers.items()
}


def load_config(source: Path | str) -> Config:
    """A configuration from a YAML file (a ``Path``, or text on one line ending in .yaml) or from YAML text.

    Settings may be nested sections or dotted names; those not given have their defaults. Raises ``UsageError`` with the
    line for a syntax error, an unknown or repeated setting or a value that is not allowed.
    """
    text, name = _read(source)
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            values, places = _settings(loader, node, name) if node else ({}, {})
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UsageError(
            f"{name}{line}: this is no YAML: {getattr(error, 'problem', None) or error}.",
            expected="Sections with indented 'name: value' lines.",
            todo="Correct that line.",
        ) from None
    return with_changes(Config(), values, places)


def load_experiment(target: str, changes: Mapping[str, Any] = MappingProxyType({})) -> Experiment:
    """The experiment that ``target`` names, with dotted settings changed.

    ``target``: a configuration (``x.yaml``), a Python file (``x.py``, or ``x.py:name``) that holds an
    :class:`Experiment` or a function returning one, called ``experiment`` where no name is given; anything else is a
    data source as in ``data.source``. Raises ``UsageError`` or ``DataError`` with what is wrong.
    """
    file, _, name = target.partition(".py:")
    if target.endswith(".py") or name:
        experiment = _from_python(Path(target if not name else f"{file}.py"), name)
    elif target.endswith(_YAML_SUFFIXES):
        experiment = Experiment.from_config(load_config(Path(target)))
    else:
        experiment = Experiment.from_config(with_changes(Config(), {"data.source": target}))
    return experiment.with_changes(changes) if changes else experiment


def _read(source: Path | str) -> tuple[str, str]:
    if isinstance(source, str) and ("\n" in source or not source.endswith(_YAML_SUFFIXES)):
        return source, "the configuration"
    path = Path(source).expanduser()
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except OSError as error:
        here = [p.name for p in path.parent.glob("*.y*ml")]
        raise UsageError(
            f"Cannot read the configuration {path}: {error.strerror}.{nearest(path.name, here)}",
            expected="A YAML file.",
            todo="Correct the path.",
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"The configuration {path} is no UTF-8 text: {error}.", todo="Save it as UTF-8.") from None


def _settings(
    loader: yaml.SafeLoader, node: yaml.Node, name: str, prefix: str = ""
) -> tuple[dict[str, Any], dict[str, str]]:
    """Dotted settings with their values, and the place of each."""
    if not isinstance(node, yaml.MappingNode):
        what = f"section '{prefix[:-1]}'" if prefix else "file"
        raise UsageError(
            f"{name}, line {node.start_mark.line + 1}: the {what} holds {node.value!r}.",
            expected="Indented 'name: value' lines.",
            todo=f"Write for example '{prefix[:-1] or 'training'}:' with 'epochs: 20' indented below it."
            if not prefix
            else "Name the settings of the section.",
        )
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    sections = _sections()
    for key_node, value_node in node.value:
        key = f"{prefix}{key_node.value}"
        place = f"{name}, line {key_node.start_mark.line + 1}"
        if key in sections and not _is_empty(value_node):
            found, where = _settings(loader, value_node, name, f"{key}.")
        elif key in sections:
            found, where = {}, {}
        else:
            found, where = {key: loader.construct_object(value_node, deep=True)}, {key: place}
        for repeated in found.keys() & values.keys():
            raise UsageError(
                f"{where[repeated]}: '{repeated}' is set a second time.",
                expected=f"Each setting once; it stands already at {places[repeated]}.",
                todo="Remove one of the two lines.",
            )
        values.update(found)
        places.update(where)
    return values, places


def _sections() -> set[str]:
    return {key.partition(".")[0] for key in dotted_keys() if "." in key}


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value in ("", "null", "~")


def _from_python(path: Path, name: str) -> Experiment:
    module = _import(path)
    found = getattr(module, name or "experiment", None)
    if found is None and not name:
        candidates = [value for value in vars(module).values() if isinstance(value, Experiment)]
        found = candidates[0] if len(candidates) == 1 else None
    if found is None:
        public = [key for key, value in vars(module).items() if isinstance(value, Experiment) or callable(value)]
        raise UsageError(
            f"{path} has no '{name or 'experiment'}'.{nearest(name or 'experiment', public)}",
            expected="An Experiment, or a function without arguments that returns one.",
            todo=f"Define 'experiment', or name another one: {path}:name.",
        )
    experiment = found if isinstance(found, Experiment) or not callable(found) else found()
    if not isinstance(experiment, Experiment):
        raise UsageError(
            f"'{name or 'experiment'}' in {path} gives {type(experiment).__name__}.",
            expected="A trainwright.Experiment.",
            todo="Return trainwright.Experiment(data=(inputs, targets), model=...).",
        )
    return experiment


def _import(path: Path) -> ModuleType:
    if not path.is_file():
        here = [p.name for p in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise UsageError(
            f"There is no file {path}.{nearest(path.name, here)}", expected="A Python file.", todo="Correct the path."
        )
    resolved = path.resolve()
    # A name of its own for every file: two files called experiment.py must not be taken for each other.
    module_name = f"_trainwright_{resolved.stem}_{hashlib.sha256(str(resolved).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(module_name, resolved)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    sys.path.insert(0, str(resolved.parent))  # so that it may import its neighbours, as `python file.py` allows
    try:
        spec.loader.exec_module(module)
    except TrainwrightError:
        raise
    except Exception as error:
        raise UsageError(
            f"{path} cannot be imported: {type(error).__name__}: {error}.",
            expected="A Python file that runs without errors.",
            todo=f"Run 'python {path}' to see where it fails.",
        ) from error
    finally:
        sys.path.remove(str(resolved.parent))
    return module
