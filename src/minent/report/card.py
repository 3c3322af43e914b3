"""The model card: `README.md` beside the model, for whoever finds the folder and asks what it is and what it is not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minent import artifacts
from minent.errors import InputError
from minent.report import views, words

KIND, FORMAT = "classifier", 1
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~@!$&])")
_ADDRESS = re.compile(r"([^\s|`]*(?:://|www\.|@)[^\s|`]*)", re.IGNORECASE)  # `|` and a backtick are no part of any
CARD = "README.md"
_FRONT = "---\nlibrary_name: minent\npipeline_tag: text-classification\ntags:\n- minent\n- text-classification\n---"
_LOAD = """```python
import minent
classifier = minent.load("this-folder")
classifier.predict_proba(["some text"])   # columns in the order of classifier.classes_
```

```
minent predict this-folder < texts.txt    # one label and probability per line
minent report this-folder                 # the whole story as a page
```"""


def card(manifest: artifacts.Manifest) -> str:
    """Describe a saved classifier as Markdown, from its manifest alone.

    Every string of the manifest is escaped, so that none of it becomes markup, a link or a row of a table.

    Args:
        manifest: What `artifacts.read_manifest` gave for a folder of kind `"classifier"`.

    Returns:
        The card. Equal manifests give equal cards, whatever the day and the machine.

    Raises:
        InputError: The manifest is of another kind.

    Source:
        Mitchell et al. (2019), Model Cards for Model Reporting, section 4, for what a card answers.

    Example:
        >>> from minent.artifacts import Manifest
        >>> made = card(Manifest("classifier", 1, "0.1.0", facts={"task": {"classes": ["a|b", "c"], "labelled": 8}}))
        >>> made.splitlines()[10]
        'Sorts texts into 2 classes (a\\\\|b, c), learned from 8 labelled texts.'
    """
    if manifest.kind != KIND:
        raise InputError(f"kind is {manifest.kind!r}, but a card is written of {KIND!r}. Was another folder meant?")
    facts = manifest.facts
    summary = views.summary(facts)
    parts = [
        _FRONT,
        "# A text classifier",
        _plain(summary.what),
        f"**{_plain(summary.quality)}** {_plain(summary.caution)}",
        "## How to load it",
        _LOAD,
        *_labels(facts),
        *_ladder(facts),
        *_calibration(facts),
        *_use(manifest),
        *_provenance(manifest),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def write_card(folder: str | Path) -> None:
    """Write `README.md` into a saved classifier.

    It is no part of what the manifest vouches for, so a person may add to it.

    Args:
        folder: A folder of kind `"classifier"`.

    Raises:
        ArtifactError: No such folder, another kind, a newer format, a changed file, or it cannot be written.
    """
    text = card(artifacts.read_manifest(folder, kind=KIND, format=FORMAT))
    artifacts.write_whole(Path(folder) / CARD, text.encode())


# --- the sections: each gives nothing where its facts are absent ------------------------------------------------------


def _labels(facts: dict[str, Any]) -> list[str]:
    counts = (facts.get("task") or {}).get("class_counts") or {}
    if not counts:
        return []
    recalls = {row["label"]: row["recall"] for row in views.confusion_rows(facts.get("confusion") or {})}
    rows = [[_code(label), words.count(n), words.percent(recalls.get(label), 0)] for label, n in counts.items()]
    evidence = (facts.get("confusion") or {}).get("evidence")
    known = f"Found when held out: {_plain(evidence)}." if evidence else ""
    return ["## Labels", _table(["label", "labelled texts", "found when held out"], rows), known]


def _ladder(facts: dict[str, Any]) -> list[str]:
    rungs = facts.get("ladder") or []
    if not rungs:
        return []
    rows = [
        [
            _plain(rung.get("title") or rung.get("name")),
            words.percent(rung.get("cv_accuracy")),
            words.points(rung.get("cv_spread")),
            words.percent(rung.get("agreement"), 0),
            _used(rung),
        ]
        for rung in rungs
    ]
    return [
        "## What was tried",
        _table(["rung", "accuracy", "spread", "agreement", "used"], rows),
        "Accuracy is cross-validated on the labels, the spread is between repeats, in points; agreement is how often "
        "two models of half the labels each say the same.",
        "\n".join(f"- {_plain(sentence)}" for sentence in facts.get("decision") or []),
    ]


def _used(rung: dict[str, Any]) -> str:
    if rung.get("shipped"):
        return "**shipped**"
    return "in the fusion" if rung.get("in_fusion") else _plain(rung.get("note") or "")


def _calibration(facts: dict[str, Any]) -> list[str]:
    found = facts.get("calibration") or {}
    if not found:
        return []
    error = found.get("ece")
    known = f"Mean error {words.points(error)} points" if error is not None else "Its error was not measured"
    evidence = f" ({_plain(found['evidence'])})" if found.get("evidence") else ""
    temperature = words.decimal(found.get("temperature"), 2)
    how = f" Set by {_plain(found['method'])}; it is {temperature}." if "method" in found else ""
    return ["## Can its probabilities be believed?", f"{known}{evidence}.{how}"]


def _use(manifest: artifacts.Manifest) -> list[str]:
    """What follows from how every such model is made; the rest only its maker knows."""
    labels = len((manifest.facts.get("task") or {}).get("classes") or [])
    limits = [
        "Meant for texts of the kind it learned from. On others its probabilities mean little.",
        f"It always names one of its {labels or 'own'} labels; a text of none of them gets one too.",
        "It reads n-grams. A text that shares none with what it learned from gets the same answer, whatever it says.",
        "What is wrong or unfair in the labels it learned from, it repeats. Test it on every group that it will meet.",
    ]
    if "labelled.jsonl" in manifest.files or manifest.facts.get("errors"):
        limits.append(
            "The folder holds some of the texts it learned from (`labelled.jsonl`, `manifest.json`, `report.html`). "
            "Share it as you would share those."
        )
    return ["## Use and limits", "\n".join(f"- {limit}" for limit in limits)]


def _provenance(manifest: artifacts.Manifest) -> list[str]:
    task, sizes = manifest.facts.get("task") or {}, manifest.facts.get("sizes") or {}
    rows = [["made by", f"minent {_plain(manifest.version)}"]]
    if "labelled" in task:
        beside = f", {words.count(task['unlabelled'])} without a label" if task.get("unlabelled") else ""
        rows.append(["data", f"{words.count(task['labelled'])} labelled texts{beside}"])
    if sizes:
        rows.append(["size", f"{words.bytes_(sizes.get('bytes'))}, {words.count(sizes.get('features'))} n-grams"])
    if manifest.seeds:
        rows.append(["seeds", ", ".join(f"{_plain(name)} {seed}" for name, seed in manifest.seeds.items())])
    rows += [[f"digest of {_plain(name)}", _code(digest)] for name, digest in manifest.inputs.items()]
    if manifest.digest:
        rows.append(["digest", _code(manifest.digest)])
    return ["## Where it comes from", _table(["", ""], rows)]


# --- Markdown ---------------------------------------------------------------------------------------------------------


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: Any) -> str:
    """A text as a run of prose: on one line, and every mark that Markdown or HTML might read is escaped.

    What GitHub would make a link of for itself stands in a code span: it looks for addresses behind the escapes too.
    """
    parts = _ADDRESS.split(" ".join(words.visible(text).split()))
    shown = "".join(_code(part) if at % 2 else _MARKS.sub(r"\\\1", part) for at, part in enumerate(parts))
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", shown)  # at the start, these would begin a list or a heading


def _code(text: Any) -> str:
    """A text as it is, in a code span: its fence is longer than any run of backticks. `|` would end a cell even so."""
    shown = " ".join(words.visible(text).split()) or " "
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    padding = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{fence}{padding}{shown}{padding}{fence}".replace("|", "\\|")
