"""Attention that mixes up heads and positions: the heads were split off the features, and never exchanged with the
positions, or viewed in front of these at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trainwright.doctor.operations import Node, children, name_of, shape_of
from trainwright.measures.graph import HeadMix

_FUSED = "ScaledDotProduct"
_IN_ORDER = (
    *("View", "UnsafeView", "ReshapeAlias", "Expand", "Clone", "ToCopy"),
    *("Div", "Mul", "Add", "Sub", "MaskedFill", "Where"),
)
"""Operations that leave the order of the axes."""


def find_mixed_heads(nodes: Iterable[Node]) -> Iterator[HeadMix]:
    """Each attention of a graph whose queries [N, T, H, D] are features [N, T, H·D] with the last axis split: attention
    runs along the last but one, which holds the heads and not the positions. And each whose queries [N, H, T, D] are
    such features viewed anew, which leaves a head with T / H whole positions."""
    for node in nodes:
        query = _query(node)
        if query is not None and (mix := _split(query)) is not None:
            yield mix


def _query(node: Node) -> Node | None:
    """What the queries of an attention come from, fused or written out."""
    if name_of(node).startswith(_FUSED):
        return _first(node)
    if name_of(node) != "Softmax":
        return None
    scores = _first(node)
    while scores is not None and name_of(scores) in _IN_ORDER:
        scores = _first(scores)
    return _first(scores) if scores is not None and name_of(scores) == "Bmm" else None


def _split(query: Node) -> HeadMix | None:
    node: Node | None = query
    while node is not None and name_of(node) in _IN_ORDER:
        new, source = shape_of(node), _first(node)
        old = shape_of(source) if source is not None else ()
        if len(old) == 3 and len(new) == 4 and new[0] == old[0] and min(new[1:]) > 1:
            if new[1] == old[1] and new[2] * new[3] == old[2]:
                return HeadMix(n_positions=new[1], n_heads=new[2], width=new[3])
            if new[2] == old[1] and new[1] * new[3] == old[2]:
                return HeadMix(n_positions=new[2], n_heads=new[1], width=new[3], poured=True)
        node = source
    return None


def _first(node: Node) -> Node | None:
    return next((child for _, child in children(node)), None)
