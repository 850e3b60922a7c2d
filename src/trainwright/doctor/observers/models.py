"""The models of a running program: their names, in which mode they are run, and whose parameters take part."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.optim import Optimizer

from trainwright.core import Measurement
from trainwright.doctor.layers import TABLES, begins_with_norm, dropouts_of, has_history
from trainwright.doctor.taps_keras import is_keras, mode_layers, parts
from trainwright.measures.loop import Membership, Modes
from trainwright.measures.structure import Dropouts


@dataclass
class Watched:
    """One outermost module with parameters, and how it was called.

    ``fresh_statistics``: its running statistics were those of an untrained layer when it was first called.
    ``normalises``: its first layer is a normalisation. ``n_rows``: of its largest embedding table. ``called_at``: the
    latest step of training. ``parameters``: which ones it had when it was last looked at.
    """

    label: str
    module: weakref.ReferenceType[nn.Module]
    names: dict[int, str]
    mode_layers: tuple[str, ...]
    keeps_statistics: bool
    fresh_statistics: bool
    normalises: bool
    n_rows: int
    dropouts: Dropouts
    counts: Counter[str] = field(default_factory=Counter)
    undecided_eval: int = 0
    first_eval_step: int = -1
    called_at: int = 0
    train_before: bool = False
    parameters: frozenset[int] = frozenset()


class Models:
    """Registers every outermost module with parameters; names parameters and their layers."""

    def __init__(self) -> None:
        self._watched: dict[int, Watched] = {}
        self._without: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self._owners: dict[int, tuple[str, type[nn.Module], str]] = {}
        self._trained: set[str] = set()
        self._reached: set[str] = set()
        self._unheld: set[str] = set()
        self._n_held = self._foreign = self._looked = 0
        self._n_trainable = self.n_frozen = 0

    def __iter__(self) -> Iterator[Watched]:
        return iter(self._watched.values())

    def of(self, module: nn.Module) -> Watched | None:
        """The entry of a module, made at first sight; None for modules without parameters, such as losses."""
        entry = self._watched.get(id(module))
        if entry is not None and entry.module() is module:
            return entry
        if module in self._without:
            return None
        names = {id(p): name for name, p in module.named_parameters()}
        if not names:
            self._without.add(module)
            return None
        self._own(module)
        kind = type(module).__name__
        twins = sum(each.label.split(" ")[0] == kind for each in self)
        entry = Watched(
            f"{kind} {twins + 1}" if twins else kind,
            weakref.ref(module),
            names,
            _mode_layers(module),
            _keeps_statistics(module),
            _fresh_statistics(module),
            begins_with_norm(module),
            max((each.num_embeddings for each in module.modules() if isinstance(each, TABLES)), default=0),
            dropouts_of(module),
        )
        self._watched[id(module)] = entry
        return entry

    def _own(self, module: nn.Module) -> None:
        """Remember path, layer's class and layer's name of every parameter."""
        if is_keras(module):
            for path, layer, parameter in parts(module):
                self._owners[id(parameter)] = (path, type(layer), layer.name)
            return
        for name, owner in module.named_modules():
            for local, parameter in owner.named_parameters(recurse=False):
                path = f"{name}.{local}" if name else local
                self._owners[id(parameter)] = (path, type(owner), name or type(module).__name__)

    def layer_of(self, parameter: Tensor) -> tuple[str, type[nn.Module] | None]:
        """Name and class of the layer that owns a parameter; ``("", None)`` for one of no model seen."""
        found = self._owners.get(id(parameter))
        return (found[2], found[1]) if found else ("", None)

    def name_of(self, parameter: Tensor) -> str:
        """The parameter's name in its model, empty for one of no model seen."""
        found = self._owners.get(id(parameter))
        return found[0] if found else ""

    # Modes -----------------------------------------------------------------------------------------------------------

    def called(self, entry: Watched, *, training: bool, graph: bool) -> None:
        """A call that returned; ``graph``: its outputs can go backward."""
        if graph and not training:
            entry.undecided_eval += 1
        elif graph:
            entry.counts["train mode"] += 1
        else:
            entry.counts["evaluated"] += 1
            entry.counts["evaluated in train"] += training

    def went_backward(self, entry: Watched, step: int, *, training: bool) -> None:
        """The latest call's outputs went backward, so it was one of training."""
        entry.counts["trained"] += 1
        if training:
            entry.train_before = True
            return
        entry.undecided_eval = max(0, entry.undecided_eval - 1)
        entry.counts["trained in eval"] += 1
        if entry.first_eval_step < 0:
            entry.first_eval_step = step
            entry.counts["train before"] = int(entry.train_before)

    # Membership ------------------------------------------------------------------------------------------------------

    def looked_at(self, optimizers: list[Optimizer], stepped: Optimizer) -> bool:
        """A sampled step of ``stepped`` is over and gradients are still there. Returns whether a model has got other
        parameters since the last look, as when its head is replaced."""
        held = {id(p): p for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]}
        own = [p for group in stepped.param_groups for p in group["params"]]
        self._looked += 1
        self._n_held = len(held)
        self._foreign = sum(key not in self._owners for key in held)
        self._trained |= {self.name_of(p) for p in own if p.requires_grad and self.name_of(p)}
        self._reached |= {self.name_of(p) for p in own if p.grad is not None}
        self._n_trainable = self.n_frozen = 0
        changed = False
        for entry in self:
            module = entry.module()
            named = dict(module.named_parameters()) if module is not None else {}
            before, entry.parameters = entry.parameters, frozenset(map(id, named.values()))
            changed |= bool(before) and before != entry.parameters
            for name, parameter in named.items():
                self._n_trainable += parameter.requires_grad
                self.n_frozen += not parameter.requires_grad and parameter.is_floating_point()
                if parameter.requires_grad and parameter.grad is not None and id(parameter) not in held:
                    self._unheld.add(name)
        return changed

    def measurements(self) -> Iterator[Measurement]:
        """Modes of every model, dropout of those that are trained, and the membership of all parameters."""
        for entry in self:
            yield self._modes(entry)
            if entry.counts["train mode"]:
                yield entry.dropouts
        if self._looked:
            yield Membership(
                n_trainable=self._n_trainable,
                n_held=self._n_held,
                unheld=tuple(sorted(self._unheld)),
                without_gradient=tuple(sorted(self._trained - self._reached)),
                foreign=self._foreign,
                steps=self._looked,
            )

    @staticmethod
    def _modes(entry: Watched) -> Modes:
        counts = entry.counts
        return Modes(
            model=entry.label,
            mode_layers=entry.mode_layers,
            keeps_statistics=entry.keeps_statistics,
            fresh_statistics=entry.fresh_statistics,
            trained=counts["trained"],
            trained_in_eval=counts["trained in eval"],
            trained_in_train_before=bool(counts["train before"]),
            first_eval_step=entry.first_eval_step,
            evaluated=counts["evaluated"] + entry.undecided_eval,
            evaluated_in_train=counts["evaluated in train"],
            evaluated_with_grad=entry.undecided_eval,
        )


def _mode_layers(model: nn.Module) -> tuple[str, ...]:
    """Names of the layers that behave differently in the two modes."""
    if is_keras(model):
        return mode_layers(model)
    found = []
    for name, module in model.named_modules():
        dropping = isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0
        recurrent = isinstance(module, nn.RNNBase) and module.dropout > 0
        attending = isinstance(module, nn.MultiheadAttention) and module.dropout > 0
        if dropping or recurrent or attending or _tracks(module):
            found.append(name or type(module).__name__)
    return tuple(found)


def _keeps_statistics(model: nn.Module) -> bool:
    """Whether eval mode may be meant to freeze statistics; of Keras's layers that is not known."""
    return is_keras(model) or any(_tracks(module) for module in model.modules())


def _fresh_statistics(model: nn.Module) -> bool:
    """Whether there are running statistics, and all as they were made: nothing that one could mean to freeze."""
    if is_keras(model):
        return False
    kept = [module for module in model.modules() if _tracks(module)]
    return bool(kept) and not any(has_history(module) for module in kept)


def _tracks(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.batchnorm._BatchNorm) and bool(module.track_running_stats)
