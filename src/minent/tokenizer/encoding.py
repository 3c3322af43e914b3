"""Text to ids: the verbs of a tokenizer that encode."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from minent.errors import InputError, whole
from minent.runtime import thread_count
from minent.tokenizer import automaton as automata
from minent.tokenizer import plain, segmentation
from minent.tokenizer import specials as special_tokens
from minent.tokenizer.automaton import Automaton, Links
from minent.tokenizer.pieces import Pieces
from minent.tokenizer.streaming import EncodingStream
from minent.tokenizer.text import Rows, check_iterable, join, normalize, row_starts, slabs, to_utf8

if TYPE_CHECKING:
    from minent.tokenizer.characters import Characters

_MOST_ALPHA = 1e9  # so that sums of scores times alpha stay finite
_TABLE_FROM = 10_000  # ids; fewer do not pay for a table of all
_SLAB = 2**20  # characters that are encoded at once, so that what lies between text and ids stays small
_LONG = 2**12  # characters; shorter texts are searched by bytes
_WIDE = 1.25  # bytes per character; a text of fewer is searched by bytes too
_WORTH = 2**18  # wide characters that a process has read before an automaton over characters pays for its making
Special = Collection[str] | Literal["all"]


class Encoding:
    """What `Tokenizer` inherits to encode."""

    pad_id, bos_id, eos_id = 0, 1, 2
    normalization: str
    specials: tuple[str, ...]
    _pieces: Pieces
    _links: Links

    @cached_property
    def _automaton(self) -> Automaton:
        return automata.prepare(self._links)

    @cached_property
    def _characters(self) -> Characters | None:
        from minent.tokenizer import characters

        return characters.build(self._pieces, self._links)

    def encode(
        self,
        text: str,
        *,
        alpha: float | None = None,
        seed: int | None = None,
        add_bos: bool = False,
        add_eos: bool = False,
        allowed_special: Special = (),
        disallowed_special: Special = "all",
    ) -> list[int]:
        """Write a text as ids.

        Args:
            text: Any text.
            alpha: Draw the segmentation instead of taking the best: each has a probability proportional to
                `exp(alpha * score)`, exactly. 0 makes all alike; the larger, the nearer to the best one.
            seed: Seed of the draw; the same seed gives the same ids. It goes with `alpha`.
            add_bos: Put id 1 before.
            add_eos: Put id 2 behind.
            allowed_special: Special tokens that become one id where they stand in the text, or `"all"`.
            disallowed_special: Special tokens that are an error in the text, unless they are allowed; `"all"` or a
                collection. `()` takes those that are not allowed as text.

        Returns:
            The ids; `decode` gives back the text, as normalised.

        Raises:
            InputError: `text` is no str or holds a lone surrogate or a special token that is not allowed; `alpha` is
                negative or above 1e9, or comes without a seed.

        Source:
            kexue.fm/archives/9811 for the exact law of draws; tiktoken for what special tokens may do.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> learnt = train(["so it goes\\n" * 9], TokenizerConfig(vocab_size=300))
            >>> learnt.encode("a!", add_bos=True, add_eos=True)
            [1, 100, 36, 2]
            >>> learnt.encode("it goes", alpha=0.1, seed=7) == learnt.encode("it goes", alpha=0.1, seed=7)
            True
        """
        if alpha is not None or seed is not None:
            ids = self._drawn(text, alpha, seed, allowed_special, disallowed_special)
        elif not self.specials and not allowed_special and disallowed_special == "all":
            ids = self._one(text)
        else:
            ids = self._arrays([text], allowed_special, disallowed_special, "text")[0].tolist()
        if add_bos or add_eos:
            return [self.bos_id] * add_bos + ids + [self.eos_id] * add_eos
        return ids

    def encode_batch(
        self, texts: Iterable[str], *, allowed_special: Special = (), disallowed_special: Special = "all"
    ) -> list[list[int]]:
        """Write many texts as lists of ids.

        Args:
            texts: An iterable of str.
            allowed_special: See `encode`.
            disallowed_special: See `encode`.

        Returns:
            A list of ids for each text.

        Raises:
            InputError: A text is no str or holds a lone surrogate or a special token that is not allowed; its place is
                named.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).encode_batch(["a!", ""])
            [[100, 36], []]
        """
        ids, starts = self.encode_arrays(texts, allowed_special=allowed_special, disallowed_special=disallowed_special)
        flat = (self._pieces.numbers[ids] if len(ids) > _TABLE_FROM else ids).tolist()
        return [flat[a:b] for a, b in pairwise(starts.tolist())]

    def encode_arrays(
        self, texts: Iterable[str], *, allowed_special: Special = (), disallowed_special: Special = "all"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Write many texts as one array of ids: the fastest way, and what the other rooms take.

        Args:
            texts: An iterable of str.
            allowed_special: See `encode`.
            disallowed_special: See `encode`.

        Returns:
            The ids of all texts end to end, int32; and the starts, int64, one more than there are texts: the ids of
            text i are `ids[starts[i]:starts[i + 1]]`.

        Raises:
            InputError: A text is no str or holds a lone surrogate or a special token that is not allowed; its place is
                named.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).encode_arrays(["a!", ""])
            (array([100,  36], dtype=int32), array([0, 2, 2]))
        """
        check_iterable(texts)
        return self._arrays(texts, allowed_special, disallowed_special, "texts[{}]")

    def encode_padded(
        self,
        texts: Iterable[str],
        length: int | None = None,
        *,
        add_bos: bool = False,
        add_eos: bool = False,
        side: str = "right",
        allowed_special: Special = (),
        disallowed_special: Special = "all",
    ) -> tuple[np.ndarray, np.ndarray]:
        """Write many texts as a table of ids: short ones are padded, long ones are cut. Nothing is remembered.

        Args:
            texts: An iterable of str.
            length: Ids in each row, those of begin and end counted; None takes the longest text.
            add_bos: Put id 1 before each text.
            add_eos: Put id 2 behind each text, also one that is cut.
            side: Where the padding (id 0) stands: `"right"` or `"left"`. The beginning of a text is kept either way.
            allowed_special: See `encode`.
            disallowed_special: See `encode`.

        Returns:
            The ids, int32 of shape (texts, length); and the mask, bool, True where an id is no padding.

        Raises:
            InputError: As `encode_arrays`; another side; or a length that has no room for begin and end.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> learnt = train(["so it goes"], TokenizerConfig(vocab_size=259))
            >>> learnt.encode_padded(["a!", "b"], add_eos=True)[0]
            array([[100,  36,   2],
                   [101,   2,   0]], dtype=int32)
        """
        if side not in ("right", "left"):
            raise InputError(f"side is {side!r}; it takes 'right' or 'left'.")
        ids, starts = self.encode_arrays(texts, allowed_special=allowed_special, disallowed_special=disallowed_special)
        marks = int(add_bos) + int(add_eos)
        sizes = np.diff(starts)
        if length is None:
            length = int(sizes.max(initial=0)) + marks
        length = whole("length", length, marks, meaning=", or None")
        kept = np.minimum(sizes, length - marks)
        column = np.arange(length) - (0 if side == "right" else (length - marks - kept)[:, None])
        mask = (column >= 0) & (column < (kept + marks)[:, None])
        table = np.zeros((len(sizes), length), dtype=np.int32)
        inside = (column >= add_bos) & (column < (kept + add_bos)[:, None])
        table[inside] = ids[np.arange(len(ids)) - np.repeat(starts[:-1], sizes) < np.repeat(kept, sizes)]
        if add_bos:
            table[mask & (column == 0)] = self.bos_id
        if add_eos:
            table[mask & (column == (kept + marks - 1)[:, None])] = self.eos_id
        return table, mask

    def stream(self) -> EncodingStream:
        """Encode a text that comes in parts.

        Returns:
            An `EncodingStream`: `feed(text)` returns the ids that are certain, `finish()` the rest.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> stream = train(["so it goes"], TokenizerConfig(vocab_size=259)).stream()
            >>> stream.feed("a") + stream.feed("!") + stream.finish()
            [100, 36]
        """
        return EncodingStream(self)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _refuse_specials(self, text: str) -> None:
        rule = special_tokens.rule(self.specials, (), "all")
        if rule is not None:
            special_tokens.split(normalize(text, "none"), rule)

    def _arrays(
        self, texts: Iterable[str], allowed: Special, disallowed: Special, place: str
    ) -> tuple[np.ndarray, np.ndarray]:
        rule = special_tokens.rule(self.specials, allowed, disallowed)
        parts, first = [], 0
        for slab in slabs(texts, _SLAB if thread_count() == 1 else 16 * _SLAB):
            if rule is not None and special_tokens.are_in(slab, rule):
                parts.append(self._with_specials(slab, rule, place, first))
            else:
                parts.append(self._slab(slab, place, first))
            first += len(slab)
        if len(parts) == 1:
            return parts[0]
        sizes = np.concatenate([np.zeros(1, dtype=np.int64), *(np.diff(starts) for _, starts in parts)])
        return np.concatenate([*(ids for ids, _ in parts), np.empty(0, dtype=np.int32)]), np.cumsum(sizes)

    def _one(self, text: str) -> list[int]:
        """The ids of one text, with as little around the kernel as can be."""
        data = to_utf8(normalize(text, self.normalization))
        if plain.is_enough_for(len(data)):
            return plain.segment(data, self._links)
        if len(data) <= _LONG:
            return segmentation.segment_one(data, self._automaton).tolist()
        return self._slab([text], "text", 0)[0].tolist()

    def _slab(self, texts: list[str], place: str, first: int) -> tuple[np.ndarray, np.ndarray]:
        """Encode some texts, of which the first is that number of all."""
        try:
            if all(map(str.isascii, texts)):
                return self._rows(Rows(np.frombuffer("".join(texts).encode(), dtype=np.uint8), row_starts(texts)))
            if self._pays(texts):
                return self._by_characters(texts)
        except (TypeError, UnicodeEncodeError):
            pass  # what is no text is named below, and kept bytes are searched as bytes
        places, form = [place.format(i) for i in range(first, first + len(texts))], self.normalization
        return self._rows(join([to_utf8(normalize(text, form, here), here) for text, here in zip(texts, places)]))

    def _pays(self, texts: list[str]) -> bool:
        """Whether an automaton over characters is of use for texts, and worth its making in this process."""
        characters = sum(map(len, texts))
        some = "".join(texts[:: len(texts) // 64 + 1])
        some = some[:: len(some) // 2048 + 1]
        if characters < _LONG or len(some.encode(errors="replace")) < _WIDE * len(some):
            return False
        state = vars(self)  # how much was read is no part of what the tokenizer is
        state["_read"] = state.get("_read", 0) + characters
        return state["_read"] > _WORTH and self._characters is not None

    def _by_characters(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        from minent.tokenizer import characters

        known: Any = self._characters
        if self.normalization != "none":
            texts = [normalize(text, self.normalization) for text in texts]
        return segmentation.segment(characters.to_rows(texts, known), known.automaton)

    def _rows(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        """Encode rows of bytes."""
        if plain.is_enough_for(len(rows.buffer)):
            return plain.segment_rows(rows, self._links)
        return segmentation.segment(rows, self._automaton)

    def _with_specials(
        self, texts: list[str], rule: special_tokens.Rule, place: str, first: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Encode texts in which special tokens stand: what lies between them all at once, as any other texts."""
        places = [place.format(i) for i in range(first, first + len(texts))]
        split = [special_tokens.split(normalize(text, "none", here), rule, here) for text, here in zip(texts, places)]
        between = [part for parts in split for part in parts[::2]]
        try:
            ids, ends = self._slab(between, place, first)
        except InputError:
            for text, here in zip(texts, places):
                to_utf8(text, here)  # names the text that a part stands in, and the position in all of it
            raise
        known = {special: self._special_id(special) for special in self.specials}
        named = np.array([known[part] for parts in split for part in parts[1::2]], dtype=np.int32)
        counts = np.array([len(parts) // 2 for parts in split], dtype=np.int64)
        last = np.cumsum(counts + 1) - 1  # behind the last part of each text stands no special token
        ids = np.insert(ids, np.delete(ends[1:], last), named)
        return ids, np.append(0, ends[last + 1] + np.cumsum(counts))

    def _special_id(self, special: str) -> int:
        return len(self._pieces) - len(self.specials) + self.specials.index(special)

    def _drawn(
        self, text: str, alpha: float | None, seed: int | None, allowed: Special, disallowed: Special
    ) -> list[int]:
        if alpha is None:
            raise InputError("seed is given but alpha is not; give alpha=0.1 to draw, or leave out the seed.")
        check_alpha(alpha)
        seed = whole("seed", seed, 0, meaning=", since alpha draws a segmentation")
        rule = special_tokens.rule(self.specials, allowed, disallowed)
        text = normalize(text, "none")
        parts = special_tokens.split(text, rule) if rule else [text]
        generator = np.random.default_rng(seed)
        ids: list[int] = []
        for number, part in enumerate(parts):
            if number % 2:
                ids.append(self._special_id(part))
            else:
                buffer = np.frombuffer(to_utf8(normalize(part, self.normalization)), dtype=np.uint8)
                uniforms = generator.random(len(buffer))
                ids += segmentation.sample(buffer, self._automaton, float(alpha), uniforms).tolist()
        return ids


def check_alpha(alpha: float) -> None:
    if not (isinstance(alpha, (int, float)) and 0 <= alpha <= _MOST_ALPHA):
        raise InputError(
            f"alpha is {alpha!r}; it takes a number from 0 to {_MOST_ALPHA:,.0f}, or None for the best segmentation."
        )
