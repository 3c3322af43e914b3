"""Word vectors from the library: the exact minimum-entropy objective, in bits per pair, on symmetric neighbour counts.

Tokens that are met together should be cheap to reach from each other. Made precise, the cost is the number of bits it
takes to name a neighbour when the centre is known; its lower bound is an entropy, so one sees how much is left. The
softmax is whole, nothing is drawn, and the same seed gives the same bytes on any number of threads. For whoever needs
first features from raw text: word vectors, text vectors (`Vectors.embed`), initial embeddings for an encoder.

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

from minent.vectors.config import VectorsConfig, dimension_for
from minent.vectors.counting import cooccurrence
from minent.vectors.evaluation import AnalogyResult, SimilarityResult, evaluate
from minent.vectors.lexicon import Lexicon
from minent.vectors.maps import neighbour_map
from minent.vectors.objective import PairCost
from minent.vectors.planner import LibraryPlan, LibraryPlanner
from minent.vectors.training import train, train_words
from minent.vectors.vectors import Vectors

__all__ = [
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
