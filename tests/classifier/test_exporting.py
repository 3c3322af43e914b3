"""An export says what the model says: text to ids, ids to probabilities, in the runtimes it is meant for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minent import TextClassifier, artifacts
from minent.classifier import compress, export
from minent.classifier.exporting import FORMATS, checking, graph, huggingface, ngrams, probes, tokenizer
from minent.classifier.features import Vocabulary, as_read
from minent.classifier.features import ngrams as read_ngrams
from minent.classifier.linear import LinearModel, RowTransform
from minent.classifier.pruning import rounded
from minent.errors import ArtifactError, FolderExistsError, InputError, MissingExtraError

SPACED = ["Don't rock the boat", "the old boat, the OLD sea", "ΟΔΟΣ ΣΑΣ: rock!", "naïve İstanbul — ok?"] * 2
UNSPACED = ["很好用，不错", "不 好用\n很 好", "ABC 很好", "\udc80很好"] * 2
TEXTS = ["", "the boat", "很好", "Don't\u3000ROCK the   sea!!", "不好用 不好用", "unknown words alone"]


def model_of(script: str, kind: str, classes: int = 3) -> TextClassifier:
    """A classifier with drawn weights, so that every n-gram of every class counts."""
    random = np.random.default_rng(7)
    vocabulary = Vocabulary.learn(SPACED if script == "spaced" else UNSPACED)
    assert vocabulary.script == script
    idf = random.uniform(1, 5, len(vocabulary)).astype(np.float32) if kind == "tfidf" else None
    weights = random.normal(size=(len(vocabulary), 2)) @ random.normal(size=(2, classes))
    model = LinearModel(
        vocabulary, RowTransform(kind, idf, 4.0), weights.astype(np.float32), np.arange(classes, dtype=np.float32), 0.7
    )
    facts = {"features": {}, "calibration": {}, "decision": []}
    made = TextClassifier()
    made._adopt(model, [f"label {place}" for place in range(classes)], facts, {}, {}, [(text, "") for text in SPACED])
    return made


def with_mixtures(classifier):
    classifier.model_ = rounded(classifier.model_)
    return classifier


MODELS = {
    "words, tf-idf": lambda: model_of("spaced", "tfidf"),
    "words, length": lambda: model_of("spaced", "length"),
    "characters, tf-idf": lambda: model_of("unspaced", "tfidf"),
    "characters, length": lambda: model_of("unspaced", "length"),
    "8 bits": lambda: compress(model_of("unspaced", "length"), force=True),
    "8 bits, mixtures": lambda: with_mixtures(model_of("spaced", "tfidf", classes=24)),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("format", FORMATS)
def test_the_files_say_what_the_model_says(name, format, tmp_path):
    classifier = MODELS[name]()
    assert "8 bits" not in name or "steps" in classifier.model_.packed
    assert "mixtures" not in name or "mixture" in classifier.model_.packed
    found = export(classifier, tmp_path / "out", format=format, texts=[*TEXTS, "\udc80"])
    assert found.texts == 1000 + len(TEXTS)
    assert found.largest_difference < 1e-5
    assert found.labels_differ == 0
    manifest = artifacts.read_manifest(tmp_path / "out", kind=f"classifier-{format}")
    assert manifest.facts["check"]["largest_difference"] == found.largest_difference
    ask = checking.ask_onnx if format == "onnx" else checking.ask_transformers
    labels, probabilities = ask(tmp_path / "out", TEXTS)
    np.testing.assert_allclose(probabilities, classifier.predict_proba(TEXTS), atol=1e-5)
    assert labels == classifier.predict(TEXTS).tolist()


def test_onnx_keeps_labels_in_its_metadata_and_padding_says_nothing(tmp_path):
    import onnxruntime

    classifier = model_of("spaced", "length")
    export(classifier, tmp_path / "out", format="onnx")
    session = onnxruntime.InferenceSession(tmp_path / "out" / "model.onnx")
    assert json.loads(session.get_modelmeta().custom_metadata_map["labels"]) == classifier.classes_.tolist()
    ids = np.array([[5, 6, 7, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
    _, padded = session.run(None, {"input_ids": ids})
    _, bare = session.run(None, {"input_ids": ids[:1, :3]})
    _, nothing = session.run(None, {"input_ids": ids[:, :0]})
    np.testing.assert_allclose(padded[:1], bare, atol=1e-7)
    np.testing.assert_allclose(padded[1], nothing[1], atol=1e-7)


def test_what_transformers_masks_is_not_read(tmp_path):
    import torch
    import transformers

    from minent.classifier.exporting.modeling_minent import MinentForSequenceClassification

    export(model_of("spaced", "length"), tmp_path / "out", format="huggingface")
    model = MinentForSequenceClassification.from_pretrained(tmp_path / "out")
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path / "out")
    ids = tokenizer("the boat don't rock", return_tensors="pt").input_ids
    masked = model(ids, attention_mask=torch.tensor([[1, 1, 0, 0]])).logits
    assert torch.equal(masked, model(ids[:, :2]).logits)
    assert not torch.equal(masked, model(ids).logits)
    assert torch.equal(model(ids, return_dict=False)[0], model(ids).logits)


LOADED_ALONE = """
import json, sys
sys.modules["minent"] = None            # the folder must need none of it
sys.stdout.reconfigure(encoding="utf-8")
import torch, transformers
folder, texts = sys.argv[1], json.load(sys.stdin)
tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
with torch.inference_mode():
    whole = model(**tokenizer(texts, padding=True, return_tensors="pt"))
classify = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None)
again = sys.argv[2]
model.save_pretrained(again); tokenizer.save_pretrained(again)
model = transformers.AutoModelForSequenceClassification.from_pretrained(again, trust_remote_code=True)
first = torch.zeros(len(texts), dtype=torch.long)
loss = model(**tokenizer(texts, padding=True, return_tensors="pt"), labels=first).loss
loss.backward()
print(json.dumps({
    "probabilities": whole.logits.softmax(-1).tolist(), "labels": [model.config.id2label[i] for i in range(3)],
    "piped": [{one["label"]: one["score"] for one in row} for row in classify(texts, batch_size=2)],
    "loss": loss.item(), "trains": bool(model.weight.grad.abs().sum() > 0),
}))
"""


def test_transformers_loads_the_folder_without_minent(tmp_path):
    classifier = model_of("spaced", "tfidf")
    export(classifier, tmp_path / "out", format="huggingface")
    texts = [text for text in probes.draw(classifier.model_.vocabulary, TEXTS, 60) if text.strip()]
    quiet = {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "home"),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    run = subprocess.run(
        [sys.executable, "-c", LOADED_ALONE, tmp_path / "out", tmp_path / "again"],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **quiet},
    )
    assert (run.returncode, run.stdout[:1]) == (0, "{"), run.stdout + run.stderr
    said, wanted = json.loads(run.stdout), classifier.predict_proba(texts)
    assert said["labels"] == classifier.classes_.tolist()
    np.testing.assert_allclose(said["probabilities"], wanted, atol=1e-5)
    piped = [[row[label] for label in classifier.classes_] for row in said["piped"]]
    np.testing.assert_allclose(piped, wanted, atol=1e-5)
    assert said["loss"] == pytest.approx(-np.log(wanted[:, 0]).mean(), abs=1e-5)
    assert said["trains"]


# Letters that Unicode gained after the version of the older of the two libraries are lowered by one of them only.
NASTY = "aA'’ΣςσİIßẞǅ很好用ไ\u0301\u0345 \t\x1c\x85\u3000.,-[]PADUNK\x00🙂\u00ad:"


def _words(text: str, script: str) -> list[str]:
    """The units of a text, taken from its n-grams: those of one unit."""
    grams = read_ngrams(text, script)
    return [gram for gram in grams if " " not in gram] if script == "spaced" else list(as_read(text, script))


@pytest.mark.parametrize("script", ["spaced", "unspaced"])
@given(data=st.data())
def test_the_tokenizer_reads_as_the_analyser_does(script, data):
    import tokenizers

    text = data.draw(st.text(NASTY, max_size=40))
    units = sorted(set(_words(text, script)))
    told = tokenizers.Tokenizer.from_str(tokenizer.files(script, units)["tokenizer.json"])
    assert [units[id - ngrams.FIRST] for id in told.encode(text).ids] == _words(text, script)
    fewer = tokenizers.Tokenizer.from_str(tokenizer.files(script, units[1:])["tokenizer.json"])
    known = [ngrams.UNKNOWN if unit == units[0] else units.index(unit) + 1 for unit in _words(text, script)]
    assert fewer.encode(text).ids == known


def test_spaces_are_those_of_python():
    found = re.compile(f"[{tokenizer.SPACES}]")
    assert [c for c in map(chr, range(0x110000)) if bool(found.match(c)) != c.isspace()] == []


@pytest.mark.parametrize("script", ["spaced", "unspaced"])
def test_the_end_of_a_long_text_is_not_read(script):
    import tokenizers

    told = tokenizers.Tokenizer.from_str(tokenizer.files(script, ["a", "b", "σ", "ς"])["tokenizer.json"])
    assert told.encode("a." * 9_999 + "aΣbbb").ids.count(3) == 0
    assert len(told.encode("好" * 20_000 + "b").ids) == (1 if script == "spaced" else 20_000)


def test_ngrams_are_spelt_in_rising_ids():
    spelt = ngrams.spell(Vocabulary("unspaced", ["ba", "a", "ab", "aba", "\ud800a", "c "]))
    assert spelt.units == [" ", "a", "b", "c"]
    assert [rows.tolist() for rows in spelt.ids] == [[[3]], [[3, 4], [4, 3], [5, 2]], [[3, 4, 3]]]
    assert spelt.columns.tolist() == [1, 2, 0, 5, 3]
    keys = [huggingface._keys(rows, 6).tolist() for rows in spelt.ids]
    assert keys == [[3], [22, 27, 32], [3 * 36 + 4 * 6 + 3]]
    with pytest.raises(InputError, match="'a b c d' has 4 units"):
        ngrams.spell(Vocabulary("spaced", ["a b c d"]))


def test_what_differs_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    keys = huggingface._keys
    monkeypatch.setattr(huggingface, "_keys", lambda ids, vocab_size: keys(ids, vocab_size) + (ids.shape[1] == 2))
    with pytest.raises(ArtifactError, match=r"differs from the model by 0\.\d+ in a probability and in \d+ of 1000"):
        export(model_of("spaced", "tfidf"), tmp_path / "out", format="huggingface")
    assert list(tmp_path.iterdir()) == []


def test_another_label_is_refused_unless_it_is_a_tie():
    model = model_of("spaced", "length").model_
    said = model.probabilities(["the boat"])
    with pytest.raises(ArtifactError, match="in 1 of 1 labels"):
        checking.compare(model, ["x", "y", "z"], ["the boat"], (["none"], said))
    even = LinearModel(model.vocabulary, model.transform, model.weights * 0, model.bias * 0)
    tie = even.probabilities(["the boat"])
    assert checking.compare(even, ["x", "y", "z"], ["the boat"], (["z"], tie)).labels_differ == 0
    with pytest.raises(ArtifactError, match="differs from the model by nan"):
        checking.compare(even, ["x", "y", "z"], ["the boat"], (["z"], tie * np.nan))


def test_wrong_asks_name_their_cure(tmp_path, monkeypatch):
    classifier = model_of("spaced", "length")
    with pytest.raises(InputError, match="Did you mean 'onnx'"):
        export(classifier, tmp_path / "out", format="onxx")
    with pytest.raises(InputError, match="not fitted"):
        export(TextClassifier(), tmp_path / "out", format="onnx")
    broken = TextClassifier()
    broken._adopt(classifier.model_, ["a", "b", "\udc80"], {}, {}, {})
    with pytest.raises(InputError, match=r"the labels '\\udc80' are no valid Unicode"):
        export(broken, tmp_path / "out", format="onnx")
    with pytest.raises(InputError, match="knows no n-gram"):
        ngrams.spell(Vocabulary("unspaced", ["\udc80"]))
    for name, extra in (("onnx", "onnx"), ("transformers", "hf")):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, None)
            patch.delitem(sys.modules, "minent.classifier.exporting.modeling_minent", raising=False)
            with pytest.raises(MissingExtraError, match=rf"minent\[{extra}\]"):
                export(classifier, tmp_path / "out", format="onnx" if extra == "onnx" else "huggingface")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    with pytest.raises(FolderExistsError):
        export(classifier, tmp_path / "mine", format="onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_probes_are_as_many_as_asked_the_same_each_time_and_reach_beyond_the_end():
    vocabulary = Vocabulary.learn(SPACED)
    drawn = probes.draw(vocabulary, SPACED)
    assert len(drawn) == 1000
    assert drawn == probes.draw(vocabulary, SPACED)
    assert drawn[: len(SPACED)] == SPACED
    assert max(map(len, drawn)) > 20_000
    assert len(set(drawn)) > 900
    assert [len(probes.draw(vocabulary, SPACED, count)) for count in (0, 1, 5, 13)] == [0, 1, 5, 13]


def test_graph_is_the_same_each_time():
    model = model_of("spaced", "tfidf").model_
    made = [graph.build(model, ngrams.spell(model.vocabulary), ["x", "y", "z"]) for _ in range(2)]
    assert made[0].SerializeToString(deterministic=True) == made[1].SerializeToString(deterministic=True)
