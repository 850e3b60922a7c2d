"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from trainwright.core import Severity, UsageError
from trainwright.core.errors import nearest

STAGES = ("audit", "check", "overfit", "regularize", "tune", "squeeze", "report")
"""The stages of the recipe in their order; a test compares them with the runner's."""


def read_severity(text: str) -> Severity:
    """The severity that a word names; ``BadParameter`` with the nearest one otherwise."""
    try:
        return Severity(text.lower())
    except ValueError:
        hint = nearest(text.lower(), list(Severity))
        raise typer.BadParameter(f"'{text}' is not one of {', '.join(Severity)}.{hint}") from None


def _read_stage(text: str) -> str:
    if text.lower() not in STAGES:
        raise typer.BadParameter(f"'{text}' is not one of {', '.join(STAGES)}.{nearest(text.lower(), STAGES)}")
    return text.lower()


def read_settings(assignments: Sequence[str]) -> dict[str, Any]:
    """``["optimizer.learning_rate=1e-3"]`` → ``{"optimizer.learning_rate": 0.001}``; values are read as YAML.

    Raises ``UsageError`` for an assignment without ``=`` and for a value that is no YAML. Whether the keys exist is
    for the experiment to say: it knows them.
    """
    return dict(_read_setting(each) for each in assignments)


def _read_setting(assignment: str) -> tuple[str, Any]:
    import yaml

    key, sign, text = assignment.partition("=")
    if not sign or not key.strip():
        raise UsageError(
            f"--set {assignment} sets nothing.",
            expected="A setting and its value, joined by '='.",
            todo="Write it like --set optimizer.learning_rate=1e-3",
        )
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UsageError(
            f"The value of --set {assignment} cannot be read: '{text}' is no YAML value.",
            expected="A number, a word, true, false, null or a [list].",
            todo="Quote it for the shell, like --set 'data.drop_samples=[3, 17]'",
        ) from None
    return key.strip(), _number(value)


def _number(value: Any) -> Any:
    """YAML 1.1 reads ``1e-3`` as a word; everybody here means the number."""
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(?:\.\d*)?[eE][+-]?\d+", value):
        return float(value)
    return value


RunsFolder = Annotated[
    Path, typer.Option("--runs", metavar="DIR", help="Folder that holds the run folders.", show_default=True)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else; progress goes to stderr.")]
FailOn = Annotated[
    Severity,
    typer.Option(
        "--fail-on",
        parser=read_severity,
        metavar="[error|warning|advice]",
        help="Exit with 1 when a finding is this bad or worse. Checks in preview never fail a run.",
    ),
]
Budget = Annotated[
    str | None,
    typer.Option(
        "--budget",
        metavar="TIME",
        help="Time to spend, like [bold]90s[/], [bold]5m[/] or [bold]1h30m[/]; the plan is fitted to it.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        metavar="N",
        help="Trainings at the same time; one for each core where none is given. The numbers do not depend on it.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        parser=_read_stage,
        metavar="STAGE",
        help=f"Stop after this stage: {', '.join(STAGES)}.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a setting; may be given many times. Keys are those of config.yaml, "
        "like [bold]optimizer.learning_rate=1e-3[/].",
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Go on through a shut gate. The report says on every page that you did.")
]
