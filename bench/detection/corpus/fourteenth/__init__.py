"""The fourteenth half: every fault of the development list once more, on bases that nobody had tuned on."""

from bench.detection.corpus.fourteenth import lot_a, lot_a_healthy, lot_b, lot_b_healthy, lot_c, lot_c_healthy

LOTS = lot_a, lot_a_healthy, lot_b, lot_b_healthy, lot_c, lot_c_healthy
