"""What enters the losses of a running loop, and the graphs behind them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from torch import Tensor, nn
from torch.optim import Optimizer

from trainwright.core import Measurement
from trainwright.doctor.calls import Calls, has_script
from trainwright.doctor.door import describe_door
from trainwright.doctor.events import LossCall
from trainwright.doctor.graph import named_parameters, read_graph
from trainwright.measures.door import LossDoor
from trainwright.measures.graph import LossGraph

DOORS_AT = 6
"""Training calls of each loss function that are described, besides those of sampled steps at every doubling."""
GRAPHS_FROM, GRAPHS_UNTIL = 2, 8
"""Steps, behind the first one of the newest optimizer, whose graphs are read: all optimizers have stepped by then, and
those that take turns come twice or more."""
MOST_TRAININGS = 8
"""Trainings, one after the other in one program, whose graphs are read."""


class Doors:
    """Observes loss calls and graphs of the first steps."""

    def __init__(self) -> None:
        self._doors: dict[str, LossDoor] = {}
        self._times: dict[str, int] = {}
        self._graphs: dict[int, list[LossGraph]] = {}
        self.began = 0
        self._calls: Calls | None = None
        self._listening = False

    def called(self, call: LossCall) -> None:
        """A loss function was called in training."""
        times = self._times[call.name] = self._times.get(call.name, 0) + 1
        if times > DOORS_AT and times & (times - 1):
            return
        door = describe_door(
            call.name,
            call.outputs,
            call.targets,
            reduction=call.reduction,
            ignore_index=int(call.options.get("ignore_index", -100)),
            label_smoothing=float(call.options.get("label_smoothing") or 0.0),
            has_weights=call.options.get("weight") is not None,
            value=call.value,
        )
        kept = self._doors.get(call.name)
        # Probabilities that saturate round to logits of nothing; what is out of range must not be forgotten.
        if kept is None or not kept.n_out_of_range:
            self._doors[call.name] = door

    def begin(self, step: int) -> None:
        """An optimizer is there that was not before: another training, or another part of this one."""
        if len(self._graphs) < MOST_TRAININGS:
            self.began = step

    def wants_graph(self, step: int) -> bool:
        """Whether the graph of this step is to be read."""
        return GRAPHS_FROM <= step - self.began < GRAPHS_UNTIL

    def listen(self, model: nn.Module) -> None:
        """Note which modules of ``model`` run, until :meth:`stop_listening`."""
        if self._listening or next(model.parameters(), None) is None or has_script(model):
            return
        self._calls, self._listening = Calls([model], self._calls), True
        self._calls.__enter__()

    def stop_listening(self) -> None:
        """The call that was listened to is over."""
        if self._listening and self._calls is not None:
            self._calls.__exit__(None, None, None)
        self._listening = False

    def read(self, loss: Tensor, models: Sequence[nn.Module], optimizers: Sequence[Optimizer], n_samples: int) -> None:
        """A graph is complete; ``models`` and ``optimizers`` are those of the training that began last."""
        if loss.numel() != 1:
            return
        held = [p for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]]
        parameters = named_parameters(models, held)
        calls, self._calls = self._calls if len(models) == 1 else None, None
        graphs = self._graphs.setdefault(self.began, [])
        # Only what all graphs of a training find counts, so once nothing was found there is nothing to look for.
        looks = all(graph.fresh for graph in graphs)
        graphs.append(
            read_graph(loss, parameters, held, models=models, n_samples=n_samples, calls=calls, looks_for_fresh=looks)
        )

    def measurements(self) -> Iterator[Measurement]:
        """What enters each loss function, and the graph of each kind of step."""
        yield from self._doors.values()
        for graphs in self._graphs.values():
            yield from _joined(graphs)


def _joined(graphs: list[LossGraph]) -> Iterator[LossGraph]:
    """One graph for each shape of step. What one step reaches others need not: a discriminator's step leaves the
    generator alone. So each is told what any of them reached, and which weights all of them found frozen."""
    reached = {name for graph in graphs for name in graph.reached}
    held = {each.where for graph in graphs for each in graph.unregistered if each.reached}
    fresh = [name for name in graphs[0].fresh if all(name in graph.fresh for graph in graphs)]
    by_shape = {tuple(operation.name for operation in graph.operations): graph for graph in reversed(graphs)}
    for graph in by_shape.values():
        yield replace(
            graph,
            reached=tuple(name for name in graph.trainable if name in reached),
            fresh=tuple(fresh),
            unregistered=tuple(replace(each, reached=each.where in held) for each in graph.unregistered),
        )
