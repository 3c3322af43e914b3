"""A saved tokenizer is mapped, checked whatever its digests say, and works in other threads and processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from minent import artifacts
from minent.errors import ArtifactError, ChangedFileError, FolderExistsError, InputError
from minent.tokenizer import Tokenizer, TokenizerConfig, train
from tests.tokenizer.reference import sentences

LINES = sentences(300)


@pytest.fixture(scope="module")
def made() -> Tokenizer:
    return train(LINES, TokenizerConfig(vocab_size=300)).with_specials(["<s>"])


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory) -> Path:
    made.save(tmp_path_factory.mktemp("made") / "saved")
    return tmp_path_factory.getbasetemp() / next(tmp_path_factory.getbasetemp().glob("made*/saved"))


def test_what_is_loaded_is_mapped(folder, made):
    loaded = Tokenizer.load(folder)
    for array in (loaded._automaton.units, loaded.counts, loaded._pieces.buffer):
        base = array
        while isinstance(base, np.ndarray) and base.base is not None and not isinstance(base, np.memmap):
            base = base.base
        assert isinstance(base, np.memmap) or type(base).__name__ == "mmap"
        assert not array.flags.writeable
    for name, part in made._automaton._asdict().items():
        assert np.array_equal(part, getattr(loaded._automaton, name)), name


def test_folders_of_format_1_are_read(made, tmp_path):
    plain = made.with_specials(())
    with artifacts.writing(tmp_path / "old", kind="tokenizer", format=1) as draft:
        starts = np.cumsum([0, *map(len, plain.pieces)])
        arrays = {"bytes": np.frombuffer(b"".join(plain.pieces), np.uint8), "starts": starts}
        artifacts.save_arrays(
            draft.path / "pieces.safetensors", arrays | {"counts": plain.counts, "scores": plain.scores}
        )
        draft.facts.update(normalization="none")
    assert Tokenizer.load(tmp_path / "old").encode_batch(LINES) == plain.encode_batch(LINES)


@pytest.mark.parametrize("normalization", ["NFC", "nfkc", None])
def test_another_normalization_is_refused(folder, made, tmp_path, normalization):
    with pytest.raises(InputError, match=r"normalization is .*; it takes 'none', 'nfc'"):
        Tokenizer(made.pieces, made.counts, made.scores, normalization=normalization)
    manifest = artifacts.read_manifest(folder)
    with artifacts.writing(tmp_path / "changed", kind="tokenizer", format=2, config=manifest.config) as draft:
        shutil.copy(folder / "pieces.safetensors", draft.path)
        draft.facts.update(manifest.facts | {"normalization": normalization})
    with pytest.raises(ChangedFileError, match="its normalization is not known here"):
        Tokenizer.load(tmp_path / "changed")


def rewritten(folder: Path, to: Path, change) -> Path:
    """A folder whose digests fit, with arrays that somebody changed."""
    manifest = artifacts.read_manifest(folder)
    arrays = {name: array.copy() for name, array in artifacts.load_arrays(folder / "pieces.safetensors").items()}
    change(arrays)
    with artifacts.writing(to, kind="tokenizer", format=2, config=manifest.config) as draft:
        artifacts.save_arrays(draft.path / "pieces.safetensors", arrays)
        draft.facts.update(manifest.facts)
    return to


def put(name: str, place, value):
    def change(arrays):
        arrays[name][place] = value

    return change


def drop(name: str, count: int = 1):
    def change(arrays):
        arrays[name] = arrays[name][:-count]

    return change


def loop(arrays):
    states = np.unique(arrays["units"][arrays["units"] >> np.uint64(32) != 2**32 - 1] & np.uint64(2**32 - 1))
    first, second = (int(state) for state in states[1:3])
    arrays["falls"][first], arrays["falls"][second] = second, first


def far(arrays):
    """Every slot but those of the root names the longest piece, which is longer than what may have been read."""
    root, longest = int(arrays["units"][1]) >> 32, 3 + int(np.diff(arrays["starts"][3:]).argmax())
    arrays["pieces"][np.arange(len(arrays["pieces"])) - root >= 256] = longest
    arrays["pieces"][:root] = longest


def root_piece(arrays):
    arrays["pieces"][(int(arrays["units"][1]) >> 32) + 97] = 299


@pytest.mark.parametrize(
    "change",
    [
        put("units", 5, (1 << 32) + 10**8),
        put("units", 5, 7 << 32),
        put("falls", 9, 2**31),
        loop,
        put("pieces", 5, 10**6),
        put("pieces", 5, -1),
        put("pieces", 5, 1),
        root_piece,
        put("suffixes", 299, 299),
        put("suffixes", 299, 10**6),
        put("suffixes", 299, -1),
        put("suffixes", 299, -9),
        put("suffixes", 10, 11),
        put("starts", 280, 10**9),
        put("starts", 280, 0),
        put("bytes", 7, 8),
        put("scores", 3, np.nan),
        put("scores", 3, -1e308),
        drop("scores"),
        drop("counts"),
        drop("suffixes"),
        drop("units"),
        drop("starts", 40),
        lambda arrays: arrays.pop("falls"),
        lambda arrays: arrays.update(pieces=arrays["pieces"].astype(np.int64)),
        lambda arrays: arrays.update(starts=arrays["starts"].astype(np.int32)),
        lambda arrays: arrays.update(units=arrays["units"].reshape(-1, 1)),
    ],
)
def test_whatever_a_kernel_follows_is_checked(folder, tmp_path, change):
    with pytest.raises(ChangedFileError, match="Do not trust this folder"):
        Tokenizer.load(rewritten(folder, tmp_path / "changed", change))


def test_a_piece_that_begins_before_the_text_is_never_followed(folder, tmp_path):
    """The depth of a slot is not checked on loading, so the loops look themselves."""
    loaded = Tokenizer.load(rewritten(folder, tmp_path / "far", far))
    for text in ("the", "the cat sat on the mat"):
        found = loaded.marginals(text)
        assert found.begins.min() == 0
        assert found.probabilities[found.ends == len(text)].sum() == pytest.approx(1)
        assert all(0 <= id < loaded.vocab_size for seed in range(9) for id in loaded.encode(text, alpha=0, seed=seed))


@pytest.mark.parametrize("header", [b"[]", b"[" * 100_000, b'{"a": []}', b'{"a": {"dtype": "U8"}}'])
def test_a_header_of_another_shape_is_refused(folder, tmp_path, header):
    manifest = artifacts.read_manifest(folder)
    with artifacts.writing(tmp_path / "odd", kind="tokenizer", format=2, config=manifest.config) as draft:
        (draft.path / "pieces.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
        draft.facts.update(manifest.facts)
    with pytest.raises(ChangedFileError):
        Tokenizer.load(tmp_path / "odd")


def test_an_unchanged_rewrite_is_read(folder, tmp_path, made):
    assert Tokenizer.load(rewritten(folder, tmp_path / "same", lambda arrays: None)).encode("the") == made.encode("the")


def test_a_file_cut_at_any_byte_is_refused(folder, tmp_path):
    for name in ("pieces.safetensors", "manifest.json"):
        content = (folder / name).read_bytes().rstrip(b"\n")
        cut = tmp_path / name.partition(".")[0]
        cut.mkdir()
        for other in folder.iterdir():
            (cut / other.name).write_bytes(other.read_bytes())
        for size in {*range(min(len(content), 60)), *range(0, len(content), 4999), len(content) - 1}:
            (cut / name).write_bytes(content[:size])
            with pytest.raises(ArtifactError):
                Tokenizer.load(cut)


def test_damage_under_a_fitting_digest_is_refused_too(folder, tmp_path):
    """Random bytes in the header of the file: an error, never a crash."""
    content = bytearray((folder / "pieces.safetensors").read_bytes())
    manifest, draw = artifacts.read_manifest(folder), np.random.default_rng(0)
    for trial in range(60):
        broken = bytearray(content)
        for place in draw.integers(0, 700, 3):
            broken[place] = draw.integers(0, 256)
        with artifacts.writing(tmp_path / str(trial), kind="tokenizer", format=2, config=manifest.config) as draft:
            (draft.path / "pieces.safetensors").write_bytes(broken)
            draft.facts.update(manifest.facts)
        try:
            loaded = Tokenizer.load(tmp_path / str(trial))
        except ArtifactError:
            continue
        assert loaded.decode(loaded.encode("the cat")) == "the cat"


def save_often(made: Tokenizer, folder: Path) -> int:
    saved = 0
    for _ in range(20):
        try:
            made.save(folder, overwrite=True)
            saved += 1
        except (ArtifactError, FolderExistsError):
            continue
    return saved


def test_two_writers_of_one_folder_leave_one_whole(made, tmp_path):
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        assert sum(pool.map(save_often, [made] * 2, [tmp_path / "shared"] * 2)) > 0
    assert Tokenizer.load(tmp_path / "shared").encode("the cat") == made.encode("the cat")
    assert [path.name for path in tmp_path.iterdir()] == ["shared"]


def encoded(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    return tokenizer.encode_batch(texts)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_encode_the_same(folder, made, method):
    loaded, texts = Tokenizer.load(folder), ["".join(LINES)] * 12
    expected = made.encode_batch(texts)
    with ThreadPoolExecutor(2) as threads:  # a fork must not depend on threads that it does not have
        assert list(threads.map(lambda _: loaded.encode_batch(texts), range(4))) == [expected] * 4
        with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
            assert list(pool.map(encoded, [made, loaded], [texts] * 2)) == [expected] * 2


COLD = """
import json, sys, time
begun = time.perf_counter()
from minent.tokenizer import Tokenizer
tokenizer = Tokenizer.load(sys.argv[1])
texts = json.loads(sys.stdin.read())
ids = tokenizer.encode_batch(texts) + [tokenizer.encode(text) for text in texts]
text = tokenizer.decode(ids[0])
few = "numba" in sys.modules
sent = tokenizer.encode_batch(texts * 400)
print(json.dumps([ids, text, few, "numba" in sys.modules, sent[: len(texts)]]))
"""


def test_a_process_that_encodes_little_loads_no_numba(folder, made):
    texts = [*LINES[:10], "", "é\n\n猫"]
    run = subprocess.run(
        [sys.executable, "-c", COLD, folder], input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    ids, text, few, many, sent = json.loads(run.stdout)
    assert ids == made.encode_batch(texts) * 2
    assert sent == made.encode_batch(texts)
    assert text == texts[0]
    assert (few, many) == (False, True)


TWICE = "import sys; from minent.tokenizer import Tokenizer, plain; plain._BYTES = -1; \
print(sum(map(len, Tokenizer.load(sys.argv[1]).encode_batch([sys.stdin.read()] * 9))))"


def test_two_processes_fill_one_cache_of_kernels(folder, made, tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-c", TWICE, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    running = [subprocess.Popen(command, **pipes) for _ in range(2)]
    found = {process.communicate("".join(LINES))[0].strip() for process in running}
    assert found == {str(9 * made.count("".join(LINES)))}
    assert list((tmp_path / "cache").rglob("kernels.segment*.nbc"))
