"""`minent tokenizer ...`: learn pieces from text, and turn text into ids and back."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from minent.cli import options, progress, work
from minent.cli.report import refuse_other
from minent.errors import InputError

app = typer.Typer(help="Learn a tokenizer from text; text to ids and back.", rich_markup_mode=None)

Folder = Annotated[str, typer.Argument(metavar="TOKENIZER", help="A folder from 'train'.", show_default=False)]


@app.command()
def train(
    files: options.Files,
    output: options.Output,
    vocab_size: Annotated[
        list[int], typer.Option(metavar="N", help="Most ids; given again: nested tokenizers, in DIR-N.")
    ] = [32_000],  # noqa: B006 - typer takes a list as the default of a list, and copies it
    whole_files: Annotated[
        bool, typer.Option("--whole-files", help="Lines belong together: pieces may hold line ends and indents.")
    ] = False,
    objective: Annotated[
        str, typer.Option(metavar="fewest|mixed|likelihood", help="The best way to write a text.")
    ] = "fewest",
    balance: Annotated[
        float | None, typer.Option(metavar="X", help="The larger, the more pieces for scripts of many bytes.")
    ] = None,
    min_count: Annotated[int | None, typer.Option(metavar="N", help="Least count of a piece.")] = None,
    max_piece_length: Annotated[int, typer.Option(metavar="N", help="Longest piece, in bytes.")] = 36,
    isolate_digits: Annotated[bool, typer.Option("--isolate-digits", help="Every digit is a piece.")] = False,
    word_bounded: Annotated[bool, typer.Option("--word-bounded", help="No piece reaches into a second word.")] = False,
    force: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="This becomes a piece; repeatable.")] = None,
    block: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="This becomes none; repeatable.")] = None,
    normalization: Annotated[str, typer.Option(metavar="none|nfc", help="What to do with a text first.")] = "none",
    sample_megabytes: Annotated[int, typer.Option(metavar="N", help="Most text to learn from; more is sampled.")] = 128,
    thorough: Annotated[bool, typer.Option("--thorough", help="Fewer tokens still, for 1.6 times the time.")] = False,
    faithful: Annotated[bool, typer.Option("--faithful", help="Train as bytepiece 0.6.3 does.")] = False,
    order: Annotated[int, typer.Option(metavar="N", help="Longest byte n-gram of --faithful, 2 to 7.")] = 6,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from DIR.partial, where a run was stopped.")] = False,
    engine: options.EngineName = "local",
    address: options.Address = None,
    overwrite: options.Overwrite = False,
    text_column: options.TextColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Learn a tokenizer from texts. Ctrl-C keeps what --resume needs."""
    from minent import cluster, tokenizer

    targets = [output] if len(vocab_size) == 1 else [output.with_name(f"{output.name}-{size}") for size in vocab_size]
    for target in targets:
        options.check_output(target, overwrite)
    texts = options.read(files, text_column, encoding, encoding_errors, format)
    config = tokenizer.TokenizerConfig(
        vocab_size=tuple(vocab_size),
        order=order,
        min_count=min_count,
        isolate_digits=isolate_digits,
        normalization=normalization,
        faithful=faithful,
        max_piece_length=max_piece_length,
        objective=objective,
        word_bounded=word_bounded,
        forced=tuple(force or ()),
        blocked=tuple(block or ()),
        thorough=thorough,
        sample_megabytes=sample_megabytes,
        balance=balance,
    )
    partial = None if faithful else output.with_name(f"{output.name}.partial")
    if partial is not None and not resume:
        work.clear(partial, {"sample", "draft"})
    try:
        with cluster.engine(engine, address) as spread, progress.bars() as report:
            learnt = tokenizer.train(
                _together(texts) if whole_files else texts,
                config,
                checkpoint=partial,
                progress=report,
                engine=None if spread is cluster.here else spread,
            )
    except KeyboardInterrupt:
        if partial is not None and partial.is_dir():
            print(f"minent: what was finished is in {partial}; --resume goes on from there.", file=sys.stderr)
        raise
    for target, one in zip(targets, learnt):
        one.save(target, overwrite=overwrite)
        short = f" of {one.config.vocab_size:,} asked for" if one.vocab_size < one.config.vocab_size else ""
        print(f"{target}: {one.vocab_size:,} ids{short}, {one.facts['bytes_per_token']:.3f} bytes per token")
    if partial is not None:
        work.clear(partial, {"sample", "draft"})


@app.command()
def encode(
    folder: Folder,
    file: options.File = "-",
    pieces: Annotated[bool, typer.Option("--pieces", help="Print the pieces as JSON instead of ids.")] = False,
    alpha: Annotated[float | None, typer.Option(metavar="X", help="Draw the segmentation; 0 makes all alike.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of the draw, one more for each text.")] = None,
    add_bos: Annotated[bool, typer.Option("--add-bos", help="Put id 1 before each text.")] = False,
    add_eos: Annotated[bool, typer.Option("--add-eos", help="Put id 2 behind each text.")] = False,
    allow_special: Annotated[
        list[str] | None, typer.Option(metavar="TEXT|all", help="This special token becomes its id; repeatable.")
    ] = None,
    special_as_text: Annotated[
        bool, typer.Option("--special-as-text", help="Other special tokens are text; else they are an error.")
    ] = False,
    text_column: options.TextColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Write each text as a line of ids."""
    from minent.tokenizer import Tokenizer

    known = Tokenizer.load(folder)
    texts = options.read(file, text_column, encoding, encoding_errors, format, allow_empty=True)
    allowed: Any = "all" if "all" in (allow_special or ()) else tuple(allow_special or ())
    specials: Any = {"allowed_special": allowed, "disallowed_special": () if special_as_text else "all"}
    position = 0
    for batch in options.batches(texts):
        seeds = [None if seed is None else seed + position + i for i in range(len(batch))]
        try:
            if alpha is None and seed is None and not (add_bos or add_eos):
                rows = known.encode_batch(batch, **specials)
            else:
                rows = [
                    known.encode(text, alpha=alpha, seed=one, add_bos=add_bos, add_eos=add_eos, **specials)
                    for text, one in zip(batch, seeds)
                ]
        except InputError as error:
            raise InputError(_in_flags(str(error), position)) from error
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
        if not all(word.isdecimal() and len(word) < 20 for word in words):
            raise InputError(f"{name}, line {number}: {line[:60]!r} is no row of ids. Write numbers, spaces between.")
        try:
            print(known.decode_bytes(map(int, words)).decode("utf-8", "surrogateescape"))
        except InputError as error:
            raise InputError(f"{name}, line {number}: {error}") from error


@app.command()
def stats(
    folder: Folder,
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE", help="Texts to measure; '-' is stdin.")] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write it as a page too, such as stats.html.")
    ] = None,
    text_column: options.TextColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Say what a tokenizer is made of, and how well it fits each file."""
    if report is not None:
        refuse_other(report)
    from minent.tokenizer import Tokenizer
    from minent.tokenizer.statistics import Usage, of_vocabulary

    known = Tokenizer.load(folder)
    facts = {name: value for name, value in known.facts.items() if not isinstance(value, (list, dict))}
    vocabulary, measured = of_vocabulary(known), []
    for name, value in {**facts, **vocabulary}.items():
        _print_fact("", name, value)
    for file in files or []:
        usage = Usage(known)
        for batch in options.batches(options.read(file, text_column, encoding, encoding_errors, format)):
            usage.add(batch)
        measured.append(("stdin" if file == "-" else file, usage.facts()))
        for name, value in measured[-1][1].items():
            _print_fact(f"{measured[-1][0]}: ", name, value)
    if report is not None:
        from minent import artifacts
        from minent.report import describe_tokenizer

        artifacts.write_whole(report, describe_tokenizer(facts, vocabulary, measured).encode())
        print(f"report: {report}", file=sys.stderr)


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


def _in_flags(sentence: str, position: int) -> str:
    """An error of `encode` with the text counted in the file, and with the names of the flags."""
    sentence = re.sub(r"^texts\[(\d+)\]", lambda found: f"text {position + int(found[1]) + 1}", sentence)
    sentence = re.sub(r"allowed_special=\{'(.*?)'\}", r"--allow-special '\1'", sentence)
    return sentence.replace("disallowed_special=()", "--special-as-text").replace("allowed_special", "--allow-special")


def _readable(pieces) -> str:
    return json.dumps([piece.decode(errors="backslashreplace") for piece in pieces], ensure_ascii=False)


def _together(texts: Iterable[str]) -> Iterator[str]:
    """Lines as longer texts again, their line ends between them."""
    for batch in options.batches(texts, size=256):
        yield "\n".join([*batch, ""])


def _print_fact(place: str, name: str, value: object) -> None:
    """One line for a value, one for each entry of a table or a list."""
    if isinstance(value, dict):
        for key, entry in value.items():
            print(f"{place}{name} {key}\t{entry}")
    elif isinstance(value, list):
        for number, entry in enumerate(value, start=1):
            print(f"{place}{name} {number}\t{json.dumps(entry, ensure_ascii=False)}")
    else:
        print(f"{place}{name}\t{value}")
