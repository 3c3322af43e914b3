"""Encoders that are shipped: found by name, checked, in fewer bytes, next to equal."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import minent
from minent import artifacts
from minent.encoders import EncoderConfig, PretrainConfig, PretrainedEncoder, find_pretrained, finding, pretrain
from minent.encoders.quantise import packed, unpacked
from minent.errors import ArtifactError, ChangedFileError, InputError, WrongKindError
from minent.tokenizer import Tokenizer, TokenizerConfig, train

TEXTS = ["so it goes", "and so it went", "the cat sat on the mat", "好看的电影"] * 30


@pytest.fixture(scope="module", name="tokenizer")
def _tokenizer() -> Tokenizer:
    return train(TEXTS, TokenizerConfig(vocab_size=400))


@pytest.fixture(scope="module", name="made")
def _made(tokenizer: Tokenizer) -> PretrainedEncoder:
    shape = EncoderConfig(vocab_size=tokenizer.vocab_size, dim=64, layers=2, max_length=32)
    return pretrain(*tokenizer.encode_arrays(TEXTS), shape, PretrainConfig(steps=20, learning_rate=5e-3))


@pytest.fixture(name="home")
def _home(tmp_path: Path, made: PretrainedEncoder, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINENT_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    made.quantised("int8").save(tmp_path / "models" / "small", tokenizer=tokenizer, files={"README.md": b"# small\n"})
    return tmp_path


def test_a_name_and_a_folder_find_the_same(home: Path, tokenizer: Tokenizer) -> None:
    folder = find_pretrained("small")
    assert folder == home / "models" / "small" == find_pretrained(home / "models" / "small")
    assert finding.pretrained_names() == ["small"]
    assert isinstance(minent.load(folder), PretrainedEncoder)
    assert Tokenizer.load(folder / "tokenizer").encode("so it goes") == tokenizer.encode("so it goes")
    assert (folder / "README.md").read_text() == "# small\n"
    assert {"README.md", "tokenizer/manifest.json"} <= artifacts.read_manifest(folder).files.keys()


def test_a_name_is_looked_for_in_every_place(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "empty").mkdir()
    monkeypatch.setattr(finding, "places", lambda: [home / "none", home / "empty", home / "models"])
    assert find_pretrained("small") == home / "models" / "small"


def test_a_folder_here_comes_before_a_shipped_name(home: Path, made: PretrainedEncoder, tokenizer: Tokenizer) -> None:
    made.save(home / "small", tokenizer=tokenizer)
    assert find_pretrained("small") == Path("small")
    assert find_pretrained(str(home / "models" / "small")) == home / "models" / "small"


def test_what_is_not_there_or_not_whole_is_refused(home: Path, made: PretrainedEncoder) -> None:
    with pytest.raises(InputError, match=r"There is .small.\. Did you mean .small."):
        find_pretrained("smal")
    with pytest.raises(ArtifactError, match="there is no such folder"):
        find_pretrained("models/large")
    made.save(home / "bare")
    with pytest.raises(ArtifactError, match="without its tokenizer"):
        find_pretrained("bare")
    shutil.copytree(home / "models" / "small" / "tokenizer", home / "bare" / "tokenizer")
    with pytest.raises(ArtifactError, match="without its tokenizer"):  # the manifest does not name it
        find_pretrained("bare")
    with pytest.raises(WrongKindError, match="'tokenizer'"):
        find_pretrained(home / "models" / "small" / "tokenizer")
    pieces = home / "models" / "small" / "tokenizer" / "pieces.tsv"
    pieces.write_bytes(pieces.read_bytes()[:-1] + b"!")
    with pytest.raises(ChangedFileError, match=r"pieces\.tsv"):
        find_pretrained("small")


@pytest.mark.parametrize(("weights", "share"), [("float16", 0.55), ("int8", 0.32)])
def test_fewer_bytes_and_next_to_the_same_answers(
    weights: str, share: float, made: PretrainedEncoder, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    small = made.quantised(weights)
    assert small.digest != made.digest
    ids, starts = tokenizer.encode_arrays(TEXTS[:4])
    before, after = made.embed(ids, starts), small.embed(ids, starts)
    cosine = (before * after).sum(axis=1) / np.linalg.norm(before, axis=1) / np.linalg.norm(after, axis=1)
    assert cosine.min() > 0.99  # of vectors whose common part was taken out
    assert not np.array_equal(before, after)
    made.save(tmp_path / "whole")
    small.save(tmp_path / "small")
    sizes = [(tmp_path / name / "weights.safetensors").stat().st_size for name in ("whole", "small")]
    assert sizes[1] < share * sizes[0]
    loaded = PretrainedEncoder.load(tmp_path / "small")
    assert loaded.weights == weights
    assert loaded.digest == small.digest == small.quantised(weights).digest
    assert torch.equal(loaded.encoder.embedding.weight, small.encoder.embedding.weight)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 999), scale=st.sampled_from([1e-30, 1e-6, 1.0, 1e4, 1e30]), zero=st.booleans())
def test_packing_is_close_and_packs_to_itself(seed: int, scale: float, zero: bool) -> None:
    rng = np.random.default_rng(seed)
    rows = (rng.normal(size=(16, 256)) * scale * rng.lognormal(size=(16, 1))).astype(np.float32)
    rows[0] *= not zero
    first = packed({"w": rows}, "int8")
    again = unpacked(first)["w"]
    bound = 0.5 * np.abs(rows).max(axis=1, keepdims=True) / 127 * (1 + 2**-10)
    assert (np.abs(again - rows) <= bound).all()
    second = packed({"w": again}, "int8")
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_an_unknown_type_is_refused(made: PretrainedEncoder) -> None:
    with pytest.raises(InputError, match="it takes one of 'float32', 'float16', 'int8'"):
        made.quantised("int4")


def test_a_folder_of_format_one_loads(made: PretrainedEncoder, tmp_path: Path) -> None:
    config = {"encoder": made.config, "pretrain": made.pretrain_config}
    with artifacts.writing(tmp_path / "old", kind="encoder", format=1, config=config) as draft:
        made.save(tmp_path / "new")
        for name in ("weights.safetensors", "pooling.safetensors"):
            (draft.path / name).write_bytes((tmp_path / "new" / name).read_bytes())
        draft.facts.update(made.facts)
    loaded = PretrainedEncoder.load(tmp_path / "old")
    assert (loaded.digest, loaded.weights) == (made.digest, "float32")
    assert dataclasses.replace(loaded, measured=made.measured, inputs=made.inputs).facts == made.facts
