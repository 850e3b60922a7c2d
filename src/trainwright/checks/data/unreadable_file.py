"""TW101 unreadable-file."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import data_faults, images
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.files import SourceFiles

SHOWN = 5


class UnreadableFile(Check):
    """Some files of the data set could not be read and were passed over.

    What it finds:
        Files that are empty, cut off, of another format than their name says, or that cannot be decoded.

    Why it hurts:
        The samples are missing without anyone having decided so. Where files broke for a reason (one camera, one
        class, one download), what is left is a biased choice of the data.

    How it is measured:
        Every file is opened and decoded completely while loading; a truncated picture does not count as readable.
        Every such file is a fact, so there is no limit.

    How to fix:
        Fetch the named files again from where they came, or delete them if they are not needed.

    References:
        Jonathan Hui, How to start a deep learning project, part 2 (clean the data).
    """

    code = "TW101"
    name = "unreadable-file"
    severity = Severity.WARNING
    cases = (Case(images.shapes, data_faults.unreadable_files),)

    def run(self, files: SourceFiles) -> Iterator[Finding]:
        if files.n_unreadable < 1:
            return
        named = [f"{path} ({reason})" for path, reason in files.unreadable[:SHOWN]]
        more = f" and {files.n_unreadable - len(named)} more" if files.n_unreadable > len(named) else ""
        total = files.n_read + files.n_unreadable
        yield self.finding(
            happened=f"{files.n_unreadable} of {total} files could not be read: {'; '.join(named)}{more}.",
            expected="0 unreadable files: every file can be opened and decoded to its end.",
            todo="Fetch these files again, or delete them; check whether they have something in common.",
            evidence=(Evidence("unreadable files", files.n_unreadable, limit=0, unit="files"),),
            fixes=(
                Fix("Replace the files", instruction="Fetch the named files again from their origin, or delete them."),
            ),
            why_confident="Each file was opened and decoded; the reason is what the decoder said.",
        )
