"""The GRU of experiment_gru.py with a bug that still trains: a softmax in front of a loss that has one already.

Run:  trainwright run examples/experiment_gru_softmax.py --until check

The stage `check` finds it before any training, names it, and proves that taking the softmax away helps.
"""

import torch
from experiment_gru import WaveNet, make_waves
from torch import nn

from trainwright import Experiment


class WaveNetWithSoftmax(WaveNet):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(super().forward(x), dim=1)


def experiment() -> Experiment:
    return Experiment(
        data=make_waves(),
        model=WaveNetWithSoftmax,
        capacity="hidden",
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=3e-3),
        name="waves-softmax",
        epochs=20,
        batch_size=32,
    )
