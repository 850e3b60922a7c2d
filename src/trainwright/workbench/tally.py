"""What an epoch's batches add up to."""

from __future__ import annotations

import torch
from torch import Tensor


class Tally:
    """Losses and hits of the batches of an epoch, left on the device until they are asked for.

    Kept one by one rather than summed: a sum taken up again after a resume would round differently.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._losses: list[Tensor] = []
        self._hits: list[Tensor] = []
        self._sizes: list[int] = []

    def add(self, loss: Tensor, hits: Tensor, samples: int) -> None:
        """One batch: its mean loss, correct predictions or squared errors, and samples."""
        self._losses.append(loss)
        self._hits.append(hits)
        self._sizes.append(samples)

    def recent_loss(self, batches: int) -> Tensor:
        """Sum of the losses of the last batches; finite exactly if all of them are."""
        return self._losses[-1] if batches == 1 else torch.stack(self._losses[-batches:]).sum()

    def sums(self) -> Tensor:
        """[loss × samples, hits, samples], summed over the epoch."""
        kept = self.pack()
        sizes = kept["sizes"]
        return torch.stack([(kept["losses"] * sizes).sum(), kept["hits"].sum(), sizes.sum()])

    def pack(self) -> dict[str, Tensor]:
        """Everything, as tensors."""
        sizes = torch.tensor(self._sizes, dtype=torch.float64, device=self._device)
        lists = {"losses": self._losses, "hits": self._hits}
        packed = {name: torch.stack([x.double() for x in each]) for name, each in lists.items() if each}
        return {"sizes": sizes, "losses": sizes, "hits": sizes, **packed}

    def unpack(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what :meth:`pack` gave."""
        self._losses = list(tensors["losses"].to(self._device).unbind())
        self._hits = list(tensors["hits"].to(self._device).unbind())
        self._sizes = [int(size) for size in tensors["sizes"].tolist()]
