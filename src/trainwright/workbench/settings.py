"""Dotted settings: changing, checking and writing configurations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from pydantic import ValidationError

from trainwright.core import UsageError
from trainwright.core.errors import nearest
from trainwright.workbench.config import Config, Section

_FREE_SECTIONS = ("model.options",)
"""Settings that are themselves mappings with names of the user's choice."""


def dotted_keys(section: type[Section] = Config, prefix: str = "") -> Iterator[str]:
    """All settings there are, like ``optimizer.learning_rate``."""
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from dotted_keys(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested sections as dotted settings; settings that are dotted already stay as they are."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and key not in _FREE_SECTIONS:
            flat.update(flatten(value, f"{key}."))
        else:
            flat[key] = value
    return flat


def with_changes(config: Config, changes: Mapping[str, Any], places: Mapping[str, str] | None = None) -> Config:
    """A configuration with dotted settings changed.

    ``places`` may say where each setting stands (``"line 7 of x.yaml"``), for messages. Raises ``UsageError`` for an
    unknown setting, with the nearest one, and for a value that is not allowed, with what is.
    """
    places = places or {}
    data = config.model_dump()
    for key, value in changes.items():
        _require_known(key, places)
        *sections, name = key.split(".")
        target = data
        for section in sections:
            target = target[section]
        target[name] = value
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise _explain(error, changes, places) from None


def dump_config(config: Config) -> str:
    """The complete configuration as YAML, which ``load_config`` reads back to an equal one."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _require_known(key: str, places: Mapping[str, str]) -> None:
    known = list(dotted_keys())
    if key in known or any(
        key.startswith(f"{free}.") and key.count(".") == free.count(".") + 1 for free in _FREE_SECTIONS
    ):
        return
    inside = [k for k in known if k.startswith(f"{key}.")]
    if inside:
        raise UsageError(
            f"{_at(key, places)}'{key}' is a section, not a setting.",
            expected=f"One of its settings: {', '.join(inside)}.",
            todo="Name the setting.",
        )
    section = key.rpartition(".")[0]
    siblings = [k for k in known if k.rpartition(".")[0] == section]
    hint = nearest(key, siblings) or nearest(key, known) or nearest(key, [k.rpartition(".")[2] for k in known])
    raise UsageError(
        f"{_at(key, places)}there is no setting '{key}'.{hint}",
        expected=f"One of {', '.join(siblings or sorted({k.partition('.')[0] for k in known}))}.",
        todo="Correct the name.",
    )


def _at(key: str, places: Mapping[str, str]) -> str:
    return f"{places[key]}: " if key in places else ""


def _explain(error: ValidationError, changes: Mapping[str, Any], places: Mapping[str, str]) -> UsageError:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    # pydantic adds positions in lists and the members of unions to the name of the setting
    key = next((".".join(path[:n]) for n in range(len(path), 0, -1) if ".".join(path[:n]) in changes), ".".join(path))
    allowed = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return UsageError(
        f"{_at(key, places)}{key} = {first['input']!r} is not allowed.",
        expected=f"{key} must be {allowed}.",
        todo="Correct the value.",
    )
