"""The report as one self-contained page: no file beside it, no request to anywhere."""

from __future__ import annotations

from pathlib import Path

from trainwright.logbook.files import write_bytes
from trainwright.report.page import Page
from trainwright.report.view import RunView

FILE_NAME = "report.html"


def render_html(view: RunView, folder: Path) -> str:
    """One page of HTML that holds everything: styles, scripts, charts, and the pictures below ``folder``.

    A picture that is missing or unreadable is named on the page instead of shown. All text of the run is escaped, and
    the page's own content security policy allows only the two scripts it was written with.
    """
    return Page(view, folder).render()


def write_html(view: RunView, folder: Path) -> Path:
    """Write ``folder/report.html`` atomically and return its path; ``RunFolderError`` when that fails."""
    path = folder / FILE_NAME
    write_bytes(path, render_html(view, folder).encode("utf-8"))
    return path
