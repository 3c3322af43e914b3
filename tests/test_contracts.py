"""One table, every stage: the promises that all of them make alike.

Same seed, same digest. Load gives what save had. The wrong kind, a newer format, a changed or missing file are refused
by name. Empty input is an error, a single text and any script are not. What the caller handed in is left as it was. A
crash while saving leaves no half folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minent
from minent import artifacts
from minent.errors import (
    ArtifactError,
    ChangedFileError,
    FolderExistsError,
    InputError,
    NewerFormatError,
    WrongKindError,
)
from tests.folders import resign, rewrite

GOOD = [
    "a fine film, warm and funny",
    "wonderful acting and a moving story",
    "très beau, j'adore",
    "好看的电影，值得一看",
]
BAD = [
    "dull, cold and far too long",
    "a tired plot and wooden acting",
    "très mauvais, quel ennui",
    "难看的电影，浪费时间",
]
TEXTS = (GOOD + BAD) * 4
LABELS = (["good"] * 4 + ["bad"] * 4) * 4


def make_tokenizer(texts: list[str]) -> Any:
    from minent import tokenizer

    return tokenizer.train(texts, tokenizer.TokenizerConfig(vocab_size=300))


def make_vectors(texts: list[str]) -> Any:
    from minent import vectors

    pieces = make_tokenizer(texts)
    ids, starts = pieces.encode_arrays(texts)
    return vectors.train(ids, starts, vocab_size=pieces.vocab_size, config=vectors.VectorsConfig(dim=8))


def make_encoder(texts: list[str]) -> Any:
    from minent import encoders

    pieces = make_tokenizer(texts)
    ids, starts = pieces.encode_arrays(texts)
    shape = encoders.EncoderConfig(vocab_size=pieces.vocab_size, dim=16, layers=1, max_length=64)
    return encoders.pretrain(ids, starts, shape, encoders.PretrainConfig(steps=3, batch_size=4))


def make_prompts(texts: list[str]) -> Any:
    from minent import prompts

    labels = LABELS[: len(texts)]
    return prompts.PromptTuner(prompts.Backbone(make_encoder(TEXTS), make_tokenizer(TEXTS)), steps=3).fit(texts, labels)


def make_clusters(texts: list[str]) -> Any:
    from minent.capsules import SoftKMeans

    return SoftKMeans(n_clusters=1 if len(texts) < 2 else 2, n_init=1).fit(rows_of(texts))


def make_classifier(texts: list[str]) -> Any:
    return minent.TextClassifier(budget_seconds=10).fit(texts, LABELS[: len(texts)], unlabeled=TEXTS)


def rows_of(texts: list[str]) -> np.ndarray:
    """Letter counts: rows of numbers that anybody can make from texts."""
    return np.array([[text.count(letter) for letter in "aeiou好难"] for text in texts], dtype=np.float64).reshape(-1, 7)


def token_rows(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    return make_tokenizer(TEXTS).encode_arrays(texts)


@dataclass(frozen=True)
class Stage:
    """How one stage is made, what it answers, and how it is loaded."""

    kind: str
    make: Callable[[list[str]], Any]
    answer: Callable[[Any], Any]
    load: Callable[[Path], Any] = minent.load
    single: bool = True


def load_prompts(folder: Path) -> Any:
    from minent import prompts

    return prompts.PromptTuner.load(folder, prompts.Backbone(make_encoder(TEXTS), make_tokenizer(TEXTS)))


STAGES = {
    stage.kind: stage
    for stage in [
        Stage(
            "tokenizer", make_tokenizer, lambda it: np.concatenate(it.encode_arrays([*TEXTS, "ünseen \x00 text 新"]))
        ),
        Stage("vectors", make_vectors, lambda it: it.embed(*token_rows(TEXTS))),
        Stage("encoder", make_encoder, lambda it: it.embed(*token_rows(TEXTS))),
        Stage("prompts", make_prompts, lambda it: it.predict_proba(TEXTS), load_prompts, single=False),
        Stage("capsules", make_clusters, lambda it: it.predict_proba(rows_of(TEXTS))),
        Stage("classifier", make_classifier, lambda it: it.predict_proba(TEXTS), single=False),
    ]
}


@pytest.fixture(scope="module", params=list(STAGES))
def stage(request: pytest.FixtureRequest) -> Stage:
    return STAGES[request.param]


@pytest.fixture(scope="module")
def made(stage: Stage) -> Any:
    return stage.make(list(TEXTS))


@pytest.fixture
def saved(stage: Stage, made: Any, tmp_path: Path) -> Path:
    made.save(tmp_path / "saved")
    return tmp_path / "saved"


def test_every_kind_has_its_row() -> None:
    assert set(STAGES) == set(minent.KINDS)


def test_load_gives_what_save_had(stage: Stage, made: Any, saved: Path) -> None:
    loaded = stage.load(saved)
    assert type(loaded) is type(made)
    np.testing.assert_array_equal(stage.answer(loaded), stage.answer(made))


def test_a_loaded_one_saves_the_same(stage: Stage, saved: Path, tmp_path: Path) -> None:
    stage.load(saved).save(tmp_path / "again")
    assert artifacts.read_manifest(tmp_path / "again").digest == artifacts.read_manifest(saved).digest


def test_same_seed_same_digest(stage: Stage, saved: Path, tmp_path: Path) -> None:
    stage.make(list(TEXTS)).save(tmp_path / "twin")
    twin, manifest = artifacts.read_manifest(tmp_path / "twin"), artifacts.read_manifest(saved)
    assert twin.files == manifest.files
    assert twin.facts == manifest.facts
    assert twin.digest == manifest.digest


def test_other_texts_other_digest(stage: Stage, saved: Path, tmp_path: Path) -> None:
    stage.make(TEXTS[:24]).save(tmp_path / "other")
    assert artifacts.read_manifest(tmp_path / "other").digest != artifacts.read_manifest(saved).digest


def test_the_wrong_kind_is_refused_by_name(stage: Stage, made: Any, tmp_path: Path) -> None:
    with artifacts.writing(tmp_path / "note", kind="note", format=1):
        pass
    with pytest.raises(WrongKindError, match="'note'"):
        stage.load(tmp_path / "note")


def test_a_newer_format_is_refused_by_name(stage: Stage, saved: Path) -> None:
    rewrite(saved, format=999)
    with pytest.raises(NewerFormatError, match="999"):
        stage.load(saved)


def test_a_changed_or_missing_file_is_refused_by_name(stage: Stage, saved: Path) -> None:
    name = next(iter(artifacts.read_manifest(saved).files))
    content = (saved / name).read_bytes()
    (saved / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ChangedFileError, match="digest"):
        stage.load(saved)
    (saved / name).unlink()
    with pytest.raises(ChangedFileError, match="missing"):
        stage.load(saved)


def test_files_that_the_manifest_does_not_name_are_not_read(stage: Stage, saved: Path) -> None:
    for name in artifacts.read_manifest(saved).files:
        if name.endswith(".safetensors"):
            files = artifacts.read_manifest(saved).files
            rewrite(saved, files={other: told for other, told in files.items() if other != name})
            with pytest.raises(ArtifactError, match=f"names no '{name}'"):
                stage.load(saved)
            rewrite(saved, files=files)
    stage.load(saved)


def test_signed_arrays_that_do_not_fit_each_other_are_one_clear_error(stage: Stage, saved: Path) -> None:
    """Every array of every file in turn: one row too few, and one axis too many."""
    for path in sorted(saved.glob("*.safetensors")):
        arrays = artifacts.load_arrays(path)
        for name, array in arrays.items():
            free = name in ("prompts", "deep")  # as many prompts as there are: a shorter table is one too
            for other in [array[None], *([] if free else [array[:-1]])]:
                artifacts.save_arrays(path, {**arrays, name: other})
                resign(saved)
                with pytest.raises(ArtifactError, match=saved.name):
                    pytest.fail(f"{path.name}: {name} of shape {other.shape} was taken for {stage.load(saved)}")
        artifacts.save_arrays(path, arrays)
    resign(saved)
    stage.load(saved)


def test_nothing_is_pickled(saved: Path) -> None:
    for path in saved.rglob("*"):
        if path.is_file():
            assert path.suffix in {".json", ".jsonl", ".txt", ".md", ".safetensors", ".html", ".tsv", ".model"}, path
            assert not path.read_bytes().startswith((b"\x80\x04", b"\x80\x05"))


def test_an_existing_folder_is_refused(made: Any, saved: Path) -> None:
    with pytest.raises(FolderExistsError, match="overwrite"):
        made.save(saved)
    made.save(saved, overwrite=True)


def test_a_crash_while_saving_leaves_no_half_folder(made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("minent.artifacts.saving._write_manifest", fail)
    with pytest.raises(ArtifactError, match="No space left"):
        made.save(tmp_path / "half")
    assert not list(tmp_path.iterdir())


def test_empty_input_is_an_error(stage: Stage) -> None:
    with pytest.raises(InputError):
        stage.make([])


def test_a_single_text_is_enough(stage: Stage) -> None:
    if not stage.single:
        with pytest.raises(InputError, match=r"one class|1 class"):
            stage.make(["nur ein Satz, 一句话, un seul texte. " * 3])
        return
    stage.make(["nur ein Satz, 一句话, un seul texte. " * 30])


def test_inputs_are_left_as_they_were(stage: Stage) -> None:
    texts = list(TEXTS)
    stage.make(texts)
    assert texts == TEXTS
