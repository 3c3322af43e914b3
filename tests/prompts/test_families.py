"""Backbones of other families: what the prompts see in them is what the models themselves say."""

from __future__ import annotations

import json
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from minent.artifacts import read_manifest
from minent.errors import ArtifactError, InputError, MissingExtraError
from minent.prompts import PromptTuner, load_backbone, text_features
from tests.prompts import families

SPEAKING = ["bert", "roberta", "albert", "distilbert", "gpt2", "llama"]
CAUSAL = ("gpt2", "llama")
KINDS = {"vowels": "aeiou", "consonants": "bcdfg"}


def sentences(count: int, seed: int) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(seed)
    labels = [list(KINDS)[i % 2] for i in range(count)]
    return [" ".join(rng.choice(list(KINDS[label] + "xyz"), rng.integers(3, 9))) for label in labels], labels


TRAIN, TEST = sentences(16, seed=1), sentences(40, seed=2)
OUTPUT_WEIGHTS = ("predictions.bias", "lm_head.bias", "vocab_projector.bias", "model.lm_head.weight")
WORDS = {"vowels": "good", "consonants": "bad"}


@pytest.fixture(scope="module", name="folders")
def _folders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made: dict[str, Path] = {}

    def folder_of(family: str) -> Path:
        if family not in made:
            made[family] = families.save(family, tmp_path_factory.mktemp(family))
        return made[family]

    return folder_of


@pytest.fixture(scope="module", name="backbones")
def _backbones(folders: Any) -> Any:
    made: dict[str, Any] = {}

    def backbone_of(family: str) -> Any:
        if family not in made:
            made[family] = load_backbone(folders(family))
        return made[family]

    return backbone_of


def plain_logits(folder: Path, family: str, ids: list[int]) -> torch.Tensor:
    """What the model itself says of ids, by its own embeddings."""
    model = getattr(transformers, families.MODELS[family]).from_pretrained(folder, local_files_only=True).eval()
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits[0]


@pytest.mark.parametrize("family", SPEAKING)
def test_prompts_that_copy_words_say_what_the_model_says(folders: Any, backbones: Any, family: str) -> None:
    backbone = backbones(family)
    template = "{p:a e}{text}{p: was}{mask}" if family in CAUSAL else "{p:a e}{mask}{p:was}{text}"
    tuner = PromptTuner(backbone, template, WORDS, labels="words", steps=0).fit(*TRAIN)
    encode, body = backbone.encode, backbone.body
    words = [encode(" " * backbone.spaces_lead + WORDS[name]).tolist() for name in tuner.classes_]
    for text in ("b c x", "o i u e a x"):
        tokens = encode(text).tolist()
        if family in CAUSAL:
            ids = [*body.opening, *encode("a e"), *tokens, *encode(" was")]
            place = len(ids) - 1
        else:
            ids = [*body.opening, *encode("a e"), body.mask_id, *encode("was"), *tokens, *body.closing]
            place = ids.index(body.mask_id)
        logits = plain_logits(folders(family), family, ids)[place]
        wanted = torch.stack([logits[several].mean() for several in words]).softmax(0).numpy()
        np.testing.assert_allclose(tuner.predict_proba([text])[0], wanted, atol=2e-6)


@pytest.mark.parametrize("family", [*SPEAKING, "bert-encoder", "electra"])
def test_a_row_alone_says_what_it_says_beside_longer_ones(backbones: Any, family: str) -> None:
    tuner = PromptTuner(backbones(family), steps=2).fit(*TRAIN)
    texts = ["a", "b c d x y z a e i", "", "x y"]
    together = tuner.predict_proba(texts)
    alone = np.concatenate([tuner.predict_proba([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=2e-6)
    assert np.isfinite(together).all()


@pytest.mark.parametrize("family", [*SPEAKING, "bert-encoder"])
@pytest.mark.parametrize("options", [{}, {"mode": "all", "body_rate": 1e-3}], ids=["prompts", "all"])
def test_it_learns_and_changes_only_what_it_names(backbones: Any, family: str, options: dict) -> None:
    backbone = backbones(family)
    before = {name: weight.clone() for name, weight in backbone.body.state_dict().items()}
    tuner = PromptTuner(backbone, steps=40, weight_decay=0.1, **options).fit(*TRAIN)
    losses = tuner.facts["losses"]
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:3])
    assert all(torch.equal(weight, before[name]) for name, weight in backbone.body.state_dict().items())
    tuned = tuner._model
    assert tuned is not None
    states = {part["name"]: part["state"] for part in tuner.facts["weights"]}
    assert states["prompts.table"] == states["head.vectors"] == "trained at 0.01"
    if options:
        assert states["body.*"] == "trained at 0.001"
        still = {name for name, weight in tuned.body.named_parameters() if torch.equal(weight, before[name])}
        unused = {name for name in still if "pooler" in name or name.endswith(OUTPUT_WEIGHTS)}
        assert still == unused  # no label is read through them
    else:
        assert states["body.*"] == "frozen"
        assert len(tuner.facts["losses"]) == 40
        assert tuned.body is backbone.body


@pytest.mark.parametrize("family", ["bert", "gpt2", "bert-encoder"])
@pytest.mark.parametrize("options", [{}, {"mode": "all"}, {"deep": True}], ids=["prompts", "all", "deep"])
def test_load_gives_what_save_had_and_refuses_another_backbone(
    backbones: Any, tmp_path: Path, family: str, options: dict
) -> None:
    tuner = PromptTuner(backbones(family), steps=3, **options).fit(*TRAIN)
    tuner.save(tmp_path / "tuned")
    loaded = PromptTuner.load(tmp_path / "tuned", backbones(family))
    assert np.array_equal(loaded.predict_proba(TEST[0]), tuner.predict_proba(TEST[0]))
    manifest = read_manifest(tmp_path / "tuned")
    assert manifest.inputs["backbone"] == backbones(family).digest
    if not options:
        assert sum(path.stat().st_size for path in (tmp_path / "tuned").iterdir()) < 8000
    other = load_backbone(families.save(family, tmp_path / "other", seed=1))
    with pytest.raises(ArtifactError, match=f"with digest {backbones(family).digest[:12]}, but 'other' with digest"):
        PromptTuner.load(tmp_path / "tuned", other)


@pytest.mark.parametrize("family", ["bert", "roberta", "gpt2", "llama"])
def test_the_number_of_threads_does_not_matter(backbones: Any, family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for threads in ("1", "3"):
        monkeypatch.setenv("MINENT_THREADS", threads)
        tuner = PromptTuner(backbones(family), mode="all", deep=True, auxiliary=0.1, steps=3).fit(*TRAIN)
        seen.append((tuner.facts, tuner.predict_proba(TEST[0]).tobytes()))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("family", ["bert", "roberta", "gpt2", "llama"])
def test_deep_prompts_start_near_the_model_without_and_are_trained(backbones: Any, family: str) -> None:
    one = (["a e x", "a e x"], ["vowels", "consonants"])  # what is averaged over these is exact for them
    words = {"labels": "words", "verbalizer": WORDS, "steps": 0}
    plain, deep = (PromptTuner(backbones(family), deep=deep, **words).fit(*one) for deep in (False, True))
    np.testing.assert_allclose(plain.predict_proba(one[0]), deep.predict_proba(one[0]), atol=2e-6)
    assert np.abs(plain.predict_proba(["b c d"]) - deep.predict_proba(["b c d"])).max() > 1e-4
    tuner = PromptTuner(backbones(family), deep=True, steps=10).fit(*TRAIN)
    assert tuner._model is not None
    assert deep._model is not None
    assert not torch.equal(tuner._model.deep.table, deep._model.deep.table)


def test_a_space_belongs_to_the_word_behind_it(backbones: Any) -> None:
    spoken, plain = backbones("gpt2"), backbones("bert")
    assert spoken.spaces_lead
    assert not plain.spaces_lead
    ids = PromptTuner(spoken, "it was {text} {mask}")._rows(["good"]).ids
    assert spoken.tokenizer.decode(ids) == "it was good"
    assert ids.tolist() == spoken.encode("it was good").tolist()
    label = PromptTuner(spoken, steps=1).fit(*TRAIN).facts["label_words"]["vowels"]
    assert "".join(label) == " vowels"


def test_no_name_and_no_text_is_needed_where_the_class_is_read_from_all_tokens(backbones: Any) -> None:
    labels = ["" if label == "vowels" else label for label in TRAIN[1]]
    tuner = PromptTuner(backbones("bert-encoder"), steps=2).fit(TRAIN[0], labels)
    assert tuner.facts["label_tokens"] == {}
    with pytest.raises(InputError, match="the words of '' have no token"):
        PromptTuner(backbones("bert"), steps=2).fit(TRAIN[0], labels)
    for family in ("gpt2", "llama", "bert"):
        found = text_features(backbones(family), ["", "a e b", "x"])
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found[1], text_features(backbones(family), ["a e b"])[0], atol=2e-6)
    assert not text_features(backbones("gpt2"), [""]).any()


def test_special_tokens_in_a_text_are_letters(backbones: Any) -> None:
    rows = PromptTuner(backbones("bert"), "{text}{mask}")._rows(["a [MASK] [SEP] b"])
    assert (rows.ids == backbones("bert").body.mask_id).sum() == 1
    assert rows.places.tolist() == [[len(rows.ids) - 2]]


def test_the_text_is_shortened_never_the_prompt(backbones: Any) -> None:
    for family, longest in (("bert", 40), ("roberta", 40), ("gpt2", 40)):
        backbone = backbones(family)
        tuner = PromptTuner(backbone, steps=1).fit([*TRAIN[0], "a " * 300], [*TRAIN[1], "vowels"])
        rows = tuner._rows(["b " * 300, "a"])
        assert backbone.body.max_length == longest
        assert rows.lengths[0] == longest
        slots = rows.ids[: rows.starts[1]] >= backbone.body.first_slot
        assert slots.sum() == 8
        assert "1 of 17 texts have more than" in tuner.facts["notes"][0]
        assert np.isfinite(tuner.predict_proba(["b " * 300])).all()


def test_nothing_is_fetched_and_no_code_of_the_folder_is_run(
    folders: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    load_backbone(folders("llama"))
    assert capfd.readouterr() == ("", "")
    folder = shutil.copytree(folders("bert"), tmp_path / "strange")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "strange", "auto_map": {"AutoConfig": "code.Strange"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text("raise SystemExit('code of the folder was run')")
    with pytest.raises(InputError, match="code in the folder is never run"):
        load_backbone(folder)


def test_a_folder_that_lacks_something_is_refused(folders: Any, tmp_path: Path) -> None:
    for number, (missing, message) in enumerate(
        [
            ("tokenizer*", "holds a model without its tokenizer"),
            ("*.safetensors", "holds no safetensors weights, and pickled ones are never read"),
            ("config.json", "neither a manifest.json of minent nor a config.json"),
        ]
    ):
        folder = shutil.copytree(folders("bert"), tmp_path / str(number))
        for path in folder.glob(missing):
            path.unlink()
        with pytest.raises(InputError, match=message):
            load_backbone(folder)
    with pytest.raises(InputError, match="there is no such folder"):
        load_backbone("models/bert-base-uncased")


def test_a_model_that_a_method_cannot_work_on_says_so(folders: Any, backbones: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is an encoder-decoder"):
        load_backbone(folders("t5"))
    for family, why in (("bert-encoder", "saved as BertModel"), ("electra", "were never trained")):
        with pytest.raises(InputError, match=why):
            PromptTuner(backbones(family), labels="words")
        with pytest.raises(InputError, match="head='pooled'"):
            PromptTuner(backbones(family), auxiliary=0.5)
    with pytest.raises(InputError, match=r"\{mask\} has to stand last"):
        PromptTuner(backbones("gpt2"), "{p*4}{mask}{text}")
    with pytest.raises(InputError, match="an empty text leaves nothing"):
        PromptTuner(backbones("gpt2"), "{text}{mask}")
    with pytest.raises(InputError, match="has no masks"):
        PromptTuner(backbones("gpt2"), labels="words", pieces="each")
    with pytest.raises(InputError, match="runs one block many times"):
        PromptTuner(backbones("albert"), deep=True).fit(*TRAIN)


def test_a_head_that_was_never_trained_is_not_read(backbones: Any, tmp_path: Path) -> None:
    folder = families.save("bert-encoder", tmp_path / "mislabelled")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["BertForMaskedLM"]}))
    body = load_backbone(folder).body
    assert not body.speaks
    assert "so they were never trained" in body.mute


def test_without_transformers_the_extra_is_named(folders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.delitem(sys.modules, "minent.prompts.huggingface", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'minent\[hf\]'"):
        load_backbone(folders("bert"))
