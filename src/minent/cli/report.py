"""`minent report`: one saved classifier as a page, or several side by side."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from minent.cli import options
from minent.errors import InputError

if TYPE_CHECKING:
    from minent.artifacts import Manifest
    from minent.report import Run, Trial

_LISTED = 500  # errors on a page


def report(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL", help="Folders from 'fit'; several are compared.", show_default=False),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to; by default MODEL/report.html, or comparison.html of several.",
        ),
    ] = None,
    test: Annotated[
        str | None, typer.Option("--test", metavar="FILE", help="Labelled texts to measure on, and to show errors of.")
    ] = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Draw the report of a saved classifier again, or compare several."""
    from minent import artifacts
    from minent import report as room

    path = output or (Path(models[0]) / "report.html" if len(models) == 1 else Path("comparison.html"))
    refuse_other(path)
    trial = room.Trial()
    if test is not None:
        data = options.read_labelled(test, text_column, label_column, encoding, encoding_errors, format)
        texts, labels, _ = data.split()
        trial = room.Trial(Path(test).name, tuple(texts), tuple(labels))
    runs = [_answered(folder, trial) for folder in models]
    page = room.render(runs[0].manifest) if len(runs) == 1 else room.compare(runs, trial)
    artifacts.write_whole(path, page.encode())
    print(f"report: {path}")


def _answered(folder: str, trial: Trial) -> Run:
    """A saved classifier with what it says to the test texts, and what that makes of its facts."""
    from minent import artifacts
    from minent import report as room

    manifest = artifacts.read_manifest(folder, kind="classifier", format=1)
    if not trial.labels:
        return room.Run(folder, manifest)
    from minent.classifier import TextClassifier
    from minent.cli import scores

    model = TextClassifier.load(folder)
    texts, labels = list(trial.texts), list(trial.labels)
    rows = model.predict_proba(texts)
    said = [str(label) for label in model.classes_[rows.argmax(axis=1)]]
    facts = _facts(trial, scores.measure(model, texts, labels), said, rows.max(axis=1).tolist())
    return room.Run(folder, _with(manifest, facts), tuple(said))


def _facts(trial: Trial, found: dict[str, Any], said: list[str], sure: list[float]) -> dict[str, Any]:
    """What a test adds to the facts of a fit: it stands in place of what was held out of the labels."""
    evidence = f"{len(said):,} texts of {trial.source}"
    labels = sorted({*said, *trial.labels})
    place = {label: at for at, label in enumerate(labels)}
    counts = [[0] * len(labels) for _ in labels]
    errors: list[dict[str, Any]] = []
    for text, true, one, probability in zip(trial.texts, trial.labels, said, sure):
        counts[place[true]][place[one]] += 1
        if one != true:
            errors.append({"text": text, "label": true, "predicted": one, "probability": round(probability, 4)})
    errors.sort(key=lambda row: (-row["probability"], row["text"]))
    test = {"source": trial.source, "n": len(said), "errors": len(errors)}
    test |= {name: round(found[name], 4) for name in ("accuracy", "macro_f1", "ece")}
    confusion = {"labels": labels, "counts": counts, "evidence": evidence}
    return {"test": test, "confusion": confusion, "errors": errors[:_LISTED]}


def _with(manifest: Manifest, facts: dict[str, Any]) -> Manifest:
    return dataclasses.replace(manifest, facts={**manifest.facts, **facts})


def refuse_other(path: Path) -> None:
    """Refuse a place where something stands that is no report."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder, but a file is written. Name a file in it.")
    if path.is_file() and not _is_page(path):
        raise InputError(f"{path}: is no report, so it is not replaced. Choose another --output.")


def _is_page(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(15).lower() in (b"<!doctype html>", b"")
