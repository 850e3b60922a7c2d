"""The fifteenth half: two thirds of the development list, drawn by lot, on bases that nobody had tuned on."""

from bench.detection.corpus.fifteenth import lot_a, lot_a_healthy, lot_b, lot_b_healthy, lot_c, lot_c_healthy

LOTS = lot_a, lot_a_healthy, lot_b, lot_b_healthy, lot_c, lot_c_healthy
