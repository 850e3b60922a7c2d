"""Simple predictors beside a network."""

import numpy as np
import pytest

from trainwright.clinic import images, tables
from trainwright.clinic.training_benches import BenchMaker
from trainwright.recipe.baselines import fit_baselines
from trainwright.testing.bench import to_experiment


@pytest.mark.parametrize("maker", [tables.wine, tables.diabetes, images.digits])
def test_samples_that_are_kept_with_missing_numbers_are_predicted(maker: BenchMaker) -> None:
    bench = maker(0).with_config(data__missing="keep")
    bench.inputs.reshape(len(bench.inputs), -1)[::5, 0] = np.nan
    experiment = to_experiment(bench)
    rows = experiment.splits.validation
    for baseline in fit_baselines(experiment):
        answers = baseline.predict(experiment.dataset.inputs[rows])
        assert answers.shape == (len(rows),)
        assert np.isfinite(answers).all()
