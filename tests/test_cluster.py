"""Work over many machines gives what one machine gives, also when workers and machines die on the way."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from minent import cluster, runtime, samples, tokenizer
from minent.errors import InputError, MissingExtraError
from minent.tokenizer import checkpoints
from tests.cli.terminal import run

TEXTS = samples.load("subjectivity").unlabeled
CONFIG = tokenizer.TokenizerConfig(vocab_size=600, sample_megabytes=1)


def test_here_is_map_and_other_engines_are_named():
    with cluster.engine() as spread:
        assert list(spread(len, ["a", "", "abc"])) == [1, 0, 3]
    for wrong, said in ((("rey", None), "Did you mean 'ray'"), (("local", "x:1"), "the engine is local")):
        with pytest.raises(InputError, match=said), cluster.engine(*wrong):
            pass


def test_ray_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"minent\[ray\]"), cluster.engine("ray"):
        pass


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(checkpoints, "_PART_CHARACTERS", 30_000)


def read(texts, engine=None, weights=None, folder=None):
    """What training learns from."""
    return checkpoints.Checkpoint(folder, CONFIG).sample(texts, weights, runtime.silent, engine)


def test_counting_in_parts_changes_nothing(small_parts):
    """Any engine that gives results in order; here one that counts each part when the next is asked for."""
    seen = []

    def engine(work, parts):
        for part in parts:
            seen.append(len(part[3]))
            yield work(part)

    texts = [*TEXTS, *map(str.upper, TEXTS[:2000]), *TEXTS[:9]]
    whole, spread = read(texts), read(texts, engine)
    assert len(seen) > 10
    assert sum(seen) == whole.texts == len(texts)
    assert whole.fraction < 1
    assert spread.digest() == whole.digest()
    weights = [1.0 + number % 3 for number in range(len(texts))]
    assert read(texts, engine, weights).digest() == read(texts, None, weights).digest() != whole.digest()


def test_a_sample_that_meets_a_thinner_one_is_thinned_too():
    many, few = [*TEXTS, *map(str.upper, TEXTS[:2000])], list(map(str.title, TEXTS[:500]))
    thin, whole = read(many), read(few)
    assert thin.fraction < whole.fraction == 1
    assert (whole + thin).digest() == (thin + whole).digest() == read(many + few).digest()


def test_a_bad_text_is_named_by_its_place_among_all(small_parts):
    texts = [*TEXTS[:1000], "a\udc00b"]
    for engine in (None, cluster.here):
        with pytest.raises(InputError, match=r"texts\[1000\]"):
            tokenizer.train(texts, CONFIG, engine=engine)
    with pytest.raises(InputError, match=r"texts\[2\] is int"):
        tokenizer.train(["a", "b", 3], CONFIG, engine=cluster.here)


def test_counting_that_was_stopped_goes_on_with_or_without_an_engine(small_parts, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0.0)
    counted = []

    def dies(work, parts):
        for number, part in enumerate(parts):
            if number == 7:
                raise KeyboardInterrupt
            yield work(part)

    def counts(work, parts):
        for part in parts:
            counted.append(part[0])
            yield work(part)

    texts = list(TEXTS[:4000])
    for then in (counts, None):
        folder = tmp_path / str(then is None)
        with pytest.raises(KeyboardInterrupt):
            read(texts, dies, folder=folder)
        assert read(texts, then, folder=folder).digest() == read(texts).digest()
        with pytest.raises(InputError, match="the checkpoint of other texts"):
            read(["other"], then, folder=folder)
        with pytest.raises(InputError, match="the checkpoint of other texts"):
            read(texts[:3], then, folder=folder)
    assert counted[0] > 0  # not from the start


# --- Ray: a cluster of several nodes on this machine ------------------------------------------------------------------


@pytest.fixture(scope="module")
def nodes() -> Iterator[object]:
    pytest.importorskip("ray", reason="ray is not installed (pip install 'minent[ray]')")
    from ray.cluster_utils import Cluster

    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    made.wait_for_nodes()
    yield made
    made.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Ray itself, at its own start and end
def test_ray_gives_what_one_machine_gives_though_a_worker_and_a_node_die(nodes, small_parts, tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(3):
        (folder / f"part-{number}.txt").write_text("\n".join(TEXTS[number * 700 : (number + 1) * 700]))
    died = tmp_path / "died"

    def dies_once(part):
        if part == 3 and not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return part * part

    with cluster.engine("ray", nodes.address) as spread:
        assert list(spread(dies_once, range(12))) == [number * number for number in range(12)]
        assert died.exists()
        with pytest.raises(InputError, match=r"texts\[2\] is int"):
            tokenizer.train(["a", "b", 3], CONFIG, engine=spread)
        texts = list(TEXTS[:3000])
        extra = nodes.add_node(num_cpus=1)
        nodes.wait_for_nodes()
        lost = []

        def losing(work, parts):
            def slowly(part):
                time.sleep(0.1)
                return work(part)

            for number, result in enumerate(spread(slowly, parts)):
                if number == 2:
                    nodes.remove_node(extra)
                    lost.append(extra)
                yield result

        spread_out = tokenizer.train(texts, CONFIG, engine=losing)
        assert lost == [extra]
    whole = tokenizer.train(texts, CONFIG)
    spread_out.save(tmp_path / "spread")
    whole.save(tmp_path / "whole")
    assert digest(tmp_path / "spread") == digest(tmp_path / "whole")
    on_command_line(nodes, folder, tmp_path)


def on_command_line(nodes, folder: Path, tmp_path: Path) -> None:
    """The verbs, on the same cluster."""
    files, ray = [folder / f"part-{number}.txt" for number in range(3)], ("--engine", "ray", "--address", nodes.address)
    for name, options in (("one", ()), ("many", ray)):
        made = run("tokenizer", "train", *files, "--vocab-size", 500, "-o", tmp_path / name, *options)
        assert (made.code, made.err) == (0, "")
    assert digest(tmp_path / "one") == digest(tmp_path / "many")
    from minent import TextClassifier
    from tests.classifier.corpora import draw

    TextClassifier(budget_seconds=5).fit(*draw(10, seed=0)).save(tmp_path / "model")
    for name, options in (("here", ()), ("there", ray)):
        said = run("predict", tmp_path / "model", folder, "-o", tmp_path / name, *options)
        assert (said.code, said.err) == (0, "")
    for number in range(3):
        here, there = (tmp_path / name / f"part-{number}.txt.tsv" for name in ("here", "there"))
        assert here.read_bytes() == there.read_bytes()
        assert len(here.read_text().splitlines()) == 700


def digest(folder: Path) -> str:
    from minent.artifacts import read_manifest

    return read_manifest(folder).digest
