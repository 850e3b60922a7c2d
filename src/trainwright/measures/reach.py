"""Which modules the losses of a training reach, told from their graphs together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from trainwright.measures.graph import LossGraph

_AUXILIARY = re.compile(r"(^|[._])aux", re.IGNORECASE)


class Reach:
    """Joins the graphs of one or several losses: what any of them reaches is reached.

    ``unreached``: module → those of its parameters that are trainable, held by an optimizer and reached by no loss, for
    modules of which no parameter is reached. ``called``: modules in the order they were called; empty where that was
    not observed. ``without_graph``: modules called with gradients switched off only.
    """

    def __init__(self, graphs: Iterable[LossGraph]) -> None:
        graphs = [graph for graph in graphs if graph.has_graph and graph.reached]
        self.is_hidden = any(not graph.complete or "CheckpointFunction" in graph.hidden for graph in graphs)
        trainable = list(dict.fromkeys(name for graph in graphs for name in graph.trainable))
        reached = {name for graph in graphs for name in graph.reached}
        optimized = {name for name in trainable if not all(name in graph.unoptimized for graph in graphs)}
        self.n_trainable = len(trainable)
        self._defined = tuple(dict.fromkeys(module_of(name) for name in trainable))
        self.reached_modules = {module_of(name) for name in reached}
        self.called = tuple(dict.fromkeys(name for graph in graphs for name in graph.called))
        self.without_graph = {name for graph in graphs for name in graph.without_graph}
        self._spare = {name for graph in graphs for name in graph.spare}
        self._passed_over = {name for graph in graphs for name in graph.passed_over}
        self.unreached: dict[str, list[str]] = {}
        for name in trainable:
            module = module_of(name)
            if module not in self.reached_modules and name in optimized:
                self.unreached.setdefault(module, []).append(name)

    def cut_off(self) -> list[str]:
        """Unreached modules that run before the first one reached; those that are defined before it where calls were
        not observed, as most models define their layers in the order they run."""
        order = self.called or self._defined
        first = next((place for place, name in enumerate(order) if name in self.reached_modules), 0)
        return [name for name in order[:first] if name in self.unreached]

    def are_copies(self, modules: Iterable[str]) -> bool:
        """Whether each module is named like one that is reached but for the network it is in, as teachers and momentum
        encoders are: ``target.0`` beside ``online.0``."""
        inner = {name.partition(".")[2] for name in self.reached_modules if "." in name}
        return all("." in name and name.partition(".")[2] in inner for name in modules)

    def never_called(self) -> list[str]:
        """Unreached modules that do not run, but for spare ones, auxiliary ones (named so) and one of several alike
        (experts)."""
        found = (name for name in self.unreached if self.called and name not in {*self.called, *self._spare})
        return [name for name in found if not _AUXILIARY.search(name) and not self._has_active_twin(name)]

    def spare(self) -> list[str]:
        """Unreached modules that do not run and are there for another use than the training's, but for auxiliary ones
        (named so)."""
        found = (name for name in self.unreached if name in self._spare and name not in self.called)
        return [name for name in found if not _AUXILIARY.search(name)]

    def passed_over(self) -> list[str]:
        """Unreached modules whose input went to a later module instead of their result."""
        return [name for name in self._dropped() if name in self._passed_over]

    def without_effect(self) -> list[str]:
        """Other unreached modules that run behind the first one reached, so that their result is not used."""
        return [name for name in self._dropped() if name not in self._passed_over]

    def _dropped(self) -> list[str]:
        cut = set(self.cut_off())
        return [name for name in self.called if name in self.unreached and name not in cut]

    def _has_active_twin(self, name: str) -> bool:
        return any(other in self.reached_modules for other in _twins(name, self.reached_modules))


def module_of(parameter: str) -> str:
    """``encoder.0`` for ``encoder.0.weight``; the parameter itself where the model holds it directly."""
    return parameter.rpartition(".")[0] or parameter


def _twins(name: str, candidates: Iterable[str]) -> Iterator[str]:
    """Modules named like this one but for one number."""
    parts = name.split(".")
    for place, part in enumerate(parts):
        if part.isdigit():
            pattern = re.compile(
                r"\.".join([*map(re.escape, parts[:place]), r"\d+", *map(re.escape, parts[place + 1 :])])
            )
            yield from (other for other in candidates if pattern.fullmatch(other))
