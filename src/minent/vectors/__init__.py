"""Word vectors from the library: the minimum-entropy objective, in bits per pair beside its lower bound.

Tokens that are met together should be cheap to reach from each other. Made precise, the cost is the number of bits it
takes to name a neighbour when the centre is known; its lower bound is an entropy, so one sees how much is left. The
softmax is whole up to 16,384 tokens, and beyond leaves out only tokens that were never met, by a sample with corrected
logits. The same seed gives the same bytes on any number of threads. For whoever needs first features from raw text:
vectors of words in any script (`train_words`) or of a tokenizer's ids (`train`), of texts, initial embeddings for an
encoder, a map in the plane (`neighbour_map`), or the shelves of a real library (`LibraryPlanner`).

    >>> import numpy as np
    >>> from minent import vectors
    >>> texts = [[0, 1, 2], [0, 1, 3], [4, 5, 2], [4, 5, 3]]
    >>> ids, starts = np.concatenate(texts).astype(np.int32), np.arange(0, 13, 3)
    >>> learned = vectors.train(ids, starts, vocab_size=6, config=vectors.VectorsConfig(dim=4))
    >>> learned.matrix.shape, learned.bits_per_pair >= learned.entropy_bits
    ((6, 4), True)
    >>> learned.embed(ids, starts).shape
    (4, 4)

Source: J. Su, kexue.fm/archives/6191.
"""

from minent.vectors.config import FOR_WORDS, VectorsConfig, dimension_for
from minent.vectors.counting import cooccurrence
from minent.vectors.evaluation import AnalogyResult, SimilarityResult, evaluate
from minent.vectors.lexicon import Lexicon
from minent.vectors.maps import neighbour_map
from minent.vectors.objective import PairCost
from minent.vectors.planner import LibraryPlan, LibraryPlanner
from minent.vectors.training import train, train_words
from minent.vectors.vectors import Vectors

__all__ = [
    "FOR_WORDS",
    "AnalogyResult",
    "Lexicon",
    "LibraryPlan",
    "LibraryPlanner",
    "PairCost",
    "SimilarityResult",
    "Vectors",
    "VectorsConfig",
    "cooccurrence",
    "dimension_for",
    "evaluate",
    "neighbour_map",
    "train",
    "train_words",
]
