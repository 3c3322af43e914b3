"""What can be chosen about word vectors, and the rule for their dimension."""

from __future__ import annotations

import math
from dataclasses import dataclass

from minent.errors import InputError, did_you_mean, listing, number, whole

KERNELS = ("dot", "gauss", "t")
TABLES = ("separate", "shared")
WEIGHTINGS = ("linear", "flat")
SOLVERS = ("auto", "exact", "sampled")
MOST_EXACT = 16_384


@dataclass(frozen=True)
class VectorsConfig:
    """How co-occurrences are counted and how the vectors are fitted to them.

    Attributes:
        dim: Length of a vector, or None for `dimension_for(vocab_size)`.
        kernel: How two vectors make a score. `"dot"`: the inner product, as in Skip-gram; `"gauss"`: minus the squared
            distance, as in SNE; `"t"`: minus `log(1 + squared distance)`, as in t-SNE.
        tables: `"separate"`: a token has one vector as centre and another as neighbour, as in Skip-gram, and the
            first is kept; `"shared"`: it has one vector for both, as a book has one place in the library.
        window: How many tokens to either side are neighbours.
        weighting: `"linear"`: a neighbour at distance d counts `window + 1 - d` times; `"flat"`: once.
        directed: Only the tokens that follow are neighbours, so `p(i, j)` is not symmetric.
        context_power: The scores are added to `context_power * log p(j)`. At 1 vectors carry pointwise mutual
            information; at 0 they must also spell out how frequent each token is.
        subsample: Tokens more frequent than this share are counted as if kept with probability `sqrt(subsample /
            share)`: in expectation, without drawing. 0 counts every token whole.
        door: What a walk from the door costs, in bits per unit of length: `door * sum p(i) |v_i|` is minimised too, so
            frequent tokens stand near the origin. 0 asks for no walk.
        solver: `"exact"`: the whole softmax; `"sampled"`: all neighbours that were met, and a sample of the others,
            with corrected logits; `"auto"`: exact up to 16,384 tokens that have neighbours.
        samples: How many of the others the sampled solver takes for each block of 256 tokens.
        max_iterations: Steps of L-BFGS after the start from the singular vectors; 0 keeps the start. More steps always
            lower the cost, but past a few they no longer make better text vectors.
        text_smoothing: The `a` of the SIF weight `a / (a + p)` in text vectors.
        seed: Seed of the randomised SVD and of the samples.

    Raises:
        InputError: A value outside its range, by name.

    Example:
        >>> VectorsConfig(dim=64).window
        10
    """

    dim: int | None = None
    kernel: str = "dot"
    tables: str = "separate"
    window: int = 10
    weighting: str = "linear"
    directed: bool = False
    context_power: float = 1.0
    subsample: float = 1e-3
    door: float = 0.0
    solver: str = "auto"
    samples: int = 2048
    max_iterations: int = 3
    text_smoothing: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        choices = {"kernel": KERNELS, "tables": TABLES, "weighting": WEIGHTINGS, "solver": SOLVERS}
        for name, known in choices.items():
            value = getattr(self, name)
            if value not in known:
                hint = did_you_mean(str(value), known)
                raise InputError(f"{name} is {value!r}; there is {listing(known)}.{hint}")
        for name, least in (("dim", 1), ("window", 1), ("samples", 1), ("max_iterations", 0)):
            value = getattr(self, name)
            if value is not None:
                whole(name, value, least)
        whole("seed", self.seed, 0)
        for name in ("context_power", "subsample", "door"):
            number(name, getattr(self, name), 0)
        number("text_smoothing", self.text_smoothing, 0, above=True)


FOR_WORDS = VectorsConfig(subsample=1e-5, max_iterations=0)
"""What `train_words` takes: the start alone, frequent words thinned strongly. Chosen on RG-65 and Rare Words."""


def dimension_for(vocab_size: int) -> int:
    """Return the length that vectors of `vocab_size` tokens need: `8.33 ln N`, rounded up to a multiple of 8.

    Args:
        vocab_size: Number of tokens, 1 or more.

    Source:
        J. Su, kexue.fm/archives/7695: the entropy of the pairs must fit into the kernel.

    Example:
        >>> dimension_for(8000), dimension_for(100_000)
        (80, 96)
    """
    return max(8, 8 * math.ceil(8.33 * math.log(max(vocab_size, 1)) / 8))
