"""Text to ids: the verbs of a tokenizer that encode."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from minent.errors import InputError
from minent.tokenizer import automaton as automata
from minent.tokenizer import specials as special_tokens
from minent.tokenizer.automaton import Automaton
from minent.tokenizer.pieces import Pieces
from minent.tokenizer.streaming import EncodingStream
from minent.tokenizer.text import join, normalize, to_utf8, widths

if TYPE_CHECKING:
    from minent.tokenizer.model import Tokenizer

_TABLE_FROM = 10_000  # ids; fewer do not pay for a table of all
Special = Collection[str] | Literal["all"]


class Marginals(NamedTuple):
    """How likely each piece is at each place, over all segmentations of a text; sorted by end, then longest first.

    Attributes:
        begins: int32, where each piece begins, in bytes.
        ends: int32, where it ends.
        ids: int32, which piece it is.
        probabilities: float64, of a segmentation that uses it there.
        log_total: log of the sum of `exp(alpha * score)` over all segmentations.
        entropy: Of the segmentation, in nats.
    """

    begins: np.ndarray
    ends: np.ndarray
    ids: np.ndarray
    probabilities: np.ndarray
    log_total: float
    entropy: float


class Encoding:
    """What `Tokenizer` inherits to encode."""

    pad_id, bos_id, eos_id = 0, 1, 2
    normalization: str
    specials: tuple[str, ...]
    _pieces: Pieces
    _automaton: Automaton

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
                negative or not finite, or comes without a seed.

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
            data = to_utf8(normalize(text, self.normalization))
            ids = automata.segment_one(data, self._automaton).tolist()
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
        if isinstance(texts, (str, bytes)):
            raise InputError(f"texts is one {type(texts).__name__}; it takes an iterable of str. Write [text].")
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
        if not isinstance(length, (int, np.integer)) or isinstance(length, bool) or length < marks:
            raise InputError(f"length is {length!r}; it takes a whole number of at least {marks}, or None.")
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

    def tokenize(self, text: str, *, allowed_special: Special = (), disallowed_special: Special = "all") -> list[bytes]:
        """Cut a text into its pieces, as bytes.

        Args:
            text: Any text.
            allowed_special: See `encode`.
            disallowed_special: See `encode`.

        Returns:
            The pieces; joined they are the text in UTF-8, as normalised.

        Raises:
            InputError: As `encode`.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).tokenize("aé")
            [b'a', b'\\xc3', b'\\xa9']
        """
        ids = self.encode(text, allowed_special=allowed_special, disallowed_special=disallowed_special)
        return [self._pieces.by_id[id] for id in ids]

    def offsets(
        self,
        text: str,
        unit: str = "characters",
        *,
        allowed_special: Special = (),
        disallowed_special: Special = "all",
    ) -> list[tuple[int, int]]:
        """Say where the pieces of a text lie in it.

        Args:
            text: Any text.
            unit: `"characters"` or `"bytes"` (of UTF-8).
            allowed_special: See `encode`.
            disallowed_special: See `encode`.

        Returns:
            For each piece the first character (or byte) that it touches and the first one after it, counted in the
            normalised text (which is `text` itself when `normalization` is `"none"`). Pieces inside one character share
            its place.

        Raises:
            InputError: As `encode`; or another unit.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> learnt = train(["so it goes"], TokenizerConfig(vocab_size=259))
            >>> learnt.offsets("aé"), learnt.offsets("aé", "bytes")
            ([(0, 1), (1, 2), (1, 2)], [(0, 1), (1, 2), (2, 3)])
        """
        if unit not in ("characters", "bytes"):
            raise InputError(f"unit is {unit!r}; it takes 'characters' or 'bytes'.")
        ids = self.encode(text, allowed_special=allowed_special, disallowed_special=disallowed_special)
        if not ids:
            return []
        ends = np.cumsum(self._pieces.lengths[ids])
        begins = np.append(0, ends[:-1])
        if unit == "bytes":
            return list(zip(begins.tolist(), ends.tolist()))
        if self.normalization != "none":
            text = b"".join([self._pieces.by_id[id] for id in ids]).decode("utf-8", "surrogateescape")
        character = np.repeat(np.arange(len(text)), widths(text))
        return list(zip(character[begins].tolist(), (character[ends - 1] + 1).tolist()))

    def count(self, text: str, *, allowed_special: Special = (), disallowed_special: Special = "all") -> int:
        """Count the pieces that a text takes.

        Args:
            text: Any text.
            allowed_special: See `encode`.
            disallowed_special: See `encode`.

        Returns:
            `len(encode(text))`, without making the list.

        Raises:
            InputError: As `encode`.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).count("aé")
            3
        """
        return len(self._arrays([text], allowed_special, disallowed_special, "text")[0])

    def cut(self, text: str, max_tokens: int) -> str:
        """Cut a text so that it takes at most so many ids.

        Args:
            text: Any text. Of a long one only the beginning is read.
            max_tokens: How many ids there may be, from 0.

        Returns:
            The longest beginning of the normalised text, in whole characters, whose own `encode` is short enough.

        Raises:
            InputError: As `encode`; or `max_tokens` is no whole number from 0.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).cut("aéb", 2)
            'a'
        """
        from minent.tokenizer import kernels

        if not isinstance(max_tokens, (int, np.integer)) or isinstance(max_tokens, bool) or max_tokens < 0:
            raise InputError(f"max_tokens is {max_tokens!r}; it takes a whole number from 0.")
        known = self._automaton
        self._refuse_specials(text)
        text, most = normalize(text, self.normalization), int(max_tokens) * known.reach + 4
        data = to_utf8(text)[:most]
        ways, counts = np.empty(len(data), dtype=np.uint32), np.empty(len(data) + 1, dtype=np.int64)
        buffer = np.frombuffer(data, dtype=np.uint8)
        kernels.advance(buffer, 0, np.uint64(known.root), known, *automata.window(known), ways)
        kernels.counts_to(ways, counts)
        ends = np.append(0, np.cumsum(widths(text[:most])))
        return text[: np.flatnonzero(counts[ends[ends <= len(data)]] <= max_tokens)[-1]]

    def marginals(self, text: str, alpha: float = 1.0) -> Marginals:
        """Say how likely each piece is at each place, when segmentations are drawn as `encode(alpha=...)` draws them.

        Args:
            text: Any text.
            alpha: See `encode`.

        Returns:
            Pieces, places and probabilities, and the entropy of the segmentation.

        Raises:
            InputError: `text` is no str or holds a lone surrogate or a special token; `alpha` is negative or not
                finite.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> learnt = train(["so it goes\\n" * 9], TokenizerConfig(vocab_size=300))
            >>> found = learnt.marginals("so it goes")
            >>> float(found.probabilities[found.ends == 10].sum().round(9))
            1.0
        """
        from minent.tokenizer import drawing

        _check_alpha(alpha)
        self._refuse_specials(text)
        buffer = np.frombuffer(to_utf8(normalize(text, self.normalization)), dtype=np.uint8)
        size = drawing.places(buffer, self._automaton)
        begins, ids = np.empty((2, size), dtype=np.int32)
        probabilities = np.empty(size)
        log_total, entropy = drawing.marginals(buffer, self._automaton, float(alpha), begins, ids, probabilities)
        ends = begins + self._automaton.lengths[ids]
        return Marginals(begins, ends, ids, probabilities, float(log_total), float(entropy))

    def heal(self, text: str, tokens: int = 1) -> tuple[list[int], bytes]:
        """Step back from the end of a prompt, so that its last piece does not hide longer ones.

        A model that saw `import numpy` as one piece never goes on with ` numpy` after `import`. So give the model the
        ids that remain, and let its next id be one of `starting_with(rest)`.

        Args:
            text: Any text.
            tokens: How many of its last ids to give up.

        Returns:
            The ids that remain, and the bytes of those given up.

        Raises:
            InputError: As `encode`; or `tokens` is no whole number from 0.

        Source:
            kexue.fm/archives/9762; token healing of the guidance library.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> learnt = train(["so it goes"], TokenizerConfig(vocab_size=259))
            >>> learnt.heal("a!")
            ([100], b'!')
        """
        if not isinstance(tokens, (int, np.integer)) or isinstance(tokens, bool) or tokens < 0:
            raise InputError(f"tokens is {tokens!r}; it takes a whole number from 0.")
        ids = self.encode(text)
        kept = max(len(ids) - tokens, 0)
        return ids[:kept], b"".join([self._pieces.by_id[id] for id in ids[kept:]])

    def starting_with(self, prefix: bytes | str) -> list[int]:
        """The ids of all pieces that begin with some bytes.

        Args:
            prefix: The bytes, or their text.

        Returns:
            The ids, rising; the piece that is the prefix itself is among them.

        Raises:
            InputError: `prefix` is neither bytes nor str, or holds a lone surrogate.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).starting_with("a")
            [100]
        """
        if not isinstance(prefix, (bytes, str)):
            raise InputError(f"prefix is {type(prefix).__name__}; it takes bytes or str.")
        return self._pieces.beginning_with(to_utf8(prefix, "prefix") if isinstance(prefix, str) else prefix)

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
        this: Tokenizer = self  # type: ignore[assignment]
        return EncodingStream(this)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _refuse_specials(self, text: str) -> None:
        rule = special_tokens.rule(self.specials, (), "all")
        if rule is not None:
            special_tokens.split(normalize(text, "none"), rule)

    def _arrays(
        self, texts: Iterable[str], allowed: Special, disallowed: Special, place: str
    ) -> tuple[np.ndarray, np.ndarray]:
        rule = special_tokens.rule(self.specials, allowed, disallowed)
        if rule is not None:
            return self._with_specials(list(texts), rule, place)
        form, data = self.normalization, []
        for i, text in enumerate(texts):
            try:
                data.append(text.encode() if form == "none" else to_utf8(normalize(text, form)))
            except (
                UnicodeEncodeError,
                AttributeError,
                InputError,
            ):  # kept bytes, or what is no text: named by its place
                data.append(to_utf8(normalize(text, form, place.format(i)), place.format(i)))
        return automata.segment(join(data), self._automaton)

    def _with_specials(self, texts: list[str], rule: special_tokens.Rule, place: str) -> tuple[np.ndarray, np.ndarray]:
        """Encode texts in which special tokens may stand: what lies between them, all at once."""
        places = [place.format(i) for i in range(len(texts))]
        split = [special_tokens.split(normalize(text, "none", here), rule, here) for text, here in zip(texts, places)]
        data = []
        for parts, here in zip(split, places):
            at = 0
            for number, part in enumerate(parts):
                if number % 2 == 0:
                    data.append(self._part_to_utf8(part, here, at))
                at += len(part)
        ids, ends = automata.segment(join(data), self._automaton)
        rows: list[np.ndarray] = []
        sizes, row = [0], 0
        for parts in split:
            for number, part in enumerate(parts):
                if number % 2:
                    rows.append(np.array([self._special_id(part)], dtype=np.int32))
                else:
                    rows.append(ids[ends[row] : ends[row + 1]])
                    row += 1
            sizes.append(sum(map(len, rows[-len(parts) :])))
        return np.concatenate([*rows, np.empty(0, dtype=np.int32)]), np.cumsum(sizes)

    def _part_to_utf8(self, part: str, place: str, at: int) -> bytes:
        try:
            return to_utf8(normalize(part, self.normalization, place), place)
        except InputError:
            to_utf8(" " * at + part, place)  # names the position in the whole text
            raise

    def _special_id(self, special: str) -> int:
        return len(self._pieces) - len(self.specials) + self.specials.index(special)

    def _drawn(
        self, text: str, alpha: float | None, seed: int | None, allowed: Special, disallowed: Special
    ) -> list[int]:
        if alpha is None:
            raise InputError("seed is given but alpha is not; give alpha=0.1 to draw, or leave out the seed.")
        _check_alpha(alpha)
        if isinstance(seed, bool) or not (isinstance(seed, (int, np.integer)) and seed >= 0):
            raise InputError(
                f"seed is {seed!r}; alpha draws a segmentation, and a draw takes a seed from 0: seed=0, or another."
            )
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
                ids += automata.sample(buffer, self._automaton, float(alpha), uniforms).tolist()
        return ids


def _check_alpha(alpha: float) -> None:
    if not (isinstance(alpha, (int, float)) and math.isfinite(alpha) and alpha >= 0):
        raise InputError(f"alpha is {alpha!r}; it takes a finite number from 0, or None for the best segmentation.")
