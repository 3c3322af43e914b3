"""`minent tokenizer ...`: learn pieces from text, and turn text into ids and back."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from minent.cli import options, progress
from minent.errors import InputError

app = typer.Typer(help="Learn a tokenizer from text; text to ids and back.", rich_markup_mode=None)

Folder = Annotated[str, typer.Argument(metavar="TOKENIZER", help="A folder from 'train'.", show_default=False)]


@app.command()
def train(
    files: options.Files,
    output: options.Output,
    vocab_size: Annotated[
        int, typer.Option(metavar="N", help="Most ids, the 256 bytes and 3 special ones counted.")
    ] = 32_000,
    order: Annotated[int, typer.Option(metavar="N", help="Longest byte n-gram, 2 to 7.")] = 6,
    min_count: Annotated[int | None, typer.Option(metavar="N", help="Least count of a piece.")] = None,
    isolate_digits: Annotated[bool, typer.Option("--isolate-digits", help="Every digit is a piece.")] = False,
    normalization: Annotated[str, typer.Option(metavar="none|nfc", help="What to do with a text first.")] = "none",
    faithful: Annotated[bool, typer.Option("--faithful", help="Train as bytepiece 0.6.3 does.")] = False,
    overwrite: options.Overwrite = False,
    text_column: options.TextColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Learn a tokenizer from texts."""
    from minent import tokenizer

    options.check_output(output, overwrite)
    texts = options.read(files, text_column, encoding, encoding_errors, format)
    config = tokenizer.TokenizerConfig(
        vocab_size=vocab_size,
        order=order,
        min_count=min_count,
        isolate_digits=isolate_digits,
        normalization=normalization,
        faithful=faithful,
    )
    with progress.bars() as report:
        learnt = tokenizer.train(texts, config, progress=report)
    learnt.save(output, overwrite=overwrite)
    print(f"{output}: {learnt.vocab_size:,} ids, {learnt.facts['bytes_per_token']:.3f} bytes per token")


@app.command()
def encode(
    folder: Folder,
    file: options.File = "-",
    pieces: Annotated[bool, typer.Option("--pieces", help="Print the pieces as JSON instead of ids.")] = False,
    alpha: Annotated[float | None, typer.Option(metavar="X", help="Draw the segmentation; 0 makes all alike.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of the draw, one more for each text.")] = None,
    add_bos: Annotated[bool, typer.Option("--add-bos", help="Put id 1 before each text.")] = False,
    add_eos: Annotated[bool, typer.Option("--add-eos", help="Put id 2 behind each text.")] = False,
    text_column: options.TextColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Write each text as a line of ids."""
    from minent.tokenizer import Tokenizer

    known = Tokenizer.load(folder)
    texts = options.read(file, text_column, encoding, encoding_errors, format, allow_empty=True)
    position = 0
    for batch in options.batches(texts):
        if alpha is None and seed is None and not (add_bos or add_eos):
            rows = known.encode_batch(batch)
        else:
            seeds = [None if seed is None else seed + position + i for i in range(len(batch))]
            marks = {"add_bos": add_bos, "add_eos": add_eos}
            rows = [known.encode(text, alpha=alpha, seed=one, **marks) for text, one in zip(batch, seeds)]
        position += len(batch)
        for ids in rows:
            print(_readable(known.id_to_piece(id) for id in ids) if pieces else " ".join(map(str, ids)))


@app.command()
def decode(
    folder: Folder,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Lines of ids; '-' is stdin.")] = "-",
) -> None:
    """Write each line of ids as a text."""
    from minent import corpus
    from minent.tokenizer import Tokenizer

    known = Tokenizer.load(folder)
    name = "stdin" if file == "-" else file
    for number, line in enumerate(
        corpus.read_texts(file, format="txt", encoding_errors="replace", allow_empty=True), start=1
    ):
        words = line.split()
        if not all(word.isdecimal() for word in words):
            raise InputError(f"{name}, line {number}: {line[:60]!r} is no row of ids. Write numbers, spaces between.")
        try:
            print(known.decode_bytes(map(int, words)).decode("utf-8", "surrogateescape"))
        except InputError as error:
            raise InputError(f"{name}, line {number}: {error}") from error


@app.command()
def stats(
    folder: Folder,
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="Texts to measure on; '-' is stdin.")] = None,
    text_column: options.TextColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Say what a tokenizer is, and how well it fits some texts."""
    from minent.tokenizer import Tokenizer

    known = Tokenizer.load(folder)
    facts = {name: value for name, value in known.facts.items() if not isinstance(value, (list, dict))}
    for name, value in facts.items():
        print(f"{name}\t{value}")
    if file is not None:
        counted = texts = size = 0
        for batch in options.batches(options.read(file, text_column, encoding, encoding_errors, format)):
            ids, _ = known.encode_arrays(batch)
            counted, texts = counted + len(ids), texts + len(batch)
            size += sum(len(text.encode("utf-8", "surrogateescape")) for text in batch)
        print(f"here: texts\t{texts}\nhere: bytes\t{size}\nhere: tokens\t{counted}")
        print(f"here: bytes_per_token\t{size / max(counted, 1):.4f}")


@app.command()
def export(
    folder: Folder,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="The file or folder to write.", show_default=False)
    ],
    format: Annotated[
        str, typer.Option(metavar="NAME", help="huggingface, sentencepiece, gguf or bytepiece.")
    ] = "huggingface",
    accept_differences: Annotated[
        bool, typer.Option("--accept-differences", help="Write it even if some texts get other ids there.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Write a tokenizer in the format of another library; a folder of huggingface keeps its other files."""
    from minent.tokenizer import Tokenizer, formats

    for path in formats.paths(output, format):
        if path.exists() and not overwrite:
            raise InputError(f"{path}: the file exists. Give --overwrite to replace it, or choose another.")
    known = Tokenizer.load(folder)
    notes = known.export(output, format, accept_differences=accept_differences)
    print(f"{output}: {known.vocab_size:,} ids")
    for note in notes:
        print(f"{format}: {note}", file=sys.stderr)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A vocabulary of another library.", show_default=False)],
    output: options.Output,
    format: Annotated[
        str | None, typer.Option(metavar="NAME", help="bytepiece, counts, huggingface, sentencepiece or tiktoken.")
    ] = None,
    vocab_size: Annotated[int | None, typer.Option(metavar="N", help="Most ids; rarer pieces go.")] = None,
    text: Annotated[list[str] | None, typer.Option(metavar="FILE", help="Count the pieces on these texts.")] = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Read a model of bytepiece as it is, or make a tokenizer from the pieces and counts of another file.

    FILE may be a model of bytepiece or its zip, lines of piece, tab and count (or of jieba's dictionary), a
    tokenizer.json, a SentencePiece model or a .tiktoken file. A model of bytepiece without --vocab-size and --text
    gives the ids that it gives there; what else is read is cut into the likeliest pieces.
    """
    from minent import corpus
    from minent.tokenizer import Tokenizer, formats

    options.check_output(output, overwrite)
    format = format or formats.vocabulary.guess(file)
    if format == "bytepiece" and vocab_size is None and not text:
        known = Tokenizer.from_bytepiece(file)
    else:
        texts = list(corpus.read_texts(text)) if text else None
        known = Tokenizer.from_counts(file, vocab_size, format=format, texts=texts, faithful=format == "bytepiece")
    known.save(output, overwrite=overwrite)
    print(f"{output}: {known.vocab_size:,} ids")


def _readable(pieces) -> str:
    return json.dumps([piece.decode(errors="backslashreplace") for piece in pieces], ensure_ascii=False)
