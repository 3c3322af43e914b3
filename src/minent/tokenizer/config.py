"""What may be chosen before training."""

from __future__ import annotations

import math
from dataclasses import dataclass

from minent.errors import InputError, did_you_mean, listing, whole
from minent.tokenizer.text import to_utf8

SPECIALS = 3  # pad, bos, eos
SMALLEST_VOCABULARY = SPECIALS + 256
NORMALIZATIONS = ("none", "nfc")
OBJECTIVES = ("fewest", "mixed", "likelihood")


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of the choices."""
    if value not in choices:
        raise InputError(f"{name} is {value!r}; it takes {listing(choices)}.{did_you_mean(str(value), choices)}")


@dataclass(frozen=True)
class TokenizerConfig:
    """How a tokenizer is learnt. Nothing here is random: equal texts and config give an equal tokenizer.

    Args:
        vocab_size: Most ids, the three special ones and the 256 bytes counted: at least 259. A tuple trains nested
            tokenizers in one run, each vocabulary inside the next larger.
        order: Longest byte n-gram of the language model of `faithful`, 2 to 7. Elsewhere it means nothing.
        min_count: Strings rarer than this become no pieces. None takes a 22nd of the bytes of text per id, at least 2
            (25 for 18 MB and 32,000 ids); and 2 when `faithful`.
        isolate_digits: No piece holds a digit next to anything else, in any script.
        normalization: `"none"` keeps every character; `"nfc"` composes them (Unicode NFC) before encoding.
        faithful: Train as bytepiece 0.6.3 does, to the same pieces and counts: NFC, scores as plain logarithms, and no
            floor inside characters, so that one rare character breaks the rest of its line into bytes. Of the options
            below it knows `max_piece_length` and `ensure_unicode`.
        max_piece_length: Longest piece, in bytes.
        ensure_unicode: Pieces of more than one byte hold whole characters. Only `faithful` training can do without.
        objective: What the best way to write a text is. `"fewest"` pieces, and of equals the likeliest; the
            `"likelihood"` of the pieces, as in a Unigram model; or `"mixed"`, between both. Fewest pieces compress
            best.
        balance: The power of (bytes / characters) that a text is weighted with. 0 makes all bytes alike, and so gives
            scripts of one byte per character the larger part of the vocabulary; the larger, the more pieces go to
            scripts of two and three bytes. None takes 0.2 for 8,000 ids and 0.3 more for each doubling, from 0 to 1.
        cross_lines: A piece may hold a line end and what follows it: the indent of code, the mark of a list.
        word_bounded: A piece holds white space only at its beginning, so none reaches into a second word.
        forced: Texts that become pieces in any case, with their characters.
        blocked: Texts that become no piece; a character that is blocked is in no longer piece either.
        thorough: Prune in smaller steps and add pairs twice: 0.5 to 1 % fewer tokens for about 1.6 times the time.
        sample_megabytes: Most text that is held and learnt from; a larger one is sampled by the hash of its blocks.
            Peak memory is about 14 times that, at most.

    Raises:
        InputError: A value outside these bounds.

    Example:
        >>> TokenizerConfig(vocab_size=(8_000, 16_000)).sizes
        (8000, 16000)
        >>> TokenizerConfig(vocab_size=100)
        Traceback (most recent call last):
            ...
        minent.errors.InputError: vocab_size is 100; it takes a whole number, 259 or more: 3 special ids, 256 bytes.
    """

    vocab_size: int | tuple[int, ...] = 32_000
    order: int = 6
    min_count: int | None = None
    isolate_digits: bool = False
    normalization: str = "none"
    faithful: bool = False
    max_piece_length: int = 36
    ensure_unicode: bool = True
    objective: str = "fewest"
    balance: float | None = None
    cross_lines: bool = True
    word_bounded: bool = False
    forced: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    thorough: bool = False
    sample_megabytes: int = 128

    def __post_init__(self) -> None:
        for name in ("vocab_size", "forced", "blocked"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, choices in (("normalization", NORMALIZATIONS), ("objective", OBJECTIVES)):
            check_choice(name, getattr(self, name), choices)
        self._check_numbers()
        self._check_texts()
        if self.faithful:
            object.__setattr__(self, "normalization", "nfc")
        elif not self.ensure_unicode:
            raise InputError("ensure_unicode is off; only faithful training cuts characters. Give faithful=True too.")

    def _check_numbers(self) -> None:
        if not self.sizes:
            raise InputError("vocab_size is an empty tuple; it takes one size or more, such as (8_000, 32_000).")
        for size in self.sizes:
            whole("vocab_size", size, SMALLEST_VOCABULARY, meaning=": 3 special ids, 256 bytes")
        whole("order", self.order, 2, 7)
        whole("max_piece_length", self.max_piece_length, 1, 1024)
        whole("sample_megabytes", self.sample_megabytes, 1, 4_000)
        if self.min_count is not None:
            whole("min_count", self.min_count, 1)
        if self.balance is not None and not (isinstance(self.balance, (int, float)) and 0 <= self.balance <= 4):
            raise InputError(f"balance is {self.balance!r}; it takes a number from 0 to 4, or None.")

    def _check_texts(self) -> None:
        for name in ("forced", "blocked"):
            texts = getattr(self, name)
            if not isinstance(texts, tuple) or not all(isinstance(text, str) and text for text in texts):
                raise InputError(f"{name} is {texts!r}; it takes a tuple of texts that are not empty.")
            object.__setattr__(self, name, tuple(sorted(set(texts))))
        for text in self.forced:
            size = len(to_utf8(text, "forced"))
            if "\0" in text or "\u2581" in text or size > self.max_piece_length:
                raise InputError(
                    f"forced holds {text!r}; a piece has at most max_piece_length={self.max_piece_length} bytes (this "
                    f"one has {size}), and neither NUL nor U+2581. Shorten it, or allow longer pieces."
                )
        for text in self.blocked:
            if any(text == other or (len(text) == 1 and text in other) for other in self.forced):
                raise InputError(f"{text!r} is forced and blocked. Take it out of one of them.")
            if len(to_utf8(text, "blocked")) == 1:
                raise InputError(f"blocked holds {text!r}, a single byte; all of them stay, so that any text has ids.")

    @property
    def sizes(self) -> tuple[int, ...]:
        """`vocab_size` as a tuple, in the order given."""
        return self.vocab_size if isinstance(self.vocab_size, tuple) else (self.vocab_size,)

    def min_count_for(self, byte_count: int) -> int:
        """The least count for a text of so many bytes.

        Args:
            byte_count: Bytes of training text.

        Returns:
            `min_count` where it is given, else the default that its description states.

        Example:
            >>> TokenizerConfig().min_count_for(18_000_000)
            25
        """
        if self.min_count is not None:
            return self.min_count
        return 2 if self.faithful else max(2, round(byte_count / (22.5 * max(self.sizes))))

    @property
    def power(self) -> float:
        """`balance` where it is given, else the default that its description states."""
        if self.balance is not None:
            return self.balance
        return min(max(0.2 + 0.3 * math.log2(max(self.sizes) / 8_000), 0.0), 1.0)
