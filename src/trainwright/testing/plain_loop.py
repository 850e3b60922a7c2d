"""A plain PyTorch training loop as people write it."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler
from torch.utils.data import DataLoader, TensorDataset

from trainwright.data.dataset import Task
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.losses import LossFunction, fit_outputs
from trainwright.workbench.schedules import schedule_factor

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class LoopResult:
    """The model as the loop left it, and the training loss of every step."""

    model: nn.Module
    losses: tuple[float, ...]


class Loop:
    """The sound loop. ``testing.bench_loops`` makes each mistake by writing one of its methods otherwise."""

    half = torch.bfloat16
    """The type of numbers under autocast."""

    def __init__(self, experiment: Experiment, seed: int, steps: int) -> None:
        self.experiment, self.steps = experiment, steps
        self.config = experiment.config.training
        self.model = experiment.build_model(seed)
        self.criterion = self.make_criterion()
        self.optimizer = self.make_optimizer()
        self.scheduler = self.make_scheduler()
        self.train_loader, self.validation_loader = self.make_loaders()
        self.average: Any = None
        if self.config.average:
            averaging = torch.optim.swa_utils.get_ema_multi_avg_fn(self.config.average)  # type: ignore[no-untyped-call]
            self.average = torch.optim.swa_utils.AveragedModel(self.model, multi_avg_fn=averaging)
        self.best_loss, self.best_state = math.inf, self.take_state()
        self.losses: list[float] = []

    def run(self) -> LoopResult:
        """Epochs of training and validation until all steps are made."""
        while len(self.losses) < self.steps:
            self.begin_epoch()
            for batches in self.groups():
                self.step(batches)
                if len(self.losses) >= self.steps:
                    break
            self.validate()
        self.model.load_state_dict(self.best_state)
        return LoopResult(self.model, tuple(self.losses))

    def begin_epoch(self) -> None:
        """Switch to train mode."""
        self.model.train()

    def groups(self) -> Iterator[list[Batch]]:
        """The batches of each optimizer step."""
        batches = iter(self.train_loader)
        while group := list(islice(batches, self.config.accumulate)):
            yield group

    def step(self, batches: list[Batch]) -> None:
        """One optimizer step."""
        self.clear()
        self.losses.append(sum(self.backward(batch, len(batches)) for batch in batches) / len(batches))
        self.clip()
        self.move()
        self.after_step()

    def clear(self) -> None:
        """Clear the gradients of the step before."""
        self.optimizer.zero_grad()

    def backward(self, batch: Batch, n_batches: int) -> float:
        """Forward and backward pass of one batch of ``n_batches``; its loss."""
        loss = self.forward(batch)
        self.scale(loss, n_batches).backward()  # type: ignore[no-untyped-call]
        return float(loss.item())

    def scale(self, loss: Tensor, n_batches: int) -> Tensor:
        """A batch's share in the mean over the batches of a step."""
        return loss / n_batches if n_batches > 1 else loss

    def forward(self, batch: Batch) -> Tensor:
        """The loss of a batch."""
        inputs, targets = batch
        with torch.autocast("cpu", self.half, enabled=self.config.amp):
            outputs = self.model(inputs)
        loss: Tensor = self.criterion(fit_outputs(outputs.float(), targets, self.experiment.dataset.task), targets)
        return loss

    def clip(self) -> None:
        """Clip the gradient where the experiment says so."""
        if self.config.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)

    def move(self) -> None:
        """The optimizer's own step."""
        self.optimizer.step()

    def after_step(self) -> None:
        """Move the schedule and the average."""
        if self.scheduler is not None:
            self.scheduler.step()
        if self.average is not None:
            self.average.update_parameters(self.model)

    def validate(self) -> None:
        """Loss over the validation part; keeps the best weights."""
        judged = self.model if self.average is None else self.average.module
        judged.eval()
        loss = self.validation_loss(judged)
        if loss < self.best_loss:
            self.best_loss, self.best_state = loss, self.take_state()

    def validation_loss(self, judged: nn.Module) -> float:
        """Mean loss over the validation batches, without gradients."""
        losses: list[float] = []
        with torch.no_grad():
            for inputs, targets in self.validation_loader:
                outputs = fit_outputs(judged(inputs), targets, self.experiment.dataset.task)
                losses.append(self.criterion(outputs, targets).item())
        return sum(losses) / len(losses)

    def take_state(self) -> dict[str, Any]:
        """The weights, to be loaded again at the end."""
        return copy.deepcopy(self.model.state_dict())

    def make_criterion(self) -> LossFunction:
        """The loss module, or the experiment's own loss."""
        config = self.experiment.config.loss
        if config.name == "python":
            return self.experiment.build_loss()
        if self.experiment.dataset.task is Task.CLASSIFICATION:
            return nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
        return nn.HuberLoss() if config.name == "huber" else nn.MSELoss()

    def make_optimizer(self) -> Optimizer:
        """The experiment's optimizer."""
        return self.experiment.build_optimizer(self.model)

    def make_scheduler(self) -> LRScheduler | None:
        """The experiment's schedule as a torch scheduler that is stepped after every optimizer step."""
        config = self.experiment.config.schedule
        if config.name == "constant" and not config.warmup:
            return None
        if config.name == "cosine" and not config.warmup:
            return CosineAnnealingLR(self.optimizer, T_max=self.steps)
        last = self.steps - 1
        return LambdaLR(self.optimizer, lambda step: schedule_factor(config, min(step, last), self.steps))

    def make_loaders(self) -> tuple[DataLoader[Any], DataLoader[Any]]:
        """A shuffled loader of the training part, and one of the validation part."""
        data = self.experiment.prepared
        train = TensorDataset(data.train_inputs, data.train_targets)
        validation = TensorDataset(data.validation_inputs, data.validation_targets)
        size = self.config.batch_size
        return DataLoader(train, size, shuffle=self.config.shuffle), DataLoader(validation, size)
