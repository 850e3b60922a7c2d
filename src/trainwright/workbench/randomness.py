"""Random numbers: one seed for everything, states that can be stored, and nothing left behind for the caller."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def derive(seed: int, *purpose: object) -> int:
    """A seed for one purpose (``"shuffle", epoch``), independent of the seeds of all others; in [0, 2**63)."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch on all devices."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - the user's model may use the global generator
    torch.manual_seed(seed)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Everything seeded inside; afterwards the generators stand where the caller left them."""
    numbers, tensors = random_state()
    try:
        seed_everything(seed)
        yield
    finally:
        restore_random_state(numbers, tensors)


def random_state() -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """State of all global generators: what JSON can hold, and tensors."""
    kind, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)  # noqa: NPY002
    numbers = {
        "python": random.getstate(),
        "numpy": [kind, np.asarray(keys).tolist(), position, has_gauss, gauss],
    }
    tensors = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        tensors["cuda"] = torch.cuda.get_rng_state()
    return numbers, tensors


def restore_random_state(numbers: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
    """Put back what :func:`random_state` gave, also after a trip through JSON."""
    version, internal, gauss = numbers["python"]
    random.setstate((version, tuple(internal), gauss))
    kind, keys, *rest = numbers["numpy"]
    np.random.set_state((kind, np.asarray(keys, dtype=np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(tensors["torch"])
    if "cuda" in tensors:
        torch.cuda.set_rng_state(tensors["cuda"])
