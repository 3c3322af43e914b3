"""`minent vectors ...`: learn word vectors from text, ask them, judge them, hand them on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minent.cli import options, progress
from minent.errors import InputError, did_you_mean, listing

if TYPE_CHECKING:
    from minent.vectors import Vectors

app = typer.Typer(help="Learn word vectors from text; nearest words, analogies.", rich_markup_mode=None)

UNITS = ("words", "pieces")
Folder = Annotated[
    str,
    typer.Argument(metavar="VECTORS", help="A folder from 'train', or a word2vec file.", show_default=False),
]
Count = Annotated[int, typer.Option("--count", "-k", metavar="N", help="How many to print.")]


@app.command()
def train(
    pieces: Annotated[str, typer.Argument(metavar="TOKENIZER", help="A tokenizer's folder.", show_default=False)],
    files: options.Files,
    output: options.Output,
    units: Annotated[
        str, typer.Option(metavar="KIND", help="'words', or 'pieces' of the tokenizer, as encoders take them.")
    ] = "words",
    dim: Annotated[
        int | None, typer.Option(metavar="N", help="Length of a vector; by default what the ids need.")
    ] = None,
    window: Annotated[int, typer.Option(metavar="N", help="How many tokens to either side are neighbours.")] = 10,
    kernel: Annotated[str, typer.Option(metavar="NAME", help="'dot', 'gauss' or 't'.")] = "dot",
    iterations: Annotated[
        int | None, typer.Option(metavar="N", help="Steps after the start from singular vectors.")
    ] = None,
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
    text_column: options.TextColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Learn a vector for each word of the texts, or for each piece of a tokenizer."""
    from minent import vectors
    from minent.tokenizer import Tokenizer

    if units not in UNITS:
        raise InputError(f"--units is {units!r}; there is {listing(UNITS)}.{did_you_mean(units, UNITS)}")
    options.check_output(output, overwrite)
    base = vectors.FOR_WORDS if units == "words" else vectors.VectorsConfig(max_iterations=5)
    steps = base.max_iterations if iterations is None else iterations
    config = replace(base, dim=dim, window=window, kernel=kernel, max_iterations=steps, seed=seed)
    known = Tokenizer.load(pieces)
    texts = list(options.read(files, text_column, encoding, encoding_errors, format))
    with progress.bars() as report:
        if units == "words":
            learnt = vectors.train_words(texts, known, config=config, progress=report)
        else:
            ids, starts = known.encode_arrays(texts, disallowed_special=())
            names = vectors.Lexicon.of_pieces(known, ids)
            learnt = vectors.train(
                ids, starts, vocab_size=known.vocab_size, config=config, lexicon=names, progress=report
            )
    learnt.save(output, overwrite=overwrite)
    bits = f"{learnt.bits_per_pair:.3f} bits per pair (at least {learnt.entropy_bits:.3f})"
    print(f"{output}: {learnt.vocab_size:,} vectors of {learnt.dim} numbers, {bits}")


@app.command()
def nearest(
    folder: Folder,
    word: Annotated[str, typer.Argument(metavar="WORD", help="A word or any text.", show_default=False)],
    count: Count = 10,
) -> None:
    """Print the words nearest to a word, with their cosines."""
    _print_found(_load(folder).nearest(word, count))


@app.command()
def analogy(
    folder: Folder,
    a: Annotated[str, typer.Argument(metavar="A", help="As A", show_default=False)],
    b: Annotated[str, typer.Argument(metavar="B", help="is to B", show_default=False)],
    c: Annotated[str, typer.Argument(metavar="C", help="so is C to what?", show_default=False)],
    count: Count = 10,
) -> None:
    """Print the words that are to C as B is to A, with their cosines."""
    _print_found(_load(folder).analogy(a, b, c, count))


@app.command()
def evaluate(
    folder: Folder,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Lines of two words and a score, or of four words of an analogy.",
            show_default=False,
        ),
    ],
) -> None:
    """Print how vectors agree with people, and on how much of each file they were judged."""
    from minent import vectors

    learnt = _load(folder)
    for file in files:
        result = vectors.evaluate(learnt, file)
        if isinstance(result, vectors.SimilarityResult):
            print(
                f"{file}\tspearman {result.spearman_known:.3f} on {result.known} of {result.pairs} pairs with rows of "
                f"their own\t{result.spearman:.3f} on {result.scored} with composed words"
            )
        else:
            print(f"{file}\taccuracy {result.accuracy:.3f} on {result.known} of {result.questions} questions")


@app.command()
def export(
    folder: Folder,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="The file to write.", show_default=False)
    ],
    format: Annotated[
        str, typer.Option(metavar="NAME", help="'word2vec-text', 'word2vec-binary' or 'safetensors'.")
    ] = "word2vec-text",
    overwrite: options.Overwrite = False,
) -> None:
    """Write word vectors as a file of another library."""
    target = Path(output)
    if target.exists() and not overwrite:
        raise InputError(f"{output}: the file exists. Give --overwrite to replace it, or choose another.")
    learnt = _load(folder)
    learnt.export(target, format)
    print(f"{output}: {format}, {target.stat().st_size:,} bytes")


def _load(folder: str) -> Vectors:
    from minent.vectors import Vectors

    return Vectors.from_file(folder) if Path(folder).is_file() else Vectors.load(folder)


def _print_found(found: list[tuple[str, float]]) -> None:
    for word, near in found:
        print(f"{json.dumps(word, ensure_ascii=False)}\t{near:.4f}")
