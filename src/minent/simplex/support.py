"""What sparse probabilities keep: how many entries, and which, as compressed rows."""

from __future__ import annotations

import torch

from minent.simplex.rows import open_rows


def support_size(probabilities: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Count the entries above zero along an axis.

    Args:
        probabilities: Floating point, any shape; the result of any map of this room.
        dim: The axis that sums to one.

    Returns:
        Counts, int64, of the shape of `probabilities` without `dim`.

    Raises:
        InputError: The probabilities are not floating point or lack `dim`.

    Source:
        The number of non-zeros, as in Martins and Astudillo (2016).

    Example:
        >>> support_size(torch.tensor([[0.75, 0.25, 0.0], [1.0, 0.0, 0.0]]))
        tensor([2, 1])
    """
    return (open_rows(probabilities, dim) > 0).sum(-1)


def to_csr(probabilities: torch.Tensor, dim: int = -1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Keep only the entries that are not zero, as compressed sparse rows.

    Args:
        probabilities: Floating point, any shape; the result of any map of this room.
        dim: The axis that sums to one; the others, in their order, are the rows.

    Returns:
        `starts` int64 `(rows + 1,)`, `columns` int64 `(kept,)`, and `values` `(kept,)`, typed like `probabilities`
        and differentiable: row i holds `values[starts[i]:starts[i + 1]]` at `columns[starts[i]:starts[i + 1]]`. They
        are what `torch.sparse_csr_tensor` and `scipy.sparse.csr_array` take.

    Raises:
        InputError: The probabilities are not floating point or lack `dim`.

    Source:
        Saad (2003), "Iterative Methods for Sparse Linear Systems", section 3.4.

    Example:
        >>> starts, columns, values = to_csr(torch.tensor([[0.75, 0.0, 0.25], [0.0, 1.0, 0.0]]))
        >>> starts.tolist(), columns.tolist(), values.tolist()
        ([0, 2, 3], [0, 2, 1], [0.75, 0.25, 1.0])
    """
    open_rows(probabilities, dim)
    rows = probabilities.movedim(dim, -1).reshape(-1, probabilities.shape[dim])
    kept = rows != 0
    starts = torch.zeros(len(rows) + 1, dtype=torch.int64, device=rows.device)
    torch.cumsum(kept.sum(-1), 0, out=starts[1:])
    return starts, kept.nonzero()[:, 1], rows[kept]
