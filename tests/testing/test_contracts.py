"""Every check of the catalogue keeps the contract."""

import torch

from trainwright.core import discover
from trainwright.testing.contracts import CheckContract

torch.set_num_threads(1)


class TestBuiltInChecks(CheckContract):
    catalogue = discover()
    neighbour_seeds = CheckContract.seeds
