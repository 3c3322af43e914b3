"""`minent vectors ...`: learn word vectors for the pieces of a tokenizer, and ask them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from minent.cli import options, progress
from minent.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from minent.tokenizer import Tokenizer
    from minent.vectors import Vectors

app = typer.Typer(help="Learn word vectors from text; nearest words, analogies.", rich_markup_mode=None)

Folder = Annotated[str, typer.Argument(metavar="VECTORS", help="A folder from 'train'.", show_default=False)]
Pieces = Annotated[str, typer.Argument(metavar="TOKENIZER", help="The tokenizer of the vectors.", show_default=False)]
Count = Annotated[int, typer.Option("--count", "-k", metavar="N", help="How many to print.")]


@app.command()
def train(
    pieces: Pieces,
    files: options.Files,
    output: options.Output,
    dim: Annotated[
        int | None, typer.Option(metavar="N", help="Length of a vector; by default what the ids need.")
    ] = None,
    window: Annotated[int, typer.Option(metavar="N", help="How many pieces to either side are neighbours.")] = 10,
    iterations: Annotated[int, typer.Option(metavar="N", help="Steps after the start from singular vectors.")] = 5,
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
    text_column: options.TextColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Learn a vector for each piece of a tokenizer."""
    from minent import vectors
    from minent.tokenizer import Tokenizer

    options.check_output(output, overwrite)
    config = vectors.VectorsConfig(dim=dim, window=window, max_iterations=iterations, seed=seed)
    known = Tokenizer.load(pieces)
    ids, starts = known.encode_arrays(options.read(files, text_column, encoding, encoding_errors, format))
    with progress.bars() as report:
        learnt = vectors.train(ids, starts, vocab_size=known.vocab_size, config=config, progress=report)
    learnt.save(output, overwrite=overwrite)
    bits = f"{learnt.bits_per_pair:.3f} bits per pair (at least {learnt.entropy_bits:.3f})"
    print(f"{output}: {learnt.vocab_size:,} vectors of {learnt.dim} numbers, {bits}")


@app.command()
def nearest(
    folder: Folder,
    pieces: Pieces,
    word: Annotated[str, typer.Argument(metavar="WORD", help="A word or any text.", show_default=False)],
    count: Count = 10,
) -> None:
    """Print the pieces nearest to a word, with their cosines."""
    learnt, known = _load(folder, pieces)
    _print_found(learnt.nearest(_query(learnt, known, word), count), known)


@app.command()
def analogy(
    folder: Folder,
    pieces: Pieces,
    a: Annotated[str, typer.Argument(metavar="A", help="As A", show_default=False)],
    b: Annotated[str, typer.Argument(metavar="B", help="is to B", show_default=False)],
    c: Annotated[str, typer.Argument(metavar="C", help="so is C to what?", show_default=False)],
    count: Count = 10,
) -> None:
    """Print the pieces that are to C as B is to A, with their cosines."""
    learnt, known = _load(folder, pieces)
    at_a, at_b, at_c = (_single(known, word) for word in (a, b, c))
    _print_found(learnt.analogy(at_a, at_b, at_c, count), known)


def _load(folder: str, pieces: str) -> tuple[Vectors, Tokenizer]:
    from minent.tokenizer import Tokenizer
    from minent.vectors import Vectors

    learnt, known = Vectors.load(folder), Tokenizer.load(pieces)
    if learnt.vocab_size != known.vocab_size:
        raise InputError(
            f"{folder}: has {learnt.vocab_size:,} vectors, but {pieces} has {known.vocab_size:,} ids. "
            f"Give the tokenizer that the vectors were trained with."
        )
    return learnt, known


def _query(learnt: Vectors, known: Tokenizer, word: str) -> int | np.ndarray:
    """The id of a word that is one piece, or the mean of its pieces' vectors."""
    ids = known.encode(word)
    if not ids:
        raise InputError("the word is empty; at least one character is needed.")
    return ids[0] if len(ids) == 1 else learnt.matrix[ids].mean(axis=0)


def _single(known: Tokenizer, word: str) -> int:
    ids = known.encode(word)
    if len(ids) != 1:
        cut = json.dumps([known.id_to_piece(id).decode(errors="backslashreplace") for id in ids], ensure_ascii=False)
        raise InputError(f"{word!r} is not one piece of the tokenizer but {cut}. Choose a more frequent word.")
    return ids[0]


def _print_found(found: list[tuple[int, float]], known: Tokenizer) -> None:
    for id, cosine in found:
        piece = known.id_to_piece(id).decode(errors="backslashreplace")
        print(f"{json.dumps(piece, ensure_ascii=False)}\t{cosine:.4f}")
