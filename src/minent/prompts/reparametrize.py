"""What stands behind the prompt vectors while they are trained: nothing, an MLP or an LSTM.

Ours start at the given vectors exactly. The two forms of the paper start wherever their fresh networks lead, as those
of peft do. After training each is folded into a plain table.

Source: Liu et al. (2021), arXiv 2103.10385 (P-tuning); J. Su, kexue.fm/archives/8295, who does without.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Table(nn.Module):
    """The vectors themselves.

    Args:
        start: Where they start, `(slots, dim)`.
    """

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.table = nn.Parameter(start.clone())

    def forward(self) -> Tensor:
        """The prompt vectors, `(slots, dim)`."""
        return self.table


class ThroughMLP(Table):
    """The vectors plus a two-layer network of them, whose last layer starts at zero.

    Args:
        start: Where they start, `(slots, dim)`.
    """

    def __init__(self, start: Tensor) -> None:
        super().__init__(start)
        self.network = _head(start.shape[1], start.shape[1])

    def forward(self) -> Tensor:
        """The prompt vectors, `(slots, dim)`."""
        return self.table + self.network(_unit(self.table)) * self.table.std()


class ThroughLSTM(Table):
    """As `ThroughMLP`, behind a bidirectional LSTM that lets neighbouring slots speak to each other.

    Args:
        start: Where they start, `(slots, dim)`.
    """

    def __init__(self, start: Tensor) -> None:
        super().__init__(start)
        dim = start.shape[1]
        self.lstm = nn.LSTM(dim, dim // 2, num_layers=2, bidirectional=True, batch_first=True)
        self.network = _head(2 * (dim // 2), dim)

    def forward(self) -> Tensor:
        """The prompt vectors, `(slots, dim)`."""
        spoken, _ = self.lstm(_unit(self.table)[None])
        return self.table + self.network(spoken[0]) * self.table.std()


class PaperMLP(Table):
    """Three layers and nothing beside them, in the layout of peft's `PromptEncoder`.

    Args:
        start: What goes in, `(slots, dim)`.
    """

    def __init__(self, start: Tensor) -> None:
        super().__init__(start)
        dim = start.shape[1]
        self.mlp_head = nn.Sequential(
            nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim)
        )

    def forward(self) -> Tensor:
        """The prompt vectors, `(slots, dim)`."""
        return self.mlp_head(self.table)


class PaperLSTM(Table):
    """A bidirectional LSTM and two layers, in the layout of peft's `PromptEncoder`.

    Args:
        start: What goes in, `(slots, dim)`.
    """

    def __init__(self, start: Tensor) -> None:
        super().__init__(start)
        dim = start.shape[1]
        self.lstm_head = nn.LSTM(dim, dim, num_layers=2, bidirectional=True, batch_first=True)
        self.mlp_head = nn.Sequential(nn.Linear(2 * dim, 2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim))

    def forward(self) -> Tensor:
        """The prompt vectors, `(slots, dim)`."""
        return self.mlp_head(self.lstm_head(self.table[None])[0])[0]


REPARAMETRIZATIONS: dict[str, type[Table]] = {
    "none": Table,
    "mlp": ThroughMLP,
    "lstm": ThroughLSTM,
    "paper-mlp": PaperMLP,
    "paper-lstm": PaperLSTM,
}


def _head(in_dim: int, dim: int) -> nn.Sequential:
    last = nn.Linear(dim, dim)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(in_dim, dim), nn.ReLU(), last)


def _unit(table: Tensor) -> Tensor:
    """The vectors at the scale that a fresh network expects."""
    return torch.nn.functional.layer_norm(table, table.shape[-1:])
