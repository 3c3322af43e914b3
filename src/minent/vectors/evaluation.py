"""Against people: do near words seem alike to them, and do analogies come out?

Both files are plain text. Similarity: two words and a score in each line, parted by tabs or spaces. Analogies: four
words in each line; a line `: name` begins a section. The first line may name the columns. What could be judged is
always told beside how well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from minent.errors import InputError
from minent.vectors.vectors import Vectors

_AT_ONCE = 512


@dataclass(frozen=True)
class SimilarityResult:
    """How nearness follows the judgement of people.

    Attributes:
        pairs: How many pairs the file has.
        known: Of how many both words have rows of their own.
        scored: Of how many both words have a vector, of their own or composed.
        spearman_known: Rank correlation over the known; nan with fewer than two.
        spearman: Rank correlation over the scored.
    """

    pairs: int
    known: int
    scored: int
    spearman_known: float
    spearman: float


@dataclass(frozen=True)
class AnalogyResult:
    """How many analogies come out.

    Attributes:
        questions: How many the file has.
        known: Of how many all four words have rows of their own; only these are asked.
        right: How many of those have the fourth word as the first answer.
        sections: The same three numbers for each section, by its name.
    """

    questions: int
    known: int
    right: int
    sections: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    @property
    def accuracy(self) -> float:
        """Share of the known that are right; nan when none is known."""
        return self.right / self.known if self.known else float("nan")


def evaluate(vectors: Vectors, path: str | Path) -> SimilarityResult | AnalogyResult:
    """Judge vectors by a file of similarities or of analogies.

    Args:
        vectors: Such as have a lexicon.
        path: The file, UTF-8. Lines that begin with `#` are left out.

    Raises:
        InputError: The file cannot be read, a line is neither kind (it is named), or the vectors have no names.
    """
    rows = _rows(Path(path))
    is_analogy = any(len(row) == 4 for row in rows)
    return _analogies(vectors, rows) if is_analogy else _similarity(vectors, [row for row in rows if len(row) == 3])


def _rows(path: Path) -> list[list[str]]:
    """The fields of each line; a section is a row of one."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 ({error}). Check the path.") from error
    rows: list[list[str]] = []
    first = True
    for number, line in enumerate(text.splitlines(), start=1):
        fields = [part.strip() for part in line.split("\t")] if "\t" in line else line.split()
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(":"):
            rows.append([line[1:].strip()])
        elif len(fields) == 4 and not _is_number(fields[2]):
            rows.append(fields)
        elif len(fields) >= 3 and _is_number(fields[2]):
            rows.append(fields[:3])
        elif not first:  # which may name the columns
            raise InputError(
                f"{path}:{number}: {line[:60]!r} is neither two words and a score nor four words of an analogy."
            )
        first = False
    if len(rows) > 1 and len(rows[0]) == 4 and all(len(row) in (1, 3) for row in rows[1:]):
        del rows[0]  # the names of four columns
    kinds = {len(row) for row in rows} - {1}
    if len(kinds) != 1:
        raise InputError(f"{path}: holds {'no pair' if not kinds else 'similarities and analogies'}; give one kind.")
    return rows


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _similarity(vectors: Vectors, rows: list[list[str]]) -> SimilarityResult:
    near, score, known = [], [], []
    for one, other, said in rows:
        try:
            near.append(vectors.closeness(vectors.vector(one), vectors.vector(other)))
        except InputError:
            vectors.has_row(one)  # without names this raises again
            continue
        score.append(float(said))
        known.append(vectors.has_row(one) and vectors.has_row(other))
    near_, score_, known_ = np.array(near), np.array(score), np.array(known, dtype=bool)
    return SimilarityResult(
        len(rows), int(known_.sum()), len(near), _ranked(near_[known_], score_[known_]), _ranked(near_, score_)
    )


def _ranked(one: np.ndarray, other: np.ndarray) -> float:
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(spearmanr(one, other).statistic)


def _analogies(vectors: Vectors, rows: list[list[str]]) -> AnalogyResult:
    section, asked = "", []
    sections: dict[str, list[int]] = {}
    for row in rows:
        if len(row) == 1:
            section = row[0]
            continue
        counts = sections.setdefault(section, [0, 0, 0])
        counts[0] += 1
        if all(vectors.has_row(word) for word in row):
            counts[1] += 1
            asked.append((section, row))
    for (section, row), answer in zip(asked, _answers(vectors, [row for _, row in asked])):
        sections[section][2] += vectors.lexicon is not None and answer in vectors.lexicon.ids_of(row[3])
    questions, known, right = map(sum, zip(*sections.values()))
    return AnalogyResult(questions, known, right, {name: (a, b, c) for name, (a, b, c) in sections.items()})


def _answers(vectors: Vectors, questions: list[list[str]]) -> list[int]:
    """The first answer of `Vectors.analogy` to many questions, by products of matrices."""
    lexicon, points = vectors.lexicon, vectors.points
    assert lexicon is not None
    offered = np.flatnonzero(vectors.known & lexicon.whole)
    squares = np.square(points[offered]).sum(axis=1)
    place = np.full(len(points), -1)
    place[offered] = np.arange(len(offered))
    at = {word: vectors.placed(vectors.vector(word)) for row in questions for word in row[:3]}
    answers: list[int] = []
    for first in range(0, len(questions), _AT_ONCE):
        some = questions[first : first + _AT_ONCE]
        goals = np.array([at[b] - at[a] + at[c] for a, b, c, _ in some])
        scores = 2 * goals @ points[offered].T - squares
        for row, words in zip(scores, some):
            asked = place[[id_ for word in words[:3] for id_ in lexicon.ids_of(word)]]
            row[asked[asked >= 0]] = -np.inf
        answers += offered[scores.argmax(axis=1)].tolist()
    return answers
