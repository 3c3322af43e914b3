"""`minent encoder ...`: pretrain a small encoder on raw text, and measure it on other text."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Annotated

import typer

from minent.cli import options, progress
from minent.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from minent.tokenizer import Tokenizer

app = typer.Typer(help="Pretrain a small encoder on raw text.", rich_markup_mode=None)

Pieces = Annotated[str, typer.Argument(metavar="TOKENIZER", help="The tokenizer of its ids.", show_default=False)]


@app.command()
def pretrain(
    pieces: Pieces,
    files: options.Files,
    output: options.Output,
    vectors: Annotated[
        str | None, typer.Option(metavar="DIR", help="Vectors trained with --units pieces, to start from.")
    ] = None,
    mixer: Annotated[
        str, typer.Option(metavar="NAME", help="How tokens are mixed: gmlp, attention, resmlp and others.")
    ] = "gmlp",
    variant: Annotated[str, typer.Option(metavar="NAME", help="The form of a mixer that has several.")] = "",
    causal: Annotated[bool, typer.Option("--causal", help="Learn to say the next token, not hidden ones.")] = False,
    dim: Annotated[
        int | None, typer.Option(metavar="N", help="Channels; by default those of the vectors, or 128.")
    ] = None,
    layers: Annotated[int, typer.Option(metavar="N", help="Blocks.")] = 4,
    max_length: Annotated[int, typer.Option(metavar="N", help="The longest row of tokens.")] = 128,
    budget_seconds: Annotated[float, typer.Option(metavar="S", help="Time to plan for, on two ordinary cores.")] = 120,
    budget_tokens: Annotated[int | None, typer.Option(metavar="N", help="Tokens to read, whatever the time.")] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="Number of steps, whatever the time.")] = None,
    precision: Annotated[str, typer.Option(metavar="NAME", help="float32, bfloat16 or auto.")] = "float32",
    device: Annotated[str, typer.Option(metavar="NAME", help="cpu, cuda or auto.")] = "auto",
    seed: options.Seed = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from DIR.partial, where a run was stopped.")] = False,
    overwrite: options.Overwrite = False,
    text_column: options.TextColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Train an encoder to fill in hidden tokens. Ctrl-C ends it early and keeps what was learnt.

    Under torchrun the processes share each batch; the first one writes the folder.
    """
    options.check_output(output, overwrite)
    from minent import encoders
    from minent.tokenizer import Tokenizer
    from minent.vectors import Vectors

    known = Tokenizer.load(pieces)
    initial = None
    if vectors is not None:
        learnt = Vectors.load(vectors)
        if learnt.lexicon is not None and learnt.lexicon.is_cut:
            raise InputError(
                f"{vectors}: holds vectors of words, but an encoder starts from those of its tokenizer's pieces. "
                f"Train them with 'minent vectors train --units pieces'."
            )
        initial = learnt.matrix
    width = dim or (128 if initial is None else int(initial.shape[1]))
    shape = encoders.EncoderConfig(
        mixer=mixer,
        variant=variant,
        causal=causal,
        vocab_size=known.vocab_size,
        dim=width,
        layers=layers,
        max_length=max_length,
    )
    plan = encoders.PretrainConfig(
        budget_seconds=budget_seconds,
        budget_tokens=budget_tokens,
        steps=steps,
        precision=precision,
        device=device,
        seed=seed,
    )
    ids, starts = known.encode_arrays(options.read(files, text_column, encoding, encoding_errors, format))
    checkpoint = output.with_name(f"{output.name}.partial")
    with progress.bars() as report:
        trained = encoders.pretrain(
            ids,
            starts,
            shape,
            plan,
            initial=initial,
            piece_bytes=_piece_bytes(known),
            checkpoint=checkpoint,
            resume=resume,
            progress=report,
        )
    if int(os.environ.get("RANK", "0")):
        return  # torchrun's other processes hold the same encoder
    trained.save(output, overwrite=overwrite)
    shutil.rmtree(checkpoint, ignore_errors=True)
    print(f"{output}: {trained.facts['steps']:,} steps, {_sentence(trained.facts['held_out'])}")


@app.command()
def evaluate(
    folder: Annotated[str, typer.Argument(metavar="ENCODER", help="A folder from 'pretrain'.", show_default=False)],
    pieces: Pieces,
    files: options.Files,
    seed: options.Seed = 0,
    text_column: options.TextColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Print the loss on other texts, next to that of their frequencies: 15 % hidden, or each next token if causal."""
    import numpy as np

    from minent.encoders import PretrainedEncoder
    from minent.encoders.pretrain import evaluate as measure
    from minent.tokenizer import Tokenizer

    trained, known = PretrainedEncoder.load(folder), Tokenizer.load(pieces)
    if trained.config.vocab_size != known.vocab_size:
        raise InputError(
            f"{folder}: knows {trained.config.vocab_size:,} ids, but {pieces} has {known.vocab_size:,}. "
            f"Give the tokenizer that the encoder was trained with."
        )
    ids, starts = known.encode_arrays(options.read(files, text_column, encoding, encoding_errors, format))
    counts = np.bincount(ids, minlength=known.vocab_size) + 1.0
    unigram = np.log(counts / counts.sum()).astype(np.float32)
    print(_sentence(measure(trained.encoder, ids, starts, unigram, _piece_bytes(known), seed)))


def _piece_bytes(known: Tokenizer) -> np.ndarray:
    import numpy as np

    return np.array([len(known.id_to_piece(id)) for id in range(known.vocab_size)], dtype=np.int64)


def _sentence(held_out: dict | None) -> str:
    if held_out is None:
        return "too little text to hold some out for a loss"
    loss = f"{held_out['loss']:.4f} {held_out['unit']} on {held_out['tokens']:,} tokens to be said"
    return f"{loss} ({held_out['unigram']:.4f} by frequency alone)"
