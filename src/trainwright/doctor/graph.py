"""The autograd graph of a loss, walked once from the loss to the parameters."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from torch import Tensor, nn
from torch.nn import Parameter

from trainwright.doctor.calls import Calls
from trainwright.doctor.cosines import are_cosines
from trainwright.doctor.fresh import FEWEST_WEIGHTS, fills, fresh_and_frozen
from trainwright.doctor.heads import find_mixed_heads
from trainwright.doctor.layers import TABLES
from trainwright.doctor.linearity import Linearity
from trainwright.doctor.masks import largest_share_dropped
from trainwright.doctor.necks import find_necks
from trainwright.doctor.operations import (
    TRANSPOSING,
    Node,
    averages,
    axis_of,
    children,
    describe,
    is_leaf,
    name_of,
    passed_on,
)
from trainwright.doctor.registration import unregistered_tensors
from trainwright.doctor.spare import spare_modules
from trainwright.doctor.taps_keras import is_keras, parts
from trainwright.measures.graph import CutCalls, LossGraph, Operation, Unregistered
from trainwright.measures.operations import LAYERS

NODE_LIMIT = 50_000
"""Nodes that are read at most; GPT-2 small has about 2,500, an unrolled LSTM 20 per time step."""
FEWEST_CALLS = 3
"""Calls of one layer in one pass, or of a model in one step, from which a loop is seen in them: a stop-gradient that is
meant, as between two views of a picture, makes two."""
OPERATION_LIMIT = 2_000
"""Operations between the loss and the last layers that are described at most."""
_HIDING = ("CompiledFunction", "CheckpointFunction")


def read_graph(
    loss: Tensor,
    models_parameters: Mapping[str, Parameter],
    optimizer_parameters: Iterable[Tensor] | None = None,
    *,
    models: Sequence[nn.Module] = (),
    n_samples: int = 0,
    calls: Calls | None = None,
    looks_for_fresh: bool = True,
    limit: int = NODE_LIMIT,
) -> LossGraph:
    """Read the graph of ``loss`` before its backward pass frees it.

    ``models_parameters``: name → parameter of all models that take part. ``optimizer_parameters``: of all optimizers;
    None where none is known. ``models`` are searched for layers that torch does not see. ``n_samples``: of the batch.
    ``calls``: of the modules in the forward pass. ``looks_for_fresh``: among the frozen weights, which takes
    milliseconds for each. Names are those of ``models_parameters``, so make them unique where
    several models take part. Only reads: neither the graph, the tensors nor a random state change.
    """
    nodes, complete = _in_order(loss.grad_fn, limit)
    leaves = {id(node.variable): node.variable for node in nodes if is_leaf(node)}
    if loss.grad_fn is None and loss.requires_grad:
        leaves[id(loss)] = loss
    operations, head = _describe_head(nodes)
    names = {id(parameter): name for name, parameter in models_parameters.items()}
    given = None if optimizer_parameters is None else list(optimizer_parameters)
    optimized = None if given is None else {id(p): p for p in given}
    held = unregistered_tensors(models)
    linearity = Linearity(nodes, head, names)
    trainable = {name: p for name, p in models_parameters.items() if p.requires_grad}
    unoptimized = {n: p for n, p in trainable.items() if optimized is not None and id(p) not in optimized}
    owned = {*names, *(id(p) for model in models for p in model.parameters())}
    known = {*owned, *(optimized or ()), *(id(t) for tensors in held.values() for t in tensors)}
    return LossGraph(
        requires_grad=loss.requires_grad,
        has_graph=loss.grad_fn is not None,
        n_nodes=len(nodes),
        complete=complete,
        hidden=tuple(sorted({name_of(node) for node in nodes if name_of(node) in _HIDING})),
        operations=tuple(operations),
        softmaxes=tuple(_softmaxes(nodes)),
        n_samples=n_samples,
        trainable=tuple(trainable),
        reached=tuple(name for name, p in trainable.items() if id(p) in leaves),
        unoptimized=tuple(unoptimized),
        untrained=tuple(_untrained(unoptimized, models)) if unoptimized else (),
        frozen=tuple(name for name, p in models_parameters.items() if not p.requires_grad),
        fresh=fresh_and_frozen(models_parameters) if looks_for_fresh else (),
        n_optimized=-1 if optimized is None else len(optimized),
        stale=tuple(tuple(p.shape) for key, p in (optimized or {}).items() if key not in owned and key not in leaves),
        strangers=tuple(tuple(t.shape) for key, t in leaves.items() if isinstance(t, Parameter) and key not in known),
        unregistered=tuple(
            Unregistered(
                where=where,
                n_parameters=len(tensors),
                reached=any(id(t) in leaves for t in tensors),
                optimized=optimized is not None and all(id(t) in optimized for t in tensors),
            )
            for where, tensors in held.items()
        ),
        called=tuple(calls.order) if calls else (),
        without_graph=tuple(calls.without_graph) if calls else (),
        passed_over=tuple(calls.passed_over()) if calls else (),
        spare=tuple(spare_modules(models[0], tuple(calls.order), trainable)) if calls and len(models) == 1 else (),
        stacked=tuple(linearity.stacked()),
        n_nonlinear=linearity.n_nonlinear,
        n_layers=linearity.n_layers,
        n_held_twice=len(given or ()) - len(optimized or ()),
        cut_calls=tuple(_cut_calls(nodes, names, calls)) if calls else (),
        most_dropped=largest_share_dropped(nodes),
        mixed_heads=tuple(find_mixed_heads(nodes)),
        cosines=are_cosines(nodes),
        necks=tuple(find_necks(nodes, trainable, _n_classes(operations))) if complete else (),
    )


def _n_classes(operations: Iterable[Operation]) -> int:
    """The length of the softmax between the last layers and the loss; 0 where there is none."""
    found = (o for o in operations if o.name in ("LogSoftmax", "Softmax") and 0 <= o.axis < len(o.shape))
    return next((o.shape[o.axis] for o in found), 0)


def named_parameters(models: Sequence[nn.Module], optimizer_parameters: Iterable[Tensor]) -> dict[str, Parameter]:
    """Name → parameter of the models that learn, unique also for several models of one class.

    A model of which no optimizer holds a parameter (a network that only measures a distance, say) does not take part,
    unless there is no other, or two optimizers hold the same parameter: then one of them was meant for it.
    """
    given = [id(parameter) for parameter in optimizer_parameters]
    held = set(given)
    learning = [model for model in models if any(id(p) in held for p in model.parameters())]
    if not learning or len(held) < len(given):
        learning = list(models)
    kinds = [type(model).__name__ for model in learning]
    found: dict[str, Parameter] = {}
    for place, (kind, model) in enumerate(zip(kinds, learning, strict=True)):
        number = kinds[:place].count(kind) + 1
        prefix = "" if len(learning) < 2 else f"{kind}." if number == 1 else f"{kind} {number}."
        found.update({f"{prefix}{name}": parameter for name, parameter in _named(model)})
    return found


def _cut_calls(nodes: Iterable[Node], names: Mapping[int, str], calls: Calls) -> Iterator[CutCalls]:
    """Layers and models that were called again and again, while the loss was reached from the last call alone.

    A weight that was converted once for all calls, as autocast does, or that is computed from others shows nothing. If
    one layer of the loop is reached from several calls, the loop is whole, and of others the last result is all that
    is wanted: a read-out of the state, say.
    """
    if calls.handed_on >= FEWEST_CALLS - 1:
        yield CutCalls(name="", n_calls=calls.handed_on + 1)
    repeated = {name for name, times in calls.times.items() if name and times >= FEWEST_CALLS}
    if not repeated:
        return
    users: dict[Node, list[Node]] = {}
    for node in nodes:
        for _, child in children(node):
            users.setdefault(child, []).append(node)
    found: dict[str, bool] = {}
    for leaf in filter(is_leaf, nodes):
        layer = names.get(id(leaf.variable), "").rpartition(".")[0]
        if layer in repeated:
            found[layer] = found.get(layer, True) and _is_used_once(leaf, users)
    if all(found.values()):
        yield from (CutCalls(name=layer, n_calls=calls.times[layer]) for layer in found)


def _is_used_once(leaf: Node, users: Mapping[Node, Sequence[Node]]) -> bool:
    """Whether a layer made one use of a weight."""
    while len(users[leaf]) == 1 and name_of(users[leaf][0]) in TRANSPOSING:
        leaf = users[leaf][0]
    return len(users[leaf]) == 1 and name_of(users[leaf][0]) in LAYERS


def _named(model: nn.Module) -> Iterator[tuple[str, Parameter]]:
    """Names and parameters in the order of the layers, which Keras's own listing does not keep."""
    if not is_keras(model):
        yield from model.named_parameters()
        return
    for path, _, tensor in parts(model):
        if isinstance(tensor, Parameter):
            yield path.replace("/", "."), tensor


def _untrained(weights: Mapping[str, Parameter], models: Iterable[nn.Module]) -> Iterator[str]:
    tables = {id(m.weight) for model in models for m in model.modules() if isinstance(m, TABLES)}
    return (name for name, weight in weights.items() if _is_default(weight, tables))


def _is_default(weight: Parameter, tables: Container[int]) -> bool:
    """Whether a weight still fills the range of torch's default start and nothing lies beyond: uniform up to 1/√fan-in
    for linear and convolutional layers, and for the weights between the states of recurrent ones; for embeddings
    normal with spread 1.
    """
    if weight.dim() < 2 or weight.numel() < FEWEST_WEIGHTS:
        return False
    if id(weight) in tables:
        return abs(float(weight.detach().square().mean()) - 1) < 4 * math.sqrt(2 / weight.numel())
    return fills(weight, 1 / math.sqrt(weight[0].numel()))


def _in_order(root: Node | None, limit: int) -> tuple[list[Node], bool]:
    """Every node behind the loss, each before those it depends on, and whether that is all of them."""
    if root is None:
        return [], True
    finished: list[Node] = []
    seen = {root}
    stack: list[tuple[Node, Iterator[tuple[int, Node]]]] = [(root, children(root))]
    complete = True
    while stack:
        node, rest = stack[-1]
        child = next((each for _, each in rest if each not in seen), None)
        if child is None:
            finished.append(node)
            stack.pop()
        elif len(seen) >= limit:
            complete = False
            finished.append(node)
            stack.pop()
        else:
            seen.add(child)
            stack.append((child, children(child)))
    return finished[::-1], complete


def _describe_head(nodes: Sequence[Node]) -> tuple[list[Operation], set[Node]]:
    """The operations from the loss back to the last layers, these included, and the nodes that stand behind all layers.

    What also enters a layer, as the activations do that a penalty adds up, does not stand behind all of them.
    """
    if not nodes:
        return [], set()
    weights: dict[Node, float] = {nodes[0]: 1.0}
    averaged: dict[Node, bool] = {nodes[0]: False}
    chosen: list[Node] = []
    for node in nodes:
        if node not in weights or is_leaf(node) or len(chosen) >= OPERATION_LIMIT:
            continue
        chosen.append(node)
        if name_of(node) in LAYERS:
            continue
        for position, child in children(node):
            derivative = weights[node] and weights[node] * passed_on(node, position, child)  # 0 stays 0, not NaN
            weights[child] = weights.get(child, 0.0) + derivative
            averaged[child] = averaged.get(child, False) or averaged[node] or averages(node)
    places = {node: place for place, node in enumerate(chosen)}
    operations = [
        describe(
            node,
            () if name_of(node) in LAYERS else tuple(places[c] for _, c in children(node) if c in places),
            weights[node],
            averaged=averaged[node],
        )
        for node in chosen
    ]
    entering: set[Node] = set()
    for node in nodes:
        if node in entering or name_of(node) in LAYERS:
            entering.update(child for _, child in children(node))
    return operations, {node for node in chosen if name_of(node) not in LAYERS and node not in entering}


def _softmaxes(nodes: Iterable[Node]) -> Iterator[Operation]:
    for node in nodes:
        if name_of(node) in ("Softmax", "LogSoftmax") and axis_of(node) >= 0:
            yield describe(node, (), math.nan, averaged=False)
