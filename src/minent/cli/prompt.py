"""`minent prompt ...`: tune prompts on a pretrained encoder with a few labels, and predict with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from minent.cli import options, progress
from minent.cli.answers import AsJson, TopK, print_answers
from minent.errors import InputError

if TYPE_CHECKING:
    from minent.prompts import Backbone

app = typer.Typer(help="Teach a pretrained encoder by prompts and few labels.", rich_markup_mode=None)

Encoder = Annotated[
    str, typer.Argument(metavar="ENCODER", help="A folder from 'encoder pretrain'.", show_default=False)
]
Pieces = Annotated[str, typer.Argument(metavar="TOKENIZER", help="The tokenizer of the encoder.", show_default=False)]


@app.command()
def tune(
    encoder: Encoder,
    pieces: Pieces,
    labelled: options.LabelledFile,
    output: options.Output,
    template: Annotated[
        str, typer.Option(metavar="TEXT", help="Where prompts {p}, {mask} and {text} stand.")
    ] = "{p*4}{mask}{p*4}{text}",
    words: Annotated[
        list[str] | None, typer.Option("--words", metavar="CLASS=WORDS", help="Words for a class; may be repeated.")
    ] = None,
    mode: Annotated[
        str, typer.Option(metavar="prompts|all", help="Train the prompts, or the encoder too.")
    ] = "prompts",
    reparametrization: Annotated[
        str, typer.Option(metavar="none|mlp|lstm", help="What stands behind the prompts in training.")
    ] = "none",
    steps: Annotated[int, typer.Option(metavar="N", help="Steps of training.")] = 100,
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Tune prompts on labelled texts; the encoder stays as it is, unless --mode all."""
    options.check_output(output, overwrite)
    data = options.read_labelled(labelled, text_column, label_column, encoding, encoding_errors, format)
    from minent.prompts import PromptTuner

    texts, labels, _ = data.split()
    options.check_two_classes(labels, labelled)
    with progress.bars() as report:
        tuner = PromptTuner(
            _backbone(encoder, pieces),
            template,
            _verbalizer(words or []),
            mode=mode,
            reparametrization=reparametrization,
            steps=steps,
            seed=seed,
            progress=report,
        ).fit(texts, labels)
    tuner.save(output, overwrite=overwrite)
    facts = tuner.facts
    print(f"{output}: {len(tuner.classes_)} classes, {facts['trained_parameters']:,} numbers, {facts['steps']} steps")


@app.command()
def predict(
    folder: Annotated[str, typer.Argument(metavar="PROMPTS", help="A folder from 'tune'.", show_default=False)],
    encoder: Encoder,
    pieces: Pieces,
    file: options.File = "-",
    top_k: TopK = 1,
    as_json: AsJson = False,
    text_column: options.TextColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Print a label and its probability for each text."""
    texts = options.read(file, text_column, encoding, encoding_errors, format, allow_empty=True)
    from minent.prompts import PromptTuner

    tuner = PromptTuner.load(folder, _backbone(encoder, pieces))
    print_answers(tuner, texts, top_k=top_k, as_json=as_json)


def _backbone(encoder: str, pieces: str) -> Backbone:
    from minent.encoders import PretrainedEncoder
    from minent.prompts import Backbone
    from minent.tokenizer import Tokenizer

    return Backbone(PretrainedEncoder.load(encoder), Tokenizer.load(pieces))


def _verbalizer(words: list[str]) -> dict[str, str] | None:
    for pair in words:
        if "=" not in pair:
            raise InputError(f"--words is {pair!r}; it takes a class and its words, such as --words positive=good.")
    return dict(pair.split("=", 1) for pair in words) or None
