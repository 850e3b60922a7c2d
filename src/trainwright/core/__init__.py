"""The vocabulary of trainwright; standard library only."""

from trainwright.core.catalogue import Catalogue, discover
from trainwright.core.check import Case, Check, Need
from trainwright.core.errors import (
    CannotEvaluate,
    DataError,
    ModelError,
    RunFolderError,
    TrainwrightError,
    UsageError,
)
from trainwright.core.evidence import Evidence, Series
from trainwright.core.finding import Finding, Maturity, Severity
from trainwright.core.fix import Fix
from trainwright.core.measurement import Measurement, Measurements
from trainwright.core.verdict import Verdict, judge

__all__ = [
    "CannotEvaluate",
    "Case",
    "Catalogue",
    "Check",
    "DataError",
    "Evidence",
    "Finding",
    "Fix",
    "Maturity",
    "Measurement",
    "Measurements",
    "ModelError",
    "Need",
    "RunFolderError",
    "Series",
    "Severity",
    "TrainwrightError",
    "UsageError",
    "Verdict",
    "discover",
    "judge",
]
