"""`TextClassifier` whole: what it promises to a person, to scikit-learn and to a disk."""

import json
import subprocess
import sys

import numpy as np
import pytest

import minent
from minent import artifacts
from minent.classifier import TextClassifier
from minent.classifier import fitting as fitting_module
from minent.errors import ArtifactError, FolderExistsError, InputError
from tests.classifier.corpora import draw

POOL, _ = draw(150, seed=11)
TEXTS, LABELS = draw(4, seed=12)
TEST_TEXTS, TEST_LABELS = draw(60, seed=13)


@pytest.fixture(scope="module")
def fitted():
    return TextClassifier(budget_seconds=60).fit(TEXTS, LABELS, POOL)


def test_the_ladder_holds_every_rung_and_ships_one(fitted):
    names = [rung["name"] for rung in fitted.ladder_]
    assert names[:4] == ["tfidf_lr", "ridge", "nb_em", "nb_em_dense"]
    assert names[4:7] == ["nb_em_pieces", "nb_em_pieces_dense", "lr"]
    assert names[-2:] == ["fusion", "student"]
    assert sum(rung["shipped"] for rung in fitted.ladder_) == 1
    assert not [rung for rung in fitted.ladder_ if "failed" in rung["note"]]
    assert {rung["name"] for rung in fitted.ladder_ if rung["in_fusion"]} >= {"ridge", "nb_em", "lr"}


def test_probabilities_sum_to_one_and_agree_with_predict(fitted):
    probabilities = fitted.predict_proba([*TEST_TEXTS, "", "完全没见过"])
    assert probabilities.dtype == np.float32
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-6)
    said = fitted.predict([*TEST_TEXTS, "", "完全没见过"])
    assert (said == fitted.classes_[probabilities.argmax(axis=1)]).all()
    assert fitted.predict([]).shape == (0,)


def test_unlabelled_text_helps(fitted):
    alone = TextClassifier(budget_seconds=60).fit(TEXTS, LABELS)
    assert fitted.score(TEST_TEXTS, TEST_LABELS) > alone.score(TEST_TEXTS, TEST_LABELS) + 0.05
    assert any("too few to teach" in sentence for sentence in alone.decision_)


def test_the_order_of_the_rows_and_the_names_of_the_labels_do_not_matter(fitted):
    order = np.random.default_rng(0).permutation(len(TEXTS))
    shuffled = TextClassifier(budget_seconds=60).fit([TEXTS[i] for i in order], [LABELS[i] for i in order], POOL)
    assert np.array_equal(shuffled.predict_proba(TEST_TEXTS), fitted.predict_proba(TEST_TEXTS))
    swapped = {"sea": "z", "wood": "a"}
    renamed = TextClassifier(budget_seconds=60).fit(TEXTS, [swapped[label] for label in LABELS], POOL)
    assert renamed.predict_proba(TEST_TEXTS)[:, ::-1] == pytest.approx(fitted.predict_proba(TEST_TEXTS), abs=2e-2)


def test_saved_and_loaded_it_answers_the_same(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = minent.load(tmp_path / "model")
    assert np.array_equal(loaded.predict_proba(TEST_TEXTS), fitted.predict_proba(TEST_TEXTS))
    assert loaded.classes_.tolist() == fitted.classes_.tolist()
    assert loaded.ladder_ == json.loads(json.dumps(fitted.ladder_))
    assert loaded.get_params() == fitted.get_params()
    with pytest.raises(FolderExistsError):
        fitted.save(tmp_path / "model")
    loaded.save(tmp_path / "again")
    digests = [minent.artifacts.read_manifest(tmp_path / name).digest for name in ("model", "again")]
    assert digests[0] == digests[1]


def test_predicting_loads_nothing_heavy(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    program = (
        "import sys, minent\n"
        f"print(minent.load({str(tmp_path / 'model')!r}).predict(['tide and reef'])[0])\n"
        "heavy = {'torch', 'numba', 'sklearn', 'scipy', 'matplotlib', 'polars'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    assert said[:2] == ["sea", "[]"]


def test_facts_are_plain_and_hold_what_the_report_draws(fitted):
    facts = json.loads(json.dumps(fitted.facts_, allow_nan=False))
    assert facts["task"]["class_counts"] == {"sea": 4, "wood": 4}
    assert facts["task"]["unlabelled"] == 300
    assert set(facts) >= {
        *("ladder", "decision", "calibration", "confusion", "learning_curve", "pieces", "map"),
        *("features", "errors", "suspects", "suggestions", "clusters", "sizes"),
    }
    judged = sum(map(sum, facts["confusion"]["counts"]))
    assert judged == 8 * 4 == sum(part["count"] for part in facts["calibration"]["bins"])
    assert "seconds" not in json.dumps(facts)
    assert {row["feature"] for row in facts["features"]["sea"]} & {"tide", "reef", "wave", "gull", "deck"}


# --- scikit-learn -----------------------------------------------------------------------------------------------------


def test_scikit_learn_can_clone_and_cross_validate_it():
    from sklearn.base import clone, is_classifier
    from sklearn.model_selection import cross_val_score

    classifier = clone(TextClassifier(budget_seconds=7, seed=3))
    assert classifier.get_params() == {"budget_seconds": 7, "seed": 3, "backbone": None}
    assert is_classifier(classifier)
    texts, labels = draw(10, seed=5)
    assert cross_val_score(classifier, np.array(texts), np.array(labels), cv=2).mean() > 0.6


def test_parameters_are_set_by_name():
    assert TextClassifier().set_params(seed=4).seed == 4
    with pytest.raises(InputError, match=r"no parameter 'sed'\. Did you mean 'seed'\?"):
        TextClassifier().set_params(sed=4)


# --- rungs that fail, budgets that end, hands that stop it ------------------------------------------------------------


class Broken:
    """A rung that raises, or gives NaN, or is interrupted."""

    name, title, kind, family, costly = "broken", "a broken rung", "classical", "broken", False

    def __init__(self, how):
        self.how = how

    def fit(self, pool, gold, labels, classes, seed):
        if self.how == "raise":
            raise ZeroDivisionError("as it happens")
        if self.how == "interrupt":
            raise KeyboardInterrupt
        return lambda view: np.full((len(view), classes), np.nan)


def _with_member(monkeypatch, member, place):
    members = fitting_module.classical_members()
    more = [*members[:place], member, *members[place:]]
    monkeypatch.setattr(fitting_module, "classical_members", lambda **_: more)


@pytest.mark.parametrize("how", ["raise", "nan"])
def test_a_rung_that_fails_does_not_sink_the_rest(monkeypatch, fitted, how):
    _with_member(monkeypatch, Broken(how), 2)
    classifier = TextClassifier(budget_seconds=60).fit(TEXTS, LABELS, POOL)
    rung = next(rung for rung in classifier.ladder_ if rung["name"] == "broken")
    assert rung["note"].startswith("failed: ")
    assert not rung["in_fusion"]
    assert any("failed and was left out" in sentence for sentence in classifier.decision_)
    assert np.array_equal(classifier.predict_proba(TEST_TEXTS), fitted.predict_proba(TEST_TEXTS))


def test_ctrl_c_keeps_the_best_so_far(monkeypatch):
    _with_member(monkeypatch, Broken("interrupt"), 3)
    classifier = TextClassifier(budget_seconds=60).fit(TEXTS, LABELS, POOL)
    notes = {rung["name"]: rung["note"] for rung in classifier.ladder_}
    assert notes["broken"] == "not finished: stopped by hand"
    assert notes["lr"] == "not climbed: stopped by hand"
    assert notes["student"] == ""
    assert classifier.score(TEST_TEXTS, TEST_LABELS) > 0.7


def test_ctrl_c_before_anything_is_finished_stops(monkeypatch):
    _with_member(monkeypatch, Broken("interrupt"), 0)
    with pytest.raises(KeyboardInterrupt):
        TextClassifier(budget_seconds=60).fit(TEXTS, LABELS, POOL)


def test_a_budget_that_is_used_up_skips_rungs_by_name(monkeypatch):
    clock = iter([0.0, *[1e9] * 50])
    monkeypatch.setattr("minent.classifier.fitting.time.monotonic", lambda: next(clock))
    classifier = TextClassifier(budget_seconds=60).fit(TEXTS, LABELS, POOL)
    notes = {rung["name"]: rung["note"] for rung in classifier.ladder_}
    assert notes["tfidf_lr"] == ""  # the first rung is always climbed
    assert notes["ridge"] == notes["lr"] == "not climbed: the time budget was used up"
    assert classifier.score(TEST_TEXTS, TEST_LABELS) > 0.6


# --- odd data ---------------------------------------------------------------------------------------------------------


def test_one_label_per_class_works_and_says_what_is_unknown():
    texts, labels = ["wave reef tide sail", "oak moss pine deer"], ["sea", "wood"]
    classifier = TextClassifier(budget_seconds=60).fit(texts, labels, POOL)
    assert classifier.score(TEST_TEXTS, TEST_LABELS) > 0.6
    assert classifier.facts_["calibration"]["ece"] is None
    assert all(rung["cv_accuracy"] is None for rung in classifier.ladder_)
    assert any("2 classes have one label only" in sentence for sentence in classifier.decision_)


def test_rows_without_a_label_join_the_pool_and_labels_become_strings():
    texts = ["wave reef", "tide sail", "oak moss", "pine deer", "owl axe", "fern bark"]
    classifier = TextClassifier(budget_seconds=5).fit(texts, [1, 1, 2, 2, None, float("nan")], unlabeled=["", " "])
    assert classifier.classes_.tolist() == ["1", "2"]
    assert classifier.facts_["task"]["unlabelled"] == 2
    assert any("2 empty unlabelled texts" in sentence for sentence in classifier.decision_)


def test_the_same_text_with_two_labels_is_kept_and_named():
    texts = ["wave reef", "tide reef", "wave reef", "oak moss", "pine moss"]
    classifier = TextClassifier(budget_seconds=5).fit(texts, ["sea", "sea", "wood", "wood", "wood"])
    assert classifier.facts_["task"]["labelled"] == 5
    assert any("different labels" in sentence and "wave reef" in sentence for sentence in classifier.decision_)


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        ([], [], "X is empty"),
        (["a"], ["x", "y"], "X has 1 texts and y has 2 labels"),
        (["a", "b"], ["x", "x"], r"one class only, 'x' \(2 rows\)"),
        (["a", "b"], [None, None], "holds no label at all"),
        (["a", 3], ["x", "y"], r"X\[1\] is int"),
        ("ab", ["x", "y"], "X is one str"),
    ],
)
def test_wrong_input_is_one_clear_line(texts, labels, message):
    with pytest.raises(InputError, match=message) as caught:
        TextClassifier().fit(texts, labels)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "value"), [("budget_seconds", 0), ("budget_seconds", "5"), ("budget_seconds", 1e12), ("seed", -1)]
)
def test_wrong_settings_are_refused(setting, value):
    with pytest.raises(InputError, match=f"{setting} is {value!r}"):
        TextClassifier(**{setting: value}).fit(TEXTS, LABELS)


def _cut(found, config, path):
    config["classes"] = ["one"]


def _cold(found, config, path):
    found["model"]["temperature"] = 0.0


def _nested(found, config, path):
    (path / "labelled.jsonl").write_text("[" * 100_000)


def _without_words(found, config, path):
    (path / "features.txt").unlink()


def _without_model(found, config, path):
    del found["model"]


@pytest.mark.parametrize("spoil", [_cut, _cold, _nested, _without_words, _without_model])
def test_a_signed_folder_of_nonsense_is_refused_by_name(fitted, tmp_path, spoil):
    facts, config = {"model": {}}, {"classes": fitted.classes_.tolist(), "budget_seconds": 5}
    with artifacts.writing(tmp_path / "m", kind="classifier", format=1, config=config, seeds={"seed": 0}) as draft:
        facts["model"] = fitted.model_.save(draft.path)
        spoil(facts, config, draft.path)
        draft.facts.update(facts)
    with pytest.raises(ArtifactError, match=str(tmp_path / "m")):
        TextClassifier.load(tmp_path / "m")


def test_before_fit_it_says_so():
    with pytest.raises(InputError, match="not fitted yet"):
        TextClassifier().predict(["a"])


def test_a_label_that_training_never_saw_is_never_right(fitted):
    assert fitted.score(TEST_TEXTS[:4], ["sky"] * 4) == 0.0


def test_a_groundwork_of_other_texts_is_refused():
    other = fitting_module.groundwork_for(POOL[:50], 2, budget_seconds=5)
    with pytest.raises(InputError, match="made from 50 other texts"):
        TextClassifier(budget_seconds=5).fit(TEXTS, LABELS, POOL, groundwork=other)


def test_empty_texts_everywhere_still_give_a_model():
    classifier = TextClassifier(budget_seconds=5).fit(["", "", "", ""], ["a", "a", "b", "b"])
    assert classifier.predict_proba([""]) == pytest.approx(np.full((1, 2), 0.5), abs=1e-6)
