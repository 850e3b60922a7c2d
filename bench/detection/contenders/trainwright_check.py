"""`trainwright check SCRIPT`: the program runs up to its first step, then the trials are made on a copy."""

from bench.detection.contenders.base import Contender

CONTENDER = Contender(
    "trainwright-check",
    ("{python}", "-m", "trainwright.cli.main", "check", "{script}", "--json"),
    trains=False,
    prints_findings=True,
)
