"""A backbone of the user's own: rungs in the same table, by the same rules, that leave a small model behind."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minent
from minent.classifier import TextClassifier
from minent.classifier.members import backbone as rungs
from minent.errors import InputError
from minent.prompts import load_backbone
from tests.classifier.corpora import draw
from tests.prompts import families

POOL, _ = draw(60, seed=51)
TEXTS, LABELS = draw(6, seed=52)
NAMES = list(rungs.TITLES)


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return families.save("roberta", tmp_path_factory.mktemp("models") / "tiny-roberta")


@pytest.fixture(scope="module", name="fitted")
def _fitted(folder: Path) -> TextClassifier:
    patch = pytest.MonkeyPatch()
    patch.setattr(rungs, "FEWEST_STEPS", 5)
    yield TextClassifier(budget_seconds=200, backbone=folder).fit(TEXTS, LABELS, POOL)
    patch.undo()


def test_its_rungs_are_weighed_as_all_others_are(fitted: TextClassifier, folder: Path) -> None:
    found = {rung["name"]: rung for rung in fitted.ladder_}
    assert [name for name in found if found[name]["kind"] == "neural"] == NAMES
    for name in NAMES:
        assert found[name]["note"] == ""
        assert "tiny-roberta" in found[name]["title"]
        assert found[name]["in_fusion"]
        assert 0.5 <= found[name]["confidence"] <= 1
        assert 0 <= found[name]["cv_accuracy"] <= 1
    assert fitted.inputs_["backbone"] == load_backbone(folder).digest


def test_what_is_saved_is_small_and_needs_no_backbone(fitted: TextClassifier, folder: Path, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    assert sum(path.stat().st_size for path in (tmp_path / "model").rglob("*")) < 200_000
    loaded = minent.load(tmp_path / "model")
    assert np.array_equal(loaded.predict_proba(TEXTS), fitted.predict_proba(TEXTS))
    assert loaded.inputs_["backbone"] == fitted.inputs_["backbone"]


@pytest.mark.parametrize("place", range(3), ids=NAMES)
def test_each_learns_what_it_is_shown_and_a_class_without_rows_is_possible(
    folder: Path, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from minent.classifier.fitting import groundwork_for

    backbone = load_backbone(folder)
    monkeypatch.setattr(rungs, "FEWEST_STEPS", 100)  # a random model takes more of them, and larger ones
    monkeypatch.setattr(rungs, "PROMPTS", dict(rungs.PROMPTS, prompt_rate=2e-2))
    monkeypatch.setattr(rungs, "WHOLE", dict(rungs.WHOLE, body_rate=1e-3))
    members, left_out = rungs.backbone_members(backbone, ["sea", "town", "wood"], POOL, 12, seconds=1e9)
    assert not left_out
    work = groundwork_for(POOL, 3, budget_seconds=10)
    gold = work.view(TEXTS)
    labels = np.array([{"sea": 0, "wood": 2}[label] for label in LABELS])
    scores = members[place].fit(work.all, gold, labels, 3, 0)(gold)
    assert scores.shape == (12, 3)
    assert np.isfinite(scores).all()
    assert (scores.argmax(axis=1) == labels).mean() > 0.7


def test_texts_are_read_once_whichever_rung_asks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        rungs, "text_features", lambda backbone, texts, length: asked.extend(texts) or np.ones((len(texts), 4))
    )
    features = rungs.Features(load_backbone(folder))
    assert features.of(["a", "b", "a"]).shape == (3, 4)
    features.of(["b", "c"])
    assert asked == ["a", "b", "c"]


def test_what_is_not_paid_for_is_named(folder: Path) -> None:
    backbone = load_backbone(folder)
    cost = rungs.costs(backbone, POOL, 12)
    assert cost["backbone_probe"] < cost["backbone_ptuning"]
    assert rungs.costs(backbone, POOL * 10, 12)["backbone_probe"] == pytest.approx(
        10 * cost["backbone_probe"], rel=0.05
    )
    members, left_out = rungs.backbone_members(backbone, ["a", "b"], POOL, 12, cost["backbone_probe"] * 1.01)
    assert [member.name for member in members] == ["backbone_probe"]
    assert list(left_out) == NAMES[1:]
    assert all("not climbed: takes about" in reason for _, reason in left_out.values())


def test_evidence_of_another_backbone_is_not_taken_for_this_ones(folder: Path) -> None:
    one, other = (
        rungs.backbone_members(Named(load_backbone(folder), digest), ["a", "b"], POOL, 12, 1e9)[0] for digest in "xy"
    )
    assert [repr(member) for member in one] == [repr(member).replace("'y'", "'x'") for member in other]
    assert all(repr(each) != repr(another) for each, another in zip(one, other))


class Named:
    """A backbone under another digest."""

    def __init__(self, backbone: Any, digest: str) -> None:
        self._backbone, self.digest = backbone, digest

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backbone, name)


def test_a_folder_that_is_no_backbone_is_refused_before_any_work(folder: Path, tmp_path: Path) -> None:
    bare = shutil.copytree(folder, tmp_path / "bare")
    for path in bare.glob("tokenizer*"):
        path.unlink()
    for name, message in ((bare, "without its tokenizer"), (tmp_path / "none", "there is no such folder")):
        with pytest.raises(InputError, match=message):
            TextClassifier(backbone=name).fit(TEXTS, LABELS, POOL)


def test_the_command_line_takes_it(folder: Path, tmp_path: Path) -> None:
    from tests.cli.terminal import run

    few = tmp_path / "few.csv"
    few.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in zip(TEXTS, LABELS)))
    made = run("fit", few, "-o", tmp_path / "model", "--budget-seconds", 60, "--backbone", folder)
    assert (made.code, made.err) == (0, "")
    assert "logistic regression on tiny-roberta" in made.out
    refused = run("fit", few, "-o", tmp_path / "other", "--backbone", tmp_path / "none")
    assert refused.code == 2
    assert refused.err.startswith(f"minent: {tmp_path / 'none'}: there is no such folder")
    assert not (tmp_path / "other").exists()
