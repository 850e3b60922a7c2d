"""What was read from files."""

from __future__ import annotations

from dataclasses import dataclass

from trainwright.core.measurement import Measurement


@dataclass(frozen=True, kw_only=True)
class SourceFiles(Measurement):
    """How many samples were read and which files could not be.

    ``unreadable``: (path, reason) of the first of ``n_unreadable`` files that were passed over.
    """

    n_read: int
    n_unreadable: int
    unreadable: tuple[tuple[str, str], ...]
