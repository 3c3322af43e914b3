"""Which rung is shipped, and how a killed fit goes on."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from minent import artifacts
from minent.classifier import TextClassifier
from minent.classifier.evidence import Evidence
from minent.classifier.groundwork import Groundwork
from minent.classifier.ladder import Climb, Rung
from minent.classifier.workbench import Workbench
from minent.errors import ArtifactError
from tests.classifier.corpora import draw

POOL, _ = draw(200, seed=31)
TEXTS, LABELS = draw(4, seed=32)


def _climb(rights, steady):
    """A climb that is over: 20 rows, of which each rung had the stated number right in cross-validation."""
    texts, labels = draw(10, seed=33)
    gold = Groundwork(texts).all
    places = np.array([["sea", "wood"].index(label) for label in labels])
    climb = Climb(gold[np.arange(0)], gold, places, 2, repeats=1)
    for name, right in rights.items():
        said = np.where(np.arange(20) < right, places, 1 - places)
        climb.evidence[name] = Evidence(np.zeros((0, 2)), np.zeros((2, 0, 2)), np.eye(2)[said][None])
        climb.rungs.append(Rung(name, name, "classical", cv_accuracy=right / 20, steadiness=steady))
        climb.models[name] = None
    return climb


@pytest.mark.parametrize(
    ("rights", "steady", "shipped"),
    [
        ({"tfidf_lr": 10, "nb_em": 18, "student": 17}, 0.95, "nb_em"),  # sure and better
        ({"tfidf_lr": 10, "nb_em": 18, "student": 17}, 0.85, "student"),  # better, but not sure
        ({"tfidf_lr": 10, "nb_em": 17, "student": 17}, 0.95, "student"),  # sure, but no better
        ({"tfidf_lr": 20, "nb_em": 12, "student": 12}, 0.6, "tfidf_lr"),  # a floor that is clearly right
        ({"tfidf_lr": 13, "nb_em": 12, "student": 12}, 0.6, "student"),  # within the error
        ({"tfidf_lr": 13, "nb_em": 14}, 0.6, "nb_em"),  # nothing to teach on
        ({"tfidf_lr": 14, "nb_em": 14}, 0.6, "tfidf_lr"),  # a tie goes to the simpler rung
    ],
)
def test_what_is_shipped_follows_the_written_rules(rights, steady, shipped):
    climb = _climb(rights, steady)
    assert climb._decide() == shipped
    assert len(climb.decision) == 1


@pytest.mark.parametrize(("right", "steady", "warned"), [(10, 0.95, True), (10, 0.70, False), (19, 0.95, False)])
def test_a_rung_that_is_steady_and_wrong_is_warned_of(right, steady, warned):
    climb = _climb({"nb_em": right}, steady)
    assert ("steady and wrong" in climb._conflict(climb.rungs[0])) == warned
    assert "95%" in climb._conflict(climb.rungs[0]) or not warned


# --- the workbench and resuming ---------------------------------------------------------------------------------------


def test_a_stage_is_made_once_and_made_again_for_other_data(tmp_path):
    calls = []

    def make():
        calls.append(1)
        return {"values": np.arange(3)}

    for key in ("a" * 64, "a" * 64, "b" * 64):
        bench = Workbench(tmp_path / "work", resume=True)
        assert bench.arrays("stage", key, make)["values"].tolist() == [0, 1, 2]
    assert len(calls) == 2
    Workbench(tmp_path / "work").arrays("stage", "a" * 64, make)  # without resume it starts anew
    assert len(calls) == 3


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="cannot keep unfinished work there"):
        Workbench(tmp_path / "file" / "work")


def _digest(folder):
    return artifacts.read_manifest(folder).digest


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "model"
    TextClassifier(budget_seconds=60).fit(TEXTS, LABELS, POOL).save(folder)
    return _digest(folder)


def test_the_same_seed_gives_the_same_digest_and_another_seed_another(whole, tmp_path):
    TextClassifier(budget_seconds=60).fit(TEXTS, LABELS, POOL, work_folder=tmp_path / "work").save(tmp_path / "same")
    TextClassifier(budget_seconds=60, seed=1).fit(TEXTS, LABELS, POOL).save(tmp_path / "other")
    assert _digest(tmp_path / "same") == whole
    assert _digest(tmp_path / "other") != whole


PROGRAM = """
import sys
sys.path.insert(0, {root!r})
from tests.classifier.test_ladder import LABELS, POOL, TEXTS
from minent.classifier import TextClassifier
work, out = sys.argv[1:]
tell = lambda event: print(event.stage, event.done, event.note, flush=True)
TextClassifier(budget_seconds=60).fit(TEXTS, LABELS, POOL, work_folder=work, resume=True, progress=tell).save(out)
"""


def test_a_fit_that_is_killed_again_and_again_ends_as_if_it_never_was(whole, tmp_path):
    program = PROGRAM.format(root=os.getcwd())
    command = [sys.executable, "-c", program, str(tmp_path / "work"), str(tmp_path / "out")]
    for stage in ("word vectors 1", "climb the ladder 3"):
        run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert run.stdout is not None
        for line in run.stdout:
            if line.startswith(stage):
                time.sleep(0.01)
                run.send_signal(signal.SIGKILL)
                break
        run.stdout.close()
        assert run.wait() == -signal.SIGKILL, stage
        assert not (tmp_path / "out").exists()
    subprocess.run(command, check=True, capture_output=True)
    assert _digest(tmp_path / "out") == whole
