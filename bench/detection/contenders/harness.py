"""Runs a script as it is and lets a tool take part: model, batch, loss and optimizer are found from outside.

A tool's module is run as ``python -m bench.detection.contenders.TOOL script findings``. What a user would hand over
by hand is taken from the running script: the outermost module that is called with gradients, what it was called with,
the loss function of torch.nn.functional that saw its output, and the optimizer that holds most of its parameters.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

LOSSES = (
    "cross_entropy",
    "nll_loss",
    "mse_loss",
    "l1_loss",
    "huber_loss",
    "smooth_l1_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
)


@dataclass(frozen=True)
class Finding:
    rule: str
    severity: str
    message: str = ""


class Finished(SystemExit):
    """A pre-flight tool has seen what it needs; the script is not trained any further."""


@dataclass
class Call:
    """One call of the outermost module: what went in and what came out."""

    model: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: Any = None


@dataclass
class LossCall:
    function: Callable[..., Tensor]
    scores: Tensor
    targets: Any
    kwargs: dict[str, Any]


@dataclass
class Tool:
    """What a tool does when; every method may be left as it is."""

    findings: list[Finding] = field(default_factory=list)
    unsupported: str = "no model that is called with gradients was found"

    def on_model(self, model: nn.Module, optimizer: torch.optim.Optimizer | None) -> None:
        """Before a model's first call with gradients."""

    def on_backward(self, watcher: Watcher, loss: Tensor, /) -> None:
        """Before `loss` is sent back."""

    def before_step(self, optimizer: torch.optim.Optimizer, loss: float, validation_loss: float | None, /) -> None:
        """Before a step of `optimizer`; the validation loss is new since the step before, or None."""

    def after_step(self, optimizer: torch.optim.Optimizer, loss: float) -> None:
        """After a step of `optimizer`."""

    def on_end(self) -> None:
        """After the script, however it ended."""


def optimizer_of(model: nn.Module) -> torch.optim.Optimizer | None:
    """The living optimizer that holds most of the model's parameters; not a framework's wrapper around one."""
    mine = {id(parameter) for parameter in model.parameters()}

    def shared(optimizer: torch.optim.Optimizer) -> int:
        return sum(id(p) in mine for group in optimizer.param_groups for p in group["params"])

    everything = [found for found in gc.get_objects() if issubclass(type(found), torch.optim.Optimizer)]
    living = [found for found in everything if not {"optimizer", "_optimizer"} & set(vars(found))]
    return max(living, key=shared, default=None)


class Watcher:
    """Wraps the calls of modules, of losses, of backward and of optimizers, and tells the tool."""

    def __init__(self, tool: Tool) -> None:
        self.tool = tool
        self.depth = 0
        self.tool_at_work = False
        self.known: set[int] = set()
        self.call: Call | None = None
        self.loss_call: LossCall | None = None
        self.last_loss = float("nan")
        self.validation: list[float] = []
        self.loaders: list[torch.utils.data.DataLoader[Any]] = []

    def install(self) -> None:
        self._wrap_modules()
        for name in LOSSES:
            self._wrap_loss(name)
        self._wrap_backward()
        self._wrap_loaders()
        register_optimizer_step_pre_hook(self._before_step)
        register_optimizer_step_post_hook(self._after_step)

    def _wrap_modules(self) -> None:
        original = nn.Module.__call__

        def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            outermost = (
                self.depth == 0
                and not self.tool_at_work
                and torch.is_grad_enabled()
                and any(True for _ in module.parameters())
            )
            if outermost and id(module) not in self.known:
                self.known.add(id(module))
                self.tool.unsupported = ""
                self.tool.on_model(module, optimizer_of(module))
            self.depth += 1
            try:
                outputs = original(module, *args, **kwargs)
            finally:
                self.depth -= 1
            if outermost:
                self.call = Call(module, args, kwargs, outputs)
            return outputs

        nn.Module.__call__ = call

    def _wrap_loss(self, name: str) -> None:
        original = getattr(F, name)

        def loss(input: Tensor, target: Any, *args: Any, **kwargs: Any) -> Tensor:  # noqa: A002 - torch's own name
            value: Tensor = original(input, target, *args, **kwargs)
            if self.tool_at_work:
                return value
            if torch.is_grad_enabled():
                self.loss_call = LossCall(original, input, target, kwargs)
            elif value.numel() == 1:
                self.validation.append(float(value))
            return value

        setattr(F, name, loss)

    def _wrap_backward(self) -> None:
        original = Tensor.backward

        def backward(loss: Tensor, *args: Any, **kwargs: Any) -> None:
            if not self.tool_at_work:
                self.last_loss = float(loss.detach().mean())
                self.tool_at_work = True  # what a tool calls is not the script's own
                try:
                    self.tool.on_backward(self, loss)
                finally:
                    self.tool_at_work = False
            original(loss, *args, **kwargs)

        Tensor.backward = backward  # type: ignore[method-assign]

    def _wrap_loaders(self) -> None:
        original = torch.utils.data.DataLoader.__init__

        def init(loader: Any, *args: Any, **kwargs: Any) -> None:
            original(loader, *args, **kwargs)
            self.loaders.append(loader)

        torch.utils.data.DataLoader.__init__ = init  # type: ignore[method-assign]

    def _before_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        held_out = sum(self.validation) / len(self.validation) if self.validation else None
        self.validation.clear()
        self.tool.before_step(optimizer, self.last_loss, held_out)

    def _after_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        self.tool.after_step(optimizer, self.last_loss)


def first_tensor(outputs: Any, like: Tensor) -> Tensor | None:
    """The tensor among a module's outputs that has as many numbers as the loss saw."""
    if isinstance(outputs, Tensor):
        return outputs if outputs.numel() == like.numel() else None
    parts = outputs.values() if isinstance(outputs, Mapping) else outputs if isinstance(outputs, Sequence) else ()
    return next((p for p in parts if isinstance(p, Tensor) and p.numel() == like.numel()), None)


def batch_of(call: Call) -> Any:
    """The inputs in the form most tools take: one tensor, a tuple, or a dict for keyword arguments."""
    if call.kwargs:
        return dict(call.kwargs)
    return call.args[0] if len(call.args) == 1 else call.args


def loss_of(watcher: Watcher, loss: Tensor) -> tuple[Callable[[Any, Any], Tensor] | None, Any]:
    """A function of (outputs, targets), and the targets; (None, None) where the script's loss is not of that form.

    A model that returns its own loss is taken at its word. Where the script reshaped the outputs before the loss (a
    squeezed column, flattened tokens), the function does the same.
    """
    call, seen = watcher.call, watcher.loss_call
    if call is None or hasattr(call.outputs, "loss"):
        return None, None
    if isinstance(call.outputs, tuple) and any(part is loss for part in call.outputs):
        place = next(i for i, part in enumerate(call.outputs) if part is loss)
        return lambda outputs, _: outputs[place], call.args[-1]
    if seen is None or first_tensor(call.outputs, seen.scores) is None:
        return None, None
    shape = seen.scores.shape[1:]

    def function(outputs: Any, targets: Any) -> Tensor:
        scores = outputs if isinstance(outputs, Tensor) else first_tensor(outputs, seen.scores)
        assert scores is not None
        return seen.function(scores.reshape(-1, *shape), targets, **seen.kwargs)

    return function, seen.targets


def main(tool: Tool) -> None:
    """Run the script named on the command line under `tool` and write its findings, the worst first."""
    script, output = sys.argv[1], Path(sys.argv[2])
    sys.argv = [script]
    sys.path.insert(0, str(Path(script).parent))
    Watcher(tool).install()
    code = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as stop:
        code = 0 if isinstance(stop, Finished) else int(bool(stop.code))
    except Exception as problem:  # noqa: BLE001 - the script's own error ends the script, not the report
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
        code = 1
    tool.on_end()
    order = {"error": 0, "warning": 1, "advice": 2}
    ranked = sorted(tool.findings, key=lambda finding: order[finding.severity])
    body = {"findings": [vars(finding) for finding in ranked], "unsupported": tool.unsupported}
    output.write_text(json.dumps(body), encoding="utf-8")
    sys.stdout.flush()
    os._exit(code)  # no waiting for a tool's or a loader's own clean-up
