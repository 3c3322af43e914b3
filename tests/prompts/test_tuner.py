"""The tuner: it learns, changes only what it says, repeats itself, and comes back from the disk as it went."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import minent
from minent.encoders import EncoderConfig, PretrainConfig, pretrain
from minent.errors import ArtifactError, InputError
from minent.prompts import Backbone, PromptEnsemble, PromptTuner, load_backbone
from minent.runtime import Progress

LETTERS = SimpleNamespace(vocab_size=128, encode=lambda text: [min(ord(letter), 127) for letter in text])
KINDS = {"vowels": "aeiou", "consonants": "bcdfg"}


def sentences(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Texts of vowels or of consonants, with letters of neither kind among them."""
    rng = np.random.default_rng(seed)
    labels = [list(KINDS)[i % 2] for i in range(count)]
    return ["".join(rng.choice(list(KINDS[label] + "xyz"), rng.integers(4, 12))) for label in labels], labels


def backbone_of(seed: int) -> Backbone:
    texts, _ = sentences(300, seed=9)
    ids = np.array([token for text in texts for token in LETTERS.encode(text)], dtype=np.int32)
    starts = np.cumsum([0, *map(len, texts)])
    shape = EncoderConfig(vocab_size=128, dim=32, layers=2, max_length=32)
    config = PretrainConfig(steps=60, batch_size=8, learning_rate=1e-2, seed=seed)
    return Backbone(pretrain(ids, starts, shape, config), LETTERS)


@pytest.fixture(scope="module", name="backbone")
def _backbone() -> Backbone:
    return backbone_of(seed=0)


TRAIN, TEST = sentences(16, seed=1), sentences(60, seed=2)
OPTIONS = {
    "plain": {},
    "all": {"mode": "all"},
    "words": {"labels": "words", "verbalizer": {"vowels": "ae", "consonants": "bcd"}, "mode": "all"},
    "mlp": {"reparametrization": "mlp"},
    "lstm": {"reparametrization": "lstm"},
    "entmax": {"loss": "entmax"},
    "auxiliary": {"auxiliary": 0.3, "mode": "all"},
    "anchors": {"template": "It is {mask} . {p*2}{text}{p}"},
    "no slots": {"template": "{text} {mask}"},
    "paper's LSTM": {"reparametrization": "paper-lstm"},
    "staged": {"mode": "staged"},
    "deep": {"deep": True},
    "prototypes": {"labels": "prototypes"},
    "a mask each": {
        "labels": "words",
        "pieces": "each",
        "verbalizer": {"vowels": "ae", "consonants": "b"},
        "mode": "all",
    },
    "several words": {
        "labels": "words",
        "verbalizer": {"vowels": ["a", "e"], "consonants": ["b", "cd"]},
        "mode": "all",
    },
    "found words": {"verbalizer": "found", "mode": "all"},
    "pooled": {"head": "pooled"},
    "twice": {"r_drop": 0.5, "dropout": 0.1, "mode": "all"},
    "noise": {"adversarial": 0.5},
    "from names": {"start": "names"},
    "from words": {"template": "{p:aeiou}{mask}{p*2}{text}"},
    "many slots": {"template": "{p*9}{mask}{p*9}{text}", "mode": "all"},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_it_learns_and_leaves_the_backbone_alone(backbone: Backbone, name: str) -> None:
    before = backbone.pretrained.digest
    tuner = PromptTuner(backbone, steps=60, **OPTIONS[name]).fit(*TRAIN)
    accuracy = np.mean(tuner.predict(TEST[0]) == np.array(TEST[1]))
    assert accuracy >= (0.85 if tuner.options.mode == "all" else 0.75)
    assert tuner.facts["losses"][-1] < 0.85 * tuner.facts["losses"][0]
    assert backbone.pretrained.digest == before
    assert not any(weight.grad is not None for weight in backbone.pretrained.encoder.parameters())
    probabilities = tuner.predict_proba(TEST[0])
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert tuner.classes_.tolist() == ["consonants", "vowels"]


def test_unlabelled_texts_serve_the_parts_that_need_no_label(backbone: Backbone) -> None:
    free, _ = sentences(30, seed=5)
    options = {"auxiliary": 0.2, "adversarial": 0.2, "steps": 5}
    without, beside = (PromptTuner(backbone, **options).fit(*TRAIN, each) for each in (None, free))
    assert without.facts["losses"] != beside.facts["losses"]
    with pytest.raises(InputError, match="nothing reads them"):
        PromptTuner(backbone, steps=1).fit(*TRAIN, free)
    with pytest.raises(InputError, match="no unlabeled texts were given"):
        PromptTuner(backbone, steps=1, calibration="unlabeled").fit(*TRAIN)


@pytest.mark.parametrize("calibration", ["context", "unlabeled"])
def test_calibration_takes_out_what_every_text_gets(backbone: Backbone, calibration: str, tmp_path: Path) -> None:
    words = {"labels": "words", "verbalizer": {"vowels": "a", "consonants": "b"}, "steps": 0}
    free = TEST[0] if calibration == "unlabeled" else None
    plain = PromptTuner(backbone, **words).fit(*TRAIN)
    tuner = PromptTuner(backbone, calibration=calibration, **words).fit(*TRAIN, free)
    probabilities = tuner.predict_proba(free or [""]).astype(float)
    expected = np.log(plain.predict_proba(free or [""]).astype(float))
    expected -= expected.mean(axis=0)
    expected = np.exp(expected) / np.exp(expected).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    if calibration == "context":
        np.testing.assert_allclose(probabilities, 0.5, atol=1e-5)
    tuner.save(tmp_path / "tuned")
    loaded = PromptTuner.load(tmp_path / "tuned", backbone)
    assert np.array_equal(loaded.predict_proba(TEST[0]), tuner.predict_proba(TEST[0]))


def test_pairs_of_texts(backbone: Backbone) -> None:
    rng = np.random.default_rng(0)
    words = ["aaaa", "eeee", "bbbb", "cccc"]
    pairs = [(words[one], words[other]) for one, other in rng.integers(4, size=(60, 2))]
    pairs += [(word, word) for word in words] * 8
    labels = ["same" if one == other else "other" for one, other in pairs]
    tuner = PromptTuner(backbone, "{text}{p}{mask}{p}{text_b}", mode="all", steps=150, body_rate=3e-3)
    tuner.fit(pairs, labels)
    assert np.mean(tuner.predict(pairs) == np.array(labels)) > 0.85
    for wrong in (["aaaa"] * 92, [("a", "b", "c")] * 92, "aaaa"):
        with pytest.raises(InputError, match=r"two strings are needed|one str"):
            tuner.fit(wrong, labels[: len(wrong)])


def test_names_that_say_nothing_start_from_a_probe(backbone: Backbone) -> None:
    coded = {"vowels": "102", "consonants": "201"}
    labels = [coded[label] for label in TRAIN[1]]
    tuner = PromptTuner(backbone, steps=20).fit(TRAIN[0], labels)
    assert tuner.facts["label_start"] == "linear probe"
    assert "The names of '102', '201' say nothing" in tuner.facts["notes"][0]
    assert PromptTuner(backbone, steps=1).fit(*TRAIN).facts["label_start"] == "words"
    with pytest.raises(InputError, match="'102' and '201' have the same tokens"):
        PromptTuner(backbone, labels="words", steps=1).fit(TRAIN[0], labels)
    with pytest.raises(InputError, match="no words for '201'"):
        PromptTuner(backbone, verbalizer={"102": "low"}, steps=1).fit(TRAIN[0], labels)


def test_found_words_are_told(backbone: Backbone) -> None:
    facts = PromptTuner(backbone, verbalizer="found", steps=1).fit(*TRAIN).facts
    tokens = facts["label_tokens"]
    assert [len(ids) for ids in tokens.values()] == [3, 3]
    assert not set(tokens["vowels"]) & set(tokens["consonants"])


def test_an_ensemble_is_the_mean_of_its_tunings(backbone: Backbone, tmp_path: Path) -> None:
    templates = ["{p*2}{mask}{text}", "{text}{p}{mask}"]
    ensemble = PromptEnsemble(backbone, templates, seeds=(0, 7), steps=5, start="random").fit(*TRAIN)
    alone = PromptTuner(backbone, templates[1], seed=7, steps=5, start="random").fit(*TRAIN)
    each = ensemble.each_proba(TEST[0])
    assert each.shape == (4, 60, 2)
    assert np.array_equal(each[3], alone.predict_proba(TEST[0]))
    np.testing.assert_allclose(ensemble.predict_proba(TEST[0]), each.mean(axis=0), atol=1e-7)
    ensemble.save(tmp_path / "many")
    loaded = PromptEnsemble.load(tmp_path / "many", backbone)
    assert np.array_equal(loaded.each_proba(TEST[0]), each)
    assert loaded.predict(TEST[0]).tolist() == ensemble.predict(TEST[0]).tolist()
    assert loaded.facts == ensemble.facts
    with pytest.raises(ArtifactError, match="holds several tunings"):
        PromptTuner.load(tmp_path / "many", backbone)
    alone.save(tmp_path / "one")
    with pytest.raises(ArtifactError, match="holds one tuning"):
        PromptEnsemble.load(tmp_path / "one", backbone)


def test_a_folder_of_the_old_form_is_refused(backbone: Backbone, tmp_path: Path) -> None:
    with minent.artifacts.writing(tmp_path / "old", kind="prompts", format=1):
        pass
    with pytest.raises(ArtifactError, match="in an older form"):
        PromptTuner.load(tmp_path / "old", backbone)


def test_the_number_of_trained_weights(backbone: Backbone) -> None:
    body = sum(weight.numel() for weight in backbone.pretrained.encoder.parameters())
    for options, trained in [
        ({}, 8 * 32 + 2 * 32 + 2),
        ({"labels": "words"}, 8 * 32),
        ({"mode": "all"}, 8 * 32 + 2 * 32 + 2 + body),
    ]:
        assert PromptTuner(backbone, steps=1, **options).fit(*TRAIN).facts["trained_parameters"] == trained


def test_the_same_seed_gives_the_same_tuning(backbone: Backbone) -> None:
    state, texts = torch.get_rng_state(), list(TRAIN[0])
    first = PromptTuner(backbone, steps=5, auxiliary=0.1).fit(*TRAIN)
    torch.rand(1)
    second = PromptTuner(backbone, steps=5, auxiliary=0.1).fit(*TRAIN)
    other = PromptTuner(backbone, steps=5, auxiliary=0.1, seed=1).fit(*TRAIN)
    assert first.facts == second.facts != other.facts
    assert np.array_equal(first.predict_proba(TEST[0]), second.predict_proba(TEST[0]))
    assert texts == TRAIN[0]
    torch.set_rng_state(state)
    PromptTuner(backbone, steps=2).fit(*TRAIN)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_number_of_threads_does_not_matter(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for threads in ("1", "3"):
        monkeypatch.setenv("MINENT_THREADS", threads)
        tuner = PromptTuner(backbone, mode="all", steps=3, auxiliary=0.1).fit(*TRAIN)
        seen.append((tuner.facts, tuner.predict_proba(TEST[0]).tobytes()))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("options", [{}, {"mode": "all", "reparametrization": "lstm", "verbalizer": KINDS}])
def test_load_gives_what_save_had(backbone: Backbone, tmp_path: Path, options: dict) -> None:
    tuner = PromptTuner(backbone, steps=5, **options).fit(*TRAIN)
    tuner.save(tmp_path / "tuned")
    loaded = PromptTuner.load(tmp_path / "tuned", backbone)
    assert np.array_equal(loaded.predict_proba(TEST[0]), tuner.predict_proba(TEST[0]))
    assert loaded.predict(TEST[0]).tolist() == tuner.predict(TEST[0]).tolist()
    assert (loaded.facts, loaded.measured) == (tuner.facts, tuner.measured)
    loaded.save(tmp_path / "again")
    first, again = (minent.artifacts.read_manifest(tmp_path / name) for name in ("tuned", "again"))
    assert first.digest == again.digest
    size = sum(path.stat().st_size for path in (tmp_path / "tuned").iterdir())
    assert (size < 8000) == (tuner.options.mode == "prompts")


def test_another_backbone_is_refused(backbone: Backbone, tmp_path: Path) -> None:
    PromptTuner(backbone, steps=1).fit(*TRAIN).save(tmp_path / "tuned")
    other = backbone_of(seed=1)
    with pytest.raises(
        ArtifactError, match=f"digest {backbone.pretrained.digest[:12]}, but 'minent gmlp 2x32' with digest"
    ):
        PromptTuner.load(tmp_path / "tuned", other)
    with pytest.raises(ArtifactError, match="but none was given"):
        minent.load(tmp_path / "tuned")


def test_weights_that_the_manifest_does_not_name_are_not_read(backbone: Backbone, tmp_path: Path) -> None:
    tuner = PromptTuner(backbone, steps=1).fit(*TRAIN)
    tuner.save(tmp_path / "tuned")
    (tmp_path / "tuned" / "backbone-0.safetensors").write_bytes(b"slipped in by somebody")
    loaded = PromptTuner.load(tmp_path / "tuned", backbone)
    assert np.array_equal(loaded.predict_proba(TEST[0]), tuner.predict_proba(TEST[0]))


def test_ctrl_c_keeps_what_was_learnt(backbone: Backbone) -> None:
    def report(event: Progress) -> None:
        if event.done == 3:
            raise KeyboardInterrupt

    tuner = PromptTuner(backbone, steps=9, progress=report).fit(*TRAIN)
    assert tuner.facts["stopped"] == "stopped by the user after 3 of 9 steps"
    assert len(tuner.predict(TEST[0])) == 60


def test_a_staged_tuning_that_was_stopped_early_has_no_backbone_of_its_own(backbone: Backbone, tmp_path: Path) -> None:
    def report(event: Progress) -> None:
        raise KeyboardInterrupt

    tuner = PromptTuner(backbone, mode="staged", steps=9, progress=report).fit(*TRAIN)
    tuner.save(tmp_path / "tuned")
    assert not list((tmp_path / "tuned").glob("backbone*"))
    loaded = PromptTuner.load(tmp_path / "tuned", backbone)
    assert np.array_equal(loaded.predict_proba(TEST[0]), tuner.predict_proba(TEST[0]))


def test_odd_texts(backbone: Backbone) -> None:
    tuner = PromptTuner(backbone, steps=2).fit([*TRAIN[0], "", "é" * 500], [*TRAIN[1], "third", "third"])
    assert np.isfinite(tuner.predict_proba(["", "a" * 1000, "漢字", "\0"])).all()
    assert tuner.predict_proba([]).shape == (0, 3)
    assert tuner.predict([]).shape == (0,)
    together, alone = tuner.predict_proba(["ab", "a" * 20]), tuner.predict_proba(["ab"])
    np.testing.assert_allclose(together[:1], alone, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "al"}, "Did you mean 'all'"),
        ({"loss": "hinge"}, "loss is 'hinge'"),
        ({"steps": -1}, "steps is -1"),
        ({"steps": 2.5}, "steps is 2.5; it takes a whole number"),
        ({"batch_size": None}, "batch_size is None"),
        ({"max_length": "9"}, "max_length is '9'"),
        ({"prompt_rate": "fast"}, "prompt_rate is 'fast'; it takes a plain number"),
        ({"dropout": float("nan")}, "dropout is nan"),
        ({"mode": 3}, "mode is 3; it takes one of"),
        ({"auxiliary": float("nan")}, "auxiliary is nan"),
        ({"template": "{text}"}, "exactly once is needed, where the class"),
        ({"template": "{mask}"}, r"\{text\} stands 0 times"),
        ({"template": "{p}{mask}{text}", "head": "pooled"}, "leave {mask} out"),
        ({"head": "pooled", "labels": "words"}, "reads no words"),
        ({"pieces": "each"}, "set labels='words'"),
        ({"r_drop": 0.1}, "Set dropout=0.1"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"verbalizer": "good"}, "words for each class, or 'found'"),
        ({"template": "{mask}{text}", "deep": True}, "has no slot"),
        ({"template": "{mask}{text}", "labels": "words"}, "nothing can be trained"),
    ],
)
def test_a_wrong_choice_is_refused(backbone: Backbone, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PromptTuner(backbone, **options)


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["a"], ["x", "y"], "1 texts and 2 labels"),
        (["a", "b"], ["x", "x"], "name 1 class"),
        (["a", None], ["x", "y"], r"texts\[1\] is None"),
        (["a", "b"], ["x", 2], r"labels\[1\] is 2 \(int\)"),
        ([], [], "name 0 class"),
    ],
)
def test_wrong_labels_are_refused(backbone: Backbone, texts: list, labels: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PromptTuner(backbone).fit(texts, labels)


def test_not_fitted_and_the_wrong_tokenizer(backbone: Backbone) -> None:
    with pytest.raises(InputError, match="not fitted yet"):
        PromptTuner(backbone).predict(["a"])
    with pytest.raises(InputError, match=r"Load it with load_backbone"):
        PromptTuner(None)
    with pytest.raises(InputError, match="the tokenizer has 9 ids"):
        Backbone(backbone.pretrained, SimpleNamespace(vocab_size=9, encode=list))


def test_a_saved_encoder_is_loaded_with_its_tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from minent.tokenizer import TokenizerConfig, train

    texts, _ = sentences(200, seed=3)
    tokenizer = train(texts, TokenizerConfig(vocab_size=300))
    ids, starts = tokenizer.encode_arrays(texts)
    shape = EncoderConfig(vocab_size=tokenizer.vocab_size, dim=16, layers=1, max_length=32)
    encoder = pretrain(ids, starts, shape, PretrainConfig(steps=2, batch_size=4))
    encoder.save(tmp_path / "encoder")
    with pytest.raises(ArtifactError, match="an encoder without its tokenizer"):
        load_backbone(tmp_path / "encoder")
    tokenizer.save(tmp_path / "pieces")
    named = load_backbone(tmp_path / "encoder", tmp_path / "pieces")
    encoder.save(tmp_path / "models" / "whole", tokenizer=tokenizer)
    monkeypatch.setenv("MINENT_MODELS", str(tmp_path / "models"))
    inside = load_backbone("whole")
    tuners = [PromptTuner(each, steps=2).fit(*TRAIN) for each in (named, inside)]
    assert named.digest == inside.digest == encoder.digest
    assert tuners[0].predict_proba(TEST[0]).tobytes() == tuners[1].predict_proba(TEST[0]).tobytes()
    assert tuners[0].facts["label_words"]["vowels"]
