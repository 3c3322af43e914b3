"""`minent prompt ...`: tune prompts on a pretrained model with a few labels, and predict with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from minent.cli import options, progress, tables
from minent.cli.answers import AsJson, TopK, likeliest, print_answers
from minent.errors import InputError, whole

if TYPE_CHECKING:
    from minent.prompts import PromptEnsemble, PromptTuner

app = typer.Typer(help="Teach a pretrained model by prompts and few labels.", rich_markup_mode=None)

Backbone = Annotated[
    str,
    typer.Argument(
        metavar="BACKBONE",
        help="A shipped name, a folder from 'encoder pretrain', or a local folder of a transformers model.",
        show_default=False,
    ),
]
Pieces = Annotated[
    str | None, typer.Option("--tokenizer", metavar="DIR", help="The tokenizer of an encoder that holds none.")
]
PairColumn = Annotated[
    str | None, typer.Option("--pair-column", metavar="NAME", help="The column of the second texts, for {text_b}.")
]


@app.command()
def tune(
    backbone: Backbone,
    labelled: options.LabelledFile,
    output: options.Output,
    pieces: Pieces = None,
    template: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="Where {p}, {mask} and {text} stand; several are averaged."),
    ] = None,
    words: Annotated[
        list[str] | None, typer.Option("--words", metavar="CLASS=WORDS", help="Words for a class; may be repeated.")
    ] = None,
    find_words: Annotated[bool, typer.Option("--find-words", help="Find words for the classes in the data.")] = False,
    mode: Annotated[
        str, typer.Option(metavar="prompts|staged|all", help="Train the prompts, or the backbone too.")
    ] = "prompts",
    labels: Annotated[
        str, typer.Option(metavar="learned|words|prototypes", help="What stands for a class.")
    ] = "learned",
    start: Annotated[
        str, typer.Option(metavar="auto|slots|names|mean|random", help="What the prompts start from.")
    ] = "auto",
    deep: Annotated[bool, typer.Option("--deep", help="Prompts of their own before every block.")] = False,
    reparametrization: Annotated[
        str,
        typer.Option(metavar="none|mlp|lstm|paper-mlp|paper-lstm", help="What stands behind the prompts in training."),
    ] = "none",
    calibration: Annotated[
        str, typer.Option(metavar="none|context|unlabeled", help="Take out what every text gets.")
    ] = "none",
    unlabeled: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="Texts without labels; may be repeated.")
    ] = None,
    auxiliary: Annotated[float, typer.Option(metavar="W", help="Weight of the backbone's own task.")] = 0.0,
    r_drop: Annotated[float, typer.Option(metavar="W", help="Weight of two readings agreeing; needs --dropout.")] = 0.0,
    adversarial: Annotated[float, typer.Option(metavar="W", help="Weight of steadiness under noise.")] = 0.0,
    dropout: Annotated[float, typer.Option(metavar="P", help="Dropout of the backbone in training.")] = 0.0,
    steps: Annotated[int, typer.Option(metavar="N", help="Steps of training; 0 asks the backbone as it is.")] = 100,
    batch_size: Annotated[int, typer.Option(metavar="N", help="Texts in a step.")] = 16,
    prompt_rate: Annotated[float, typer.Option(metavar="R", help="Learning rate of prompts and labels.")] = 1e-2,
    body_rate: Annotated[
        float | None, typer.Option(metavar="R", help="Learning rate of the backbone, where it is trained.")
    ] = None,
    max_length: Annotated[int | None, typer.Option(metavar="N", help="The longest row of tokens.")] = None,
    seeds: Annotated[int, typer.Option(metavar="N", help="Tune with so many seeds and average.")] = 1,
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
    text_column: options.TextColumn = None,
    pair_column: PairColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Tune prompts on labelled texts; the backbone stays as it is, unless --mode says otherwise."""
    options.check_output(output, overwrite)
    _check_pairs(labelled, pair_column, format)
    columns = [text_column] if pair_column is None else [text_column, pair_column]
    read = [
        options.read_labelled(labelled, column, label_column, encoding, encoding_errors, format).split()
        for column in columns
    ]
    texts, known = _paired([each[0] for each in read]), read[0][1]
    options.check_two_classes(known, labelled)
    free = options.read(unlabeled, text_column, encoding, encoding_errors, None) if unlabeled else None
    whole("--seeds", seeds, 1)
    from minent.prompts import PromptEnsemble, PromptTuner, load_backbone

    on = load_backbone(backbone, pieces)
    with progress.bars() as report:
        chosen: dict[str, Any] = {
            "verbalizer": _verbalizer(words or [], find_words),
            "mode": mode,
            "labels": labels,
            "start": start,
            "deep": deep,
            "reparametrization": reparametrization,
            "calibration": calibration,
            "auxiliary": auxiliary,
            "r_drop": r_drop,
            "adversarial": adversarial,
            "dropout": dropout,
            "steps": steps,
            "batch_size": batch_size,
            "prompt_rate": prompt_rate,
            "body_rate": body_rate,
            "max_length": max_length,
            "progress": report,
        }
        templates: list[str | None] = [*template] if template else [None]
        tuner: PromptTuner | PromptEnsemble
        if len(templates) * seeds == 1:
            tuner = PromptTuner(on, templates[0], seed=seed, **chosen)
        else:
            tuner = PromptEnsemble(on, templates, range(seed, seed + seeds), **chosen)
        tuner.fit(texts, known, None if free is None else list(free))
    tuner.save(output, overwrite=overwrite)
    facts = tuner.facts.get("tunings", [tuner.facts])
    print("\n".join(tables.weights(facts[0]["weights"])))
    print("\n".join(facts[0]["notes"]) + "\n" * bool(facts[0]["notes"]), end="")
    many = f"{len(facts)} tunings, " if len(facts) > 1 else ""
    print(
        f"{output}: {many}{len(tuner.classes_)} classes, {facts[0]['trained_parameters']:,} numbers, "
        f"{facts[0]['steps']} steps"
    )


@app.command()
def predict(
    folder: Annotated[str, typer.Argument(metavar="PROMPTS", help="A folder from 'tune'.", show_default=False)],
    backbone: Backbone,
    file: options.File = "-",
    pieces: Pieces = None,
    top_k: TopK = 1,
    as_json: AsJson = False,
    text_column: options.TextColumn = None,
    pair_column: PairColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Print a label and its probability for each text."""
    lengths = likeliest(top_k)
    _check_pairs(file, pair_column, format)
    columns = [text_column] if pair_column is None else [text_column, pair_column]
    read = [options.read(file, column, encoding, encoding_errors, format, allow_empty=True) for column in columns]
    from minent import artifacts
    from minent.prompts import PromptEnsemble, PromptTuner, load_backbone

    several = artifacts.read_manifest(folder, kind="prompts").config.get("ensemble", False)
    tuner = (PromptEnsemble if several else PromptTuner).load(folder, load_backbone(backbone, pieces))
    print_answers(
        tuner,
        read[0] if pair_column is None else _paired([list(texts) for texts in read]),
        lengths,
        as_json=as_json,
    )


def _check_pairs(file: str, pair_column: str | None, format: str | None) -> None:
    """Refuse lines of text, which would be read as pairs of the same text twice."""
    from minent.corpus.tables import format_of

    if pair_column is not None and format_of(file, format) == "txt":
        raise InputError(
            f"{'stdin' if file == '-' else file}: lines of text have no columns, but --pair-column names "
            f"{pair_column!r}. Give a table, and say with --format which if its name does not."
        )


def _paired(columns: list[list[str]]) -> Any:
    return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))


def _verbalizer(words: list[str], find: bool) -> dict[str, list[str]] | str | None:
    if find and words:
        raise InputError("--find-words and --words were both given; the words are either found or stated.")
    if find:
        return "found"
    stated: dict[str, list[str]] = {}
    for pair in words:
        if "=" not in pair:
            raise InputError(f"--words is {pair!r}; it takes a class and its words, such as --words positive=good.")
        name, _, said = pair.partition("=")
        stated.setdefault(name, []).append(said)
    return stated or None
