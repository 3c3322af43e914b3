"""The functions of this room as `torch.nn.Module`, for models that are built of layers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from minent.errors import InputError, did_you_mean
from minent.simplex.sparse import entmax


class Layer(nn.Module):
    """Any map or loss of this room with its options set: `Layer(entmax, alpha=1.5)`, `Layer(sparsemax_loss)`.

    Called with what the function takes first: scores, or scores and target. An option that is a tensor moves with the
    module, and one that is an `nn.Parameter` is trained with it.

    Args:
        function: A map or loss of `minent.simplex`.
        options: Its further arguments, by name.

    Raises:
        InputError: An option that the function does not take.

    Example:
        >>> from minent.simplex import sparsemax_loss
        >>> layer = Layer(entmax, alpha=1.5)
        >>> layer
        Layer(entmax, alpha=1.5)
        >>> layer(torch.tensor([2.0, 1.0, 0.0]))
        tensor([0.8307, 0.1693, 0.0000])
        >>> Layer(sparsemax_loss, reduction="sum")(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))
        tensor(1.)
    """

    def __init__(self, function: Callable[..., torch.Tensor], **options: Any) -> None:
        super().__init__()
        known = list(inspect.signature(function).parameters)
        for name, value in options.items():
            if name not in known:
                raise InputError(f"{function.__name__} has no option {name!r}.{did_you_mean(name, known)}")
            if isinstance(value, nn.Parameter):
                self.register_parameter(name, value)
            elif isinstance(value, torch.Tensor):
                self.register_buffer(name, value)
        self._function = function
        self._options = options

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Apply the function to scores, or to scores and target."""
        tensors = {**dict(self.named_parameters(recurse=False)), **dict(self.named_buffers(recurse=False))}
        return self._function(*inputs, **{**self._options, **tensors})

    def __repr__(self) -> str:
        """Show the function and its options."""
        shown = [f"{name}={'tensor' if isinstance(v, torch.Tensor) else repr(v)}" for name, v in self._options.items()]
        return f"Layer({', '.join([self._function.__name__, *shown])})"


class LearnedEntmax(nn.Module):
    """Entmax whose alpha is learned between 1 (softmax) and 2 (sparsemax), one for all rows or one per head.

    Args:
        shape: Shape of alpha, which must broadcast against the scores with size 1 along `dim`: `(heads, 1, 1)` for
            attention scores `(batch, heads, queries, keys)`.
        start: Where alpha starts, between 1 and 2.
        dim: The axis that sums to one.

    Raises:
        InputError: A start that does not lie between 1 and 2.

    Source:
        Correia, Niculae and Martins (2019), "Adaptively Sparse Transformers": `alpha = 1 + sigmoid(a)`.

    Example:
        >>> layer = LearnedEntmax(shape=(4, 1, 1))
        >>> layer(torch.zeros(2, 4, 3, 5)).shape, layer.alpha.shape
        (torch.Size([2, 4, 3, 5]), torch.Size([4, 1, 1]))
    """

    def __init__(self, shape: tuple[int, ...] = (), start: float = 1.5, dim: int = -1) -> None:
        super().__init__()
        if not 1.0 < start < 2.0:
            raise InputError(f"start is {start!r}; alpha is learned between 1 and 2, so start between them.")
        self.raw_alpha = nn.Parameter(torch.logit(torch.full(shape, start - 1.0)))
        self.dim = dim

    @property
    def alpha(self) -> torch.Tensor:
        """The present alpha, between 1 and 2."""
        return 1.0 + torch.sigmoid(self.raw_alpha)

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        """Return probabilities, shaped and typed like the scores."""
        return entmax(scores, self.alpha, self.dim)
