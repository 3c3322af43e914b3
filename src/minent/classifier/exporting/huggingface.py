"""The folder that `AutoTokenizer` and `AutoModelForSequenceClassification` load, with the code of its model in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minent import artifacts
from minent.classifier.exporting.ngrams import FIRST, Ngrams
from minent.classifier.linear import LinearModel

CODE = "modeling_minent.py"
_MODEL = "MinentForSequenceClassification"


def write(folder: Path, model: LinearModel, ngrams: Ngrams, classes: Sequence[str]) -> None:
    """Write `config.json`, `model.safetensors` and the modelling code into a folder.

    Args:
        folder: An empty folder.
        model: The linear model.
        ngrams: Its n-grams in ids.
        classes: The labels, in the order of its columns.
    """
    vocab_size = FIRST + len(ngrams.units)
    config = {
        "model_type": "minent-ngrams",
        "architectures": [_MODEL],
        "auto_map": {
            "AutoConfig": f"{Path(CODE).stem}.MinentNgramConfig",
            "AutoModelForSequenceClassification": f"{Path(CODE).stem}.{_MODEL}",
        },
        "vocab_size": vocab_size,
        "pad_token_id": 0,
        "ngram_counts": [len(ids) for ids in ngrams.ids],
        "transform": model.transform.kind,
        "length": model.transform.length,
        "calibration_temperature": model.temperature,
        "id2label": dict(enumerate(classes)),
        "label2id": {label: place for place, label in enumerate(classes)},
        "problem_type": "single_label_classification",
        "dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / CODE).write_bytes(Path(__file__).with_name(CODE).read_bytes())
    idf = np.ones(len(model.vocabulary), np.float32) if model.transform.idf is None else model.transform.idf
    arrays = {f"keys_{size}": _keys(ids, vocab_size) for size, ids in enumerate(ngrams.ids, start=1)}
    arrays |= {"weight": model.weights[ngrams.columns], "bias": model.bias, "idf": idf[ngrams.columns]}
    artifacts.save_arrays(folder / "model.safetensors", arrays)


def _keys(ids: np.ndarray, vocab_size: int) -> np.ndarray:
    """One whole number per n-gram: its ids as digits to the base of the vocabulary, so it rises as they do."""
    digits = np.array([vocab_size**place for place in reversed(range(ids.shape[1]))], np.int64)
    return ids @ digits
