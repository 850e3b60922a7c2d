"""The outcome of a pre-flight, as it prints itself."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text
from torch import Tensor, nn
from torch.optim import Optimizer

from trainwright.doctor.arrange import STAND_IN_RATE, make_setup
from trainwright.doctor.optimizers import peak_rates
from trainwright.doctor.preflight import SECONDS, Preflight, Progress, examine
from trainwright.doctor.restore import random_state, set_random_state
from trainwright.report.format import duration
from trainwright.report.text import print_verdict


class PreflightReport(Preflight):
    """What the trials and checks found; prints itself, with ``print`` as with rich."""

    @classmethod
    def of(cls, found: Preflight, remark: str = "") -> PreflightReport:
        """The same findings, able to print themselves."""
        return cls(found.verdict, found.subject + remark, found.seconds)

    def print(self, console: Console) -> None:
        """Findings, consequences, what could not be judged and why, and the time it took."""
        console.print(Text(self.subject, "bold"))
        print_verdict(console, self.verdict)
        if self.seconds:
            console.print(Text(f"{len(self.seconds)} trials in {duration(sum(self.seconds.values()))}", "dim"))

    def __str__(self) -> str:
        console = Console(file=io.StringIO(), width=120, color_system=None, highlight=False)
        self.print(console)
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue().rstrip()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        with console.capture() as capture:
            self.print(console)
        yield Text.from_ansi(capture.get())


def check(
    model: nn.Module,
    loss: Callable[[Any, Any], Tensor] | None = None,
    batch: Any = None,
    optimizer: Optimizer | None = None,
    *,
    task: str | None = None,
    step: Callable[[Any], Tensor] | None = None,
    clip_norm: float | None = None,
    batch_size: int | None = None,
    ignore: Iterable[str] = (),
    seconds: float = SECONDS,
    progress: Progress | None = None,
) -> PreflightReport:
    """Try out a model, its loss and its optimizer on a batch before training; all is left bit for bit as it was.

    ``model``: any module, in whatever state of its training; before its training is best. ``loss``: called with what
    the model returns and the targets; None for a model that returns its own loss. ``batch``: what the loader yields, or
    the loader: (inputs, targets), (input, another, …, targets), a dictionary or data class with ``labels`` or
    ``target``, or a tensor that is its own target; 32 samples and more allow the best judgement. ``optimizer``: the
    user's; where none is given, Adam at 0.001 makes the steps. ``task``: ``classification`` or ``regression`` where the
    guess is wrong. ``step``: a training step of one's own, called with a batch like the one given; has to return the
    loss, and to call ``optimizer.step()`` itself. ``clip_norm``: largest gradient norm. ``batch_size``: of the training
    loop. ``ignore``: codes or names of checks to leave out. ``seconds``: the most that each trial may take.

    Not restored is what a ``step`` changes beyond model and optimizer, such as a schedule. Raises ``UsageError`` and
    ``ModelError`` where model and batch do not fit.
    """
    before = random_state()
    try:
        setup = make_setup(
            model, loss, batch, optimizer, task=task, step=step, clip_norm=clip_norm, batch_size=batch_size
        )
        if optimizer is not None:
            setup.peak_rates = peak_rates([optimizer])
        found = examine(setup, ignore=ignore, seconds=seconds, progress=progress)
    finally:
        set_random_state(before)
    stand_in = "" if optimizer or step else f" at {STAND_IN_RATE:g}, as no optimizer was given"
    return PreflightReport.of(found, stand_in)
