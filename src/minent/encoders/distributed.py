"""Several processes that train one encoder: each takes its share of every batch, and all make the same step.

`torchrun --nproc-per-node 2 program.py` starts them and tells each its number; without it there is a group of one.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed

Item = TypeVar("Item")


@dataclass(frozen=True)
class Group:
    """The processes that train together.

    Args:
        rank: The number of this process, from 0.
        size: How many there are.

    Example:
        >>> Group(rank=1, size=2).own([10, 11, 12, 13])
        [12, 13]
    """

    rank: int = 0
    size: int = 1

    def own(self, parts: Sequence[Item]) -> list[Item]:
        """The parts of a batch that this process computes."""
        begin, end = (number * len(parts) // self.size for number in (self.rank, self.rank + 1))
        return list(parts[begin:end])

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes, in one message."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.detach().flatten() for tensor in tensors])
        distributed.all_reduce(flat)
        for tensor, summed in zip(tensors, flat.split([tensor.numel() for tensor in tensors])):
            tensor.detach().copy_(summed.view_as(tensor))

    def any(self, here: bool, device: torch.device) -> bool:
        """Whether it is so in any process."""
        flag = torch.tensor([float(here)], device=device)
        self.sum([flag])
        return bool(flag.item())


def join(device: torch.device) -> Group:
    """Join the group that `torchrun` started this process for; a group that was joined before is used as it is.

    It is left when the process ends: the second of two groups in one process finds the addresses of the first.

    Example:
        >>> join(torch.device("cpu"))
        Group(rank=0, size=1)
    """
    ready = distributed.is_available() and distributed.is_initialized()
    launched = distributed.is_available() and {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= os.environ.keys()
    if not ready and not launched:
        return Group()
    if not ready:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        atexit.register(distributed.destroy_process_group)
    return Group(distributed.get_rank(), distributed.get_world_size())
