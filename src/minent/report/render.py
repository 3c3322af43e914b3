"""Fill the page: manifest in, HTML out."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from minent import artifacts
from minent.errors import InputError
from minent.report import plots, views, words

KIND, FORMAT = "classifier", 1


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
    if manifest.kind != KIND:
        raise InputError(f"kind is {manifest.kind!r}, but a report is drawn of {KIND!r}. Was another folder meant?")
    page = _environment().get_template("report.html")
    return page.render(
        manifest=manifest, facts=manifest.facts, measured=manifest.measured, summary=views.summary(manifest.facts)
    )


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
    return environment


def _printable(value: Any) -> Any:
    """Whatever the templates put out passes here, and is escaped after: no control character reaches the page."""
    return words.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
