"""Drills: the faults that were missed most, in many forms on many bases, written by people who saw none of the checks."""

from bench.detection.corpus.drills import labels, pairs_and_leaks, shapes_and_rates

LOTS = labels, pairs_and_leaks, shapes_and_rates
