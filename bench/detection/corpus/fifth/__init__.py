"""The fifth half: faults of which most were drawn by lot from the development list."""

from bench.detection.corpus.fifth import lot_a, lot_a_healthy, lot_b, lot_b_healthy, lot_c_healthy

LOTS = lot_a, lot_a_healthy, lot_b, lot_b_healthy, lot_c_healthy
