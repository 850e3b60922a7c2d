"""Training loops with one mistake, or one healthy peculiarity, each.

A bench names its loop; :func:`run_loop` runs it in plain PyTorch, so that whatever watches loops can be tried on it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, CyclicLR, LRScheduler
from torch.utils.data import DataLoader, Dataset, TensorDataset

from trainwright.clinic.bench import Bench
from trainwright.core import UsageError
from trainwright.testing.plain_loop import Batch, Loop, LoopResult
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.randomness import derive, seeded

Watch = Callable[[nn.Module, Optimizer], AbstractContextManager[Any]]

SECONDS_PER_SAMPLE = 5e-4
"""What the slow data set takes: fifteen times as long as a small network needs for its step."""


class _NoZeroGrad(Loop):
    """Gradients of all steps add up."""

    def clear(self) -> None:
        """Nobody does."""


class _ZeroGradBeforeStep(Loop):
    """The gradient is cleared between backward pass and step."""

    def clip(self) -> None:
        self.optimizer.zero_grad()


class _StuckInEval(Loop):
    """Train mode is set once before the first epoch; validation leaves eval mode behind."""

    def begin_epoch(self) -> None:
        if not self.losses:
            self.model.train()


class _NeverEval(Loop):
    """Validation runs in train mode."""

    def validation_loss(self, judged: nn.Module) -> float:
        judged.train()
        return super().validation_loss(judged)


class _ScheduleFirst(Loop):
    """The schedule is stepped before the optimizer."""

    def make_scheduler(self) -> LRScheduler:
        return CosineAnnealingLR(self.optimizer, T_max=self.steps)

    def step(self, batches: list[Batch]) -> None:
        assert self.scheduler is not None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch says so itself, once, where people overlook it
            self.scheduler.step()
        super().step(batches)

    def after_step(self) -> None:
        """The schedule has been moved already."""


class _SameBatch(Loop):
    """One batch is taken from the loader before the loop and used for every step."""

    def groups(self) -> Iterator[list[Batch]]:
        batch = next(iter(self.train_loader))
        while True:
            yield [batch]


class _Unshuffled(Loop):
    """The loader visits samples in stored order, which is that of the targets."""

    def make_loaders(self) -> tuple[DataLoader[Any], DataLoader[Any]]:
        data = self.experiment.prepared
        order = data.train_targets.argsort()
        train = TensorDataset(data.train_inputs[order], data.train_targets[order])
        return DataLoader(train, self.config.batch_size), super().make_loaders()[1]


class _AccumulationUndivided(Loop):
    """Losses of the accumulated batches are summed where one batch's mean was meant."""

    def scale(self, loss: Tensor, n_batches: int) -> Tensor:  # noqa: ARG002 - ignoring it is the mistake
        return loss


class _AliasedBest(Loop):
    """The best weights are remembered without a copy."""

    def take_state(self) -> dict[str, Any]:
        return self.model.state_dict()


class _KeptGraph(Loop):
    """The running loss is summed up with its graph, and goes backward as a whole."""

    total: Tensor | float = 0.0

    def backward(self, batch: Batch, n_batches: int) -> float:
        loss = self.forward(batch)
        self.total = self.scale(loss, n_batches) + self.total
        self.total.backward(retain_graph=True)  # type: ignore[no-untyped-call]
        return float(loss.item())


class _ScalerAnew(Loop):
    """In half precision the gradient scaler is made anew for every step, so that its scale never comes down."""

    half = torch.float16

    def clear(self) -> None:
        super().clear()
        self.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)

    def scale(self, loss: Tensor, n_batches: int) -> Tensor:
        return self.scaler.scale(super().scale(loss, n_batches))

    def move(self) -> None:
        self.scaler.step(self.optimizer)
        self.scaler.update()


class _RawValidation(Loop):
    """Validation inputs are not scaled as the training inputs are."""

    def make_loaders(self) -> tuple[DataLoader[Any], DataLoader[Any]]:
        rows = self.experiment.splits.validation
        raw = torch.from_numpy(np.asarray(self.experiment.dataset.inputs[rows], dtype=np.float32))
        validation = TensorDataset(raw, self.experiment.prepared.validation_targets)
        return super().make_loaders()[0], DataLoader(validation, self.config.batch_size)


class _ScaledTwice(Loop):
    """Validation inputs are divided by 16 once more."""

    def make_loaders(self) -> tuple[DataLoader[Any], DataLoader[Any]]:
        data = self.experiment.prepared
        validation = TensorDataset(data.validation_inputs / 16, data.validation_targets)
        return super().make_loaders()[0], DataLoader(validation, self.config.batch_size)


class _MirroredNamesKept(Loop):
    """Half the pictures of training are mirrored; their targets stay."""

    def forward(self, batch: Batch) -> Tensor:
        pictures, targets = batch
        mirrored = torch.rand(len(pictures), 1, 1, 1) < 0.5
        return super().forward((torch.where(mirrored, pictures.flip(-1), pictures), targets))


class _OwnGenerator(Dataset[tuple[Tensor, Tensor]]):
    """Samples with noise from a generator of the data set's own, which takes its time where asked to."""

    def __init__(self, inputs: Tensor, targets: Tensor, seconds: float = 0.0) -> None:
        self.inputs, self.targets, self.seconds = inputs, targets, seconds
        self.rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        time.sleep(self.seconds)
        noise = torch.from_numpy(self.rng.normal(scale=0.01, size=self.inputs.shape[1:]).astype(np.float32))
        return self.inputs[row] + noise, self.targets[row]


class _WorkersShareSeed(Loop):
    """Two workers copy the data set's generator and draw the same noise."""

    def make_loaders(self) -> tuple[DataLoader[Any], DataLoader[Any]]:
        data = self.experiment.prepared
        train = _OwnGenerator(data.train_inputs, data.train_targets)
        size = self.config.batch_size
        loader = DataLoader(train, size, shuffle=True, num_workers=2, persistent_workers=True)
        return loader, super().make_loaders()[1]


class _SlowLoader(Loop):
    """Samples are made one after the other, each taking half a millisecond."""

    def make_loaders(self) -> tuple[DataLoader[Any], DataLoader[Any]]:
        data = self.experiment.prepared
        train = _OwnGenerator(data.train_inputs, data.train_targets, SECONDS_PER_SAMPLE)
        return DataLoader(train, self.config.batch_size, shuffle=True), super().make_loaders()[1]


class _Closure(Loop):
    """Healthy: LBFGS, which calls the loss itself, on all the data at once."""

    def make_optimizer(self) -> Optimizer:
        return LBFGS(self.model.parameters(), lr=0.1, max_iter=4)

    def make_loaders(self) -> tuple[DataLoader[Any], DataLoader[Any]]:
        train, validation = super().make_loaders()
        return DataLoader(train.dataset, len(self.experiment.prepared.train_inputs), shuffle=True), validation

    def step(self, batches: list[Batch]) -> None:
        def closure() -> float:
            self.optimizer.zero_grad()
            return self.backward(batches[0], 1)

        self.losses.append(float(self.optimizer.step(closure)))


class _FrozenNorm(Loop):
    """Healthy: fine-tuning with normalisation statistics held on purpose, in eval mode from the first step on."""

    def begin_epoch(self) -> None:
        self.model.train()
        for module in self.model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.eval()


class _Cyclic(Loop):
    """Healthy: a learning rate that goes up and down."""

    def make_scheduler(self) -> LRScheduler:
        rate = float(self.optimizer.param_groups[0]["lr"])
        return CyclicLR(self.optimizer, rate / 20, rate, step_size_up=20, cycle_momentum=False)


class _ModelZeroGrad(Loop):
    """Healthy: gradients are cleared after the step, by the model."""

    def clear(self) -> None:
        """Done after the step before."""

    def after_step(self) -> None:
        super().after_step()
        self.model.zero_grad()


LOOPS: dict[str, type[Loop]] = {
    "sound": Loop,
    "accumulation-undivided": _AccumulationUndivided,
    "aliased-best": _AliasedBest,
    "closure": _Closure,
    "cyclic": _Cyclic,
    "frozen-norm": _FrozenNorm,
    "kept-graph": _KeptGraph,
    "model-zero-grad": _ModelZeroGrad,
    "mirrored-names-kept": _MirroredNamesKept,
    "never-eval": _NeverEval,
    "no-zero-grad": _NoZeroGrad,
    "raw-validation": _RawValidation,
    "same-batch": _SameBatch,
    "scaled-twice": _ScaledTwice,
    "scaler-anew": _ScalerAnew,
    "schedule-first": _ScheduleFirst,
    "slow-loader": _SlowLoader,
    "stuck-in-eval": _StuckInEval,
    "unshuffled": _Unshuffled,
    "workers-share-seed": _WorkersShareSeed,
    "zero-grad-before-step": _ZeroGradBeforeStep,
}
"""Every loop a bench can name."""


def run_loop(experiment: Experiment, bench: Bench, *, steps: int, watch: Watch | None = None) -> LoopResult:
    """Train for ``steps`` optimizer steps in the loop the bench names, validating after every epoch.

    ``watch(model, optimizer)`` gives a context that the loop runs in. Rate, schedule, clipping, accumulation, averaging
    and autocast are those of the experiment. The caller's random state is left alone. Raises ``UsageError`` for a loop
    that does not exist.
    """
    if bench.loop not in LOOPS:
        raise UsageError(
            f"There is no loop '{bench.loop}'.",
            expected=f"One of {', '.join(LOOPS)}.",
            todo="Correct the name, or add the loop to testing/bench_loops.py.",
        )
    with seeded(derive(bench.seed, "loop")):
        loop = LOOPS[bench.loop](experiment, bench.seed, steps)
        with watch(loop.model, loop.optimizer) if watch else nullcontext():
            return loop.run()
