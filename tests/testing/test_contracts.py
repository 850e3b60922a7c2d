"""Every check of the catalogue keeps the contract: with one seed in every run of the tests; over all seeds, measured
twice, and each fault before all checks together, in ``make test-all``."""

import pytest
import torch

from trainwright.clinic import tricky_benches
from trainwright.clinic.healthy import PLAIN, TRICKY
from trainwright.core import discover
from trainwright.testing.contracts import CheckContract

torch.set_num_threads(1)


class TestBuiltInChecks(CheckContract):
    catalogue = discover()
    seeds = (0,)
    # The healthy benches of all cases are among the neighbours, on which every check is silent with this seed.
    test_silent_on_its_healthy_benches = None  # type: ignore[assignment]
    test_ranks_first_on_its_fault = None  # type: ignore[assignment]
    test_deterministic = None  # type: ignore[assignment]


@pytest.mark.slow
class TestBuiltInChecksOverSeeds(CheckContract):
    catalogue = discover()
    # A summed loss is healthy at a small rate, and still worth the advice of TW322, which knows no milder form.
    neighbours = tuple(maker for maker in (*PLAIN, *TRICKY) if maker is not tricky_benches.summed)
    neighbour_seeds = CheckContract.seeds
