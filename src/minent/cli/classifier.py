"""The main verbs: fit, predict, test, suggest, compress."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minent.cli import options, progress, tables, work
from minent.cli.answers import AsJson, Coverage, Precision, TopK, likeliest, print_answers, promised
from minent.errors import InputError

if TYPE_CHECKING:
    from minent.classifier import TextClassifier

_STAGE = re.compile(r"-[0-9a-f]{16}\b")  # a stage of a fit carries the digest of what it was made from

Model = Annotated[str, typer.Argument(metavar="MODEL", help="A folder from 'fit'.", show_default=False)]
Pool = Annotated[
    list[str] | None, typer.Option(metavar="FILE", help="Texts of the same kind without labels; may be repeated.")
]
Backbone = Annotated[
    str | None,
    typer.Option(metavar="FOLDER", help="A pretrained model of this machine: a shipped name, or a folder."),
]
Budget = Annotated[float, typer.Option(metavar="S", help="Time to plan for, on two ordinary cores.")]


def fit(
    labelled: options.LabelledFile,
    output: options.Output,
    unlabeled: Pool = None,
    budget_seconds: Budget = 300,
    backbone: Backbone = None,
    seed: options.Seed = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from DIR.partial, where a run was stopped.")] = False,
    overwrite: options.Overwrite = False,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Learn a classifier: train, compare, calibrate, report. Ctrl-C keeps the best so far, or what --resume needs."""
    options.check_output(output, overwrite)
    data = options.read_labelled(labelled, text_column, label_column, encoding, encoding_errors, format)
    options.check_two_classes(data.labels, labelled)
    pool = options.read(unlabeled, text_column, encoding, encoding_errors, None) if unlabeled else ()
    learn(
        data.texts,
        data.labels,
        pool,
        output,
        budget_seconds=budget_seconds,
        seed=seed,
        resume=resume,
        overwrite=overwrite,
        backbone=backbone,
    )
    print(f'try: echo "some text" | minent predict {output}')


def learn(
    texts: Sequence[str],
    labels: Sequence[str | None],
    unlabeled: Iterable[str],
    output: Path,
    *,
    budget_seconds: float,
    seed: int,
    resume: bool = False,
    overwrite: bool = False,
    backbone: str | None = None,
) -> TextClassifier:
    """Fit, save beside a report, and print the ladder; what `fit` and `demo` share."""
    from minent import artifacts, report
    from minent.classifier import TextClassifier

    partial = output.with_name(f"{output.name}.partial")
    classifier = TextClassifier(budget_seconds=budget_seconds, seed=seed, backbone=backbone)
    with artifacts.locked(output):
        work.refuse_foreign(partial, lambda name: _STAGE.search(name) is not None)
        try:
            with progress.bars() as bars:
                classifier.fit(texts, labels, unlabeled, progress=bars, work_folder=partial, resume=resume)
        except KeyboardInterrupt:
            if partial.is_dir():
                print(f"minent: what was finished is in {partial}; --resume goes on from there.", file=sys.stderr)
            raise
        classifier.save(output, overwrite=overwrite)
        report.write(output, output / "report.html")
        artifacts.remove(partial)
    print("\n".join(tables.ladder(classifier.ladder_)))
    print("\n".join(classifier.decision_))
    print(f"model: {output}\nreport: {output / 'report.html'}")
    return classifier


def predict(
    model: Model,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Texts; '-' is stdin. Or a folder of such files.")] = "-",
    top_k: TopK = 1,
    coverage: Coverage = None,
    precision: Precision = None,
    as_json: AsJson = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="For a folder: where the answers go.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="For a folder: pass over files that are answered.")] = False,
    engine: options.EngineName = "local",
    address: options.Address = None,
    text_column: options.TextColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Print a label and its probability for each text."""
    lengths = likeliest(top_k)
    promise = coverage is not None or precision is not None
    if promise and top_k != 1:
        raise InputError(
            "--top-k is given beside --coverage or --precision, which say themselves how many. Leave it out."
        )

    def read(source: str) -> Iterable[str]:
        return options.read(source, text_column, encoding, encoding_errors, format, allow_empty=True)

    folder = Path(file)
    if file == "-" or not folder.is_dir():
        if output is not None:
            raise InputError(f"--output is {output}, but {file} is no folder. Send the answers there with '>'.")
        if resume:
            raise InputError(f"--resume is given, but {file} is no folder, so no answers are kept. Leave it out.")
        texts = read(file)
    elif output is None:
        raise InputError(f"{file}: is a folder. Say with --output where the answers to its files go.")
    from minent import cluster
    from minent.classifier import TextClassifier

    asked = TextClassifier.load(model)
    if promise:
        lengths = promised(asked, coverage, precision)
    with cluster.engine(engine, address) as spread:
        if output is None:
            print_answers(asked, texts, lengths, as_json=as_json, engine=spread)
            return
        from minent.cli.folders import predict_folder

        for path, count in predict_folder(
            asked, folder, output, read, spread, lengths=lengths, as_json=as_json, resume=resume
        ):
            print(f"{path}: {count:,} texts", flush=True)


def measure(
    model: Model,
    labelled: options.LabelledFile,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Measure a classifier on labelled texts that it never saw."""
    data = options.read_labelled(labelled, text_column, label_column, encoding, encoding_errors, format)
    from minent.classifier import TextClassifier
    from minent.cli import scores

    texts, labels, _ = data.split()
    found = scores.measure(TextClassifier.load(model), texts, labels)
    print(json.dumps(found, ensure_ascii=False) if as_json else "\n".join(tables.scores(found)))


def suggest(
    texts: options.Files,
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="Weigh by what this classifier doubts.")] = None,
    labelled: Annotated[str | None, typer.Option(metavar="FILE", help="Texts that have a label already.")] = None,
    count: Annotated[int, typer.Option("--count", "-n", metavar="N", help="How many texts.")] = 20,
    seed: options.Seed = 0,
    text_column: options.TextColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Print the texts to label next as csv, the most telling first."""
    pool = options.read(texts, text_column, encoding, encoding_errors, format)
    known = () if labelled is None else options.read(labelled, text_column, encoding, encoding_errors, None)
    from minent import classifier

    doubted = None if model is None else classifier.TextClassifier.load(model)
    found = classifier.suggest(doubted, pool, count, labelled=known, seed=seed)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["text", "label", "guess", "probability"])
    for one in found:
        writer.writerow([one.text, "", one.label, None if one.probability is None else f"{one.probability:.4f}"])


def compress(
    model: Model,
    output: options.Output,
    texts: Annotated[
        list[str] | None, typer.Option("--texts", metavar="FILE", help="Texts of its kind, to fit to and to judge by.")
    ] = None,
    test: Annotated[
        str | None,
        typer.Option("--test", metavar="FILE", help="Labelled texts to judge by: accuracy before and after."),
    ] = None,
    max_size: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Most bytes, such as 200K or 2M; by default as few as lose half a point."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Accept a larger loss, or one that was not measured.")] = False,
    overwrite: options.Overwrite = False,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Make a classifier smaller while it loses at most half a point of accuracy."""
    from minent import classifier

    options.check_output(output, overwrite)
    most = None if max_size is None else byte_count(max_size)
    similar = options.read(texts, text_column, encoding, encoding_errors, format) if texts else None
    judged = None
    if test is not None:
        data = options.read_labelled(test, text_column, label_column, encoding, encoding_errors, format)
        judged = data.split()[:2]
    smaller = classifier.compress(
        classifier.TextClassifier.load(model), max_bytes=most, texts=similar, test=judged, force=force
    )
    smaller.save(output, overwrite=overwrite)
    print(f"{output}: {tables.sizes(smaller.facts_['sizes'])}")


def byte_count(size: str) -> int:
    """Read a size as a person writes it.

    Example:
        >>> byte_count("2M"), byte_count("1.5k"), byte_count("900")
        (2000000, 1500, 900)
    """
    units = {"k": 1e3, "m": 1e6, "g": 1e9}
    number = size.lower().removesuffix("b")
    try:
        count = int(float(number[:-1]) * units[number[-1]]) if number[-1:] in units else int(number)
    except (ValueError, OverflowError):
        count = 0
    if count < 1:
        raise InputError(f"--max-size is {size!r}; it takes a number of bytes, such as 200K or 2M.")
    return count
