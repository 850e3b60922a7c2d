"""Monitors of training loops, each as its own documentation shows it, behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from torch import Tensor, nn
from torch.optim import Optimizer


class Monitor:
    """What is called in the loop; the unwatched loop calls the same, which does nothing."""

    def before_step(self, step: int, loss: Tensor) -> None:
        """Gradients are there."""

    def after_step(self, step: int, loss: Tensor) -> None:
        """The weights have moved."""


Contender = Callable[[nn.Module, Optimizer, Path], AbstractContextManager[Monitor]]
"""Model, optimizer and a folder to write to → what is called while the block runs."""


@contextmanager
def unwatched(model: nn.Module, optimizer: Optimizer, folder: Path) -> Iterator[Monitor]:
    """The bare loop."""
    del model, optimizer, folder
    yield Monitor()


@contextmanager
def ours(model: nn.Module, optimizer: Optimizer, folder: Path) -> Iterator[Monitor]:
    """trainwright as it comes: a budget of 1 %, a report at the end."""
    import trainwright

    del model, optimizer
    with trainwright.watch(quiet=True, report=folder / "report.html"):
        yield Monitor()


@contextmanager
def torchmortem(model: nn.Module, optimizer: Optimizer, folder: Path) -> Iterator[Monitor]:
    """torchmortem as its README shows it: a report at the end."""
    from torchmortem import Autopsy

    class Calls(Monitor):
        def after_step(self, step: int, loss: Tensor) -> None:  # noqa: ARG002
            autopsy.step(loss=loss.item())

    with Autopsy(model, optimizer=optimizer) as autopsy:
        yield Calls()
    autopsy.report(str(folder / "report.html"))


@contextmanager
def trainscope(model: nn.Module, optimizer: Optimizer, folder: Path) -> Iterator[Monitor]:
    """trainscope as its README shows it, called between backward pass and step."""
    from trainscope import TrainScope, TrainScopeConfig

    scope = TrainScope(model, optimizer, config=TrainScopeConfig(run_dir=str(folder))).attach()

    class Calls(Monitor):
        def before_step(self, step: int, loss: Tensor) -> None:  # noqa: ARG002
            scope.step(loss.item())

    try:
        yield Calls()
    finally:
        scope.detach()


@contextmanager
def gradsnitch(model: nn.Module, optimizer: Optimizer, folder: Path) -> Iterator[Monitor]:
    """gradsnitch as its README shows it: rules every 50 steps, a report at the end."""
    import gradsnitch as package

    del folder
    monitor = package.watch(model, optimizer, check_every=50)

    class Calls(Monitor):
        def before_step(self, step: int, loss: Tensor) -> None:
            monitor.log(step, loss.item())

    yield Calls()
    monitor.report()


def tensorboard(every: int) -> Contender:
    """TensorBoard's scalars every step, and histograms of all parameters and gradients every so many."""

    @contextmanager
    def histograms(model: nn.Module, optimizer: Optimizer, folder: Path) -> Iterator[Monitor]:
        from torch.utils.tensorboard import SummaryWriter

        del optimizer
        writer = SummaryWriter(str(folder))

        class Calls(Monitor):
            def before_step(self, step: int, loss: Tensor) -> None:
                writer.add_scalar("loss", loss.item(), step)
                for name, parameter in model.named_parameters() if step % every == 0 else ():
                    writer.add_histogram(name, parameter, step)
                    writer.add_histogram(f"{name}.grad", parameter.grad, step)

        yield Calls()
        writer.close()

    return histograms


CONTENDERS: dict[str, Contender] = {
    "no monitor": unwatched,
    "trainwright": ours,
    "gradsnitch": gradsnitch,
    "torchmortem": torchmortem,
    "trainscope": trainscope,
    "TensorBoard histograms every 10 steps": tensorboard(10),
    "TensorBoard histograms every step": tensorboard(1),
}
