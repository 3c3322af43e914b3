"""A learnt tokenizer: text to ids and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from minent import artifacts
from minent.errors import InputError
from minent.tokenizer import formats, trie
from minent.tokenizer.config import SPECIALS, TokenizerConfig
from minent.tokenizer.text import join, normalize, to_utf8

KIND, FORMAT = "tokenizer", 1
_BYTE_OF = [bytes([byte]) for byte in range(256)]


class Tokenizer:
    """Pieces with their scores; immutable, safe to share among threads.

    A text is written as the row of pieces with the largest sum of scores; among equals the longest last piece wins. No
    piece crosses from a line end into a new line. `train`, `load` and `from_bytepiece` make one.

    Args:
        pieces: The pieces of ids 3, 4, ..; the first 256 are the single bytes in their order.
        counts: int64, how often each occurs in the training text.
        scores: float64, log-probability of each.
        normalization: `"none"` or `"nfc"`: what happens to a text before it is encoded.
        config: What it was trained with; None when it was not trained here.
        facts: What a report may tell of its training.
        inputs: Digests of what it was trained on.

    Attributes:
        pieces: See Args.
        counts: See Args; read-only.
        scores: See Args; read-only.
        normalization: See Args.
        config: See Args.
        facts: See Args.
        pad_id: 0.
        bos_id: 1.
        eos_id: 2.

    Example:
        >>> from minent.tokenizer import TokenizerConfig, train
        >>> learnt = train(["so it goes\\n" * 9], TokenizerConfig(vocab_size=300))
        >>> learnt.decode(learnt.encode("so it is ✓"))
        'so it is ✓'
    """

    pad_id, bos_id, eos_id = 0, 1, 2

    def __init__(
        self,
        pieces: Sequence[bytes],
        counts: np.ndarray,
        scores: np.ndarray,
        *,
        normalization: str = "none",
        config: TokenizerConfig | None = None,
        facts: Mapping[str, Any] | None = None,
        inputs: Mapping[str, str] | None = None,
    ) -> None:
        self.pieces = tuple(pieces)
        self.counts = _frozen(counts, np.int64)
        self.scores = _frozen(scores, np.float64)
        self.normalization = normalization
        self.config = config
        self._inputs = dict(inputs or {})
        self._piece_of = [b""] * SPECIALS + list(pieces)
        self._id_of = {piece: id for id, piece in enumerate(self._piece_of) if piece}
        _check_parts(self)
        self.facts = {"vocab_size": self.vocab_size, "normalization": normalization, **(facts or {})}
        by_bytes = sorted(self.pieces)
        ids = np.array([self._id_of[piece] for piece in by_bytes], dtype=np.int32)
        self._trie = trie.build(by_bytes, ids, np.concatenate((np.zeros(SPECIALS), scores)))

    def __repr__(self) -> str:
        return f"Tokenizer(vocab_size={self.vocab_size}, normalization={self.normalization!r})"

    # --- text to ids --------------------------------------------------------------------------------------------------

    def encode(
        self,
        text: str,
        *,
        alpha: float | None = None,
        seed: int | None = None,
        add_bos: bool = False,
        add_eos: bool = False,
    ) -> list[int]:
        """Write a text as ids.

        Args:
            text: Any text.
            alpha: Draw the segmentation instead of taking the best: each has a probability proportional to
                `exp(alpha * score)`, exactly. 0 makes all alike; the larger, the nearer to the best one.
            seed: Seed of the draw; the same seed gives the same ids. It goes with `alpha`.
            add_bos: Put id 1 before.
            add_eos: Put id 2 behind.

        Returns:
            The ids; `decode` gives back the text, as normalised.

        Raises:
            InputError: `text` is no str or holds a lone surrogate; `alpha` is negative or not finite, or comes
                without a seed.

        Source:
            kexue.fm/archives/9811: the exact law; here by weighing from the end and drawing from the front.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> learnt = train(["so it goes\\n" * 9], TokenizerConfig(vocab_size=300))
            >>> learnt.encode("a!", add_bos=True, add_eos=True)
            [1, 100, 36, 2]
            >>> learnt.encode("it goes", alpha=0.1, seed=7) == learnt.encode("it goes", alpha=0.1, seed=7)
            True
        """
        data = self._bytes_of(text, "text")
        if alpha is None:
            if seed is not None:
                raise InputError("seed is given but alpha is not; give alpha=0.1 to draw, or leave out the seed.")
            ids = self._segment([data])[0]
        else:
            ids = self._sample(data, alpha, seed)
        return [self.bos_id] * add_bos + ids.tolist() + [self.eos_id] * add_eos

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """Write many texts as lists of ids.

        Args:
            texts: An iterable of str.

        Returns:
            A list of ids for each text.

        Raises:
            InputError: A text is no str or holds a lone surrogate; its place is named.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).encode_batch(["a!", ""])
            [[100, 36], []]
        """
        ids, starts = self.encode_arrays(texts)
        flat, ends = ids.tolist(), starts.tolist()
        return [flat[a:b] for a, b in pairwise(ends)]

    def encode_arrays(self, texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """Write many texts as one array of ids: the fastest way, and what the other rooms take.

        Args:
            texts: An iterable of str.

        Returns:
            The ids of all texts end to end, int32; and the starts, int64, one more than there are texts: the ids of
            text i are `ids[starts[i]:starts[i + 1]]`.

        Raises:
            InputError: A text is no str or holds a lone surrogate; its place is named.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).encode_arrays(["a!", ""])
            (array([100,  36], dtype=int32), array([0, 2, 2]))
        """
        if isinstance(texts, (str, bytes)):
            raise InputError(f"texts is one {type(texts).__name__}; it takes an iterable of str. Write [text].")
        return self._segment([self._bytes_of(text, f"texts[{i}]") for i, text in enumerate(texts)])

    def tokenize(self, text: str) -> list[bytes]:
        """Cut a text into its pieces, as bytes.

        Args:
            text: Any text.

        Returns:
            The pieces; joined they are the text in UTF-8, as normalised.

        Raises:
            InputError: `text` is no str or holds a lone surrogate.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).tokenize("aé")
            [b'a', b'\\xc3', b'\\xa9']
        """
        return [self._piece_of[id] for id in self.encode(text)]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Say where the pieces of a text lie in it.

        Args:
            text: Any text.

        Returns:
            For each piece the first character it touches and the first one after it, counted in the normalised text
            (which is `text` itself when `normalization` is `"none"`). Pieces inside one character share its place.

        Raises:
            InputError: `text` is no str or holds a lone surrogate.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).offsets("aé")
            [(0, 1), (1, 2), (1, 2)]
        """
        data = self._bytes_of(text, "text")
        if not data:
            return []
        ends = np.cumsum(self._trie.lengths[self._segment([data])[0]])
        begins = np.append(0, ends[:-1])
        character = np.cumsum((np.frombuffer(data, dtype=np.uint8) & 0xC0) != 0x80)
        return list(zip((character[begins] - 1).tolist(), character[ends - 1].tolist()))

    def count(self, text: str) -> int:
        """Count the pieces that a text takes.

        Args:
            text: Any text.

        Returns:
            `len(encode(text))`, without making the list.

        Raises:
            InputError: `text` is no str or holds a lone surrogate.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).count("aé")
            3
        """
        return len(self._segment([self._bytes_of(text, "text")])[0])

    # --- ids to text --------------------------------------------------------------------------------------------------

    def decode(self, ids: Iterable[int]) -> str:
        """Write ids as text again; special ids give nothing.

        Args:
            ids: Ids below `vocab_size`.

        Returns:
            The text. Bytes that are no UTF-8, as when a row of ids was cut inside a character, become U+FFFD.

        Raises:
            InputError: An id outside the vocabulary.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).decode([1, 100, 36, 2])
            'a!'
        """
        return self.decode_bytes(ids).decode(errors="replace")

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """Write ids as the bytes of their pieces; special ids give nothing.

        Args:
            ids: Ids below `vocab_size`.

        Returns:
            The bytes.

        Raises:
            InputError: An id outside the vocabulary.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).decode_bytes([198, 172])
            b'\\xc3\\xa9'
        """
        try:
            ids = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
            if not ids or 0 <= min(ids) <= max(ids) < self.vocab_size:
                return b"".join([self._piece_of[id] for id in ids])
        except TypeError as error:
            raise InputError(f"ids are no row of whole numbers ({error}). Give a list or an array of ids.") from None
        wrong = [id for id in ids if not 0 <= id < self.vocab_size]
        raise InputError(
            f"ids hold {wrong[0]}, but vocab_size is {self.vocab_size} ({len(wrong)} of {len(ids)} ids are "
            f"outside). Did another tokenizer make them?"
        )

    # --- the vocabulary -----------------------------------------------------------------------------------------------

    @property
    def vocab_size(self) -> int:
        """How many ids there are, the three special ones counted."""
        return len(self._piece_of)

    def id_to_piece(self, id: int) -> bytes:
        """The bytes of an id.

        Args:
            id: An id below `vocab_size`.

        Returns:
            Its piece; nothing for the special ids 0, 1 and 2.

        Raises:
            InputError: The id is outside the vocabulary.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).id_to_piece(100)
            b'a'
        """
        return self.decode_bytes([id])

    def piece_to_id(self, piece: bytes | str) -> int:
        """The id of a piece.

        Args:
            piece: Its bytes, or its text.

        Returns:
            The id, 3 or more.

        Raises:
            InputError: There is no such piece.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).piece_to_id("a")
            100
        """
        data = to_utf8(piece, "piece") if isinstance(piece, str) else piece
        if data not in self._id_of:
            raise InputError(f"piece {piece!r} is none of the {len(self.pieces)} pieces; encode() writes any text.")
        return self._id_of[data]

    # --- files --------------------------------------------------------------------------------------------------------

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Save as an artifact of kind `tokenizer`: the pieces as arrays, and a list of them that people can read.

        Args:
            folder: Where to.
            overwrite: Replace an artifact that is there.

        Raises:
            ArtifactError: The folder is taken, or cannot be written.
        """
        config: Any = self.config or {}
        with artifacts.writing(folder, kind=KIND, format=FORMAT, config=config, overwrite=overwrite) as draft:
            rows = join(list(self.pieces))
            arrays = {"bytes": rows.buffer, "starts": rows.starts, "counts": self.counts, "scores": self.scores}
            artifacts.save_arrays(draft.path / "pieces.safetensors", arrays)
            (draft.path / "pieces.tsv").write_text(formats.table(self), encoding="utf-8")
            draft.facts.update(self.facts)
            draft.inputs.update(self._inputs)

    @classmethod
    def load(cls, folder: str | Path) -> Tokenizer:
        """Load what `save` wrote.

        Args:
            folder: The artifact.

        Returns:
            The same tokenizer.

        Raises:
            ArtifactError: No such artifact, another kind, a newer format, or a changed file.
        """
        manifest = artifacts.read_manifest(folder, kind=KIND, format=FORMAT)
        arrays = artifacts.load_arrays(Path(folder) / "pieces.safetensors")
        data, starts = arrays["bytes"].tobytes(), arrays["starts"].tolist()
        return cls(
            [data[a:b] for a, b in pairwise(starts)],
            arrays["counts"],
            arrays["scores"],
            normalization=manifest.facts["normalization"],
            config=TokenizerConfig(**manifest.config) if manifest.config else None,
            facts=manifest.facts,
            inputs=manifest.inputs,
        )

    @classmethod
    def from_bytepiece(cls, path: str | Path) -> Tokenizer:
        """Read a model of bytepiece: the same text gives the same ids as there, NFC and all.

        Args:
            path: Their `.model` file, or a zip that holds one.

        Returns:
            The tokenizer. Its scores are the plain float64 logarithms of bytepiece: rounded scores, as `train` makes
            them, would break true ties by rule and not by rounding error, and so move up to 1 % of the cuts.

        Raises:
            InputError: No such file, or no model of bytepiece; what is wrong with it is named.
        """
        return cls(**formats.bytepiece.read(Path(path)))

    @classmethod
    def from_counts(
        cls,
        counts: Mapping[bytes | str, int] | str | Path,
        vocab_size: int | None = None,
        *,
        format: str | None = None,
        texts: Iterable[str] | None = None,
        faithful: bool = False,
    ) -> Tokenizer:
        """Make a tokenizer from pieces and counts: words of a dictionary, or the pieces of another tokenizer.

        The 256 bytes are added, pieces that their own parts beat are dropped, and the rarest give their counts to their
        parts until the vocabulary fits.

        Args:
            counts: How often each piece occurs, 1 or more; or a file that says so. A merge list (BPE, tiktoken) says
                nothing but an order, and its counts are taken to fall as 1 / rank: give `texts` to count them.
            vocab_size: Most ids, the 256 bytes and 3 special ones counted; None for no limit.
            format: Of a file: `"counts"` (lines of piece, tab, count; or of piece, space, count, as in jieba),
                `"huggingface"` (tokenizer.json), `"sentencepiece"`, `"tiktoken"` or `"bytepiece"`. None takes what the
                name and the beginning of the file show, and lines where they show nothing.
            texts: What to count the pieces on instead, read twice.
            faithful: Plain logarithms as scores and NFC, as `convert_to_bytepiece` of bytepiece does.

        Returns:
            The tokenizer. It cuts texts into the likeliest of these pieces, not as the other tokenizer did.

        Raises:
            InputError: A piece that is empty or over 1024 bytes, a count below 1, a size below 259, texts without a
                character or that can be read only once, or a file that is not of its format; the place is named.

        Example:
            >>> made = Tokenizer.from_counts({"so ": 30, "it ": 20, "so it ": 1, "s": 9, "o": 5, "t": 5, " ": 9})
            >>> made.tokenize("so it goes")
            [b'so ', b'it ', b'g', b'o', b'e', b's']
        """
        is_file = isinstance(counts, (str, Path))
        given: Any = formats.vocabulary.read(Path(counts), format) if is_file else counts  # type: ignore[arg-type]
        return cls(**formats.imported.tokenizer_parts(given, vocab_size, texts, faithful))

    def to_bytepiece(self, path: str | Path, *, accept_differences: bool = False) -> None:
        """Write the model file of bytepiece: `export(path, "bytepiece")`.

        Args:
            path: The file to write; one that is there is replaced.
            accept_differences: Write it although bytepiece may cut some texts differently.

        Raises:
            InputError: bytepiece may cut texts differently, and that was not accepted: it always applies NFC and takes
                plain logarithms of the counts as scores, as only a faithful or imported tokenizer does.
            ArtifactError: It cannot be written.
        """
        self.export(path, "bytepiece", accept_differences=accept_differences)

    def export(self, path: str | Path, format: str, *, accept_differences: bool = False) -> list[str]:
        """Write the tokenizer in the format of another library, which then gives the same ids for every text.

        Args:
            path: The file to write; one that is there is replaced. For `"huggingface"` a name that ends in `.json` gets
                the one file that the tokenizers library loads, and another name is a folder for `AutoTokenizer`: of one
                that is there only the files of the tokenizer are replaced.
            format: `"huggingface"`, `"sentencepiece"`, `"gguf"` (for llama.cpp) or `"bytepiece"`.
            accept_differences: Write it although some texts may get other ids there. A tokenizer that `train` makes
                with its defaults needs this for `"bytepiece"` alone.

        Returns:
            What a user of the file must know, a sentence each: the differences accepted, and limits of the format.

        Raises:
            InputError: Another format; or some texts may get other ids there, and that was not accepted. Each reason
                is named.
            ArtifactError: The file cannot be written.

        Example:
            >>> import tempfile
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> learnt = train(["so it goes\\n" * 9], TokenizerConfig(vocab_size=300))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     learnt.export(f"{folder}/tokenizer.json", "huggingface")
            []
        """
        return formats.export(self, Path(path), format, accept_differences)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _bytes_of(self, text: str, place: str) -> bytes:
        return to_utf8(normalize(text, self.normalization, place), place)

    def _segment(self, parts: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
        return trie.segment(join(parts), self._trie)

    def _sample(self, data: bytes, alpha: float, seed: int | None) -> np.ndarray:
        if not (isinstance(alpha, (int, float)) and math.isfinite(alpha) and alpha >= 0):
            raise InputError(f"alpha is {alpha!r}; it takes a finite number from 0, or None for the best segmentation.")
        if not (isinstance(seed, (int, np.integer)) and seed >= 0):
            raise InputError(
                f"seed is {seed!r}; alpha draws a segmentation, and a draw takes a seed from 0: seed=0, or another."
            )
        uniforms = np.random.default_rng(seed).random(len(data))
        return trie.sample(np.frombuffer(data, dtype=np.uint8), self._trie, float(alpha), uniforms)


def _frozen(values: np.ndarray, dtype: type) -> np.ndarray:
    frozen: np.ndarray = np.array(values, dtype=dtype)
    frozen.setflags(write=False)
    return frozen


def _check_parts(tokenizer: Tokenizer) -> None:
    pieces = tokenizer.pieces
    if list(pieces[:256]) != _BYTE_OF:
        raise InputError("pieces must begin with the 256 single bytes in their order; else some text had no ids.")
    if len(tokenizer._id_of) != len(pieces):
        raise InputError(f"pieces holds {len(pieces) - len(tokenizer._id_of)} empty or repeated pieces; each once.")
    if not len(pieces) == len(tokenizer.counts) == len(tokenizer.scores):
        raise InputError(
            f"there are {len(pieces)} pieces, {len(tokenizer.counts)} counts and {len(tokenizer.scores)} scores; "
            f"one of each for every piece."
        )
    if not np.isfinite(tokenizer.scores).all():
        raise InputError("scores holds a value that is not finite; every piece needs a count of one or more.")
