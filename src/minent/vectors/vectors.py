"""What training gives: a vector per token id, its neighbours, its texts, and the bits that it costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np

from minent import artifacts
from minent.errors import InputError, did_you_mean, whole
from minent.vectors import formats
from minent.vectors.config import VectorsConfig
from minent.vectors.counting import checked_rows
from minent.vectors.lexicon import Lexicon
from minent.vectors.maps import neighbour_map
from minent.vectors.texts import text_means, without

KIND, FORMAT = "vectors", 1
_MAPPED = 150


@dataclass(frozen=True, eq=False)
class Vectors:
    """Word vectors, immutable. `train` makes them; `load` reads them back exactly.

    Attributes:
        matrix: One row per id, float32 (vocab_size, dim); zero for ids that training never saw beside another, or
            before another where windows are directed.
        counts: How often each id stood in the training texts, int64 (vocab_size,).
        common: What is taken out of text vectors: the unit vector along the mean training text, float32 (dim,).
        config: What they were trained with.
        curve: The cost in bits per pair at the start and after every step; empty where they came from a file.
        entropy_bits: The lower bound of that cost: the entropy of the neighbour given the centre.
        inputs: Digests of the training data.
        seconds: How long training took.
        lexicon: The names of the ids, so that words can be asked for; None where ids are all there is.

    Example:
        >>> from minent.vectors import train
        >>> learned = train(np.array([0, 1, 0, 1, 2], dtype=np.int32), np.array([0, 5]), vocab_size=3)
        >>> learned.nearest(0, k=1)[0][0] in (1, 2)
        True
    """

    matrix: np.ndarray
    counts: np.ndarray
    common: np.ndarray
    config: VectorsConfig
    curve: tuple[float, ...]
    entropy_bits: float
    inputs: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    lexicon: Lexicon | None = None

    def __post_init__(self) -> None:
        for array in (self.matrix, self.counts, self.common):
            array.setflags(write=False)

    @property
    def bits_per_pair(self) -> float:
        """The cost reached: bits to name a neighbour, given the centre and the vectors; nan if imported."""
        return self.curve[-1] if self.curve else float("nan")

    @property
    def vocab_size(self) -> int:
        """Number of ids."""
        return int(self.matrix.shape[0])

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.matrix.shape[1])

    @cached_property
    def points(self) -> np.ndarray:
        """Where the ids stand: on the unit sphere for the dot kernel, which compares angles; else as they are."""
        return _unit(self.matrix) if self.config.kernel == "dot" else self.matrix

    @cached_property
    def known(self) -> np.ndarray:
        """Which ids have a vector, bool (vocab_size,): those that training saw beside another."""
        return np.asarray(self.matrix.any(axis=1))

    # --- words --------------------------------------------------------------------------------------------------------

    @overload
    def nearest(self, query: str, k: int = ...) -> list[tuple[str, float]]: ...
    @overload
    def nearest(self, query: int | np.ndarray, k: int = ...) -> list[tuple[int, float]]: ...
    def nearest(self, query: Any, k: int = 10) -> Any:
        """Return what is nearest and how near, best first; ties by id.

        How near is the cosine; for the distance kernels, what the kernel makes of the distance: `exp(-d^2)` or
        `1 / (1 + d^2)`.

        Args:
            query: A word, which gives words: any text whose characters were met, composed of its parts where it has no
                row of its own. Or an id, or a vector of shape (dim,), which give ids. The query itself is left out.
            k: How many, 1 or more; fewer come back when there are no more with a vector.

        Raises:
            InputError: A word none of whose parts is known, a word when the ids have no names, an id outside the
                vocabulary, a vector of another shape, or `k < 1`.
        """
        if isinstance(query, str):
            excluded = set(self._named().ids_of(query))
            return self._words(self._nearest(self.vector(query), k, excluded, self._named().whole))
        if isinstance(query, (int, np.integer)):
            return self._nearest(self.points[self._checked(int(query))], k, {int(query)})
        vector = np.asarray(query, dtype=np.float32)
        if vector.shape != (self.dim,) or not np.isfinite(vector).all():
            raise InputError(f"query has shape {vector.shape}; it takes a word, an id or {self.dim} finite numbers.")
        return self._nearest(vector, k, set())

    @overload
    def analogy(self, a: str, b: str, c: str, k: int = ...) -> list[tuple[str, float]]: ...
    @overload
    def analogy(self, a: int, b: int, c: int, k: int = ...) -> list[tuple[int, float]]: ...
    def analogy(self, a: Any, b: Any, c: Any, k: int = 10) -> Any:
        """Return what is to `c` as `b` is to `a`, best first, by how near it is to `b - a + c`.

        Args:
            a: A word or an id; as `b` and `c` it is left out of the answer.
            b: What stands to `a`.
            c: What asks for its own `b`.
            k: How many, 1 or more.

        Raises:
            InputError: See `nearest`.

        Source:
            T. Mikolov, W. Yih, G. Zweig (2013), the 3CosAdd rule.
        """
        if all(isinstance(word, str) for word in (a, b, c)):
            excluded = {id_ for word in (a, b, c) for id_ in self._named().ids_of(word)}
            at_a, at_b, at_c = (self.placed(self.vector(word)) for word in (a, b, c))
            return self._words(self._nearest(at_b - at_a + at_c, k, excluded, self._named().whole))
        if any(isinstance(word, str) for word in (a, b, c)):
            raise InputError(f"an analogy of {a!r}, {b!r} and {c!r} mixes words and ids. Give three of one kind.")
        at_a, at_b, at_c = (self.points[self._checked(id_)] for id_ in (a, b, c))
        return self._nearest(at_b - at_a + at_c, k, {a, b, c})

    def vector(self, word: str) -> np.ndarray:
        """Return the vector of a word: its row, or the mean of its parts, each weighted by `a / (a + p)`.

        Args:
            word: Any text.

        Returns:
            float32 (dim,).

        Raises:
            InputError: The ids have no names, or nothing of the word was met in training.
        """
        parts = [self._held(id_) for id_ in self._named().compose(word)]
        ids = [id_ for part in parts for id_ in part]
        if not ids:
            hint = did_you_mean(word.lower(), self._named().units)
            raise InputError(f"{word!r} holds nothing that was met in training, so it has no vector.{hint}")
        share = self.counts[ids] / max(1, self.counts.sum())
        weights = self.config.text_smoothing / (self.config.text_smoothing + share)
        return np.asarray(weights @ self.matrix[ids] / weights.sum(), dtype=np.float32)

    def _held(self, id_: int) -> list[int]:
        """The id, if it has a vector; else the words that hold it, for a character that never stood alone."""
        if self.known[id_]:
            return [id_]
        return [holder for holder in self._named().holding(id_) if self.known[holder]]

    def has_row(self, word: str) -> bool:
        """Say whether a word has a row of its own, and need not be composed."""
        return any(self.known[id_] for id_ in self._named().ids_of(word))

    def closeness(self, one: np.ndarray, other: np.ndarray) -> float:
        """Return how near two vectors are, as `nearest` counts it.

        Args:
            one: (dim,).
            other: (dim,).
        """
        return float(self._closeness(self.placed(other)[None], self.placed(one))[0])

    def _named(self) -> Lexicon:
        if self.lexicon is None:
            raise InputError("these vectors have ids without names. Ask by id, or train them with a lexicon.")
        return self.lexicon

    def placed(self, vector: np.ndarray) -> np.ndarray:
        """Return where a vector stands among `points`.

        Args:
            vector: (dim,).
        """
        return _unit(vector) if self.config.kernel == "dot" else vector

    def _closeness(self, points: np.ndarray, place: np.ndarray) -> np.ndarray:
        if self.config.kernel == "dot":
            return np.asarray(points @ place)
        squared = np.square(points - place).sum(axis=1)
        return np.asarray(np.exp(-squared) if self.config.kernel == "gauss" else 1 / (1 + squared))

    def _nearest(
        self, vector: np.ndarray, k: int, excluded: set[int], allowed: np.ndarray | None = None
    ) -> list[tuple[int, float]]:
        whole("k", k, 1)
        closeness = self._closeness(self.points, self.placed(vector))
        known = np.flatnonzero(self.known if allowed is None else self.known & allowed)
        order = known[np.argsort(-closeness[known], kind="stable")]
        found = (int(id_) for id_ in order if int(id_) not in excluded)
        return [(id_, float(closeness[id_])) for id_, _ in zip(found, range(k))]

    def _words(self, found: list[tuple[int, float]]) -> list[tuple[str, float]]:
        return [(self._named().units[id_], near) for id_, near in found]

    def _checked(self, id_: int) -> int:
        if not 0 <= id_ < self.vocab_size:
            raise InputError(f"id {id_} is outside the vocabulary; ids go from 0 to {self.vocab_size - 1}.")
        return id_

    # --- texts --------------------------------------------------------------------------------------------------------

    def embed(self, ids: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Return one vector per text: the SIF mean of its words, less what all training texts share.

        A text's vector depends on that text alone, so texts never seen in training are welcome.

        Args:
            ids: Token ids of the texts end to end.
            starts: Where each text starts in `ids`, then `len(ids)`.

        Returns:
            float32 (len(starts) - 1, dim); zero for a text without known tokens.

        Raises:
            InputError: An id outside the vocabulary, or starts that do not cover the ids.

        Source:
            S. Arora, Y. Liang, T. Ma (2017).
        """
        ids, starts = checked_rows(ids, starts, self.vocab_size)
        means = text_means(self.matrix, self.counts, ids, starts, self.config.text_smoothing)
        return without(means, self.common)

    def embed_texts(self, texts: Iterable[str]) -> np.ndarray:
        """Return one vector per text, as `embed` does; the words of the lexicon are found first.

        Args:
            texts: An iterable of str.

        Raises:
            InputError: The vectors are not those of words, or texts is one str.
        """
        return self.embed(*self._named().encode_arrays(texts))

    # --- folders ------------------------------------------------------------------------------------------------------

    def map(self, size: int = _MAPPED) -> list[dict[str, Any]]:
        """Return the most frequent ids in the plane, neighbours together, the most frequent first; see `neighbour_map`.

        Args:
            size: How many ids, at most; with names, only such as may be shown.

        Returns:
            `{"id", "x", "y", "count"}` for each, and `"piece"` where it has a name.
        """
        shown = self.known if self.lexicon is None else self.known & self.lexicon.whole
        frequent = np.argsort(-self.counts, kind="stable")
        frequent = frequent[shown[frequent] & (self.counts[frequent] > 0)][:size]
        places = neighbour_map(self.points[frequent], perplexity=15)
        spots = []
        for id_, (x, y) in zip(frequent.tolist(), places):
            spot = {"id": id_, "x": round(float(x), 4), "y": round(float(y), 4), "count": int(self.counts[id_])}
            spots.append(spot if self.lexicon is None else {**spot, "piece": self.lexicon.units[id_]})
        return spots

    def export(self, path: str | Path, format: str) -> None:
        """Write the rows that have names, for other libraries; `from_file` reads them back.

        Names that no UTF-8 can hold, as texts of broken bytes have them, are left out.

        Args:
            path: The file to write; one that is there is replaced.
            format: `"word2vec-text"`, `"word2vec-binary"` or `"safetensors"`.

        Raises:
            InputError: Another format, or ids without names.
            ArtifactError: The file cannot be written.
        """
        lexicon = self._named()
        named = [id_ for id_, unit in enumerate(lexicon.units) if unit and self.known[id_] and _is_text(unit)]
        formats.write(path, format, [lexicon.units[id_] for id_ in named], self.matrix[named], self.counts[named])

    @classmethod
    def from_file(cls, path: str | Path, format: str | None = None) -> Vectors:
        """Read vectors that another library, or `export`, wrote.

        They have no cost: `curve` is empty, `bits_per_pair` is nan. Without counts, words count as their ranks say
        (Zipf), which text vectors then weigh by.

        Args:
            path: A file of word2vec, text (gensim, fastText, GloVe; .gz too) or binary, or safetensors of `export`.
            format: See `export`; None tells it from the file.

        Raises:
            InputError: The file cannot be read, or is none of these; its line is named.
        """
        words, matrix, counts = formats.read(path, format)
        lexicon = Lexicon(tuple(words), counts)
        return cls(matrix, counts, np.zeros(matrix.shape[1], np.float32), VectorsConfig(), (), 0.0, lexicon=lexicon)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Save as a folder that `load` reads.

        Args:
            folder: The target, written beside and renamed in when whole.
            overwrite: Replace an artifact that is there.

        Raises:
            FolderExistsError: The folder is taken.
            ArtifactError: It cannot be written.
        """
        seeds = {"vectors": self.config.seed}
        with artifacts.writing(
            folder, kind=KIND, format=FORMAT, config=self.config, seeds=seeds, overwrite=overwrite
        ) as draft:
            arrays = {"matrix": self.matrix, "counts": self.counts, "common": self.common}
            artifacts.save_arrays(draft.path / "vectors.safetensors", arrays)
            if self.lexicon is not None:
                self.lexicon.write(draft.path / "lexicon.json")
            draft.inputs.update(self.inputs)
            draft.measured["seconds"] = self.seconds
            draft.facts.update(
                vocab_size=self.vocab_size,
                dim=self.dim,
                bits_per_pair=self.bits_per_pair if self.curve else None,
                entropy_bits=self.entropy_bits if self.curve else None,
                curve=list(self.curve),
                map=self.map(),
            )

    @classmethod
    def load(cls, folder: str | Path) -> Vectors:
        """Read what `save` wrote.

        Args:
            folder: A folder of kind `"vectors"`.

        Raises:
            ArtifactError: No such folder, another kind, a newer format, a changed or missing file, or arrays that do
                not fit each other.
        """
        manifest = artifacts.read_manifest(folder, kind=KIND, format=FORMAT)
        arrays = artifacts.load_arrays(manifest.file(folder, "vectors.safetensors"))
        with artifacts.understood(folder):
            artifacts.check_shapes(arrays, {"matrix": "f ids dim", "counts": "i ids", "common": "f dim"})
            lexicon = None
            if "lexicon.json" in manifest.files:
                lexicon = Lexicon.read(Path(folder) / "lexicon.json", arrays["counts"])
            return cls(
                matrix=arrays["matrix"],
                counts=arrays["counts"],
                common=arrays["common"],
                config=VectorsConfig(**manifest.config),
                curve=tuple(manifest.facts["curve"]),
                entropy_bits=manifest.facts["entropy_bits"] or 0.0,
                inputs=manifest.inputs,
                seconds=manifest.measured["seconds"],
                lexicon=lexicon,
            )


def _is_text(name: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _unit(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(np.divide(rows, length, out=np.zeros_like(rows), where=length > 0))
