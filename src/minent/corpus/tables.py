"""One reader per format, all of one shape: `read(source, choose, ...)` yields `(place, values)` row by row.

`choose` is asked once, with the names of the columns that are there, and answers with the names that are wanted;
`values` come in that order, as strings exactly as written (`"007"` stays `"007"`) or None where a cell has nothing.
Adding a format is adding a function here and its suffix to `FORMATS`.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from minent.corpus.files import ENCODING_ERRORS, STDIN, display_name, open_bytes, read_lines, undecodable
from minent.errors import InputError, did_you_mean

LABEL_PREFIX = "__label__"
Row = tuple[str, list[str | None]]
Choose = Callable[[Sequence[str]], Sequence[str]]

_LARGEST_CELL = 2**28  # characters; bounds what a quote that is never closed can swallow
_PEEKED_RECORDS = 100
# An escape such as "\\ud83d" without its other half is no character and no encoding can write it: it becomes U+FFFD.
# Under "keep", U+DC80 to U+DCFF stand for bytes and stay.
_HALVES, _HALVES_BUT_BYTES = re.compile("[\ud800-\udfff]"), re.compile("[\ud800-\udc7f\udd00-\udfff]")
_PARQUET_ROWS = 8192


def read_plain(source: str | Path, choose: Choose, **decoding: Any) -> Iterator[Row]:
    """One text per line; a line that starts with `__label__name ` carries its label, as fastText writes it."""
    wanted = choose(("text", "label"))
    name = display_name(source)
    for number, line in enumerate(read_lines(source, **decoding), start=1):
        text, label = line, None
        if line.startswith(LABEL_PREFIX):
            label, text = _split_label(line, f"{name}, line {number}", single="label" in wanted)
        yield f"line {number}", [text if column == "text" else label for column in wanted]


def _split_label(line: str, place: str, *, single: bool) -> tuple[str, str]:
    head, _, text = line.partition(" ")
    if single and text.startswith(LABEL_PREFIX):
        raise InputError(f"{place}: has more than one {LABEL_PREFIX}; one label per text is supported. Keep one.")
    while text.startswith(LABEL_PREFIX):
        _, _, text = text.partition(" ")
    return head.removeprefix(LABEL_PREFIX), text


def read_csv(source: str | Path, choose: Choose, **decoding: Any) -> Iterator[Row]:
    """Comma-separated, the first row names the columns; quoted fields may hold commas, quotes and line ends."""
    csv.field_size_limit(_LARGEST_CELL)
    reader = csv.reader(read_lines(source, keep_ends=True, **decoding), strict=True)
    yield from _rows_below_header(source, _csv_rows(reader, display_name(source)), choose)


def _csv_rows(reader: Any, name: str) -> Iterator[tuple[int, list[str]]]:
    while True:
        first_line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(
                f"{name}, line {first_line}: the row that starts here breaks the rules of csv ({error}). Close its "
                f'quotes, and write a quote inside a quoted field twice ("").'
            ) from error
        yield first_line, fields


def read_tsv(source: str | Path, choose: Choose, **decoding: Any) -> Iterator[Row]:
    """Tab-separated, the first row names the columns; a quote is an ordinary character."""
    lines = enumerate(read_lines(source, **decoding), start=1)
    rows = ((number, line.split("\t") if line else []) for number, line in lines)
    yield from _rows_below_header(source, rows, choose)


def _rows_below_header(source: str | Path, rows: Iterator[tuple[int, list[str]]], choose: Choose) -> Iterator[Row]:
    name = display_name(source)
    header = next((fields for _, fields in rows if fields), None)
    if header is None:
        return
    columns = [column.strip() for column in header]
    if len(set(columns)) < len(columns):
        raise InputError(f"{name}, line 1: a column name stands twice in {', '.join(columns)}. Rename one.")
    if len(columns) == 1 and (other := next((sign for sign in ";\t" if sign in columns[0]), None)):
        raise InputError(
            f"{name}, line 1: {columns[0]!r} is one field with {other!r} in it. Put commas between fields, or tabs "
            f"with --format tsv (format=)."
        )
    positions = [columns.index(column) for column in choose(columns)]
    for number, fields in rows:
        if not fields:
            continue
        if len(fields) != len(columns):
            raise InputError(
                f"{name}, line {number}: has {len(fields)} fields, but the first row names {len(columns)} "
                f"({', '.join(columns)}). Quote a text that holds the separator."
            )
        yield f"line {number}", [fields[position] for position in positions]


def read_jsonl(source: str | Path, choose: Choose, **decoding: Any) -> Iterator[Row]:
    """One JSON object per line. Columns are the keys of the first hundred; no key, null or NaN is an empty cell."""
    name = display_name(source)
    records = _json_records(name, read_lines(source, **decoding))
    peeked = list(itertools.islice(records, _PEEKED_RECORDS))
    if not peeked:
        return
    wanted = choose(list(dict.fromkeys(key for _, record in peeked for key in record)))
    halves = _HALVES_BUT_BYTES if decoding.get("encoding_errors") == "keep" else _HALVES
    for number, record in itertools.chain(peeked, records):
        place = f"line {number}"
        yield place, [_as_written(record.get(column), column, f"{name}, {place}", halves) for column in wanted]


def _json_records(name: str, lines: Iterator[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines, start=1):
        if not line or line.isspace():
            continue
        try:
            record = json.loads(line, parse_int=str, parse_float=str, parse_constant=_constant)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{name}, line {number}: is not JSON ({error}). Write one object per line, such as "
                f'{{"text": "...", "label": "..."}}.'
            ) from error
        if not isinstance(record, dict):
            raise InputError(
                f"{name}, line {number}: holds a {type(record).__name__}, but one object per line is needed, such as "
                f'{{"text": "...", "label": "..."}}.'
            )
        yield number, record


def _constant(name: str) -> str | None:
    return None if name == "NaN" else name  # what tables of numbers write where there is nothing


def _as_written(value: Any, column: str, place: str, halves: re.Pattern[str]) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise InputError(f"{place}: {column!r} holds a {type(value).__name__}, but a string or a number is needed.")
    return halves.sub("\ufffd", value)


def read_parquet(source: str | Path, choose: Choose, **decoding: Any) -> Iterator[Row]:
    """Parquet, in batches. Numbers become strings, NaN nothing; from stdin or compressed again it is held in memory."""
    import polars
    from polars.exceptions import PolarsError

    name = display_name(source)
    try:
        frame = polars.scan_parquet(_parquet_input(source))
        schema = frame.collect_schema()
        wanted = list(choose(schema.names()))
        frame = frame.select(_parquet_cells(column, schema[column], name) for column in wanted)
        batches = frame.collect_batches(chunk_size=_PARQUET_ROWS, maintain_order=True)
        rows = itertools.chain.from_iterable(batch.iter_rows() for batch in batches)
        for number, values in enumerate(rows, start=1):
            place = f"row {number}"
            yield place, [_decoded(value, f"{name}, {place}", **decoding) for value in values]
    except (PolarsError, OSError) as error:
        raise InputError(f"{name}: cannot be read as parquet ({str(error).splitlines()[0]}).") from error


def _parquet_cells(column: str, dtype: Any, name: str) -> Any:
    import polars

    cells = polars.col(column)
    if dtype.is_nested() or dtype == polars.Object:
        raise InputError(f"{name}: column {column!r} holds {dtype}, but strings or numbers are needed. Name another.")
    if dtype == polars.Binary:
        return cells
    return (cells.fill_nan(None) if dtype.is_float() else cells).cast(polars.String)


def _decoded(value: Any, place: str, encoding: str = "utf-8", encoding_errors: str = "strict") -> str | None:
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode(encoding, ENCODING_ERRORS[encoding_errors])
    except UnicodeDecodeError as error:
        raise undecodable(f"{place}, byte {error.start + 1}", error) from error


def _parquet_input(source: str | Path) -> Any:
    with open_bytes(source) as file:
        is_plain_file = str(source) != STDIN and isinstance(getattr(file, "raw", None), io.FileIO)
        return Path(source) if is_plain_file else io.BytesIO(file.read())


FORMATS: dict[str, Callable[..., Iterator[Row]]] = {
    "txt": read_plain,
    "csv": read_csv,
    "tsv": read_tsv,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
}
_SUFFIXES = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
_SUFFIXES |= {".parquet": "parquet", ".pq": "parquet"}
_COMPRESSION_SUFFIXES = (".gz", ".xz", ".zst")


def format_of(source: str | Path, format: str | None = None) -> str:
    """The format that was given, or the one that the file's name ends with; everything else is lines of text.

    Example:
        >>> format_of("reviews.csv.zst"), format_of("notes.md"), format_of("-")
        ('csv', 'txt', 'txt')
    """
    if format is not None:
        if format not in FORMATS:
            hint = did_you_mean(format, FORMATS)
            raise InputError(f"format {format!r} is unknown; it takes {', '.join(FORMATS)}.{hint}")
        return format
    path = Path(source)
    if path.suffix.lower() in _COMPRESSION_SUFFIXES:
        path = path.with_suffix("")
    return _SUFFIXES.get(path.suffix.lower(), "txt")
