"""What may be asked of a text beyond its ids: its pieces, where they lie, how sure they are, where to cut it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minent.errors import InputError, whole
from minent.tokenizer import automaton as automata
from minent.tokenizer.encoding import Encoding, Special, check_alpha
from minent.tokenizer.text import normalize, to_utf8, widths


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


class Analysis(Encoding):
    """What `Tokenizer` inherits to take texts apart."""

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
            text: Any text. All of it is checked and normalised; of a long one only the beginning is segmented.
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

        whole("max_tokens", max_tokens, 0)
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
            InputError: `text` is no str or holds a lone surrogate or a special token; `alpha` is negative or above
                1e9.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> learnt = train(["so it goes\\n" * 9], TokenizerConfig(vocab_size=300))
            >>> found = learnt.marginals("so it goes")
            >>> float(found.probabilities[found.ends == 10].sum().round(9))
            1.0
        """
        from minent.tokenizer import drawing

        check_alpha(alpha)
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
        whole("tokens", tokens, 0)
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
