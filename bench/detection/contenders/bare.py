"""The program alone: what everything else costs is compared with this."""

from bench.detection.contenders.base import Contender

CONTENDER = Contender("bare", ("{python}", "{script}"), silent=True)
