"""Rows of ids as padded batches: the one place that checks, cuts, sorts and pads them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from minent.encoders.skeleton import PAD_ID
from minent.errors import InputError

CHECKED = 2**22  # ids looked at together: those of a file need not be in memory all at once


def check_rows(
    ids: np.ndarray, starts: np.ndarray, vocab_size: int, *, as_they_are: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return ids as int32 and row starts as int64, or say what is wrong with them.

    Args:
        ids: Token ids of all rows end to end, each in `[0, vocab_size)`.
        starts: Where each row starts, then `len(ids)`; never falling.
        vocab_size: Number of token ids.
        as_they_are: Leave the ids in their type, and where they are: they may be mapped from a file.

    Raises:
        InputError: Ids that are not whole numbers or lie outside the vocabulary, or starts that do not cover them.

    Example:
        >>> check_rows(np.array([3, 9]), np.array([0, 2]), vocab_size=5)
        Traceback (most recent call last):
            ...
        minent.errors.InputError: ids[1] is 9, but vocab_size is 5 (1 of 2 ids are outside). Were the ids made by ...
    """
    ids, starts = np.asarray(ids), np.asarray(starts)
    if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
        raise InputError(f"ids have dtype {ids.dtype} and shape {ids.shape}; one flat row of whole numbers is needed.")
    if starts.ndim != 1 or not starts.size or starts.dtype.kind not in "iu":
        raise InputError(f"starts have dtype {starts.dtype} and shape {starts.shape}; n + 1 whole numbers are needed.")
    if starts[0] != 0 or starts[-1] != len(ids) or (np.diff(starts) < 0).any():
        raise InputError(
            f"starts run from {starts[0]} to {starts[-1]} over {len(ids)} ids; they must begin at 0, never fall, and "
            f"end at the number of ids."
        )
    places = [
        begin + np.flatnonzero((part < 0) | (part >= vocab_size))
        for begin in range(0, len(ids), CHECKED)
        for part in [ids[begin : begin + CHECKED]]
    ]
    outside = np.concatenate([np.zeros(0, np.int64), *places])
    if outside.size:
        raise InputError(
            f"ids[{outside[0]}] is {ids[outside[0]]}, but vocab_size is {vocab_size} ({outside.size} of {ids.size} ids "
            f"are outside). Were the ids made by the tokenizer that vocab_size was read from?"
        )
    return ids if as_they_are else ids.astype(np.int32, copy=False), starts.astype(np.int64, copy=False)


def cut(starts: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut each row into windows of at most `length` tokens.

    Args:
        starts: Where each row starts, then the number of ids.
        length: The longest window.

    Returns:
        The starts of the windows in the same ids, then the number of ids; and the row that each window belongs to.
        Empty rows have no window.

    Example:
        >>> cut(np.array([0, 5, 5, 7]), length=2)
        (array([0, 2, 4, 5, 7]), array([0, 0, 0, 2]))
    """
    windows = -(-np.diff(starts) // length)
    owners = np.repeat(np.arange(len(windows)), windows)
    ordinal = np.arange(len(owners)) - np.repeat(np.cumsum(windows) - windows, windows)
    return np.append(starts[:-1][owners] + ordinal * length, starts[-1]), owners


def by_length(lengths: np.ndarray, batch_tokens: int = 8192) -> Iterator[np.ndarray]:
    """Group rows of like length, so that little of a batch is padding.

    Args:
        lengths: Tokens of each row.
        batch_tokens: The most tokens in a batch, padding included; a longer row stands alone.

    Yields:
        Row numbers, shortest rows first; every row once.

    Example:
        >>> [rows.tolist() for rows in by_length(np.array([5, 1, 2, 6]), batch_tokens=10)]
        [[1, 2], [0], [3]]
    """
    order = np.argsort(lengths, kind="stable")
    begin = 0
    while begin < len(order):
        sizes = lengths[order[begin : begin + batch_tokens]] * np.arange(
            1, len(order[begin : begin + batch_tokens]) + 1
        )
        taken = max(1, int(np.searchsorted(sizes, batch_tokens, side="right")))
        yield order[begin : begin + taken]
        begin += taken


def pad(ids: np.ndarray, starts: np.ndarray, rows: np.ndarray) -> tuple[Tensor, Tensor]:
    """Lay some rows under each other, padded on the right.

    Args:
        ids: Token ids of all rows end to end.
        starts: Where each row starts, then `len(ids)`.
        rows: The rows to take.

    Returns:
        ids, int64 `(len(rows), longest)`, and the mask, bool, True at a real token.

    Example:
        >>> pad(np.array([7, 8, 9]), np.array([0, 2, 3]), np.array([0, 1]))
        (tensor([[7, 8],
                [9, 0]]), tensor([[ True,  True],
                [ True, False]]))
    """
    lengths = starts[rows + 1] - starts[rows]
    mask = np.arange(lengths.max(initial=1)) < lengths[:, None]
    padded = np.full(mask.shape, PAD_ID, dtype=np.int64)
    within = np.arange(mask.shape[1]) + starts[rows][:, None]
    padded[mask] = ids[within[mask]]
    return torch.from_numpy(padded), torch.from_numpy(mask)
