"""The ninth part: the faults that were missed most, three times each, in forms that are not those of the textbook."""

from bench.detection.corpus.ninth import lot_a, lot_a_healthy, lot_b, lot_b_healthy, lot_c, lot_c_healthy

LOTS = lot_a, lot_a_healthy, lot_b, lot_b_healthy, lot_c, lot_c_healthy
