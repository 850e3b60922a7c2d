"""Several processes that train one model together, as ``torchrun`` starts them; a single process needs none of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from trainwright.core import UsageError


@dataclass(frozen=True)
class Team:
    """This process among those that train together: ``rank`` of ``size``, and the device it works on."""

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model, its gradients averaged over the team in every backward pass."""
        return model if self.size == 1 else DistributedDataParallel(model)

    def add_up(self, numbers: Tensor) -> Tensor:
        """The sum over the team, for everybody; in place."""
        if self.size > 1:
            dist.all_reduce(numbers)
        return numbers

    def share_buffers(self, model: nn.Module) -> None:
        """Give everybody the leader's batch-norm statistics, so that all evaluate, and decide, alike."""
        if self.size > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, 0)

    def wait(self) -> None:
        """Until everybody is here."""
        if self.size > 1:
            dist.barrier()


@contextmanager
def join_team(device: str) -> Iterator[Team]:
    """The team this process was started in. ``device``: auto, cpu or cuda.

    Raises ``UsageError`` where cuda is asked for and there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "training.device is 'cuda', but torch sees no CUDA device.",
            expected="auto or cpu on this machine.",
            todo="Set training.device to auto.",
        )
    on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    size = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(place)
    starts = size > 1 and not dist.is_initialized()
    if starts:
        dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        # Convolution algorithms chosen by timing would differ from run to run.
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=True):
            yield Team(rank, size, place)
    finally:
        if starts:
            dist.destroy_process_group()
