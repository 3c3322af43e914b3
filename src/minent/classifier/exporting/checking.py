"""Does what was exported say what the model says? Asked of the files on disk, from text to probabilities."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minent.classifier.linear import LinearModel
from minent.errors import ArtifactError, MissingExtraError

TOLERANCE = 1e-4
_BATCH_IDS = 20_000

Answers = tuple[list[str], np.ndarray]  # the label and the probabilities of each text


@dataclass(frozen=True)
class Check:
    """How near an export is to its model.

    Attributes:
        texts: How many were asked.
        largest_difference: Between two probabilities, of any label and text.
        labels_differ: Texts with another label, though their two best are further apart than the tolerance.
    """

    texts: int
    largest_difference: float
    labels_differ: int


def compare(model: LinearModel, classes: Sequence[str], texts: Sequence[str], answer: Answers) -> Check:
    """Compare answers with those of the model.

    Args:
        model: The model.
        classes: Its labels.
        texts: What was asked.
        answer: What was said.

    Raises:
        ArtifactError: They differ by more than `TOLERANCE`, or in a label that is no tie.
    """
    labels, probabilities = answer
    said = model.probabilities(texts)
    difference = float(np.abs(said - probabilities).max(initial=0.0))
    best = np.sort(said, axis=1)
    clear = best[:, -1] - best[:, -2] > 2 * TOLERANCE
    others = int((clear & (np.array(classes)[said.argmax(axis=1)] != np.array(labels))).sum())
    if not difference <= TOLERANCE or others:
        worst = int(np.abs(said - probabilities).max(axis=1).argmax())
        raise ArtifactError(
            f"the export differs from the model by {difference:.2g} in a probability and in {others} of {len(texts)} "
            f"labels; {TOLERANCE:g} and none are allowed. The worst is text {worst}, {texts[worst][:60]!r}. Nothing "
            f"was written. This is a bug of the export: please report it."
        )
    return Check(len(texts), difference, others)


def ask_onnx(folder: Path, texts: Sequence[str]) -> Answers:
    """Answers of `model.onnx` under onnxruntime, through `tokenizer.json` under tokenizers."""
    try:
        import onnxruntime
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtraError(f"{error.name} is not installed; pip install 'minent[onnx]' brings it.") from error
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])

    def ask(batch: list[str]) -> tuple[Any, Any]:
        rows = [row.ids for row in tokenizer.encode_batch(batch)]
        ids = np.array(rows, np.int64).reshape(len(batch), -1)
        labels, probabilities = session.run(["label", "probabilities"], {"input_ids": ids})
        return labels.tolist(), probabilities

    return _in_batches(ask, texts)


def ask_transformers(folder: Path, texts: Sequence[str]) -> Answers:
    """Answers of the folder under transformers; its code is our own file, so it is not loaded from there."""
    try:
        import torch
        from transformers import PreTrainedTokenizerFast

        from minent.classifier.exporting.modeling_minent import MinentForSequenceClassification
    except ImportError as error:
        raise MissingExtraError(f"{error.name} is not installed; pip install 'minent[hf]' brings it.") from error
    with _without_bars():
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        model = MinentForSequenceClassification.from_pretrained(folder).eval()

    def ask(batch: list[str]) -> tuple[Any, Any]:
        with torch.inference_mode():
            given = tokenizer(batch, padding=True, truncation=False, return_tensors="pt")
            probabilities = model(**given).logits.softmax(-1).numpy()
        return [model.config.id2label[place] for place in probabilities.argmax(axis=1).tolist()], probabilities

    return _in_batches(ask, texts)


@contextmanager
def _without_bars() -> Iterator[None]:
    """Load in silence, and leave the setting as it was."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _in_batches(ask: Callable[[list[str]], tuple[Any, Any]], texts: Sequence[str]) -> Answers:
    """Ask texts of like length together, so that a long one pads few; answers come in the order of the texts."""
    labels: dict[int, str] = {}
    rows: dict[int, np.ndarray] = {}
    for places in _batches(texts):
        said, probabilities = ask([texts[place] for place in places])
        labels.update(zip(places, said))
        rows.update(zip(places, probabilities))
    order = range(len(texts))
    return [labels[place] for place in order], np.array([rows[place] for place in order])


def _batches(texts: Sequence[str]) -> Iterator[list[int]]:
    batch: list[int] = []
    for place in sorted(range(len(texts)), key=lambda place: len(texts[place])):
        if batch and (len(batch) == 32 or len(batch) * len(texts[place]) > _BATCH_IDS):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
