"""Everything that only sees text: vocabulary, latent dimensions, pieces and their vectors.

It is built once for a pool of texts and does not know a single label, so one groundwork serves any number of label sets
(the five splits of a benchmark, the halves and folds of the evidence). A `View` is some texts seen through it: rows of
counts, of tf-idf, of dense features, of piece ids, each computed when first asked for and shared with every selection
of its rows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from minent import __version__, artifacts
from minent.classifier.features import Counts, Vocabulary, document_frequency
from minent.classifier.linear import RowTransform
from minent.classifier.pieces import PieceGrams
from minent.classifier.workbench import Workbench
from minent.runtime import Progress, Reporter, silent

if TYPE_CHECKING:
    from minent.encoders import PretrainedEncoder
    from minent.prompts import Backbone
    from minent.tokenizer import Tokenizer
    from minent.vectors import Vectors

FEW_CLASSES_RANK, MANY_CLASSES_RANK = 128, 300
VOCAB_SIZE, VECTOR_DIM = 4000, 128
FEWEST_TEXTS_FOR_VECTORS = 200
LATENT_FEATURES, LATENT_TEXTS = 10_000, 8_000


class Groundwork:
    """Features learned from text alone.

    Args:
        texts: The pool; never empty.
        rank: Dimensions of the latent semantic analysis; 128 suits fewer than 5 classes, 300 suits more.
        seed: Of every draw.
        encoder_seconds: The budget that pretraining the encoder is planned for.
        backbone: An encoder with its tokenizer, in place of one that is pretrained here.
        bench: Keeps finished stages on disk.
        progress: Told of each stage.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        rank: int = FEW_CLASSES_RANK,
        seed: int = 0,
        encoder_seconds: float = 120.0,
        backbone: Backbone | None = None,
        bench: Workbench | None = None,
        progress: Reporter = silent,
    ) -> None:
        self.texts = list(texts)
        self.seed = seed
        self.encoder_seconds = encoder_seconds
        self.given_backbone = backbone
        self.rank = rank
        self.bench = bench or Workbench()
        self.progress = progress
        self.seconds: dict[str, float] = {}
        constants = [__version__, VOCAB_SIZE, VECTOR_DIM, LATENT_FEATURES, LATENT_TEXTS]
        encoder = encoder_seconds if backbone is None else backbone.pretrained.digest
        self.key = artifacts.digest_of([artifacts.digest_texts(self.texts), rank, seed, encoder, constants])
        with self._stage("count n-grams"):
            self.vocabulary = Vocabulary.learn(self.texts)
            counts = self.vocabulary.count(self.texts)
            self._frequency = document_frequency(counts, len(self.vocabulary))
            idf = (np.log((1 + len(self.texts)) / (1 + self._frequency)) + 1).astype(np.float32)
        self.tfidf = RowTransform("tfidf", idf)
        self.all = View(self, self.texts)
        self.all.counts = counts

    @cached_property
    def latent(self) -> np.ndarray:
        """float32 (features, rank): tf-idf rows times this are the LSA coordinates.

        They are not whitened, which hurts. The 10,000 commonest n-grams in 8,000 of the texts span them as well as all
        (accuracy of logistic regression on other labels than it was fitted on: tnews 28.1 against 27.8, eprstmt 79.1
        against 78.9) in a tenth of the time.
        """
        common = np.argsort(-self._frequency, kind="stable")[:LATENT_FEATURES]
        sample = np.random.default_rng(self.seed).permutation(len(self.texts))[:LATENT_TEXTS]

        def make() -> dict[str, np.ndarray]:
            from minent import lowrank

            rows = self.all.tfidf[np.sort(sample)][:, common]
            rank = min(self.rank, min(rows.shape) - 1)
            if rank < 1:
                return {"latent": np.zeros((len(common), 0), np.float32)}
            return {"latent": lowrank.svd(rows, rank=rank, seed=self.seed).vt.T.astype(np.float32)}

        with self._stage("latent dimensions"):
            found = self.bench.arrays("latent", self.key, make)["latent"]
        latent = np.zeros((len(self.vocabulary), found.shape[1]), np.float32)
        latent[common] = found
        return latent

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Pieces learned from the pool."""
        from minent.tokenizer import Tokenizer, TokenizerConfig, train

        with self._stage("learn pieces"):
            return self.bench.artifact(
                "tokenizer",
                self.key,
                Tokenizer.load,
                lambda: train(self.texts, TokenizerConfig(vocab_size=VOCAB_SIZE)),
            )

    @cached_property
    def vectors(self) -> Vectors | None:
        """Word vectors of the pieces; None where there is too little text to learn any."""
        if len(self.texts) < FEWEST_TEXTS_FOR_VECTORS:
            return None
        from minent.vectors import Vectors, VectorsConfig, train

        ids, starts = self.all.pieces
        size, config = self.tokenizer.vocab_size, VectorsConfig(dim=VECTOR_DIM, seed=self.seed)
        with self._stage("word vectors"):
            return self.bench.artifact(
                "vectors", self.key, Vectors.load, lambda: train(ids, starts, vocab_size=size, config=config)
            )

    @cached_property
    def piece_grams(self) -> PieceGrams:
        """The pieces and pairs of pieces that the pool holds more than once."""
        return PieceGrams(*self.all.pieces, self.tokenizer.vocab_size)

    @cached_property
    def backbone(self) -> Backbone:
        """The encoder with its tokenizer: the one that was given, or one pretrained on the pool."""
        from minent.prompts import Backbone

        return self.given_backbone or Backbone(self._pretrain(), self.tokenizer)

    def _pretrain(self) -> PretrainedEncoder:
        """Pretrain by masked language modelling, from the word vectors: from random ones, minutes teach nothing."""
        from minent.encoders import EncoderConfig, PretrainConfig, PretrainedEncoder, pretrain

        ids, starts = self.all.pieces
        checkpoint = self.bench.path("encoder-checkpoint", self.key)

        def make() -> PretrainedEncoder:
            found = pretrain(
                ids,
                starts,
                EncoderConfig(vocab_size=self.tokenizer.vocab_size, dim=VECTOR_DIM),
                PretrainConfig(budget_seconds=self.encoder_seconds, seed=self.seed),
                initial=None if self.vectors is None else self.vectors.matrix,
                checkpoint=checkpoint,
                resume=True,
                progress=self.progress,
            )
            if "user" in found.facts["stopped"]:
                raise KeyboardInterrupt  # its checkpoint is kept, so --resume goes on from there
            return found

        with self._stage("pretrain the encoder"):
            return self.bench.artifact("encoder", self.key, PretrainedEncoder.load, make)

    @cached_property
    def block_lengths(self) -> tuple[float, float]:
        """Root mean square length of the LSA coordinates and of the mean vectors over the pool."""
        return _length(self.all.latent), _length(self.all.mean_vectors)

    @cached_property
    def encoded_length(self) -> float:
        """Root mean square length of the encoder's text features over the pool."""
        return _length(self.all.encoded)

    def prepare(self) -> Groundwork:
        """Learn everything now, so that no rung pays for what all share; return itself."""
        _ = self.latent, self.vectors, self.block_lengths
        return self

    def view(self, texts: Sequence[str]) -> View:
        """See other texts through this groundwork."""
        return View(self, texts)

    def _stage(self, name: str) -> _Stage:
        return _Stage(self, name)


class _Stage:
    """Says that a stage began, and remembers what it took (without the stages that ran inside it)."""

    def __init__(self, work: Groundwork, name: str) -> None:
        self.work, self.name = work, name

    def __enter__(self) -> None:
        self.work.progress(Progress(self.name, 0, 1, "stages"))
        self.start = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self.work.seconds[self.name] = time.perf_counter() - self.start
        self.work.progress(Progress(self.name, 1, 1, "stages"))


class View:
    """Some texts seen through a groundwork; `view[rows]` selects rows without computing anything twice."""

    def __init__(self, work: Groundwork, texts: Sequence[str], parent: View | None = None, rows: Any = None) -> None:
        self.work = work
        self.texts = list(texts)
        self._parent, self._rows = parent, rows

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, rows: np.ndarray) -> View:
        return View(self.work, [self.texts[row] for row in rows], self, np.asarray(rows))

    @cached_property
    def counts(self) -> Counts:
        """Counts of the n-grams."""
        if self._parent is None:
            return self.work.vocabulary.count(self.texts)
        return _to_counts(_to_sparse(self._parent.counts, self._parent.counts.values, self.work)[self._rows])

    @cached_property
    def binary(self) -> sparse.csr_matrix:
        """Which n-grams stand in the text, scaled so that no text has more than 20."""
        return self._transformed(RowTransform("length"))

    @cached_property
    def tfidf(self) -> sparse.csr_matrix:
        """Sublinear tf-idf of unit length."""
        return self._transformed(self.work.tfidf)

    def _transformed(self, transform: RowTransform) -> sparse.csr_matrix:
        return _to_sparse(self.counts, transform.values(self.counts), self.work)

    @cached_property
    def latent(self) -> np.ndarray:
        """float32 (texts, rank): LSA coordinates."""
        if self._parent is not None:
            return self._parent.latent[self._rows]
        return np.asarray(self.tfidf @ self.work.latent)

    @cached_property
    def pieces(self) -> tuple[np.ndarray, np.ndarray]:
        """`(ids int32, starts int64)` of the tokenizer."""
        if self._parent is not None:
            return _take_rows(*self._parent.pieces, self._rows)
        return self.work.tokenizer.encode_arrays(self.texts, disallowed_special=())

    @cached_property
    def piece_binary(self) -> sparse.csr_matrix:
        """Which pieces and pairs of pieces stand in the text, scaled so that no text has more than 20."""
        if self._parent is not None:
            return self._parent.piece_binary[self._rows]
        return self.work.piece_grams.rows(*self.pieces)

    @cached_property
    def mean_vectors(self) -> np.ndarray:
        """float32 (texts, dim): frequency-weighted means of the word vectors; no columns where there are none."""
        if self._parent is not None:
            return self._parent.mean_vectors[self._rows]
        if self.work.vectors is None:
            return np.zeros((len(self), 0), np.float32)
        return self.work.vectors.embed(*self.pieces)

    @cached_property
    def dense(self) -> np.ndarray:
        """float32 (texts, rank + dim): LSA coordinates next to mean vectors, neither louder than the other."""
        latent, vectors = self.work.block_lengths
        return np.hstack([self.latent / latent, self.mean_vectors / vectors]).astype(np.float32)

    @cached_property
    def backbone_pieces(self) -> tuple[np.ndarray, np.ndarray]:
        """`(ids int32, starts int64)` of the encoder's tokenizer."""
        tokenizer = self.work.backbone.tokenizer
        if tokenizer is self.work.tokenizer:
            return self.pieces
        if self._parent is not None:
            return _take_rows(*self._parent.backbone_pieces, self._rows)
        rows = [self.work.backbone.encode(text) for text in self.texts]
        starts = np.cumsum([0, *map(len, rows)]).astype(np.int64)
        return np.concatenate([np.zeros(0, np.int32), *(np.asarray(row, np.int32) for row in rows)]), starts

    @cached_property
    def encoded(self) -> np.ndarray:
        """float32 (texts, dim): the encoder's text features."""
        if self._parent is not None:
            return self._parent.encoded[self._rows]
        return self.work.backbone.pretrained.embed(*self.backbone_pieces)

    @cached_property
    def probed(self) -> np.ndarray:
        """float32 (texts, dim): the same, of length about one."""
        return self.encoded / np.float32(self.work.encoded_length)


def _length(block: np.ndarray) -> float:
    return float(np.sqrt((block.astype(np.float64) ** 2).sum(axis=1).mean())) or 1.0


def _to_sparse(counts: Counts, values: np.ndarray, work: Groundwork) -> sparse.csr_matrix:
    shape = (len(counts.starts) - 1, len(work.vocabulary))
    return sparse.csr_matrix((values, counts.indices, counts.starts), shape=shape)


def _to_counts(rows: sparse.csr_matrix) -> Counts:
    return Counts(rows.indices.astype(np.int32), rows.indptr.astype(np.int64), rows.data)


def _take_rows(ids: np.ndarray, starts: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.diff(starts)[rows]
    taken = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    within = np.arange(taken[-1]) - np.repeat(taken[:-1], lengths)
    return ids[np.repeat(starts[:-1][rows], lengths) + within], taken
