"""Checkpoints: tensors in safetensors files, everything else in JSON, never a pickle.

A checkpoint is two files. The tensors are written first, under a name the present checkpoint does not use; replacing
``state.json`` then makes the new one valid in a single rename, and only after that the old tensors go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor
from torch.optim import Optimizer

from trainwright.logbook.files import damaged, digest, read_json, remove_leftovers, write_bytes, write_json

STATE = "state.json"
_SLOTS = ("state-a.safetensors", "state-b.safetensors")


def tensors_to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """The safetensors file of some tensors; shared and strided ones are written out in full."""
    return safetensors.torch.save({name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()})


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write a safetensors file; its SHA-256."""
    data = tensors_to_bytes(tensors)
    write_bytes(path, data)
    return digest(data)


def read_tensors(path: Path, checksum: str) -> dict[str, Tensor]:
    """Tensors on the CPU, each with memory of its own.

    Raises ``RunFolderError`` where the file is missing, truncated or not the one with this SHA-256.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise damaged(path, f"it cannot be read ({error.strerror})") from None
    if digest(data) != checksum:
        raise damaged(path, "its content does not match its checksum")
    try:
        # Cloned, since the loaded ones share one unaligned buffer and alignment can change the last bit of a sum.
        return {name: tensor.clone() for name, tensor in safetensors.torch.load(data).items()}
    except SafetensorError as error:
        raise damaged(path, str(error)) from None


def save_checkpoint(folder: Path, tensors: Mapping[str, Tensor], body: Mapping[str, Any]) -> None:
    """Replace the checkpoint of a training; the previous one stays valid until the new one is complete."""
    present = _slot(folder)
    slot = _SLOTS[1 - _SLOTS.index(present)] if present in _SLOTS else _SLOTS[0]
    checksum = write_tensors(folder / slot, tensors)
    write_json(folder / STATE, {**body, "tensors": slot, "tensors_checksum": checksum})
    if present is not None:
        (folder / present).unlink(missing_ok=True)


def load_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The tensors and the rest of the last complete checkpoint, or None where there is none.

    Raises ``RunFolderError`` naming the file that is damaged.
    """
    if not (folder / STATE).exists():
        return None
    body = read_json(folder / STATE)
    return read_tensors(folder / body["tensors"], body["tensors_checksum"]), body


def remove_checkpoint(folder: Path) -> None:
    """Delete what only served to resume."""
    (folder / STATE).unlink(missing_ok=True)
    for slot in _SLOTS:
        (folder / slot).unlink(missing_ok=True)
    remove_leftovers(folder)


def _slot(folder: Path) -> str | None:
    return str(read_json(folder / STATE)["tensors"]) if (folder / STATE).exists() else None


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with their names below a prefix."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of :func:`under`: the tensors below the prefix, without it."""
    return {name.removeprefix(f"{prefix}/"): t for name, t in tensors.items() if name.startswith(f"{prefix}/")}


def pack_optimizer(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimizer's state as tensors and plain data.

    Raises ``TypeError`` for state that is neither tensor nor plain (no built-in optimizer has such).
    """
    state = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    plain: dict[str, dict[str, Any]] = {}
    for number, entries in state["state"].items():
        plain[str(number)] = {}
        for name, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"{number}/{name}"] = value
            else:
                json.dumps(value)
                plain[str(number)][name] = value
    groups = [{name: v for name, v in group.items() if _is_plain(v)} for group in state["param_groups"]]
    return tensors, {"state": plain, "groups": groups}


def unpack_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor], body: Mapping[str, Any]) -> None:
    """Put back what :func:`pack_optimizer` gave into a new optimizer of the same making."""
    state: dict[int, dict[str, Any]] = {int(number): dict(entries) for number, entries in body["state"].items()}
    for name, tensor in tensors.items():
        number, _, entry = name.partition("/")
        state[int(number)][entry] = tensor
    fresh = optimizer.state_dict()["param_groups"]
    groups = []
    for group, kept in zip(fresh, body["groups"], strict=True):
        values = {name: tuple(v) if isinstance(group.get(name), tuple) else v for name, v in kept.items()}
        groups.append({**group, **values})
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
