"""A classifier for other runtimes: an ONNX graph, or a folder that Hugging Face transformers loads.

Both read ids and carry the tokenizer that makes them, so text goes in without minent. An export proves itself: 1,000
texts go through the files on disk, in the runtime they are meant for, and nothing is left there unless every
probability is what the model says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from minent import artifacts
from minent.classifier.exporting import checking, graph, huggingface, ngrams, probes, tokenizer
from minent.classifier.exporting.checking import Check
from minent.classifier.task import checked_texts
from minent.errors import InputError, did_you_mean, listing

if TYPE_CHECKING:
    from minent.classifier.estimator import TextClassifier

# What writes the model into a folder, and what asks it there.
_WAYS: dict[str, tuple[Callable[..., None], Callable[..., checking.Answers]]] = {
    "onnx": (graph.write, checking.ask_onnx),
    "huggingface": (huggingface.write, checking.ask_transformers),
}
FORMATS = tuple(_WAYS)
_VERSION = 1


def export(
    classifier: TextClassifier,
    folder: str | Path,
    *,
    format: str,
    texts: Iterable[str] | None = None,
    overwrite: bool = False,
) -> Check:
    """Write a classifier for another runtime, and check there that it says the same.

    `"onnx"` writes `model.onnx` (`input_ids` int64 (texts, length), padded with 0, to `label` (texts,) and
    `probabilities` float32 (texts, classes)) and `tokenizer.json`; it needs the extra `onnx`. `"huggingface"` writes
    what `AutoTokenizer` and `AutoModelForSequenceClassification` load, and needs the extra `hf`.

    Args:
        classifier: A fitted one.
        folder: The target.
        format: One of `FORMATS`.
        texts: More texts to check on, beside 1,000 that are drawn from what the classifier knows.
        overwrite: Replace an export that is there.

    Returns:
        How many texts were asked and the largest difference between two probabilities, at most 1e-4.

    Raises:
        InputError: Not fitted, an unknown format, no n-gram to write, or a label that is no valid Unicode.
        ArtifactError: The answers differ, or the folder cannot be written.
        FolderExistsError: The target is taken.
        MissingExtraError: The runtime is not installed.

    Example:
        >>> import tempfile
        >>> from minent.classifier import TextClassifier
        >>> texts = ["so good", "good fun", "very good", "so bad", "bad fun", "very bad"]
        >>> classifier = TextClassifier(budget_seconds=5).fit(texts, ["+", "+", "+", "-", "-", "-"])
        >>> found = export(classifier, f"{tempfile.mkdtemp()}/hub", format="huggingface")
        >>> found.texts, found.largest_difference <= 1e-4
        (1000, True)
    """
    if format not in FORMATS:
        raise InputError(f"format is {format!r}; it is one of {', '.join(FORMATS)}.{did_you_mean(format, FORMATS)}")
    model, classes = classifier._fitted().model_, [str(label) for label in classifier.classes_]
    broken = [label for label in classes if not ngrams.is_unicode(label)]
    if broken:
        raise InputError(f"the labels {listing(broken)} are no valid Unicode, so no file can name them. Rename them.")
    spelt = ngrams.spell(model.vocabulary)
    asked = probes.draw(model.vocabulary, [text for text, _ in classifier.examples_])
    asked += [text for text in checked_texts(texts or (), "texts") if ngrams.is_unicode(text)]
    with artifacts.writing(
        folder, kind=f"classifier-{format}", format=_VERSION, config={"classes": classes}, overwrite=overwrite
    ) as draft:
        draft.inputs.update(classifier.inputs_)
        for name, text in tokenizer.files(model.vocabulary.script, spelt.units).items():
            (draft.path / name).write_text(text, encoding="utf-8")
        (draft.path / "README.md").write_bytes(Path(__file__).with_name(f"readme-{format}.md").read_bytes())
        write, ask = _WAYS[format]
        write(draft.path, model, spelt, classes)
        found = checking.compare(model, classes, asked, ask(draft.path, asked))
        draft.facts["check"] = asdict(found)
    return found


__all__ = ["FORMATS", "Check", "export"]
