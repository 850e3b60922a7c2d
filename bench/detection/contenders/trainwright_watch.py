"""`trainwright watch SCRIPT`: the whole program runs under the monitor, without a change to it."""

from bench.detection.contenders.base import Contender

CONTENDER = Contender(
    "trainwright-watch",
    ("{python}", "-m", "trainwright.cli.main", "watch", "--json", "{findings}", "{script}"),
)
