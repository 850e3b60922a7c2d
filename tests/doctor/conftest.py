from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_digits
from torch import nn

from trainwright.doctor.setup import Setup

torch.set_num_threads(1)

DIGITS = load_digits()
DIABETES = load_diabetes()


class Digits:
    """Makes setups on the handwritten digits, standardised."""

    def __call__(
        self,
        *layers: Any,
        rate: Any = 3e-3,
        optimizer: Any = torch.optim.Adam,
        loss: Any = None,
        seed: Any = 0,
        **settings: Any,
    ) -> Any:
        torch.manual_seed(0)
        model = nn.Sequential(*(layer() for layer in layers))
        inputs = torch.tensor((DIGITS.data[:256] - 4.9) / 6.0, dtype=torch.float32)
        targets = torch.tensor(DIGITS.target[:256], dtype=torch.int64)
        return Setup(
            model=model,
            loss=loss or nn.CrossEntropyLoss(),
            optimizer=optimizer([p for p in model.parameters() if p.requires_grad], lr=rate, **settings),
            inputs=inputs,
            targets=targets,
            task="classification",
            n_outputs=10,
        )

    def mlp(self, *extra: Any, **settings: Any) -> Any:
        return self(lambda: nn.Linear(64, 32), nn.ReLU, lambda: nn.Linear(32, 10), *extra, **settings)


@pytest.fixture
def digits() -> Any:
    return Digits()


@pytest.fixture
def diabetes() -> Any:
    def make(*extra: Any, rate: Any = 3e-3, loss: Any = None, scale_target: Any = True, seed: Any = 0) -> Any:
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1), *extra, nn.Flatten(0))
        x, y = DIABETES.data[:256] / DIABETES.data.std(0), DIABETES.target[:256].astype(np.float32)
        y = (y - y.mean()) / y.std() if scale_target else y
        return Setup(
            model=model,
            loss=loss or nn.MSELoss(),
            optimizer=torch.optim.Adam(model.parameters(), lr=rate),
            inputs=torch.tensor(x, dtype=torch.float32),
            targets=torch.tensor(y, dtype=torch.float32),
            task="regression",
            n_outputs=1,
        )

    return make
