"""Exceptions of trainwright.

::

    TrainwrightError          something the user can put right; printed without a traceback
    ├── UsageError            wrong option, wrong file, wrong key
    ├── DataError             data that cannot be used
    ├── ModelError            a model, loss or optimizer that does not fit the data
    ├── RunFolderError        a run folder that is missing, unwritable, full, truncated or tampered with
    └── DeclarationError      a check whose declaration is wrong (for authors of checks)
    CannotEvaluate            raised by a check that cannot judge what it was given
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TrainwrightError(Exception):
    """What happened, what was expected and what to do, with the values."""

    def __init__(self, happened: str, *, expected: str = "", todo: str = "") -> None:
        self.happened = happened
        self.expected = expected
        self.todo = todo
        super().__init__(" ".join(part for part in (happened, expected, todo) if part))


class UsageError(TrainwrightError):
    """A wrong option, file name or configuration key."""


class DataError(TrainwrightError):
    """Data that cannot be used as they are."""


class ModelError(TrainwrightError):
    """A model, loss or optimizer that does not fit the data or each other."""


class RunFolderError(TrainwrightError):
    """A run folder that is missing, unwritable, full, truncated or tampered with."""


class DeclarationError(TrainwrightError):
    """A check whose class is declared wrongly; names the file."""


class CannotEvaluate(Exception):  # noqa: N818 - not an error: the check honestly has no opinion
    """Raised inside ``Check.run`` when the measurement cannot be judged; the reason is shown."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """``" Did you mean 'x'?"`` for the closest choice, or an empty string when none is close."""
    found = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return f" Did you mean '{found[0]}'?" if found else ""
