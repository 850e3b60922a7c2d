"""A fix as the lines of YAML to change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import yaml


class Line(NamedTuple):
    """One line of a diff: its sign (`` `` unchanged, ``-`` old, ``+`` new) and its text, indented."""

    sign: Literal[" ", "-", "+"]
    text: str


_ABSENT = object()


def yaml_diff(changes: Mapping[str, Any], config_yaml: str = "") -> list[Line]:
    """The lines to change in a configuration file so that the dotted ``changes`` take effect.

    Old values are looked up in ``config_yaml``; a key that is not there, or a file that cannot be read, shows only the
    new line.
    """
    current = _load(config_yaml)
    lines: list[Line] = []
    open_sections: tuple[str, ...] = ()
    for key in sorted(changes, key=lambda k: (k.split(".")[:-1], list(changes).index(k))):
        *sections, name = key.split(".")
        shared = _shared_length(open_sections, sections)
        for depth in range(shared, len(sections)):
            lines.append(Line(" ", f"{'  ' * depth}{sections[depth]}:"))
        open_sections = tuple(sections)
        indent = "  " * len(sections)
        old = _look_up(current, [*sections, name])
        if old is not _ABSENT and old != changes[key]:
            lines.append(Line("-", f"{indent}{name}: {_value(old)}"))
        lines.append(Line("+", f"{indent}{name}: {_value(changes[key])}"))
    return lines


def _shared_length(a: tuple[str, ...], b: list[str]) -> int:
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return n


def _load(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _look_up(tree: Any, path: list[str]) -> Any:
    for name in path:
        if not isinstance(tree, Mapping) or name not in tree:
            return _ABSENT
        tree = tree[name]
    return tree


def _value(value: Any) -> str:
    plain = list(value) if isinstance(value, tuple) else value
    text: str = yaml.safe_dump(plain, default_flow_style=True, width=float("inf"), allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...").strip()
