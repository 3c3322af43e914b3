"""What may be chosen before training."""

from __future__ import annotations

from dataclasses import dataclass

from minent.errors import InputError, did_you_mean, listing

SPECIALS = 3  # pad, bos, eos
SMALLEST_VOCABULARY = SPECIALS + 256
NORMALIZATIONS = ("none", "nfc")


@dataclass(frozen=True)
class TokenizerConfig:
    """How a tokenizer is learnt. Nothing here is random: equal texts and config give an equal tokenizer.

    Args:
        vocab_size: Most ids, the three special ones and the 256 bytes counted: at least 259. A tuple trains nested
            tokenizers in one run, each vocabulary inside the next larger.
        order: Longest byte n-gram of the language model that cuts the training text, 2 to 7.
        min_count: N-grams and pieces rarer than this are given up. None takes 2.4 times the cube root of the megabytes
            of text, rounded, but at least 2 (6 for 18 MB); and 2 when `faithful`.
        isolate_digits: No piece holds a digit next to anything else, in any script.
        normalization: `"none"` keeps every character; `"nfc"` composes them (Unicode NFC) before encoding.
        faithful: Train as bytepiece 0.6.3 does, to the same pieces and counts: NFC, scores as plain logarithms, and no
            floor inside characters, so that one rare character breaks the rest of its line into bytes.
        max_piece_length: Longest piece, in bytes.
        ensure_unicode: Pieces of more than one byte hold whole characters.

    Raises:
        InputError: A value outside these bounds.

    Example:
        >>> TokenizerConfig(vocab_size=(8_000, 16_000)).sizes
        (8000, 16000)
        >>> TokenizerConfig(vocab_size=100)
        Traceback (most recent call last):
            ...
        minent.errors.InputError: vocab_size is 100; it takes a whole number of at least 259: 3 special ids, 256 bytes.
    """

    vocab_size: int | tuple[int, ...] = 32_000
    order: int = 6
    min_count: int | None = None
    isolate_digits: bool = False
    normalization: str = "none"
    faithful: bool = False
    max_piece_length: int = 36
    ensure_unicode: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.vocab_size, list):
            object.__setattr__(self, "vocab_size", tuple(self.vocab_size))
        if self.normalization not in NORMALIZATIONS:
            hint = did_you_mean(str(self.normalization), NORMALIZATIONS)
            raise InputError(f"normalization is {self.normalization!r}; it takes {listing(NORMALIZATIONS)}.{hint}")
        if self.faithful:
            object.__setattr__(self, "normalization", "nfc")
        self._check_numbers()

    def _check_numbers(self) -> None:
        if not self.sizes:
            raise InputError("vocab_size is an empty tuple; it takes one size or more, such as (8_000, 32_000).")
        for size in self.sizes:
            _check_whole("vocab_size", size, SMALLEST_VOCABULARY, None, ": 3 special ids, 256 bytes")
        _check_whole("order", self.order, 2, 7)
        _check_whole("max_piece_length", self.max_piece_length, 1, 1024)
        if self.min_count is not None:
            _check_whole("min_count", self.min_count, 1, None)

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
            6
        """
        if self.min_count is not None:
            return self.min_count
        return 2 if self.faithful else max(2, round(2.4 * (byte_count / 1e6) ** (1 / 3)))


def _check_whole(name: str, value: object, least: int, most: int | None, why: str = "") -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):  # type: ignore[operator]
        bounds = f"a whole number of at least {least}" if most is None else f"a whole number from {least} to {most}"
        raise InputError(f"{name} is {value!r}; it takes {bounds}{why}.")
