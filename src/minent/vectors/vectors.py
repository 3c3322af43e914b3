"""What training gives: a vector per token id, its neighbours, its texts, and the bits that it costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from minent import artifacts
from minent.errors import InputError
from minent.vectors.config import VectorsConfig
from minent.vectors.counting import checked_rows
from minent.vectors.texts import text_means, without

KIND, FORMAT = "vectors", 1
_MAPPED = 150


@dataclass(frozen=True, eq=False)
class Vectors:
    """Word vectors, immutable. `train` makes them; `load` reads them back exactly.

    Attributes:
        matrix: One row per id, float32 (vocab_size, dim); zero for ids that training never saw beside another.
        counts: How often each id stood in the training texts, int64 (vocab_size,).
        common: What is taken out of text vectors: the unit vector along the mean training text, float32 (dim,).
        config: What they were trained with.
        curve: The cost in bits per pair at the start and after every step.
        entropy_bits: The lower bound of that cost: the entropy of the neighbour given the centre.
        inputs: Digests of the training data.
        seconds: How long training took.

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

    def __post_init__(self) -> None:
        for array in (self.matrix, self.counts, self.common):
            array.setflags(write=False)

    @property
    def bits_per_pair(self) -> float:
        """The cost reached: how many bits it takes to name a neighbour, given the centre and the vectors."""
        return self.curve[-1]

    @property
    def vocab_size(self) -> int:
        """Number of ids."""
        return int(self.matrix.shape[0])

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.matrix.shape[1])

    @cached_property
    def _directions(self) -> np.ndarray:
        return _unit(self.matrix)

    # --- words --------------------------------------------------------------------------------------------------------

    def nearest(self, query: int | np.ndarray, k: int = 10) -> list[tuple[int, float]]:
        """Return the ids nearest by angle, and their cosines, best first; ties by id.

        Args:
            query: An id, which is left out of the answer, or a vector of shape (dim,).
            k: How many, 1 or more; fewer come back when there are no more ids with a vector.

        Raises:
            InputError: An id outside the vocabulary, a vector of another shape, or `k < 1`.
        """
        if isinstance(query, (int, np.integer)):
            return self._nearest(self._directions[self._checked(int(query))], k, {int(query)})
        vector = np.asarray(query, dtype=np.float32)
        if vector.shape != (self.dim,) or not np.isfinite(vector).all():
            raise InputError(f"query has shape {vector.shape}; it takes an id or {self.dim} finite numbers.")
        return self._nearest(_unit(vector), k, set())

    def analogy(self, a: int, b: int, c: int, k: int = 10) -> list[tuple[int, float]]:
        """Return the ids that are to `c` as `b` is to `a`, best first, by the angle to `b - a + c`.

        Args:
            a: An id; as `b` and `c` it is left out of the answer.
            b: What stands to `a`.
            c: The id that asks for its own `b`.
            k: How many, 1 or more.

        Raises:
            InputError: An id outside the vocabulary, or `k < 1`.

        Source:
            T. Mikolov, W. Yih, G. Zweig (2013), the 3CosAdd rule.
        """
        at_a, at_b, at_c = (self._directions[self._checked(id_)] for id_ in (a, b, c))
        return self._nearest(_unit(at_b - at_a + at_c), k, {a, b, c})

    def _nearest(self, direction: np.ndarray, k: int, excluded: set[int]) -> list[tuple[int, float]]:
        if k < 1:
            raise InputError(f"k is {k!r}; it takes a whole number, 1 or more.")
        cosines = self._directions @ direction
        known = np.flatnonzero(self._directions.any(axis=1))
        order = known[np.argsort(-cosines[known], kind="stable")]
        found = (int(id_) for id_ in order if int(id_) not in excluded)
        return [(id_, float(cosines[id_])) for id_, _ in zip(found, range(k))]

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

    # --- folders ------------------------------------------------------------------------------------------------------

    def map(self, size: int = _MAPPED) -> list[dict[str, Any]]:
        """Return the most frequent ids in the plane of their two principal components, the most frequent first.

        Args:
            size: How many ids, at most.

        Returns:
            `{"id", "x", "y", "count"}` for each; the signs of the axes are fixed, so the map is too.
        """
        frequent = np.argsort(-self.counts, kind="stable")[:size]
        frequent = frequent[self.counts[frequent] > 0]
        points = self._directions[frequent].astype(np.float64)
        points = points - points.mean(axis=0) if len(points) else points
        _, axes = np.linalg.eigh(points.T @ points)
        plane = axes[:, ::-1][:, :2]
        plane = plane * np.where(plane[np.abs(plane).argmax(axis=0), np.arange(plane.shape[1])] < 0, -1, 1)
        spots = np.zeros((len(points), 2))
        spots[:, : plane.shape[1]] = points @ plane
        return [
            {"id": int(id_), "x": round(float(x), 4), "y": round(float(y), 4), "count": int(self.counts[id_])}
            for id_, (x, y) in zip(frequent, spots)
        ]

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
            draft.inputs.update(self.inputs)
            draft.measured["seconds"] = self.seconds
            draft.facts.update(
                vocab_size=self.vocab_size,
                dim=self.dim,
                bits_per_pair=self.bits_per_pair,
                entropy_bits=self.entropy_bits,
                curve=list(self.curve),
                map=self.map(),
            )

    @classmethod
    def load(cls, folder: str | Path) -> Vectors:
        """Read what `save` wrote.

        Args:
            folder: A folder of kind `"vectors"`.

        Raises:
            ArtifactError: No such folder, another kind, a newer format, or a changed or missing file.
        """
        manifest = artifacts.read_manifest(folder, kind=KIND, format=FORMAT)
        arrays = artifacts.load_arrays(Path(folder) / "vectors.safetensors")
        return cls(
            matrix=arrays["matrix"],
            counts=arrays["counts"],
            common=arrays["common"],
            config=VectorsConfig(**manifest.config),
            curve=tuple(manifest.facts["curve"]),
            entropy_bits=manifest.facts["entropy_bits"],
            inputs=manifest.inputs,
            seconds=manifest.measured["seconds"],
        )


def _unit(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(np.divide(rows, length, out=np.zeros_like(rows), where=length > 0))
