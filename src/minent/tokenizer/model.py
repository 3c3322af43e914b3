"""A learnt tokenizer: text to ids and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from minent import artifacts
from minent.errors import InputError
from minent.tokenizer import automaton as automata
from minent.tokenizer import saved
from minent.tokenizer.analysis import Analysis
from minent.tokenizer.config import NORMALIZATIONS, SPECIALS, TokenizerConfig, check_choice
from minent.tokenizer.decoding import Decoding
from minent.tokenizer.pieces import Pieces, check_specials


class Tokenizer(Analysis, Decoding):
    """Pieces with their scores; immutable, safe to share among threads, to send to processes and to fork with.

    A text is written as the row of pieces with the largest sum of scores; among equals the longest last piece wins.
    Where all scores are whole multiples of 1/256, as `train` makes them, that is exact and pieces may cross line ends;
    with other scores sums are float64 and no piece crosses from a line end into a new line. `train`, `load`,
    `from_counts` and `from_bytepiece` make one.

    Args:
        pieces: The pieces of ids 3, 4, ..; the first 256 are the single bytes in their order.
        counts: int64, how often each occurs in the training text.
        scores: float64, log-probability of each.
        normalization: `"none"` or `"nfc"`: what happens to a text before it is encoded.
        config: What it was trained with; None when it was not trained here.
        facts: What a report may tell of its training.
        inputs: Digests of what it was trained on.
        specials: Special tokens: strings with an id of their own behind the pieces, see `encode`.

    Raises:
        InputError: Not one count and one score for each piece, a score that is not finite, another normalization, or a
            special token that is empty or repeated.

    Attributes:
        pieces: See Args.
        counts: See Args; read-only.
        scores: See Args; read-only.
        normalization: See Args.
        config: See Args.
        facts: See Args.
        specials: See Args.
        pad_id: 0.
        bos_id: 1.
        eos_id: 2.

    Example:
        >>> from minent.tokenizer import TokenizerConfig, train
        >>> learnt = train(["so it goes\\n" * 9], TokenizerConfig(vocab_size=300))
        >>> learnt.decode(learnt.encode("so it is ✓"))
        'so it is ✓'
    """

    counts: np.ndarray
    scores: np.ndarray
    config: TokenizerConfig | None
    facts: dict[str, Any]
    _inputs: dict[str, str]

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
        specials: Sequence[str] = (),
    ) -> None:
        check_choice("normalization", normalization, NORMALIZATIONS)
        known = Pieces(pieces, check_specials(specials))
        counts, scores = _frozen(counts, np.int64), _frozen(scores, np.float64)
        _check_numbers(len(pieces), counts, scores)
        self._set(known, counts, scores, normalization, config, dict(facts or {}), dict(inputs or {}))

    def _set(
        self,
        pieces: Pieces,
        counts: np.ndarray,
        scores: np.ndarray,
        normalization: str,
        config: TokenizerConfig | None,
        facts: dict[str, Any],
        inputs: dict[str, str],
        links: automata.Links | None = None,
    ) -> None:
        """Take parts that were checked."""
        state = vars(self)
        state.update(counts=counts, scores=scores, normalization=normalization, config=config)
        state.update(_pieces=pieces, specials=pieces.specials, _inputs=inputs)
        known = {"vocab_size": len(pieces), "normalization": normalization}
        known |= {"specials": list(pieces.specials)} if pieces.specials else {}
        state.update(facts=known | facts, _links=links or _linked(pieces, scores))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a Tokenizer cannot be changed: {name!r} is set when it is made. Make another one.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a Tokenizer cannot be changed: {name!r} stays. Make another one.")

    def __reduce__(self) -> tuple[Any, ...]:
        """Plain data alone, the links of the automaton with it: a process that gets it builds none."""
        parts = (self._pieces.buffer, self._pieces.starts, self.specials, self.counts, self.scores, self.normalization)
        built = tuple(np.array(part) if isinstance(part, np.ndarray) else part for part in self._links)
        return _restored, (*map(_copied, parts), self.config, self.facts, self._inputs, built)

    def __repr__(self) -> str:
        return f"Tokenizer(vocab_size={self.vocab_size}, normalization={self.normalization!r})"

    def with_specials(self, specials: Sequence[str]) -> Tokenizer:
        """The same tokenizer with other special tokens.

        Args:
            specials: Strings that get the ids behind the pieces, in this order.

        Returns:
            A new tokenizer; all ids of pieces stay.

        Raises:
            InputError: A string that is empty or repeated, or no text.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> learnt = train(["so it goes"], TokenizerConfig(vocab_size=259)).with_specials(["<mask>"])
            >>> learnt.encode("a<mask>", allowed_special="all")
            [100, 259]
        """
        made = Tokenizer.__new__(Tokenizer)
        facts = {name: fact for name, fact in self.facts.items() if name not in ("vocab_size", "specials")}
        pieces = Pieces(self.pieces, check_specials(specials))
        made._set(pieces, self.counts, self.scores, self.normalization, self.config, facts, self._inputs, self._links)
        return made

    # --- files --------------------------------------------------------------------------------------------------------

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Save as an artifact of kind `tokenizer`: the pieces as arrays, and a list of them that people can read.

        Args:
            folder: Where to.
            overwrite: Replace an artifact that is there.

        Raises:
            ArtifactError: The folder is taken, or cannot be written.
        """
        from minent.tokenizer import formats

        config: Any = self.config or {}
        kind, format = saved.KIND, saved.FORMAT
        with artifacts.writing(folder, kind=kind, format=format, config=config, overwrite=overwrite) as draft:
            saved.write(self, draft.path)
            (draft.path / "pieces.tsv").write_text(formats.table(self), encoding="utf-8")
            draft.facts.update(self.facts)
            draft.inputs.update(self._inputs)

    @classmethod
    def load(cls, folder: str | Path) -> Tokenizer:
        """Load what `save` wrote: the file is mapped into memory, and nothing is built.

        Args:
            folder: The artifact.

        Returns:
            The same tokenizer.

        Raises:
            ArtifactError: No such artifact, another kind, a newer format, or a changed file.
        """
        made = cls.__new__(cls)
        made._set(**saved.read(folder))
        return made

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
        from minent.tokenizer import formats

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
        from minent.tokenizer import formats

        given: Any = formats.vocabulary.read(Path(counts), format) if isinstance(counts, (str, Path)) else counts
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
        from minent.tokenizer import formats

        return formats.export(self, Path(path), format, accept_differences)


def _linked(pieces: Pieces, scores: np.ndarray) -> automata.Links:
    by_bytes = pieces.sorted
    ids = np.array([pieces.id_of[piece] for piece in by_bytes], dtype=np.int32)
    return automata.build(by_bytes, ids, np.concatenate((np.zeros(SPECIALS), scores)))


def _restored(
    buffer: np.ndarray,
    starts: np.ndarray,
    specials: tuple[str, ...],
    counts: np.ndarray,
    scores: np.ndarray,
    normalization: str,
    config: TokenizerConfig | None,
    facts: dict[str, Any],
    inputs: dict[str, str],
    built: tuple[Any, ...],
) -> Tokenizer:
    made = Tokenizer.__new__(Tokenizer)
    buffer, starts, counts, scores = map(automata.read_only, (buffer, starts, counts, scores))
    known: list[Any] = [automata.read_only(part) if isinstance(part, np.ndarray) else part for part in built]
    pieces = Pieces.of_rows(buffer, starts, specials)
    made._set(pieces, counts, scores, normalization, config, facts, inputs, automata.Links(*known))
    return made


def _copied(part: Any) -> Any:
    return np.array(part) if isinstance(part, np.ndarray) else part  # a mapped file is sent as what it holds


def _frozen(values: np.ndarray, dtype: type) -> np.ndarray:
    frozen: np.ndarray = np.array(values, dtype=dtype)
    frozen.setflags(write=False)
    return frozen


def _check_numbers(pieces: int, counts: np.ndarray, scores: np.ndarray) -> None:
    if not pieces == len(counts) == len(scores):
        raise InputError(
            f"there are {pieces} pieces, {len(counts)} counts and {len(scores)} scores; one of each for every piece."
        )
    if not np.isfinite(scores).all():
        raise InputError("scores holds a value that is not finite; every piece needs a count of one or more.")
    if np.abs(scores).max() > automata.MOST_SCORE:
        raise InputError(
            f"scores holds {scores[np.abs(scores).argmax()]}; log-probabilities are of a few hundred at most."
        )
