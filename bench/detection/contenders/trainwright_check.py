"""`trainwright check SCRIPT`: the program runs up to its first step, then the trials are made on a copy."""

from bench.detection.contenders.base import TRAINWRIGHT, Contender

CONTENDER = Contender(
    "trainwright-check",
    (*TRAINWRIGHT, "check", "--json", "{script}"),
    trains=False,
    prints_findings=True,
)
