"""Fill the page: manifest in, HTML out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from minent import artifacts
from minent.errors import InputError
from minent.report import comparing, plots, views, words
from minent.report.comparing import Run, Trial

KIND, FORMAT = "classifier", 1
_COMPARISONS = ("label_rows", "pair_rows", "run_rows", "rung_rows", "text_rows")
_TEMPLATES = Path(__file__).parent / "templates"
_SCRIPT = (_TEMPLATES / "filter.js").read_text(encoding="utf-8")
# The one script that may run in a page: what is named by its digest, wherever the page is shown.
SCRIPT_POLICY = f"script-src 'sha256-{base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()}'"


def render(manifest: artifacts.Manifest) -> str:
    """Draw the manifest of a saved classifier as one HTML page.

    Every section is left out where its facts are absent, and says so in a sentence where they are empty. Every string
    of the manifest is escaped.

    Args:
        manifest: What `artifacts.read_manifest` gave for a folder of kind `"classifier"`.

    Returns:
        The page, complete in itself. Equal manifests give equal pages.

    Raises:
        InputError: The manifest is of another kind.

    Example:
        >>> from minent.artifacts import Manifest
        >>> render(Manifest("classifier", 1, "0.1.0", facts={"decision": ["a < b"]})).count("a &lt; b")
        1
    """
    _check_kind(manifest)
    page = _environment().get_template("report.html")
    return page.render(
        manifest=manifest, facts=manifest.facts, measured=manifest.measured, summary=views.summary(manifest.facts)
    )


def compare(runs: Sequence[Run], trial: Trial | None = None) -> str:
    """Draw several classifiers side by side as one HTML page.

    Args:
        runs: Two or more, each with another name.
        trial: The test texts that every run answered; None compares what each knows of itself.

    Returns:
        The page, complete in itself.

    Raises:
        InputError: Fewer than two runs, a name twice, another kind, or a run that did not answer every test text.

    Example:
        >>> from minent.artifacts import Manifest
        >>> runs = [Run(name, Manifest("classifier", 1, "0.1.0"), (name, "b")) for name in ("a", "b")]
        >>> page = compare(runs, Trial("a test", ("one", "two"), ("a", "b")))
        >>> "a is right most often: on 100.0\u202f% of 2 test texts, 50.0 points above b." in page
        True
    """
    trial = trial or Trial()
    if len(runs) < 2 or len({run.name for run in runs}) < len(runs):
        raise InputError(f"runs are {[run.name for run in runs]}; it takes two or more, each with another name.")
    for run in runs:
        _check_kind(run.manifest)
        if not len(run.said) == len(trial.texts) == len(trial.labels):
            raise InputError(f"{run.name} answers {len(run.said)} of {len(trial.texts)} test texts; it takes all.")
    return (
        _environment()
        .get_template("compare.html")
        .render(
            runs=runs,
            trial=trial,
            headline=comparing.headline(runs, trial),
            shown_texts=comparing.SHOWN_TEXTS,
            **{name: getattr(comparing, name) for name in _COMPARISONS},
        )
    )


def describe_tokenizer(
    facts: dict[str, Any], vocabulary: dict[str, Any], files: Sequence[tuple[str, dict[str, Any]]] = ()
) -> str:
    """Draw what `minent tokenizer stats` says as one HTML page.

    Args:
        facts: Of the training: `vocab_size`, and `bytes`, `texts` and `bytes_per_token` where they are known.
        vocabulary: What the pieces are: `length`, `script`, `holds`, `longest`, `wasteful`.
        files: The name of each file that was measured, and how it is written in tokens.

    Returns:
        The page, complete in itself.

    Example:
        >>> pieces = {"length": {"1": 256}, "script": {}, "holds": {}, "longest": [], "wasteful": []}
        >>> "<h1>259 ids.</h1>" in describe_tokenizer({"vocab_size": 259}, pieces)
        True
    """
    page = _environment().get_template("tokenizer.html")
    return page.render(facts=facts, vocabulary=vocabulary, files=files)


def _check_kind(manifest: artifacts.Manifest) -> None:
    if manifest.kind != KIND:
        raise InputError(f"kind is {manifest.kind!r}, but a report is drawn of {KIND!r}. Was another folder meant?")


def write(folder: str | Path, path: str | Path) -> None:
    """Verify a saved classifier and write its report to `path`, whole or not at all.

    Args:
        folder: A folder of kind `"classifier"`.
        path: The HTML file, replaced when it is there.

    Raises:
        ArtifactError: No such folder, another kind, a newer format, a changed file, or `path` cannot be written.

    Example:
        >>> write("no-such-folder", "report.html")
        Traceback (most recent call last):
            ...
        minent.errors.ArtifactError: no-such-folder: there is no such folder. Check the path.
    """
    page = render(artifacts.read_manifest(folder, kind=KIND, format=FORMAT))
    artifacts.write_whole(Path(path), page.encode())


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("minent.report"),
        autoescape=True,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({name: getattr(words, name) for name in words.FILTERS})
    environment.globals.update({name: getattr(plots, name) for name in plots.PLOTS})
    environment.globals.update({name: getattr(views, name) for name in views.VIEWS})
    environment.globals["most_classes"] = views.MOST_CLASSES
    environment.globals.update(script=Markup(_SCRIPT), script_policy=Markup(SCRIPT_POLICY))  # both are ours
    return environment


def _printable(value: Any) -> Any:
    """Whatever the templates put out passes here, and is escaped after: no control character reaches the page."""
    return words.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
