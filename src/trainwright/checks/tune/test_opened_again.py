"""TW705 test-opened-again."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.study import TestOpenings


class TestOpenedAgain(Check):
    """The test set was looked at by more than one run.

    What it finds:
        A test set that an earlier run has opened already.

    Why it hurts:
        A test score is honest once. Every further look lets decisions depend on it, and the reported score becomes a
        validation score: too good by an unknown amount.

    How it is measured:
        A fact: each opening is written to ``test-openings.jsonl`` beside the run folders before the data are handed
        out. Distinct runs that opened test data of the same fingerprint are counted; a resumed run counts once.

    How to fix:
        Report the first opening's score, or collect new test data. Say how often the set was opened in any case.

    References:
        Dwork et al., The reusable holdout (2015).
    """

    __test__ = False  # not a test class, whatever its name makes pytest think

    code = "TW705"
    name = "test-opened-again"
    severity = Severity.WARNING
    cases = (Case(training_benches.alloys_mlp, training_faults.worn_test_set),)

    def run(self, found: TestOpenings) -> Iterator[Finding]:
        if found.count < 0:
            raise CannotEvaluate(f"{found.count} openings cannot be")
        if found.count <= 1:
            return
        yield self.finding(
            happened=f"This test set ({found.fingerprint}) was opened by {found.count} runs, this one included.",
            expected="1 opening, at the very end.",
            todo="Report the first opening's score, or collect new test data; say how often it was opened.",
            evidence=(Evidence("runs that opened the test set", found.count, limit=1, unit="runs"),),
            fixes=(
                Fix(
                    "Judge on data nobody has seen",
                    instruction="Collect new test samples, or report the score of the first run that opened these.",
                ),
            ),
            why_confident="Counted from the logbook.",
        )
