"""Saved folders: whole or not there, and never trusted unread."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minent
from minent import artifacts
from minent.errors import (
    ArtifactError,
    ChangedFileError,
    FolderExistsError,
    NewerFormatError,
    WrongKindError,
)


@dataclass(frozen=True)
class Config:
    size: int = 3


def save(folder: Path, *, text: str = "hello", overwrite: bool = False, seconds: float = 1.0) -> None:
    with artifacts.writing(
        folder, kind="note", format=2, config=Config(), seeds={"all": 7}, overwrite=overwrite
    ) as draft:
        (draft.path / "inner").mkdir()
        (draft.path / "inner" / "text.txt").write_text(text, encoding="utf-8")
        draft.facts["length"] = np.int64(len(text))
        draft.measured["seconds"] = seconds


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    save(tmp_path / "note")
    manifest = artifacts.read_manifest(tmp_path / "note", kind="note", format=2)
    assert manifest.config == {"size": 3}
    assert manifest.seeds == {"all": 7}
    assert manifest.facts == {"length": 5}
    assert list(manifest.files) == ["inner/text.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_any_text_survives_in_the_manifest(tmp_path: Path) -> None:
    text = "é 好 \x00 \u2028 " + b"broken \xff\x80".decode("utf-8", "surrogateescape")
    with artifacts.writing(tmp_path / "note", kind="note", format=2) as draft:
        draft.facts["text"] = text
    assert artifacts.read_manifest(tmp_path / "note").facts["text"] == text


def test_seconds_do_not_enter_the_digest(tmp_path: Path) -> None:
    save(tmp_path / "a", seconds=1.0)
    save(tmp_path / "b", seconds=2.0)
    save(tmp_path / "c", text="other")
    a, b, c = (artifacts.read_manifest(tmp_path / name) for name in "abc")
    assert a.digest == b.digest != c.digest
    assert a.measured != b.measured


@pytest.mark.parametrize(
    ("harm", "error", "words"),
    [
        (lambda folder: (folder / "inner/text.txt").write_text("hellO"), ChangedFileError, "digest"),
        (lambda folder: (folder / "inner/text.txt").write_text("hi"), ChangedFileError, "2 bytes, but 5"),
        (lambda folder: (folder / "inner/text.txt").unlink(), ChangedFileError, "missing"),
        (lambda folder: (folder / "manifest.json").unlink(), ArtifactError, "no manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text("{"), ArtifactError, "damaged"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), ArtifactError, "damaged"),
    ],
)
def test_damage_is_named(tmp_path: Path, harm, error: type[Exception], words: str) -> None:
    save(tmp_path / "note")
    harm(tmp_path / "note")
    with pytest.raises(error, match=words):
        artifacts.read_manifest(tmp_path / "note")


def rewrite(folder: Path, **changes: object) -> None:
    """Change the manifest as an attacker who can compute digests would."""
    path = folder / "manifest.json"
    content = json.loads(path.read_text()) | changes
    body = {name: value for name, value in content.items() if name not in ("measured", "digest")}
    path.write_text(json.dumps(content | {"digest": artifacts.digest_of(body)}))


def test_a_changed_manifest_is_named(tmp_path: Path) -> None:
    save(tmp_path / "note")
    path = tmp_path / "note" / "manifest.json"
    path.write_text(path.read_text().replace('"size": 3', '"size": 4'))
    with pytest.raises(ChangedFileError, match="was changed"):
        artifacts.read_manifest(tmp_path / "note")


def test_wrong_kind_and_newer_format_are_refused_by_name(tmp_path: Path) -> None:
    save(tmp_path / "note")
    with pytest.raises(WrongKindError, match="'note', but 'tokenizer'"):
        artifacts.read_manifest(tmp_path / "note", kind="tokenizer")
    with pytest.raises(NewerFormatError, match="format 2"):
        artifacts.read_manifest(tmp_path / "note", kind="note", format=1)
    with pytest.raises(WrongKindError, match="'note'"):
        minent.load(tmp_path / "note")


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "inner/../../secret", "a\0b"])
def test_no_path_leaves_the_folder(tmp_path: Path, name: str) -> None:
    save(tmp_path / "note")
    (tmp_path / "secret").write_text("x")
    rewrite(tmp_path / "note", files={name: {"bytes": 1, "sha256": artifacts.digest_file(tmp_path / "secret")}})
    with pytest.raises(ChangedFileError, match="outside"):
        artifacts.read_manifest(tmp_path / "note")


def test_no_link_leaves_the_folder(tmp_path: Path) -> None:
    save(tmp_path / "note")
    outside = tmp_path / "outside.txt"
    outside.write_text("hello")
    (tmp_path / "note/inner/text.txt").unlink()
    (tmp_path / "note/inner/text.txt").symlink_to(outside)
    with pytest.raises(ChangedFileError, match="outside"):
        artifacts.read_manifest(tmp_path / "note")


def test_an_existing_folder_is_kept_unless_told(tmp_path: Path) -> None:
    save(tmp_path / "note", text="old")
    with pytest.raises(FolderExistsError, match="overwrite"):
        save(tmp_path / "note", text="new")
    assert (tmp_path / "note/inner/text.txt").read_text() == "old"
    save(tmp_path / "note", text="new", overwrite=True)
    assert (tmp_path / "note/inner/text.txt").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_what_is_no_artifact_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("years of work")
    with pytest.raises(FolderExistsError, match=r"holds no manifest\.json of minent"):
        save(tmp_path / "home", overwrite=True)
    (tmp_path / "home" / "manifest.json").write_text('{"name": "a web app"}')
    with pytest.raises(FolderExistsError, match="of minent"):
        save(tmp_path / "home", overwrite=True)
    assert (tmp_path / "home" / "thesis.txt").read_text() == "years of work"
    (tmp_path / "file").write_text("x")
    with pytest.raises(ArtifactError, match="is a file"):
        artifacts.read_manifest(tmp_path / "file")
    with pytest.raises(FolderExistsError, match="in the way"):
        save(tmp_path / "file", overwrite=True)


def write_half(folder: Path, error: Exception) -> None:
    with artifacts.writing(folder, kind="note", format=2, overwrite=True) as draft:
        (draft.path / "half").write_text("half")
        raise error


def test_an_error_inside_leaves_the_old(tmp_path: Path) -> None:
    save(tmp_path / "note", text="old")
    with pytest.raises(ZeroDivisionError):
        write_half(tmp_path / "note", ZeroDivisionError())
    assert (tmp_path / "note/inner/text.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    save(tmp_path / "real", text="old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    save(tmp_path / "link", text="new", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real/inner/text.txt").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_what_is_refused_early_is_what_writing_refuses(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")  # nothing is there yet
    artifacts.refuse_taken(tmp_path / "link")
    save(tmp_path / "link")
    for refuse in (artifacts.refuse_taken, save):
        with pytest.raises(FolderExistsError, match="real: the folder exists"):
            refuse(tmp_path / "link")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    for refuse in (artifacts.refuse_taken, save):
        with pytest.raises(FolderExistsError, match="in the way"):
            refuse(tmp_path / "round")


def test_seeds_of_any_integer_type_are_saved(tmp_path: Path) -> None:
    with artifacts.writing(tmp_path / "note", kind="note", format=1, seeds={"all": np.int64(3)}):
        pass
    assert artifacts.read_manifest(tmp_path / "note").seeds == {"all": 3}


def test_a_file_that_the_manifest_does_not_name_is_not_read(tmp_path: Path) -> None:
    save(tmp_path / "note")
    (tmp_path / "note" / "beside.txt").write_text("from elsewhere")
    manifest = artifacts.read_manifest(tmp_path / "note")
    assert manifest.file(tmp_path / "note", "inner/text.txt").read_text() == "hello"
    with pytest.raises(ArtifactError, match=r"manifest.json: names no 'beside.txt'"):
        manifest.file(tmp_path / "note", "beside.txt")


def test_an_error_of_what_fills_a_file_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"), artifacts.writing_file(tmp_path / "page") as file:
        file.write((tmp_path / "missing").read_bytes())
    with pytest.raises(TimeoutError), artifacts.writing_file(tmp_path / "page"):
        raise TimeoutError
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("size", [1, 1_000_000])
def test_a_disk_that_fills_under_a_file_names_the_file(tmp_path: Path, monkeypatch, size: int) -> None:
    monkeypatch.setattr(Path, "with_name", lambda _, __: Path("/dev/full"))
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    with pytest.raises(ArtifactError, match=r"page: cannot be written \(No space left"):
        artifacts.write_whole(tmp_path / "page", b"a" * size)


def test_the_bytes_of_a_file_reach_the_disk_before_its_name(tmp_path: Path, monkeypatch) -> None:
    done = []
    replace, fsync = Path.replace, os.fsync
    monkeypatch.setattr(Path, "replace", lambda *given: (done.append("name"), replace(*given)))
    monkeypatch.setattr(os, "fsync", lambda handle: (done.append(os.fstat(handle).st_size), fsync(handle)))
    artifacts.write_whole(tmp_path / "page", b"12345")
    assert done == [5, "name"]


def test_a_single_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    artifacts.write_whole(tmp_path / "page", b"old")
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "page" / "inside", tmp_path / "folder"):
        with pytest.raises(ArtifactError, match="cannot be written"):
            artifacts.write_whole(place, b"new")
    assert (tmp_path / "page").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "page"]


def test_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"cannot write .* free some space"):
        write_half(tmp_path / "note", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert not list(tmp_path.iterdir())


def test_a_file_too_large_for_the_disk_is_one_clear_error(tmp_path: Path) -> None:
    """The kernel itself refuses the write, as on a full disk, in the middle of the arrays."""
    script = (
        "import resource, signal, sys\n"
        "import numpy as np\n"
        "from minent import MinentError, artifacts\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try:\n"
        "    with artifacts.writing(sys.argv[1], kind='note', format=2) as draft:\n"
        "        artifacts.save_arrays(draft.path / 'a.safetensors', {'a': np.zeros(100_000)})\n"
        "except MinentError as error:\n"
        "    sys.exit(str(error))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "note")], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "cannot write" in run.stderr
    assert run.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_killed_writer_leaves_the_old_and_its_leftovers_go(tmp_path: Path) -> None:
    save(tmp_path / "note", text="old")
    script = (
        "import os, signal, sys\n"
        "from minent import artifacts\n"
        "with artifacts.writing(sys.argv[1], kind='note', format=2, overwrite=True) as draft:\n"
        "    (draft.path / 'half').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = subprocess.run([sys.executable, "-c", script, str(tmp_path / "note")], check=False)
    assert run.returncode == -signal.SIGKILL
    assert (tmp_path / "note/inner/text.txt").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    save(tmp_path / "note", text="new", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_a_writer_killed_between_its_two_renames_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "note[1]"  # a name that is a pattern too
    save(folder, text="old")
    script = (
        "import os, pathlib, signal, sys\n"
        "from minent import artifacts\n"
        "rename = pathlib.Path.rename\n"
        "def rename_and_die(self, target):\n"
        "    rename(self, target)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "pathlib.Path.rename = rename_and_die\n"
        "with artifacts.writing(sys.argv[1], kind='note', format=2, overwrite=True) as draft:\n"
        "    (draft.path / 'half').write_text('half')\n"
    )
    run = subprocess.run([sys.executable, "-c", script, str(folder)], check=False)
    assert run.returncode == -signal.SIGKILL
    assert not folder.exists()
    with pytest.raises(FolderExistsError):
        save(folder)
    assert (folder / "inner/text.txt").read_text() == "old"
    save(folder, text="new", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["note[1]"]


def test_a_swap_that_fails_puts_the_old_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "note", text="old")
    rename, calls = Path.rename, []

    def second_fails(self: Path, target: Path) -> None:
        calls.append(self)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        rename(self, target)

    monkeypatch.setattr(Path, "rename", second_fails)
    with pytest.raises(ArtifactError, match="What was there before is untouched"):
        save(tmp_path / "note", text="new", overwrite=True)
    assert (tmp_path / "note/inner/text.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_arrays_keep_values_and_bytes(tmp_path: Path) -> None:
    arrays = {"b": np.arange(6, dtype=np.int64).reshape(2, 3).T, "a": np.array([0.5, np.nan], dtype=np.float32)}
    artifacts.save_arrays(tmp_path / "one.safetensors", arrays)
    artifacts.save_arrays(tmp_path / "two.safetensors", dict(reversed(arrays.items())))
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()
    loaded = artifacts.load_arrays(tmp_path / "one.safetensors")
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype
    (tmp_path / "one.safetensors").write_bytes(b"\x80\x04pickle?")
    with pytest.raises(ArtifactError, match="safetensors"):
        artifacts.load_arrays(tmp_path / "one.safetensors")


@given(st.lists(st.text(), max_size=5), st.lists(st.text(), max_size=5))
def test_text_digests_tell_sequences_apart(left: list[str], right: list[str]) -> None:
    assert (artifacts.digest_texts(left) == artifacts.digest_texts(right)) == (left == right)


def test_array_digests_tell_shape_and_type_apart() -> None:
    array = np.zeros(4, dtype=np.int32)
    digests = {artifacts.digest_arrays(a) for a in (array, array.reshape(2, 2), array.astype(np.int64)[:2], array[:3])}
    assert len(digests) == 4


# --- one run at a time ------------------------------------------------------------------------------------------------


def test_a_place_is_held_by_one_run_and_let_go(tmp_path):
    with artifacts.locked(tmp_path / "model"):
        with pytest.raises(ArtifactError, match=f"process {os.getpid()}"), artifacts.locked(tmp_path / "model"):
            raise AssertionError("two runs hold one place")
        with artifacts.locked(tmp_path / "other"):
            pass
    assert list(tmp_path.iterdir()) == []
    with artifacts.locked(tmp_path / "model"):
        pass


def test_a_lock_that_is_removed_while_it_is_looked_at_is_taken_again(tmp_path, monkeypatch):
    flock, removed = fcntl.flock, []

    def late(handle, how):
        flock(handle, how)
        if not removed:
            removed.append((tmp_path / ".model.lock").unlink())

    monkeypatch.setattr(fcntl, "flock", late)
    exists = type(tmp_path).exists
    monkeypatch.setattr(type(tmp_path), "exists", lambda path: path.suffix == ".lock" or exists(path))
    with artifacts.locked(tmp_path / "model"):
        assert (tmp_path / ".model.lock").read_text() == str(os.getpid())


def test_a_disk_that_is_full_to_the_last_byte_keeps_no_lock(tmp_path, monkeypatch):
    def full(handle, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    refused = pytest.raises(ArtifactError, match=r"model: cannot be written \(No space left on device\)")
    with refused, artifacts.locked(tmp_path / "model"):
        pytest.fail("it was taken")
    assert not list(tmp_path.iterdir())


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("data")
    (tmp_path / ".model.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(ArtifactError, match="cannot be written"), artifacts.locked(tmp_path / "model"):
        pass
    assert (tmp_path / "precious").read_text() == "data"


def test_a_run_that_was_killed_holds_nothing(tmp_path):
    script = (
        "import sys, time; from minent import artifacts\n"
        "with artifacts.locked(sys.argv[1]): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "model")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ArtifactError, match=f"process {holder.pid}"), artifacts.locked(tmp_path / "model"):
            pass
        holder.kill()
        holder.wait()
        with artifacts.locked(tmp_path / "model"):
            pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mistake", [KeyError("matrix"), TypeError("dim"), ValueError("shape"), RuntimeError("sizes")])
def test_a_verified_folder_of_nonsense_is_one_clear_error(mistake):
    with (
        pytest.raises(ArtifactError, match="some/folder: holds what no minent saves"),
        artifacts.understood("some/folder"),
    ):
        raise mistake


def test_what_is_clear_already_and_our_own_bugs_stay_as_they_are():
    with pytest.raises(ArtifactError, match="as it was"), artifacts.understood("some/folder"):
        raise ArtifactError("as it was")
    with pytest.raises(AssertionError), artifacts.understood("some/folder"):
        raise AssertionError


def test_a_kill_while_unfinished_work_is_removed_leaves_none_of_it_under_its_name(tmp_path, monkeypatch):
    work = tmp_path / "model.partial"
    (work / "stage").mkdir(parents=True)
    (work / "stage" / "arrays").write_text("numbers")

    def killed(folder, ignore_errors):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            artifacts.remove(work)
    assert not work.exists()
    (aside,) = tmp_path.iterdir()
    aside.rename(aside.with_name(".model.partial.writing-999999999"))  # of a process that is gone
    work.mkdir()
    artifacts.remove(work)
    assert not list(tmp_path.iterdir())


def test_unfinished_work_in_a_folder_that_nobody_may_write_goes_file_by_file(tmp_path, monkeypatch):
    (tmp_path / "model.partial").mkdir()
    monkeypatch.setattr(Path, "rename", lambda path, target: (_ for _ in ()).throw(PermissionError()))
    artifacts.remove(tmp_path / "model.partial")
    assert not list(tmp_path.iterdir())
