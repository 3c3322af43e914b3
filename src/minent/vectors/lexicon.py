"""Words for vectors: which strings have a row of their own, and how any other is made of them.

Words come out of the pieces of a tokenizer. In scripts with spaces a word stands between spaces and marks; a frequent
one has a row of its own, the pieces of the rare ones are kept as fragments (`##` before them, as they stand inside
words). In scripts without spaces the pieces themselves are the words, together with the phrases of two pieces that
their counts show to belong together, and a run of text is cut the way that takes the fewest bits. Letters are lowered.
No unit begins or ends inside a character.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from minent import artifacts
from minent.errors import InputError, whole
from minent.vectors import kernels

FRAGMENT = "##"
_UNKNOWN = 64.0  # bits of a character that no unit covers
_COHESION = 0.5  # the least normalised mutual information of two pieces that make a phrase
_UNSPACED = "\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_MARKS = "!-/:-@\\[-`{-~\u00a1-\u00bf\u2010-\u2027\u2030-\u205e\u3001-\u3003\u3008-\u3011\uff01-\uff0f\uff1a-\uff20"
_SPACED = f"[^\\s{_MARKS}{_UNSPACED}]"
# A run of a script without spaces, its marks apart; or a word, apostrophes inside it kept.
_TOKEN = re.compile(f"(?:(?![{_MARKS}])[{_UNSPACED}])+|{_SPACED}+(?:['’]{_SPACED}+)*")
_RUN = re.compile(f"[{_UNSPACED}]")


class Pieces(Protocol):
    """What of a tokenizer is used: its cut of texts, and the bytes of its ids."""

    @property
    def vocab_size(self) -> int:
        """Number of ids."""

    def encode_arrays(
        self, texts: Iterable[str], *, disallowed_special: tuple[str, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ids end to end, and where each text starts; a special token in a text is text, and no error."""

    def id_to_piece(self, id: int) -> bytes:
        """Return the bytes of an id."""


@dataclass(frozen=True, eq=False)
class Lexicon:
    """The strings that have a row, in the order of their ids. `learn` and `of_pieces` make one.

    Attributes:
        units: The strings; a fragment starts with `##`, and `""` stands for a piece that is no whole text.
        counts: How often each stood in the training texts, int64.
        is_cut: Whether `encode_arrays` cuts texts into these units; if not, a tokenizer does.

    Example:
        >>> lexicon = Lexicon(("new", "##er", "##new", "学习", "机"), np.array([9, 5, 2, 9, 4]))
        >>> [[lexicon.units[id_] for id_ in lexicon.compose(word)] for word in ("new", "newer", "机学习")]
        [['new'], ['##new', '##er'], ['机', '学习']]
    """

    units: tuple[str, ...]
    counts: np.ndarray
    is_cut: bool = True

    def __len__(self) -> int:
        return len(self.units)

    # --- learning -----------------------------------------------------------------------------------------------------

    @classmethod
    def learn(cls, texts: Iterable[str], pieces: Pieces, *, min_count: int = 5, most: int = 60_000) -> Lexicon:
        """Find the words of texts.

        Args:
            texts: Any iterable of str.
            pieces: A tokenizer; of its cut of rare words and of unspaced runs come fragments and words.
            min_count: Units rarer than this are given up; single characters are kept from a count of 1.
            most: The most frequent so many are kept.

        Raises:
            InputError: No word in the texts, one str in their place, or a bound below 1.
        """
        whole("min_count", min_count, 1)
        whole("most", most, 1)
        check_several(texts)
        tokens = Counter(token for text in texts for token in tokens_of(text))
        words = {token: n for token, n in tokens.items() if not _RUN.match(token)}
        runs = {token: n for token, n in tokens.items() if _RUN.match(token)}
        if not tokens:
            raise InputError("the texts hold no word. Give some text to learn from.")
        found = Counter({word: n for word, n in words.items() if n >= min_count})
        rare = {word: n for word, n in words.items() if n < min_count}
        found += _enough(_pieces_of(rare, pieces, FRAGMENT), min_count, len(FRAGMENT) + 1)
        found += _enough(_pieces_of(runs, pieces, ""), min_count, 1)
        kept = sorted(found, key=lambda unit: (-found[unit], unit))[:most]
        return cls(tuple(kept), np.array([found[unit] for unit in kept], dtype=np.int64))

    @classmethod
    def of_pieces(cls, pieces: Pieces, ids: np.ndarray) -> Lexicon:
        """Name the rows of vectors that are trained on the ids of a tokenizer.

        Args:
            pieces: The tokenizer.
            ids: The ids of the training texts.
        """
        names = tuple(_text_of(pieces.id_to_piece(id_)) for id_ in range(pieces.vocab_size))
        return cls(names, np.bincount(ids, minlength=len(names)).astype(np.int64), is_cut=False)

    # --- words to ids -------------------------------------------------------------------------------------------------

    @cached_property
    def whole(self) -> np.ndarray:
        """Which ids may be shown as words: neither fragments nor parts of characters nor blanks, and met."""
        named = [bool(unit.strip()) and not (self.is_cut and unit.startswith(FRAGMENT)) for unit in self.units]
        return np.array(named, dtype=bool) & (self.counts > 0)

    def ids_of(self, word: str) -> list[int]:
        """Return the ids that are this word, the most frequent first: one, or for pieces any spelling of its spaces."""
        return self._known.get(_key(word), [])

    def compose(self, word: str) -> list[int]:
        """Return the ids that a word is made of: itself where it has a row, else the parts that take the fewest bits.

        Parts that no unit covers are left out, so the list may be empty.

        Args:
            word: Any text; letters are lowered.
        """
        if known := self.ids_of(word):
            return known[:1] if self.is_cut else known
        if not self.is_cut:
            return self._cut(_key(word), "")
        return [id_ for token in tokens_of(word) for id_ in self._token_ids(token)]

    def holding(self, id_: int) -> list[int]:
        """Return the words of an unspaced script that a unit is a part of; none for other scripts."""
        part = self.units[id_]
        if not _RUN.match(part):
            return []
        return [other for other, unit in enumerate(self.units) if part in unit and other != id_]

    def encode_arrays(self, texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """Write texts as the ids of their words.

        Args:
            texts: An iterable of str.

        Returns:
            int32 ids of all texts end to end, and int64 starts, one more than there are texts.

        Raises:
            InputError: These are the names of a tokenizer's pieces: the tokenizer itself encodes. Or one str for texts.
        """
        check_several(texts)
        if not self.is_cut:
            raise InputError("these vectors are those of a tokenizer's pieces. Encode with that tokenizer.")
        order: list[int] = []
        ends = [0]
        number_of: dict[str, int] = {}
        for text in texts:
            order.extend([number_of.setdefault(token, len(number_of)) for token in tokens_of(text)])
            ends.append(len(order))
        ids, starts = self._cut_all(list(number_of))
        lengths = np.diff(starts)[order] if order else np.zeros(0, dtype=np.int64)
        begins = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        within = np.arange(begins[-1]) - np.repeat(begins[:-1], lengths)
        return ids[np.repeat(starts[order], lengths) + within] if order else ids, begins[ends]

    def _cut_all(self, tokens: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """The ids of many tokens: runs by the compiled twin of `_cut`, the rest one by one."""
        is_run = np.array([bool(_RUN.match(token)) for token in tokens], dtype=bool)
        runs = [token for token, run in zip(tokens, is_run) if run]
        codes, starts = _codes_of(runs)
        keys, values = self._table
        longest_run = max(map(len, runs), default=0) + 1
        found, lengths = np.empty(len(codes), dtype=np.int32), np.zeros(len(tokens), dtype=np.int64)
        run_lengths = np.empty(len(runs), dtype=np.int64)
        best, origin, unit = np.empty(longest_run), np.empty(longest_run, np.int64), np.empty(longest_run, np.int64)
        filled = kernels.cut_runs(
            codes, starts, keys, values, self._bits, self._longest, _UNKNOWN, best, origin, unit, found, run_lengths
        )
        others = [self._token_ids(token) for token, run in zip(tokens, is_run) if not run]
        lengths[is_run], lengths[~is_run] = run_lengths, [len(ids) for ids in others]
        begins = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        ids = np.empty(begins[-1], dtype=np.int32)
        from_run = np.repeat(is_run, lengths)
        ids[from_run] = found[:filled]
        ids[~from_run] = [id_ for some in others for id_ in some]
        return ids, begins

    @cached_property
    def _table(self) -> tuple[np.ndarray, np.ndarray]:
        kept = [id_ for id_, unit in enumerate(self.units) if unit and not unit.startswith(FRAGMENT)]
        codes, starts = _codes_of([self.units[id_] for id_ in kept])
        size = 1 << (4 * len(kept) + 1).bit_length()
        keys, values = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.int64)
        kernels.hash_units(codes, starts, np.array(kept, dtype=np.int64), keys, values)
        return keys, values

    def _token_ids(self, token: str) -> list[int]:
        if _RUN.match(token):
            return self._cut(token, "")
        return self._known.get(token) or self._cut(token, FRAGMENT)

    @cached_property
    def _known(self) -> dict[str, list[int]]:
        known: dict[str, list[int]] = {}
        for id_ in np.argsort(-self.counts, kind="stable").tolist():
            unit = self.units[id_]
            if unit and (self.is_cut or self.counts[id_] > 0):
                known.setdefault(_key(unit), []).append(id_)
        return known

    @cached_property
    def _bits(self) -> np.ndarray:
        return -np.log2(np.maximum(self.counts, 0.5) / max(1, self.counts.sum()))

    @cached_property
    def _longest(self) -> int:
        return max((len(unit) for unit in self.units), default=0)

    def _cut(self, token: str, prefix: str) -> list[int]:
        """The cut of fewest bits; a character without a unit costs more than any unit and gives nothing."""
        best: list[tuple[float, int, int]] = [(0.0, 0, -1)]
        for end in range(1, len(token) + 1):
            found = {
                begin: self._known.get(prefix + token[begin:end], [-1])[0]
                for begin in range(max(0, end - self._longest), end)
            }
            choices = [(best[at][0] + float(self._bits[id_]), at, id_) for at, id_ in found.items() if id_ >= 0]
            best.append(min([*choices, (best[end - 1][0] + _UNKNOWN, end - 1, -1)]))
        ids, at = [], len(token)
        while at:
            _, at, id_ = best[at]
            ids.append(id_)
        return [id_ for id_ in reversed(ids) if id_ >= 0]

    # --- a file -------------------------------------------------------------------------------------------------------

    def write(self, path: Path) -> None:
        """Write the units as one JSON text; the counts are those of the vectors."""
        content = {"is_cut": self.is_cut, "units": list(self.units)}
        text = json.dumps(content, ensure_ascii=False, indent=0) + "\n"
        artifacts.write_whole(path, text.encode("utf-8", "backslashreplace"))  # half a pair as `\ud800`, which is JSON

    @classmethod
    def read(cls, path: Path, counts: np.ndarray) -> Lexicon:
        """Read what `write` wrote.

        Args:
            path: The file.
            counts: How often each unit stood in the training texts.

        Raises:
            ValueError: There is not one name for each count.
        """
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        units, is_cut = tuple(content["units"]), content["is_cut"]
        if (
            len(units) != len(counts)
            or not all(isinstance(unit, str) for unit in units)
            or not isinstance(is_cut, bool)
        ):
            raise ValueError(
                f"{path.name} has {len(units)} names, and there are {len(counts)} counts; one str for each"
            )
        return cls(units, counts, is_cut)


def check_several(texts: Iterable[str]) -> None:
    """Refuse one str where several are meant: its characters would be taken for texts."""
    if isinstance(texts, str):
        raise InputError("texts is one text; it takes several. Give a list: [text].")


def tokens_of(text: str) -> list[str]:
    """Cut a text into words, and into runs of the scripts that put no spaces between words; letters are lowered.

    Example:
        >>> tokens_of("Don't run, 机器学习 in 2024!")
        ["don't", 'run', '机器学习', 'in', '2024']
    """
    return _TOKEN.findall(text.lower())


def _codes_of(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The characters of texts as numbers, end to end, and where each text starts."""
    starts = np.concatenate([[0], np.cumsum([len(text) for text in texts], dtype=np.int64)]).astype(np.int64)
    return np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32), starts


def _key(word: str) -> str:
    return " ".join(word.lower().split())


def _text_of(piece: bytes) -> str:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return ""


def _enough(found: Counter[str], min_count: int, single: int) -> Counter[str]:
    return Counter({unit: n for unit, n in found.items() if n >= min_count or len(unit) == single})


def _pieces_of(tokens: dict[str, int], pieces: Pieces, prefix: str) -> Counter[str]:
    """Count the pieces of tokens, all their characters, and without a prefix the phrases of two pieces too."""
    found: Counter[str] = Counter()
    ids, starts = pieces.encode_arrays(tokens, disallowed_special=())
    times = np.repeat(np.fromiter(tokens.values(), np.int64, len(tokens)), np.diff(starts))
    names = [_text_of(pieces.id_to_piece(id_)) for id_ in range(pieces.vocab_size)]
    counts = np.bincount(ids, times, pieces.vocab_size)
    for id_ in np.flatnonzero(counts):
        if names[id_]:
            found[prefix + names[id_]] += int(counts[id_])
    for left, right, n in _phrases(ids, starts, times, counts) if not prefix else ():
        if names[left] and names[right]:
            found[names[left] + names[right]] = max(found[names[left] + names[right]], n)
    for token, n in tokens.items():
        for character in token:
            found[prefix + character] += 0 if prefix + character in found else n
    return found


def _phrases(
    ids: np.ndarray, starts: np.ndarray, times: np.ndarray, counts: np.ndarray
) -> Iterable[tuple[int, int, int]]:
    """Adjacent pieces whose normalised mutual information, by the counts, says that they belong together."""
    inside = np.ones(max(len(ids) - 1, 0), dtype=bool)
    inside[starts[1:-1][(starts[1:-1] > 0) & (starts[1:-1] < len(ids))] - 1] = False
    size = np.int64(len(counts))
    keys, where = np.unique((ids[:-1] * size + ids[1:])[inside], return_inverse=True)
    together = np.bincount(where, times[:-1][inside], len(keys))
    total = max(float(counts.sum()), 1.0)
    left, right = keys // size, keys % size
    shared = np.log(np.maximum(together, 1) * total / (counts[left] * counts[right]))
    cohesion = shared / np.maximum(np.log(total / np.maximum(together, 1)), 1e-9)
    for at in np.flatnonzero(cohesion >= _COHESION):
        yield int(left[at]), int(right[at]), int(together[at])
