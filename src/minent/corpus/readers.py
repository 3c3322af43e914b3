"""The two doors of the room: texts alone, and texts with labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from minent.corpus.files import check_encoding, check_source, display_name
from minent.corpus.tables import FORMATS, LABEL_PREFIX, Row, format_of
from minent.errors import InputError, did_you_mean, listing

# Names that a column of its role goes by; consulted only where the caller named none.
_TEXT_NAMES = ("text", "texts", "sentence", "review", "content", "comment", "message", "document", "title", "body")
_LABEL_NAMES = ("label", "labels", "class", "category", "sentiment", "target", "topic", "intent")


@dataclass(frozen=True)
class Texts:
    """Texts on disk that can be walked through again and again; `read_texts` makes it.

    Attributes:
        sources: Paths, read one after another; `"-"` is stdin.
        text: The column of the texts, or None for the obvious one.
        encoding: How the text formats are decoded.
        encoding_errors: `"strict"`, `"replace"` or `"keep"`.
        format: `"txt"`, `"csv"`, `"tsv"`, `"jsonl"`, `"parquet"`, or None for what the names end with.
        allow_empty: Whether no text at all is fine.
    """

    sources: tuple[str | Path, ...]
    text: str | None = None
    encoding: str = "utf-8"
    encoding_errors: str = "strict"
    format: str | None = None
    allow_empty: bool = False

    def __iter__(self) -> Iterator[str]:
        """Open the sources afresh and yield their texts, an empty cell as the empty string."""
        nothing = True
        for source in self.sources:
            has_columns = format_of(source, self.format) != "txt"  # `text` is for the tables among the sources
            choose = partial(_choose_text, display_name(source), self.text if has_columns else None)
            for _, (text,) in _rows(source, choose, self.format, self.encoding, self.encoding_errors):
                nothing = False
                yield text or ""
        if nothing and not self.allow_empty:
            raise InputError(f"{', '.join(map(display_name, self.sources))}: is empty; at least one text is needed.")


def read_texts(
    source: str | Path | Sequence[str | Path],
    *,
    text: str | None = None,
    encoding: str = "utf-8",
    encoding_errors: str = "strict",
    format: str | None = None,
    allow_empty: bool = False,
) -> Texts:
    """Read texts, one at a time, from txt, csv, tsv, jsonl or parquet, plain or as .gz, .xz or .zst.

    Lines of a txt file are texts, the empty ones too; a leading fastText `__label__name ` is no part of the text. A
    line, not a file, has to fit into memory (parquet: a batch of rows).

    Args:
        source: A path, several paths, or `"-"` for stdin, which can be walked through once.
        text: The column that holds the texts; by default `text`, or the only one that can be meant. Lines of txt have
            no columns and are read whatever it says.
        encoding: Any text encoding that Python knows; a byte order mark is removed.
        encoding_errors: `"strict"` fails at bytes that are not of the encoding and names their line; `"replace"` puts
            U+FFFD in their place; `"keep"` holds them as surrogate escapes, so that
            `text.encode("utf-8", "surrogateescape")` gives them back.
        format: The format, where the file's name does not end with it (stdin is txt).
        allow_empty: Whether no text at all is fine.

    Returns:
        A `Texts`, which reopens the files each time it is walked through.

    Raises:
        InputError: No such file, format or encoding, here; while walking: bytes that are not of the encoding, a
            missing column, a malformed row, a damaged archive, no text at all, stdin walked through twice.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp(), "raw.csv")
        >>> _ = path.write_text('id,text\\n007,"one, two"\\n')
        >>> texts = read_texts(path)
        >>> list(texts), list(texts)
        (['one, two'], ['one, two'])
    """
    sources = (source,) if isinstance(source, (str, Path)) else tuple(source)
    if not sources:
        raise InputError("no file was named; at least one is needed ('-' is stdin).")
    check_encoding(encoding, encoding_errors)
    for one in sources:
        check_source(one)
        format_of(one, format)
    return Texts(sources, text, encoding, encoding_errors, format, allow_empty)


@dataclass(frozen=True)
class Labelled:
    """Texts with their labels, in the order of the file.

    Attributes:
        texts: The texts.
        labels: A label for each text, as it was written, or None where there is none.
    """

    texts: tuple[str, ...]
    labels: tuple[str | None, ...]

    def __post_init__(self) -> None:
        if len(self.texts) != len(self.labels):
            raise InputError(f"{len(self.texts)} texts, but {len(self.labels)} labels; each text needs one (or None).")

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def classes(self) -> tuple[str, ...]:
        """The different labels, sorted."""
        return tuple(sorted({label for label in self.labels if label is not None}))

    def split(self) -> tuple[list[str], list[str], list[str]]:
        """Return the labelled texts, their labels, and the texts without one.

        Example:
            >>> Labelled(("good", "so so", "bad"), ("1", None, "0")).split()
            (['good', 'bad'], ['1', '0'], ['so so'])
        """
        pairs = [(text, label) for text, label in zip(self.texts, self.labels) if label is not None]
        without = [text for text, label in zip(self.texts, self.labels) if label is None]
        return [text for text, _ in pairs], [label for _, label in pairs], without


def read_labelled(
    source: str | Path,
    *,
    text: str | None = None,
    label: str | None = None,
    encoding: str = "utf-8",
    encoding_errors: str = "strict",
    format: str | None = None,
) -> Labelled:
    """Read texts with labels from csv, tsv, jsonl, parquet or fastText lines (`__label__name text`).

    Labels are strings, spaces around them removed, numbers as they are written: `"102"`, `"007"`. An empty or missing
    label means that the text has none.

    Args:
        source: A path, or `"-"` for stdin.
        text: The column that holds the texts; by default `text`, or the only one that can be meant.
        label: The column that holds the labels; by default `label`, or the only one that can be meant.
        encoding: Any text encoding that Python knows.
        encoding_errors: `"strict"`, `"replace"` or `"keep"`, see `read_texts`.
        format: The format, where the file's name does not end with it (stdin is txt).

    Returns:
        A `Labelled`, all in memory.

    Raises:
        InputError: What `read_texts` raises, or no row with a label.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp(), "few.txt")
        >>> _ = path.write_text("__label__007 a spy\\n__label__102 a number\\n")
        >>> read_labelled(path)
        Labelled(texts=('a spy', 'a number'), labels=('007', '102'))
    """
    check_encoding(encoding, encoding_errors)
    check_source(source)
    name, texts, labels = display_name(source), [], []
    choose = partial(_choose_pair, name, text, label)
    is_plain = format_of(source, format) == "txt"
    for _, (body, mark) in _rows(source, choose, format, encoding, encoding_errors):
        mark = mark.strip() if mark else None
        if is_plain and not body and mark is None:
            continue  # an empty line between fastText lines
        texts.append(body or "")
        labels.append(mark or None)
    if not texts:
        raise InputError(f"{name}: is empty; at least one labelled text is needed.")
    if not any(labels):
        raise InputError(f"{name}: none of {len(texts)} rows has a label. {_label_cure(is_plain)}")
    return Labelled(tuple(texts), tuple(labels))


def _rows(source: str | Path, choose: partial, format: str | None, encoding: str, errors: str) -> Iterator[Row]:
    read = FORMATS[format_of(source, format)]
    return read(source, choose, encoding=encoding, encoding_errors=errors)


def _label_cure(is_plain: bool) -> str:
    if is_plain:
        return f"Begin lines with '{LABEL_PREFIX}name ', or give a csv, tsv, jsonl or parquet file."
    return "Name the column of the labels with --label-column (label=)."


# --- which column is which --------------------------------------------------------------------------------------------


def _choose_text(name: str, text: str | None, columns: Sequence[str]) -> list[str]:
    if text is not None:
        return [_existing(name, text, columns)]
    label = _obvious(columns, _LABEL_NAMES)
    found = _obvious(columns, _TEXT_NAMES) or _only(columns, besides=label)
    return [found or _unclear(name, "texts", "--text-column (text=)", columns)]


def _choose_pair(name: str, text: str | None, label: str | None, columns: Sequence[str]) -> list[str]:
    if text is not None:
        _existing(name, text, columns)
    if label is not None:
        _existing(name, label, columns)
    if text is not None and text == label:
        raise InputError(f"{name}: {text!r} is named as the column of the texts and of the labels. Name two columns.")
    text = text or _obvious([c for c in columns if c != label], _TEXT_NAMES)
    label = label or _obvious([c for c in columns if c != text], _LABEL_NAMES)
    text = text or (_only(columns, besides=label) if label else None)
    label = label or (_only(columns, besides=text) if text else None)
    text = text or _unclear(name, "texts", "--text-column (text=)", columns)
    return [text, label or _unclear(name, "labels", "--label-column (label=)", columns)]


def _existing(name: str, column: str, columns: Sequence[str]) -> str:
    if column not in columns:
        hint = did_you_mean(column, columns)
        raise InputError(f"{name}: there is no column {column!r}. The columns are {listing(columns)}.{hint}")
    return column


def _obvious(columns: Sequence[str], names: tuple[str, ...]) -> str | None:
    """The column that goes by the first of `names`, or the only one that goes by any of them."""
    exact = [column for column in columns if column.lower() == names[0]]
    known = exact or [column for column in columns if column.lower() in names]
    return known[0] if len(known) == 1 else None


def _only(columns: Sequence[str], besides: str | None) -> str | None:
    rest = [column for column in columns if column != besides]
    return rest[0] if len(rest) == 1 else None


def _unclear(name: str, role: str, cure: str, columns: Sequence[str]) -> str:
    raise InputError(f"{name}: which column holds the {role}? The columns are {listing(columns)}. Say it with {cure}.")
