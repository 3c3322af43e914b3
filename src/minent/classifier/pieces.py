"""A second view of a text: which pieces of the tokenizer, alone and in pairs, it holds.

Naive Bayes in this view errs elsewhere than in the view of n-grams, so the two together are right more often.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from minent.classifier.features import MIN_DOCUMENTS

LENGTH = 20.0


class PieceGrams:
    """The pieces and pairs of neighbouring pieces that stand in at least two texts of the pool.

    Args:
        ids: int32, the pieces of all texts end to end.
        starts: int64 (texts + 1,): where each text starts.
        vocab_size: How many pieces there are.
    """

    def __init__(self, ids: np.ndarray, starts: np.ndarray, vocab_size: int) -> None:
        self.vocab_size = vocab_size
        keys, texts = np.unique(self._distinct(ids, starts)[1], return_counts=True)
        self.keys = keys[texts >= MIN_DOCUMENTS] if (texts >= MIN_DOCUMENTS).any() else keys

    def rows(self, ids: np.ndarray, starts: np.ndarray) -> sparse.csr_matrix:
        """Return float32 (texts, grams): 1 for each known gram of a text, scaled so that no row sums to over 20.

        Example:
            >>> ids, starts = np.array([0, 1, 0, 1], np.int32), np.array([0, 2, 4])
            >>> PieceGrams(ids, starts, 2).rows(np.array([1, 0], np.int32), np.array([0, 2])).toarray().tolist()
            [[1.0, 1.0, 0.0]]
        """
        row_of, keys = self._distinct(ids, starts)
        columns = np.minimum(np.searchsorted(self.keys, keys), max(len(self.keys) - 1, 0))
        known = self.keys[columns] == keys if len(self.keys) else np.zeros(len(keys), bool)
        row_of, columns = row_of[known], columns[known]
        met = np.bincount(row_of, minlength=len(starts) - 1)
        values = np.minimum(1.0, LENGTH / np.maximum(met, 1)).astype(np.float32)[row_of]
        return sparse.csr_matrix((values, (row_of, columns)), shape=(len(starts) - 1, len(self.keys)))

    def _distinct(self, ids: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`(row, gram)` of each gram that a text has, once: a piece is its id, a pair `(left + 1) * size + right`."""
        row_of, ids = np.repeat(np.arange(len(starts) - 1), np.diff(starts)), ids.astype(np.int64)
        neighbours = row_of[:-1] == row_of[1:]
        pairs = ((ids[:-1] + 1) * self.vocab_size + ids[1:])[neighbours]
        span = (self.vocab_size + 1) * self.vocab_size
        found = np.unique(np.r_[row_of * span + ids, row_of[:-1][neighbours] * span + pairs])
        return found // span, found % span
