"""The training loop: plain torch on tensors in memory, resumable to the same bits.

Read :meth:`Trainer.run`, :meth:`Trainer._run_epoch` and :meth:`Trainer._run_step` from top to bottom. Every random
decision follows from the seed: the order of an epoch from (seed, epoch), all else from generators whose states are
part of each checkpoint. A checkpoint is taken between two optimizer steps only.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from trainwright.core import ModelError, RunFolderError, UsageError
from trainwright.data.augmentation import augmentation_for
from trainwright.data.dataset import Task
from trainwright.doctor.recorder import Recorder
from trainwright.logbook.files import read_json, write_bytes, write_json
from trainwright.logbook.metrics import MetricsLog
from trainwright.workbench.averaging import MovingAverage
from trainwright.workbench.checkpoints import (
    below,
    load_checkpoint,
    pack_optimizer,
    remove_checkpoint,
    save_checkpoint,
    under,
    unpack_optimizer,
)
from trainwright.workbench.evaluate import predict, score
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.losses import fit_outputs
from trainwright.workbench.parallel import Team, join_team
from trainwright.workbench.prepared import is_tokens
from trainwright.workbench.randomness import derive, random_state, restore_random_state, seed_everything, seeded
from trainwright.workbench.result import RESULT, EpochRecord, TrainingResult, Weights, load_result, save_result
from trainwright.workbench.schedules import schedule_factor
from trainwright.workbench.settings import dump_config
from trainwright.workbench.tally import Tally

__all__ = ["EpochRecord", "TrainingResult", "train"]

OnEpoch = Callable[[EpochRecord], None]

LOSS_LOOKED_AT_EVERY = 32
"""Steps between two looks at the loss on a device that would have to be waited for; on one CPU every step is."""


def train(
    experiment: Experiment, *, seed: int, folder: Path | None = None, on_epoch: OnEpoch | None = None
) -> TrainingResult:
    """Train a model from ``seed``, which decides initial weights, order, dropout and augmentation.

    With a ``folder`` the training is kept there: a finished one is read and not repeated, one that was cut off goes on
    from its last checkpoint and ends with the same bits. ``on_epoch`` is called after every epoch trained now.
    A loss that stops being finite ends the training, which the result says in ``stopped_because``.

    Raises ``ModelError`` where model, loss and data do not fit, ``RunFolderError`` for a folder that is unwritable,
    damaged or holds another training, ``KeyboardInterrupt`` after leaving a checkpoint.
    """
    if folder is not None:
        _claim(folder, experiment, seed)
        if (folder / RESULT).exists():
            return load_result(folder, experiment)
    with join_team(experiment.config.training.device) as team, seeded(derive(seed, "training")):
        return Trainer(experiment, seed, folder=folder, team=team, on_epoch=on_epoch).run()


def _claim(folder: Path, experiment: Experiment, seed: int) -> None:
    """Mark a new folder as this training's; refuse one that holds another."""
    key = experiment.key(seed)
    identity = folder / "training.json"
    if not identity.exists():
        write_bytes(folder / "config.yaml", dump_config(experiment.config).encode())
        write_json(identity, {"key": key, "seed": seed, "experiment": experiment.name})
        return
    kept = read_json(identity)
    if kept["key"] != key:
        raise RunFolderError(
            f"The folder {folder} holds the training {kept['key']} (seed {kept['seed']}), not {key} (seed {seed}).",
            expected="The same configuration, seed, data and code as when it began.",
            todo="Choose another folder, or go back to what it was started with.",
        )


@dataclass
class _State:
    """Where a training stands; with the tensors, all that a checkpoint needs. Epochs and steps are those finished."""

    epoch: int = 0
    step_in_epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_loss: float = math.inf
    seconds: float = 0.0
    stopped_because: str = ""
    averaged_steps: int = 0
    signal: dict[str, dict[str, float]] = field(default_factory=dict)
    history: list[EpochRecord] = field(default_factory=list)


class Trainer:
    """One training of one model; made and run once."""

    def __init__(
        self, experiment: Experiment, seed: int, *, folder: Path | None, team: Team, on_epoch: OnEpoch | None
    ) -> None:
        self.experiment, self.seed = experiment, seed
        self.folder, self.team, self.on_epoch = folder, team, on_epoch
        self.config = experiment.config.training
        if self.config.batch_size < team.size:
            raise UsageError(
                f"training.batch_size is {self.config.batch_size}, but {team.size} processes share each batch.",
                expected="At least one sample for every process.",
                todo="Raise training.batch_size, or start fewer processes.",
            )
        self.task = experiment.dataset.task
        model = experiment.build_model(seed)
        experiment.check_model(model)
        self.model = model.to(team.device)
        self._prepare_data()
        self.loss = experiment.build_loss().to(team.device)
        self.judging_loss = experiment.build_loss(smoothing=False).to(torch.device("cpu"))
        self.optimizer = experiment.build_optimizer(self.model)
        self.base_rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        self.trained = team.wrap(self.model)
        self.average = MovingAverage(self.model, self.config.average) if self.config.average else None
        self.scaler = torch.amp.GradScaler(enabled=self.config.amp and team.device.type == "cuda")
        self.steps_per_epoch = math.ceil(len(self._batches(0)) / self.config.accumulate)
        self.epochs = experiment.epochs
        self.total_steps = self.steps_per_epoch * self.epochs
        self.recorder = Recorder(self.model, self.optimizer, self.steps_per_epoch)
        self.look_every = 1 if team.device.type == "cpu" and team.size == 1 else LOSS_LOOKED_AT_EVERY
        self.state = _State()
        self.tally = Tally(team.device)
        self.best: dict[str, Tensor] = {}
        self.snapshots: dict[int, dict[str, Tensor]] = {}
        self.snapshot_epochs = _spread(self.config.snapshots, self.epochs)
        self.can_resume = folder is not None
        self.metrics: MetricsLog | None = None
        self.interrupted = False
        self.saved_at = time.monotonic()

    def run(self) -> TrainingResult:
        """Train to the end, from the last checkpoint where there is one."""
        if self.folder is not None and self.team.leads:
            self.metrics = MetricsLog(self.folder / "metrics.jsonl")
        try:
            seed_everything(derive(self.seed, "steps"))
            self._resume()
            started = time.monotonic() - self.state.seconds
            with self._interrupts_wait():
                while self.state.epoch < self.epochs and not self.state.stopped_because:
                    self._run_epoch()
                    self.state.seconds = time.monotonic() - started
                    self._finish_epoch()
            return self._finish()
        finally:
            if self.metrics is not None:
                self.metrics.close()

    def _run_epoch(self) -> None:
        self.trained.train()
        if self.team.size > 1:
            # Only the leader's generator is kept in a checkpoint, so the others' must follow from the epoch.
            seed_everything(derive(self.seed, "steps", self.state.epoch, self.team.rank))
        batches = self._batches(self.state.epoch)
        first = self.state.step_in_epoch * self.config.accumulate
        for start in range(first, len(batches), self.config.accumulate):
            self._run_step(batches[start : start + self.config.accumulate])
            if self.state.stopped_because:
                return
            self.state.step_in_epoch += 1
            self._save_if_due()

    def _run_step(self, batches: list[Tensor]) -> None:
        """One optimizer step on one or, accumulating, several batches; each sample counts the same."""
        samples = sum(len(rows) for rows in batches)
        self.optimizer.zero_grad(set_to_none=True)
        for rows in batches:
            loss = self._batch_loss(rows)
            if self._is_broken():
                return
            if len(rows) < samples:
                loss = loss * (len(rows) / samples)
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        step = self.state.step
        if self.scaler.is_enabled():
            self.scaler.unscale_(self.optimizer)
        self.recorder.after_backward(step)
        if self.config.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        factor = schedule_factor(self.experiment.config.schedule, step, self.total_steps)
        for group, rate in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            group["lr"] = rate * factor
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.recorder.after_step(step)
        if self.average is not None:
            self.average.update()
        self.state.step += 1

    def _batch_loss(self, rows: Tensor) -> Tensor:
        """Mean loss over a batch, counted in the sums of the epoch; this process takes its share of the rows."""
        own = rows if self.team.size == 1 else rows[self.team.rank :: self.team.size]
        inputs, targets = self.inputs[own], self.targets[own]
        if self.augment is not None:
            inputs = self.augment(inputs, self.augment_generator)
        try:
            with self.precision:
                outputs = self.trained(inputs)
            loss = self.loss(outputs.float(), targets)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise ModelError(
                f"The model or its loss failed on a training batch of shape {list(inputs.shape)}: "
                f"{type(error).__name__}: {error}.",
                expected="A forward pass in training mode, as succeeded on two samples in evaluation mode.",
                todo="Check batch norm with training.batch_size 1, and what the model does in training mode only.",
            ) from error
        self.tally.add(loss.detach(), self._hits(outputs.detach(), targets), len(own))
        # The team's gradients are averaged with equal weights; this restores equal weights of samples.
        return loss if self.team.size == 1 else loss * (len(own) * self.team.size / len(rows))

    def _hits(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Correct predictions, or the sum of squared errors."""
        if self.task is Task.CLASSIFICATION:
            return (outputs.argmax(dim=1) == targets).sum()
        return (fit_outputs(outputs, targets, self.task) - targets).square().sum()

    def _is_broken(self) -> bool:
        """Whether the loss stopped being finite, which ends the training."""
        if self.state.step % self.look_every and self.state.step_in_epoch + 1 < self.steps_per_epoch:
            return False
        value = float(self.team.add_up(self.tally.recent_loss(self.look_every)))
        if math.isfinite(value):
            return False
        self.state.stopped_because = (
            f"the training loss was not finite ({value}) at step {self.state.step + 1}, epoch {self.state.epoch + 1}"
        )
        return True

    def _finish_epoch(self) -> None:
        """Evaluate, record, and decide whether to keep these weights and whether to go on."""
        self.team.share_buffers(self.model)
        loss, metric, _ = self._validate(self._judged_model())
        loss_sum, hits, samples = self.team.add_up(self.tally.sums()).tolist()
        state = self.state
        state.epoch += 1
        state.step_in_epoch = 0
        state.signal = self.recorder.latest() or state.signal
        record = EpochRecord(
            epoch=state.epoch,
            step=state.step,
            train_loss=loss_sum / samples,
            train_metric=self._metric(hits / samples),
            validation_loss=loss,
            validation_metric=metric,
            learning_rate=float(self.optimizer.param_groups[0]["lr"]),
            seconds=state.seconds,
            signal=state.signal,
        )
        self.tally = Tally(self.team.device)
        state.history.append(record)
        if loss < state.best_loss or math.isnan(state.best_loss) or not state.best_epoch:
            state.best_epoch, state.best_loss = state.epoch, loss
            if self.config.keep == "best":
                self.best = _copied(self._judged_model())
        if state.epoch in self.snapshot_epochs:
            self.snapshots[state.epoch] = _copied(self._judged_model())
        patience = self.config.early_stopping
        if patience and state.epoch - state.best_epoch >= patience and not state.stopped_because:
            state.stopped_because = f"no better validation loss for {patience} epochs, after epoch {state.epoch}"
        if self.metrics is not None:
            self.metrics.append(asdict(record))
        self._save_if_due()
        if self.on_epoch is not None and self.team.leads:
            try:
                self.on_epoch(record)
            except KeyboardInterrupt:
                self._save()
                raise

    def _finish(self) -> TrainingResult:
        """Judge the kept weights and write the result."""
        state = self.state
        kept = state.best_epoch if self.best else state.epoch
        judged = self._judged_model()
        if self.config.snapshots and state.epoch not in self.snapshots:
            self.snapshots[state.epoch] = _copied(judged)  # training ended early
        if self.best:
            judged.load_state_dict(self.best)
        loss, metric, outputs = self._validate(judged)
        result = TrainingResult(
            history=tuple(state.history),
            best_epoch=state.best_epoch,
            kept_epoch=kept,
            validation_loss=loss,
            validation_metric=metric,
            validation_outputs=outputs,
            n_parameters=sum(p.numel() for p in self.model.parameters()),
            steps=state.step,
            seconds=state.seconds,
            folder=None,
            key=self.experiment.key(self.seed),
            stopped_because=state.stopped_because,
            experiment=self.experiment,
            seed=self.seed,
            weights=Weights(_copied(judged), tuple(self.snapshots.values())),
            snapshot_epochs=tuple(self.snapshots),
        )
        if self.folder is None:
            return result
        if self.team.leads:
            result = save_result(self.folder, result)
            remove_checkpoint(self.folder / "checkpoints")
        self.team.wait()
        return result

    def _validate(self, model: nn.Module) -> tuple[float, float, npt.NDArray[np.float64]]:
        """Loss and metric over the whole validation part, and the outputs in the form ``score`` takes."""
        data = self.experiment.prepared
        outputs = predict(model, self.validation_inputs)
        fitted = fit_outputs(outputs, data.validation_targets, self.task)
        with torch.no_grad():
            loss = float(self.judging_loss(fitted, data.validation_targets))
        values = fitted.double().numpy()
        if self.task is Task.REGRESSION:
            values = data.preparation.unscale(values).reshape(-1, 1)
        return loss, score(self.task, values, data.validation_truth).metric, values

    def _metric(self, mean_hits: float) -> float:
        if self.task is Task.CLASSIFICATION:
            return 100.0 * mean_hits
        low, high = self.experiment.prepared.preparation.unscale(np.array([0.0, 1.0]))
        return float(high - low) * math.sqrt(mean_hits)

    def _judged_model(self) -> nn.Module:
        """The model whose weights count: the averaged one where there is one."""
        return self.model if self.average is None else self.average.averaged_model()

    def _prepare_data(self) -> None:
        data, device = self.experiment.prepared, self.team.device
        self.inputs, self.targets = data.train_inputs.to(device), data.train_targets.to(device)
        self.validation_inputs = data.validation_inputs.to(device)
        self.precision: AbstractContextManager[Any] = torch.autocast(device.type) if self.config.amp else nullcontext()
        self.augment = None
        if self.config.augmentation == "auto" and not is_tokens(self.experiment.dataset):
            self.augment = augmentation_for(self.experiment.dataset.kind, data.sample_shape)
        self.augment_generator = torch.Generator(device)
        self.augment_generator.manual_seed(derive(self.seed, "augmentation", self.team.rank))

    def _batches(self, epoch: int) -> list[Tensor]:
        """Row numbers of the batches of an epoch, [batch_size] each; the last may be smaller."""
        n = len(self.inputs)
        if self.config.shuffle:
            generator = torch.Generator().manual_seed(derive(self.seed, "shuffle", epoch))
            order = torch.randperm(n, generator=generator)
        else:
            order = torch.arange(n)
        batches = list(torch.split(order.to(self.team.device), self.config.batch_size))
        # Batch norm cannot normalise a single sample, and every process of a team needs at least one.
        if len(batches) > 1 and len(batches[-1]) <= max(1, self.team.size - 1) < self.config.batch_size:
            batches.pop()
        return batches

    def _save_if_due(self) -> None:
        if self.interrupted:
            self._save()
            raise KeyboardInterrupt
        if time.monotonic() - self.saved_at >= self.config.checkpoint_seconds:
            self._save()

    def _save(self) -> None:
        """Write a checkpoint, unless there is no folder or the state cannot be stored."""
        if not self.can_resume or not self.team.leads:
            return
        if self.team.size > 1 and self.state.step_in_epoch:
            return  # amid an epoch the others' random states differ from the leader's
        assert self.folder is not None
        try:
            optimizer_tensors, optimizer = pack_optimizer(self.optimizer)
        except TypeError as error:
            self.can_resume = False
            if self.metrics is not None:
                self.metrics.append({"event": "cannot resume", "step": self.state.step, "reason": str(error)})
            return
        self.state.signal = self.recorder.latest() or self.state.signal
        self.state.averaged_steps = self.average.steps if self.average else 0
        numbers, generators = random_state()
        generators["augmentation"] = self.augment_generator.get_state()
        tensors = {
            **under("model", self.model.state_dict()),
            **under("average", self.average.model.state_dict() if self.average else {}),
            **under("best", self.best),
            **under("optimizer", optimizer_tensors),
            **under("random", generators),
            **under("tally", self.tally.pack()),
        }
        for epoch, snapshot in self.snapshots.items():
            tensors.update(under(f"snapshot/{epoch}", snapshot))
        body = {
            "state": asdict(self.state),
            "optimizer": optimizer,
            "random": numbers,
            "scaler": self.scaler.state_dict(),
            "snapshots": list(self.snapshots),
        }
        save_checkpoint(self.folder / "checkpoints", tensors, body)
        self.saved_at = time.monotonic()

    def _resume(self) -> None:
        """Go to where the last checkpoint was taken, if there is one."""
        kept = load_checkpoint(self.folder / "checkpoints") if self.folder is not None else None
        if self.metrics is not None and not self.metrics.is_new:
            # Said also where there is no checkpoint yet: what was recorded so far is then done again.
            self.metrics.append({"event": "resumed", "step": kept[1]["state"]["step"] if kept else 0})
        if kept is None:
            return
        tensors, body = kept
        history = [EpochRecord(**record) for record in body["state"]["history"]]
        self.state = _State(**{**body["state"], "history": history})
        self.model.load_state_dict(below("model", tensors))
        if self.average is not None:
            self.average.model.load_state_dict(below("average", tensors))
            self.average.steps = self.state.averaged_steps
        self.best = below("best", tensors)
        self.snapshots = {epoch: below(f"snapshot/{epoch}", tensors) for epoch in body["snapshots"]}
        unpack_optimizer(self.optimizer, below("optimizer", tensors), body["optimizer"])
        self.scaler.load_state_dict(body["scaler"])
        self.tally.unpack(below("tally", tensors))
        generators = below("random", tensors)
        self.augment_generator.set_state(generators.pop("augmentation"))
        restore_random_state(body["random"], generators)

    @contextmanager
    def _interrupts_wait(self) -> Iterator[None]:
        """Let the first Ctrl-C wait for the end of a step, so that the checkpoint it leaves is whole."""
        if threading.current_thread() is not threading.main_thread() or not self.can_resume:
            yield
            return

        def wait(_number: int, _frame: Any) -> None:
            if self.interrupted:
                raise KeyboardInterrupt
            self.interrupted = True

        previous = signal.signal(signal.SIGINT, wait)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)


def _copied(model: nn.Module) -> dict[str, Tensor]:
    """A state dict on the CPU that later steps do not change."""
    return {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}


def _spread(count: int, epochs: int) -> tuple[int, ...]:
    """``count`` equally spaced epochs, the last included; fewer where there are fewer epochs."""
    return tuple(sorted({max(1, round(epochs * i / count)) for i in range(1, count + 1)}))
