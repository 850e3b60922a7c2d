"""What the callbacks of all frameworks share: a watch that lasts as long as the training."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from trainwright.core import UsageError
from trainwright.doctor.session import Session
from trainwright.logbook.importers.columns import recognise
from trainwright.report.watch import Watch, watch


class Training:
    """The watch over one training after the other. Settings are those of :func:`trainwright.watch`; without ``name`` it
    is that of the model.

    Where the program is being watched already, as by ``trainwright watch``, that watch is told what the framework knows
    and goes on after the training.
    """

    running: ClassVar[Training | None] = None

    def __init__(
        self, *, budget: float, every: int | None, quiet: bool, name: str | None, report: str | Path | None
    ) -> None:
        self._name = name
        self._settings: dict[str, Any] = {"budget": budget, "every": every, "quiet": quiet, "report": report}
        self._watch: Watch | None = None
        self._own = False

    def __getstate__(self) -> dict[str, Any]:
        """A copy, as of an estimator that is stored with its callbacks, has watched nothing."""
        return {**self.__dict__, "_watch": None, "_own": False}

    @property
    def doctor(self) -> Watch:
        """The watch over the training that runs, or over the latest one; raises ``UsageError`` before the first."""
        if self._watch is None:
            raise UsageError(
                "Nothing was trained with this callback yet.",
                expected="A training before its findings are asked for.",
                todo="Train first; the callback's 'doctor' then has findings, verdict and measurements.",
            )
        return self._watch

    @property
    def session(self) -> Session | None:
        """Whom to tell what cannot be heard; None while no training runs."""
        return self._watch.session if self._watch is not None and Watch.running is self._watch else None

    def begin(self, model: Any, *, name: str | None = None, main_process: bool = True) -> None:
        """Training begins. In a distributed one only the main process speaks and writes."""
        self._own = Watch.running is None
        Training.running = self
        if Watch.running is not None:
            self._watch = Watch.running
            return
        silent = {} if main_process else {"quiet": True, "report": None}
        self._watch = watch(name=self._name or name or type(model).__name__, **{**self._settings, **silent})
        self._watch.__enter__()

    def end(self) -> None:
        """Training is over, however it ended; once is enough."""
        Training.running = None
        if self.session is not None:
            self.session.phase("")
            if self._own:
                self.doctor.__exit__(None, None, None)

    def phase(self, name: str) -> None:
        """What follows is ``train``, ``validation`` or a ``sanity check``."""
        if self.session is not None:
            self.session.phase(name)

    def epoch_ended(self) -> None:
        """A pass over the training data is over."""
        if self.session is not None:
            self.session.epoch_ended()

    def validated(self, logged: Mapping[str, Any]) -> None:
        """Tell what the framework logged of a validation; everything else that it logged is passed over."""
        for logged_name, value in logged.items():
            quantity, metric, _ = recognise(logged_name) or ("", "", 0)
            is_number = isinstance(value, float) or getattr(value, "ndim", -1) == 0
            if self.session is not None and is_number and quantity in ("validation_loss", "validation_metric"):
                self.session.metric(metric or "loss", float(value))


def end_with(owner: Any, name: str) -> None:
    """See to it that a training ends with ``owner.name``, the framework's function that trains, where that is left by
    an exception and the framework has no event for it.

    The function is wrapped once for all; the wrapper passes everything on.
    """
    original = getattr(owner, name)
    if hasattr(original, "ends_training"):
        return

    @functools.wraps(original)
    def train(*args: Any, **kwargs: Any) -> Any:
        before = Training.running
        try:
            return original(*args, **kwargs)
        finally:
            if Training.running is not None and Training.running is not before:
                Training.running.end()

    train.ends_training = True  # type: ignore[attr-defined]
    setattr(owner, name, train)
