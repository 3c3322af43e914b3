"""`minent encoder ...`: pretrain a small encoder on raw text, and measure it on other text."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minent.cli import options, progress, work
from minent.cli.recipe import read_recipe
from minent.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from minent.cli import pretraining
    from minent.encoders import PretrainedEncoder

SHAPE = ("mixer", "variant", "causal", "dim", "layers", "max_length")
PLAN = ("budget_seconds", "budget_tokens", "steps", "precision", "device", "seed")
app = typer.Typer(help="Pretrain a small encoder on raw text.", rich_markup_mode=None)

Pieces = Annotated[str, typer.Argument(metavar="TOKENIZER", help="The tokenizer of its ids.", show_default=False)]


@app.command()
def pretrain(
    context: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="[TOKENIZER] FILE...", help="A tokenizer's folder, then texts; '-' is stdin.", show_default=False
        ),
    ],
    output: options.Output,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="A recipe in TOML; it makes a tokenizer too, if none is given."),
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe: encoder.dim=256.")
    ] = None,
    trial: Annotated[
        float | None, typer.Option(metavar="S", help="With --config: train so long, say what the whole run takes.")
    ] = None,
    pause_after: Annotated[
        float | None, typer.Option(metavar="S", help="Train so long, keep what --resume needs, and end.")
    ] = None,
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
    options.check_output(output, overwrite or (resume and config is not None))
    if config is None:
        _refuse_without_recipe(context)
    else:
        _refuse_beside_recipe(context)
    from minent import artifacts, encoders
    from minent.cli import pretraining
    from minent.tokenizer import Tokenizer

    known = Tokenizer.load(files[0]) if Path(files[0]).is_dir() else None
    files = files if known is None else files[1:]
    if config is not None:
        recipe = read_recipe(config, changes or ())
        sources = {}
        for file in files:
            name = pretraining.source_of(file)
            if file == "-" or name in sources:
                raise InputError(f"{file}: a recipe takes files, each of another name up to its first dot.")
            sources[name] = options.read(file, text_column, encoding, encoding_errors, format)
        with progress.bars() as report:
            road = pretraining.Road(recipe, sources, output.with_name(f"{output.name}.partial"), report, known)
            _follow(road, output, resume=resume, trial=trial, pause_after=pause_after)
        return
    if known is None or not files:
        raise InputError(
            f"{files[0] if files else output}: the first argument is to be a tokenizer's folder and the others texts. "
            f"Make one with 'minent tokenizer train', or give a recipe with --config."
        )
    initial = None if vectors is None else _piece_vectors(vectors)
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
    ids, starts = known.encode_arrays(
        options.read(files, text_column, encoding, encoding_errors, format), disallowed_special=()
    )
    checkpoint = output.with_name(f"{output.name}.partial")
    with progress.bars() as report:
        trained = encoders.pretrain(
            ids,
            starts,
            shape,
            plan,
            initial=initial,
            piece_bytes=pretraining.piece_bytes(known),
            checkpoint=checkpoint,
            resume=resume,
            pause_after=pause_after,
            progress=report,
        )
    if not _is_first():
        return  # torchrun's other processes hold the same encoder
    if _paused(trained, checkpoint):
        return
    trained.save(output, overwrite=overwrite, tokenizer=known)
    artifacts.remove(checkpoint)
    print(f"{output}: {trained.facts['steps']:,} steps, {_sentence(trained.facts['held_out'])}")


def _follow(
    road: pretraining.Road, output: Path, *, resume: bool, trial: float | None, pause_after: float | None
) -> None:
    """Follow a recipe: a trial, a part of the run, or all of it."""
    from minent.cli import pretraining

    if _is_first():
        if not resume:
            work.clear(road.folder, pretraining.STAGES)
        road.open()
        road.vectors()
    pretraining.wait_for(road.folder, _is_first())
    watched = None if trial is None else pretraining.Trial()
    pause = pause_after if trial is None else trial
    trained = road.pretrain(resume=resume and trial is None, pause_after=pause, trial=watched)
    if not _is_first():
        return
    pretraining.begun(road.folder)
    if watched is not None:
        print("\n".join(watched.sentences(trained, trained.facts["train_tokens"])))
        _print_sources(trained)
        print(f"{road.folder}: what --resume begins with")
        return
    trained.save(output, overwrite=True, tokenizer=road.tokenizer(), files=road.files_beside(trained))
    if not _paused(trained, road.folder):
        work.clear(road.folder, pretraining.STAGES)
    print(f"{output}: {trained.facts['steps']:,} steps, {_sentence(trained.facts['held_out'])}")
    _print_sources(trained)


def _print_sources(trained: PretrainedEncoder) -> None:
    for name, found in trained.facts["sources"].items():
        print(f"{name}: {_sentence(found)}")


def _paused(trained: PretrainedEncoder, folder: Path) -> bool:
    """Say that a run is not at its end, if it is not."""
    if not trained.facts["stopped"].startswith("paused"):
        return False
    print(f"{trained.facts['stopped']}; {folder} holds what --resume goes on from")
    return True


def _is_first() -> bool:
    """Whether this process writes: it is alone, or the first of torchrun's."""
    return not int(os.environ.get("RANK", "0"))


def _refuse_without_recipe(context: typer.Context) -> None:
    for name, flag in (("changes", "set"), ("trial", "trial")):
        if _is_given(context, name):
            raise InputError(f"--{flag} stands without --config, whose recipe it is about. Name one, or leave it out.")


def _refuse_beside_recipe(context: typer.Context) -> None:
    if _is_given(context, "vectors"):
        raise InputError(
            "--vectors stands beside --config, whose recipe learns vectors of its own; leave one of the two out, and "
            "write --set vectors.KEY=... to learn others."
        )
    for name in (*SHAPE, *PLAN):
        if _is_given(context, name):
            section, flag = "encoder" if name in SHAPE else "pretrain", name.replace("_", "-")
            raise InputError(f"--{flag} stands beside --config; write --set {section}.{name}=... instead.")


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _piece_vectors(folder: str) -> np.ndarray:
    from minent.vectors import Vectors

    learnt = Vectors.load(folder)
    if learnt.lexicon is not None and learnt.lexicon.is_cut:
        raise InputError(
            f"{folder}: holds vectors of words, but an encoder starts from those of its tokenizer's pieces. "
            f"Train them with 'minent vectors train --units pieces'."
        )
    return learnt.matrix


@app.command()
def ship(
    folder: Annotated[
        Path, typer.Argument(metavar="ENCODER", help="A folder from 'pretrain --config'.", show_default=False)
    ],
    output: options.Output,
    weights: Annotated[
        str, typer.Option(metavar="NAME", help="float16, int8 or float32; auto takes the first that is small enough.")
    ] = "auto",
    megabytes: Annotated[float, typer.Option(metavar="N", help="The most that the folder may take.")] = 25.0,
    overwrite: options.Overwrite = False,
) -> None:
    """Write an encoder as it is shipped: in fewer bytes, measured again, with a model card."""
    from minent.cli import shipping

    options.check_output(output, overwrite)
    print("\n".join(shipping.ship(folder, output, weights=weights, megabytes=megabytes, overwrite=overwrite)))


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

    from minent.cli import pretraining
    from minent.encoders import PretrainedEncoder
    from minent.encoders.pretrain import evaluate as measure
    from minent.tokenizer import Tokenizer

    trained, known = PretrainedEncoder.load(folder), Tokenizer.load(pieces)
    if trained.config.vocab_size != known.vocab_size:
        raise InputError(
            f"{folder}: knows {trained.config.vocab_size:,} ids, but {pieces} has {known.vocab_size:,}. "
            f"Give the tokenizer that the encoder was trained with."
        )
    ids, starts = known.encode_arrays(
        options.read(files, text_column, encoding, encoding_errors, format), disallowed_special=()
    )
    counts = np.bincount(ids, minlength=known.vocab_size) + 1.0
    unigram = np.log(counts / counts.sum()).astype(np.float32)
    print(_sentence(measure(trained.encoder, ids, starts, unigram, pretraining.piece_bytes(known), seed)))


def _sentence(held_out: dict | None) -> str:
    if held_out is None:
        return "too little text to hold some out for a loss"
    loss = f"{held_out['loss']:.4f} {held_out['unit']} on {held_out['tokens']:,} tokens to be said"
    return f"{loss} ({held_out['unigram']:.4f} by frequency alone)"
