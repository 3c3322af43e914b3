"""The shipped artefact: counted n-grams times one matrix, then a softmax at one temperature.

Every rung that may be shipped ends as a `LinearModel`, so predicting needs NumPy alone and any answer can be explained
by the weights of the n-grams in the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from minent import artifacts
from minent.classifier.features import Counts, Vocabulary
from minent.errors import InputError

_CHUNK = 1024


@dataclass(frozen=True)
class RowTransform:
    """How counts become the row that meets the weights.

    Attributes:
        kind: `"tfidf"`: `(1 + log count) * idf`, then unit length. `"length"`: 1 for each feature of the text, scaled
            down so that a row sums to at most `length`; a long text then speaks no louder than a short one.
        idf: float32 (features,), for `"tfidf"`.
        length: For `"length"`.
    """

    kind: str
    idf: np.ndarray | None = None
    length: float = 20.0

    def values(self, counts: Counts) -> np.ndarray:
        """Return the transformed value of each entry of `counts`, float32."""
        rows, row_of = len(counts.starts) - 1, counts.row_of
        if self.kind == "length":
            scale = np.minimum(1.0, self.length / np.maximum(np.diff(counts.starts), 1)).astype(np.float32)
            return scale[row_of]
        assert self.idf is not None
        values = (1.0 + np.log(counts.values)) * self.idf[counts.indices]
        norm = np.sqrt(np.bincount(row_of, values.astype(np.float64) ** 2, minlength=rows))
        return (values / norm[row_of]).astype(np.float32)


@dataclass(frozen=True)
class LinearModel:
    """Vocabulary, row transform, weights, bias and temperature.

    Attributes:
        vocabulary: The known n-grams.
        transform: How counts become rows.
        weights: float32 (features, classes), finite.
        bias: float32 (classes,), finite.
        temperature: Scores are divided by it before the softmax; above zero.
        packed: The smaller arrays that `weights` was unpacked from, where the model was compressed.

    Raises:
        InputError: Parts whose shapes do not fit together, or a weight or the temperature is not finite.
    """

    vocabulary: Vocabulary
    transform: RowTransform
    weights: np.ndarray
    bias: np.ndarray
    temperature: float = 1.0
    packed: dict[str, np.ndarray] | None = None

    def __post_init__(self) -> None:
        shapes = [self.weights.shape, self.bias.shape, () if self.transform.idf is None else self.transform.idf.shape]
        features, classes = len(self.vocabulary), len(self.bias)
        if shapes[:2] != [(features, classes), (classes,)] or shapes[2] not in ((), (features,)):
            raise InputError(
                f"the linear model has {features} n-grams, but weights, bias and idf of shapes {shapes}. Save it again."
            )
        broken = int((~np.isfinite(self.weights)).sum() + (~np.isfinite(self.bias)).sum())
        if broken or not 0 < self.temperature < np.inf:
            raise InputError(
                f"the linear model holds {broken} weights that are not finite and temperature {self.temperature}; "
                f"its scores would be NaN. Was a rung fitted on NaN?"
            )

    def scores(self, texts: Iterable[str]) -> np.ndarray:
        """Return float32 (texts, classes): the score of each class before the temperature."""
        parts = [self.score_counts(self.vocabulary.count(chunk)) for chunk in _chunks(texts)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.bias)), np.float32)

    def score_counts(self, counts: Counts) -> np.ndarray:
        """Score rows that are already counted with this vocabulary."""
        scores = np.tile(self.bias, (len(counts.starts) - 1, 1))
        filled = np.flatnonzero(np.diff(counts.starts))
        if len(filled):
            terms = self.weights[counts.indices] * self.transform.values(counts)[:, None]
            scores[filled] += np.add.reduceat(terms, counts.starts[filled], axis=0)
        return scores

    def probabilities(self, texts: Iterable[str]) -> np.ndarray:
        """Return float32 (texts, classes); each row sums to one."""
        return np.exp(log_softmax(self.scores(texts) / self.temperature)).astype(np.float32)

    def with_temperature(self, temperature: float) -> LinearModel:
        """Return the same model at another temperature."""
        return replace(self, temperature=float(temperature))

    def with_bias(self, more: np.ndarray) -> LinearModel:
        """Return the same model with so much more bias of each class, before the temperature."""
        return replace(self, bias=(self.bias + more).astype(np.float32))

    @property
    def bytes_on_disk(self) -> int:
        """What n-grams and numbers take, without the manifest."""
        features = sum(len(feature.encode("utf-8", "surrogatepass")) + 1 for feature in self.vocabulary.features)
        return features + sum(array.nbytes for array in self._arrays().values())

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = {"bias": self.bias, **(self.packed or {"weights": self.weights})}
        return arrays if self.transform.idf is None else {**arrays, "idf": self.transform.idf}

    # --- on disk: weights as safetensors, n-grams as a text file a person can read ------------------------------------

    def save(self, folder: Path) -> dict[str, Any]:
        """Write `features.txt` and `weights.safetensors`; return what the manifest must remember."""
        lines = "".join(f"{feature}\n" for feature in self.vocabulary.features)
        (folder / "features.txt").write_bytes(lines.encode("utf-8", "surrogatepass"))
        artifacts.save_arrays(folder / "weights.safetensors", self._arrays())
        return {
            "script": self.vocabulary.script,
            "transform": self.transform.kind,
            "length": self.transform.length,
            "temperature": self.temperature,
        }

    @classmethod
    def load(cls, folder: Path, remembered: dict[str, Any]) -> LinearModel:
        """Read what `save` wrote."""
        lines = (folder / "features.txt").read_bytes().decode("utf-8", "surrogatepass").split("\n")
        arrays = artifacts.load_arrays(folder / "weights.safetensors")
        transform = RowTransform(remembered["transform"], arrays.get("idf"), remembered["length"])
        vocabulary = Vocabulary(remembered["script"], lines[:-1])
        packed: dict[str, np.ndarray] = {
            name: array for name, array in arrays.items() if name in {"weights", "steps", "mixture"}
        }
        weights, packed_or_none = unpack(packed), packed if "steps" in packed else None
        return cls(vocabulary, transform, weights, arrays["bias"], remembered["temperature"], packed_or_none)


def unpack(packed: dict[str, np.ndarray]) -> np.ndarray:
    """Return float32 weights from their 8-bit form: whole numbers times steps, times the mixture of classes if any."""
    weights = packed["weights"]
    if "steps" in packed:
        weights = weights.astype(np.float32) * packed["steps"]
    return weights @ packed["mixture"] if "mixture" in packed else weights


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """Log-probabilities along the last axis, in float64."""
    shifted = scores - scores.max(axis=-1, keepdims=True).astype(np.float64)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _chunks(texts: Iterable[str]) -> Iterator[Sequence[str]]:
    iterator = iter(texts)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk
