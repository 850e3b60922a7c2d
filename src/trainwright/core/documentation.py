"""The documentation of a check, read from the docstring of its class."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

SECTIONS = ("What it finds", "Why it hurts", "How it is measured", "How to fix", "References")


@dataclass(frozen=True)
class Documentation:
    """A one-line summary and the text of each of :data:`SECTIONS`."""

    summary: str
    sections: dict[str, str]


def read_documentation(docstring: str | None) -> Documentation:
    """Split a docstring at its section headings (``What it finds:`` on a line of its own).

    Raises ``ValueError`` naming the first section that is missing or empty.
    """
    text = inspect.cleandoc(docstring or "")
    heading = re.compile(rf"^({'|'.join(SECTIONS)}):[ \t]*$", re.MULTILINE)
    parts = heading.split(text)
    summary = parts[0].strip()
    sections = {
        name: inspect.cleandoc("\n" + body).strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }
    if not summary:
        raise ValueError("the docstring needs a one-line summary first")
    for name in SECTIONS:
        if not sections.get(name):
            raise ValueError(f"the docstring needs a section '{name}:' with some text")
    return Documentation(summary, sections)
