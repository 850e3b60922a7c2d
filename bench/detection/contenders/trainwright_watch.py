"""`trainwright watch SCRIPT`: the whole program runs under the monitor, without a change to it."""

from bench.detection.contenders.base import TRAINWRIGHT, Contender

CONTENDER = Contender(
    "trainwright-watch",
    (*TRAINWRIGHT, "watch", "--json", "{findings}", "{script}"),
)
