"""What reads the class: label vectors, words of the output, prototypes, or one word piece at each mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minent.prompts.body import Body


class Head(nn.Module):
    """Features where the class is read, `(batch, masks, features)`, to scores `(batch, classes)`."""

    def forward(self, features: Tensor, body: Body) -> Tensor:
        """Score the classes."""
        raise NotImplementedError  # not abstract: it holds the place where features alone are asked for

    def fold(self, body: Body) -> Head:
        """The same as plain tables."""
        return self


class VectorHead(Head):
    """A vector and a bias for each class.

    Args:
        vectors: `(classes, features)`.
        bias: `(classes,)`.
    """

    def __init__(self, vectors: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.vectors = nn.Parameter(vectors.clone())
        self.bias = nn.Parameter(vectors.new_zeros(len(vectors)) if bias is None else bias.clone())

    def forward(self, features: Tensor, body: Body) -> Tensor:
        """See `Head.forward`."""
        return F.linear(features[:, 0], self.vectors, self.bias)


class WordHead(Head):
    """The mean score of each class's tokens, as the body itself would say them.

    Args:
        averaging: `(classes, vocabulary)`.
    """

    def __init__(self, averaging: Tensor) -> None:
        super().__init__()
        self.register_buffer("averaging", averaging)

    def forward(self, features: Tensor, body: Body) -> Tensor:
        """See `Head.forward`."""
        return F.linear(features[:, 0], *self._words(body))

    def _words(self, body: Body) -> tuple[Tensor, Tensor]:
        words, bias = body.output()
        averaging = self.averaging
        assert isinstance(averaging, Tensor)
        return averaging @ words, averaging @ (words.new_zeros(len(words)) if bias is None else bias)

    def fold(self, body: Body) -> Head:
        """See `Head.fold`."""
        with torch.no_grad():
            return VectorHead(*self._words(body))


class CosineHead(Head):
    """Nearness to a prototype of each class: the cosine, times a scale.

    Args:
        vectors: Prototypes, `(classes, features)`.
        scale: Natural logarithm of the scale, `(1,)`.
    """

    def __init__(self, vectors: Tensor, scale: Tensor | None = None) -> None:
        super().__init__()
        self.vectors = nn.Parameter(vectors.clone())
        self.scale = nn.Parameter(torch.tensor([2.5]) if scale is None else scale.clone())

    def forward(self, features: Tensor, body: Body) -> Tensor:
        """See `Head.forward`."""
        near = F.normalize(features[:, 0], dim=-1) @ F.normalize(self.vectors, dim=-1).T
        return near * self.scale.exp()


class PieceHead(Head):
    """One mask for each token of a class's words: the mean log-probability of the tokens, each at its own mask.

    Args:
        tokens: int64 `(classes, masks)`, -1 behind the last token of a class.
    """

    def __init__(self, tokens: Tensor) -> None:
        super().__init__()
        self.register_buffer("tokens", tokens)
        self.masks = tokens.shape[1]

    def forward(self, features: Tensor, body: Body) -> Tensor:
        """See `Head.forward`."""
        tokens = self.tokens
        assert isinstance(tokens, Tensor)
        said = F.log_softmax(body.logits(features), dim=-1)  # (batch, masks, vocabulary)
        each = said.gather(2, tokens.clamp_min(0).T[None].expand(len(features), -1, -1))  # (batch, masks, classes)
        counted = (tokens >= 0).T.to(each.dtype)
        return (each * counted).sum(dim=1) / counted.sum(dim=0)


HEADS: dict[str, type[Head]] = {"vectors": VectorHead, "cosine": CosineHead, "pieces": PieceHead}


def piece_table(tokens: Sequence[Sequence[np.ndarray]]) -> Tensor:
    """The first words of each class as the table that `PieceHead` takes."""
    longest = max(len(several[0]) for several in tokens)
    table = torch.full((len(tokens), longest), -1)
    for row, several in enumerate(tokens):
        table[row, : len(several[0])] = torch.from_numpy(several[0])
    return table


def tables_of(head: Head) -> dict[str, np.ndarray]:
    """What a folded head is made of, with its kind in the names."""
    kind = next(name for name, form in HEADS.items() if type(head) is form)
    return {f"{kind}.{name}": tensor.detach().numpy().copy() for name, tensor in head.state_dict().items()}


def head_from(tables: dict[str, np.ndarray]) -> Head:
    """The head that `tables_of` took apart."""
    kind = next(iter(tables)).partition(".")[0]
    return HEADS[kind](**{name.partition(".")[2]: torch.from_numpy(array) for name, array in tables.items()})


def nearest_means(features: Tensor, labels: Tensor, classes: int) -> Tensor:
    """The mean of each class's features of length one, `(classes, features)`."""
    members = F.one_hot(labels, classes).to(features.dtype)
    return members.T @ F.normalize(features, dim=-1) / members.sum(dim=0)[:, None].clamp_min(1)


def probe(features: Tensor, labels: Tensor, classes: int, penalty: float) -> tuple[Tensor, Tensor]:
    """Logistic regression, to start from: `(vectors (classes, features), bias (classes,))`.

    Args:
        features: `(rows, features)`; frozen.
        labels: int64 `(rows,)`.
        classes: How many.
        penalty: Of the squared weights, in units of the mean square length of a centred row.

    Source:
        Kumar et al. (2022), arXiv 2202.10054: a head that is fitted first keeps tuning from bending the features.
    """
    rows = features.double()
    centre = rows.mean(dim=0)
    length = (rows - centre).square().sum(dim=1).mean().sqrt().clamp_min(1e-12)
    rows = (rows - centre) / length
    weights = torch.zeros(classes, rows.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([weights, bias], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        value = F.cross_entropy(F.linear(rows, weights, bias), labels) + penalty * weights.square().sum()
        value.backward()
        return value

    solver.step(loss)
    vectors = weights.detach() / length
    return vectors.float(), (bias.detach() - vectors @ centre).float()
