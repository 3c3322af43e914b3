"""The text that is learnt from: all of it, or of a large one a sample that fits in memory and does not depend on order.

Blocks that are repeated are held once, with how often they came. A block has a mark, a hash of its bytes, and the
sample holds the blocks whose mark begins with so many zero bits, as few as the size allows. Whatever the order in which
blocks come, and however they were spread over machines, the same blocks are left; so samples can be added, saved, and
gone on with.

Source: P. Gibbons, VLDB 2001 (distinct sampling).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from minent import artifacts
from minent.errors import InputError, whole
from minent.tokenizer.config import NORMALIZATIONS, check_choice
from minent.tokenizer.text import Blocks, check_iterable, normalize, to_utf8
from minent.tokenizer.text import blocks as text_blocks

KIND, FORMAT = "tokenizer-sample", 1


class TextSample:
    """Blocks of text to learn from, in bounded memory; two of them can be added.

    Args:
        normalization: `"none"` or `"nfc"`: what happens to a text first.
        megabytes: Most text to hold. Beyond it every other block goes, by its hash, as often as needed.

    Raises:
        InputError: Another normalization, or megabytes that are no whole number from 1.

    Attributes:
        normalization: See Args.
        megabytes: See Args.
        texts: How many texts were read.
        bytes: How many bytes they had.
        held: How many of the bytes are in the sample.
        fraction: The part of all blocks that the sample is meant to hold: 1, 1/2, 1/4, ..
        weighed: Tells the weights of one row of texts from those of another; 0 where all are 1.

    Example:
        >>> one, other = TextSample(), TextSample()
        >>> one.add(["so it goes"]); other.add(["so be it", "so what"])
        >>> both = one + other
        >>> both.texts, both.bytes, both.fraction
        (3, 25, 1.0)
    """

    def __init__(self, normalization: str = "none", megabytes: int = 128) -> None:
        check_choice("normalization", normalization, NORMALIZATIONS)
        self.normalization, self.megabytes = normalization, whole("megabytes", megabytes, 1)
        self.texts = self.bytes = self.held = self.weighed = self._zeros = 0
        self._blocks: dict[int, tuple[bytes, int, float]] = {}  # by mark: the bytes, how often they came, their weight

    def __repr__(self) -> str:
        return f"TextSample(texts={self.texts}, bytes={self.bytes}, fraction={self.fraction})"

    @property
    def fraction(self) -> float:
        """See the class."""
        return 0.5**self._zeros

    def add(self, texts: Iterable[str], weight: float = 1.0) -> None:
        """Read some texts.

        Args:
            texts: An iterable of str; it is read once.
            weight: How much a use in these texts counts, beside 1 elsewhere.

        Raises:
            InputError: A value that is no str, or a lone surrogate; its place is named. Or the weight is not above 0.

        Example:
            >>> sample = TextSample()
            >>> sample.add(["so it goes"], weight=2.5)
            >>> sample.texts
            1
        """
        check_iterable(texts)
        for text in texts:
            self.add_text(text, weight)

    def add_text(self, text: str, weight: float = 1.0) -> None:
        """Read one text.

        Args:
            text: The text.
            weight: See `add`.

        Raises:
            InputError: See `add`.

        Example:
            >>> sample = TextSample()
            >>> sample.add_text("so it goes")
            >>> sample.bytes
            10
        """
        place = f"texts[{self.texts}]"
        self.weighed = (self.weighed + weight_mark(self.texts, weight)) % 2**64
        for mark, data in self._marked(text, place):
            self.bytes += len(data)
            self._hold(mark, data, 1, float(weight))
        self.texts += 1
        self._shrink()

    def holds(self, text: str) -> bool:
        """Whether a text may be one of those that were read: all of its blocks that the sample would hold are in it.

        Args:
            text: The text.

        Raises:
            InputError: See `add`.

        Example:
            >>> sample = TextSample()
            >>> sample.add(["so it goes"])
            >>> sample.holds("so it goes"), sample.holds("so be it")
            (True, False)
        """
        return all(mark in self._blocks or mark >> (64 - self._zeros) for mark, _ in self._marked(text, "text"))

    def _marked(self, text: str, place: str) -> Iterator[tuple[int, bytes]]:
        """The blocks of a text, with their marks."""
        normal = normalize(text, self.normalization, place)
        to_utf8(normal, place)  # a lone surrogate is named by its place in the text, not in a block
        for block in text_blocks(normal):
            data = block.encode("utf-8", "surrogateescape")
            yield int.from_bytes(hashlib.blake2b(data, digest_size=8).digest()), data

    def __add__(self, other: TextSample) -> TextSample:
        """The sample of both texts together."""
        both = TextSample(self.normalization, self.megabytes)
        both.absorb(self)
        both.absorb(other)
        return both

    def absorb(self, other: TextSample) -> None:
        """Add another sample, made with the same config, to this one.

        Args:
            other: It stays as it is.

        Raises:
            InputError: It was made with another config.

        Example:
            >>> sample, other = TextSample(), TextSample()
            >>> other.add(["so it goes"])
            >>> sample.absorb(other)
            >>> sample.texts
            1
        """
        if (self.normalization, self.megabytes) != (other.normalization, other.megabytes):
            raise InputError(
                f"the samples differ: normalization {self.normalization!r} and {other.normalization!r}, megabytes "
                f"{self.megabytes} and {other.megabytes}. Make both with the same config."
            )
        self.texts, self.bytes = self.texts + other.texts, self.bytes + other.bytes
        self.weighed = (self.weighed + other.weighed) % 2**64
        if other._zeros > self._zeros:
            self._thin(other._zeros)
        for mark, (data, times, weight) in other._blocks.items():
            self._hold(mark, data, times, weight)
        self._shrink()

    def _hold(self, mark: int, data: bytes, times: int, weight: float) -> None:
        if mark >> (64 - self._zeros) == 0:
            if mark in self._blocks:
                _, before, heavier = self._blocks[mark]
                times, weight = times + before, max(weight, heavier)
            else:
                self.held += len(data)
            self._blocks[mark] = data, times, weight

    def _shrink(self) -> None:
        while self.held > self.megabytes * 1_000_000:
            self._thin(self._zeros + 1)

    def _thin(self, zeros: int) -> None:
        """Hold only the blocks whose mark begins with so many zero bits."""
        self._zeros = zeros
        self._blocks = {mark: one for mark, one in self._blocks.items() if mark >> (64 - zeros) == 0}
        self.held = sum(len(data) for data, _, _ in self._blocks.values())

    def rows(self, part: int = 1) -> tuple[Blocks, np.ndarray, np.ndarray]:
        """The different blocks in the order of their marks, with a byte 255 behind each.

        Args:
            part: About one block of so many is taken, by its mark.

        Returns:
            The blocks, how often each came (int64), and its weight (float64).
        """
        marks = [mark for mark in sorted(self._blocks) if mark % part == 0]
        held = [self._blocks[mark][0] for mark in marks]
        starts = np.zeros(len(held) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, held), dtype=np.int64, count=len(held)) + 1, out=starts[1:])
        buffer = np.frombuffer(b"\xff".join([*held, b""]), dtype=np.uint8)
        times = np.array([self._blocks[mark][1] for mark in marks], dtype=np.int64)
        return Blocks(buffer, starts), times, np.array([self._blocks[mark][2] for mark in marks], dtype=np.float64)

    def digest(self) -> str:
        """A digest of what was read, whatever its order."""
        lines = [f"{mark:016x} {times} {weight}" for mark, (_, times, weight) in sorted(self._blocks.items())]
        return artifacts.digest_texts([f"{self.texts} {self.bytes} {self.normalization}", *lines])

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Save as an artifact of kind `tokenizer-sample`.

        Args:
            folder: Where to.
            overwrite: Replace an artifact that is there.

        Raises:
            ArtifactError: The folder is taken, or cannot be written.
        """
        config = {"normalization": self.normalization, "megabytes": self.megabytes}
        with artifacts.writing(folder, kind=KIND, format=FORMAT, config=config, overwrite=overwrite) as draft:
            data, times, weights = self.rows()
            marks = np.array(sorted(self._blocks), dtype=np.uint64)
            arrays = {"bytes": data.buffer, "starts": data.starts, "marks": marks, "times": times, "weights": weights}
            artifacts.save_arrays(draft.path / "blocks.safetensors", arrays)
            facts = {"texts": self.texts, "bytes": self.bytes, "weighed": f"{self.weighed:016x}", "zeros": self._zeros}
            draft.facts.update(facts)

    @classmethod
    def load(cls, folder: str | Path) -> TextSample:
        """Load what `save` wrote.

        Args:
            folder: The artifact.

        Returns:
            The same sample.

        Raises:
            ArtifactError: No such artifact, another kind, a newer format, or a changed file.
        """
        manifest = artifacts.read_manifest(folder, kind=KIND, format=FORMAT)
        arrays = artifacts.load_arrays(manifest.file(folder, "blocks.safetensors"))
        made = cls(**manifest.config)
        data, starts = arrays["bytes"].tobytes(), arrays["starts"].tolist()
        blocks = [data[a : b - 1] for a, b in pairwise(starts)]
        made._blocks = dict(
            zip(arrays["marks"].tolist(), zip(blocks, arrays["times"].tolist(), arrays["weights"].tolist()))
        )
        made.held = sum(map(len, blocks))
        made.texts, made.bytes = manifest.facts["texts"], manifest.facts["bytes"]
        made.weighed, made._zeros = int(manifest.facts.get("weighed", "0"), 16), manifest.facts["zeros"]
        return made


def weight_mark(number: int, weight: float) -> int:
    """A hash of the weight of the text of some number; the sum of the hashes tells the weights of all. 0 for weight 1.

    Raises:
        InputError: The weight is not above 0, or above 1000.
    """
    if not (isinstance(weight, (int, float)) and 0 < weight <= 1000):
        raise InputError(f"the weight of texts[{number}] is {weight!r}; it takes a number above 0, at most 1000.")
    if weight == 1:
        return 0
    return int.from_bytes(hashlib.blake2b(f"{number} {float(weight)!r}".encode(), digest_size=8).digest())
