"""Training: what is learned, that it repeats, what is saved, and what is refused."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from minent import vectors
from minent.artifacts import read_manifest, writing
from minent.errors import InputError, WrongKindError
from minent.runtime import Progress
from minent.vectors import counting, solving
from minent.vectors.objective import PairCost, door_bits
from minent.vectors.solving import is_sampled
from tests.vectors import reference


def topics(texts=300, seed=0):
    """Texts that draw their words from one of three topics (ids 10.., 20.., 30..) and from common words (0..4)."""
    rng = np.random.default_rng(seed)
    rows = [
        np.where(rng.random(8) < 0.3, rng.integers(0, 5, 8), 10 * (1 + text % 3) + rng.integers(0, 10, 8))
        for text in range(texts)
    ]
    return np.concatenate(rows).astype(np.int32), np.arange(0, 8 * texts + 1, 8)


@pytest.fixture(scope="module")
def learned():
    return vectors.train(*topics(), vocab_size=42, config=vectors.VectorsConfig(dim=8))


def test_words_of_a_topic_stand_together(learned):
    for id_ in (10, 25, 39):
        assert {near // 10 for near, _ in learned.nearest(id_, k=4)} == {id_ // 10}
    cosines = [cosine for _, cosine in learned.nearest(10, k=30)]
    assert cosines == sorted(cosines, reverse=True)
    assert 10 not in dict(learned.nearest(10, k=42))
    assert learned.nearest(learned.matrix[10], k=1)[0][0] == 10


def test_cost_falls_from_its_start_and_stays_above_the_entropy(learned):
    assert len(learned.curve) == learned.config.max_iterations + 1
    assert all(after < before for before, after in zip(learned.curve, learned.curve[1:]))
    assert learned.entropy_bits <= learned.bits_per_pair == learned.curve[-1] < learned.curve[0]


@pytest.mark.parametrize("tables", ["separate", "shared"])
def test_with_room_enough_the_cost_nears_the_entropy(tables):
    config = vectors.VectorsConfig(dim=42, tables=tables, max_iterations=200, subsample=0)
    fitted = vectors.train(*topics(), vocab_size=42, config=config)
    assert fitted.bits_per_pair - fitted.entropy_bits < 0.02


def test_no_iterations_keep_the_start():
    fitted = vectors.train(*topics(), vocab_size=42, config=vectors.VectorsConfig(dim=8, max_iterations=0))
    assert len(fitted.curve) == 1


def test_ids_never_met_have_the_zero_vector(learned):
    assert not learned.matrix[[5, 9, 40, 41]].any()
    assert learned.matrix[[0, 10, 39]].any(axis=1).all()
    assert not {5, 9, 40, 41} & set(dict(learned.nearest(10, k=42)))


def test_analogy_leaves_its_questions_out(learned):
    answers = dict(learned.analogy(10, 11, 20, k=42))
    assert not {10, 11, 20} & set(answers)
    assert len(answers) == 32


def test_texts_agree_with_plain_loops_and_stand_with_their_topic(learned):
    ids, starts = topics(60, seed=1)
    ids = np.append(ids, 40).astype(np.int32)  # a text without tokens and one of unmet tokens follow
    starts = np.concatenate([starts, [480, 481]])
    embedded = learned.embed(ids, starts)
    assert embedded.dtype == np.float32
    for row, (first, end) in enumerate(itertools.pairwise(starts)):
        expected = reference.text_vector(learned.matrix, learned.counts, learned.common, ids[first:end], 1e-3)
        assert np.allclose(embedded[row], expected, atol=1e-5)
    assert not embedded[60:].any()
    assert np.allclose(embedded @ learned.common, 0, atol=1e-5)
    near = (embedded[:60] @ embedded[:60].T - 1e9 * np.eye(60)).argmax(axis=1)
    assert (near % 3 == np.arange(60) % 3).mean() > 0.95


def test_common_direction_is_that_of_the_mean_training_text(learned):
    ids, starts = topics()
    rest = learned.embed(ids, starts).mean(axis=0)
    assert np.linalg.norm(learned.common) == pytest.approx(1, abs=1e-6)
    assert np.allclose(rest, 0, atol=1e-6)


def test_same_bytes_on_one_and_two_threads(tmp_path, monkeypatch):
    monkeypatch.setattr(counting, "_PAIRS_AT_ONCE", 10_000)
    ids = np.random.default_rng(0).geometric(0.004, 8_000).clip(max=699).astype(np.int32)  # enough for several blocks
    digests = []
    for threads in "12":
        monkeypatch.setenv("MINENT_THREADS", threads)
        fitted = vectors.train(ids, np.arange(0, 8_001, 20), vocab_size=700)
        fitted.save(tmp_path / threads)
        digests.append(read_manifest(tmp_path / threads).digest)
    assert digests[0] == digests[1]


def test_load_gives_what_save_had(learned, tmp_path):
    learned.save(tmp_path / "v")
    again = vectors.Vectors.load(tmp_path / "v")
    for field in dataclasses.fields(learned):
        assert np.array_equal(getattr(learned, field.name), getattr(again, field.name)), field.name
    facts = read_manifest(tmp_path / "v", kind="vectors", format=1).facts
    assert facts["bits_per_pair"] == learned.bits_per_pair
    assert facts["entropy_bits"] == learned.entropy_bits
    assert facts["curve"] == list(learned.curve)
    assert len(facts["map"]) == 35
    assert [spot["count"] for spot in facts["map"]] == sorted((int(n) for n in learned.counts if n), reverse=True)
    with writing(tmp_path / "other", kind="tokenizer", format=1):
        pass
    with pytest.raises(WrongKindError, match="vectors"):
        vectors.Vectors.load(tmp_path / "other")


@pytest.mark.parametrize("rows", [[], [[]], [[3]], [[1], [2]], [[1, 1, 1]], [[0, 1]]])
def test_texts_with_next_to_nothing_train_save_and_embed(rows, tmp_path):
    starts = np.cumsum([0, *map(len, rows)])
    ids = np.array([id_ for row in rows for id_ in row], dtype=np.int32)
    fitted = vectors.train(ids, starts, vocab_size=4)
    fitted.save(tmp_path / "v")
    assert np.isfinite(vectors.Vectors.load(tmp_path / "v").embed(ids, starts)).all()
    assert np.isfinite([fitted.bits_per_pair, fitted.entropy_bits]).all()


def test_results_and_inputs_cannot_be_changed(learned):
    with pytest.raises(ValueError, match="read-only"):
        learned.matrix[0, 0] = 1
    ids, starts = topics(20)
    before = ids.copy(), starts.copy()
    vectors.train(ids, starts, vocab_size=42)
    assert np.array_equal(before[0], ids)
    assert np.array_equal(before[1], starts)


def test_every_step_is_reported():
    events: list[Progress] = []
    vectors.train(*topics(30), vocab_size=42, config=vectors.VectorsConfig(max_iterations=2), progress=events.append)
    assert [(event.stage, event.done) for event in events] == [
        ("count neighbours", 0),
        ("fit word vectors", 0),
        ("fit word vectors", 1),
        ("fit word vectors", 2),
    ]
    assert "bits per pair" in events[-1].note


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"kernel": "gaus"}, "kernel is 'gaus'; there is 'dot', 'gauss', 't'. Did you mean 'gauss'"),
        ({"solver": "sample"}, "Did you mean 'sampled'"),
        ({"samples": 0}, "samples is 0"),
        ({"door": -1.0}, "door is -1.0"),
        ({"tables": "share"}, "Did you mean 'shared'"),
        ({"weighting": "round"}, "'linear', 'flat'"),
        ({"dim": 0}, "dim is 0"),
        ({"window": 0}, "window is 0"),
        ({"max_iterations": -1}, "max_iterations is -1"),
        ({"subsample": float("nan")}, "subsample is nan"),
        ({"text_smoothing": 0.0}, "text_smoothing is 0.0"),
        ({"seed": -1}, "seed is -1; it takes a whole number"),
        ({"seed": 0.5}, "seed is 0.5; it takes a whole number"),
    ],
)
def test_settings_out_of_range_are_named(setting, said):
    with pytest.raises(InputError, match=said):
        vectors.VectorsConfig(**setting)


def test_questions_out_of_range_are_named(learned):
    for ask in (lambda: learned.nearest(42), lambda: learned.analogy(0, 1, -1)):
        with pytest.raises(InputError, match="outside the vocabulary"):
            ask()
    with pytest.raises(InputError, match="k is 0"):
        learned.nearest(0, k=0)
    with pytest.raises(InputError, match="8 finite numbers"):
        learned.nearest(np.zeros(3))
    with pytest.raises(InputError, match=r"ids\[0\] is 42"):
        learned.embed(np.array([42]), np.array([0, 1]))


def test_dimension_rule():
    assert [vectors.dimension_for(n) for n in (1, 8_000, 32_000, 100_000)] == [8, 80, 88, 96]


@pytest.mark.parametrize("kernel", ["gauss", "t"])
@pytest.mark.parametrize("tables", ["separate", "shared"])
def test_distances_learn_the_topics_too(kernel, tables):
    config = vectors.VectorsConfig(dim=8, kernel=kernel, tables=tables, max_iterations=30)
    fitted = vectors.train(*topics(), vocab_size=42, config=config)
    assert all(after < before for before, after in zip(fitted.curve, fitted.curve[1:]))
    assert fitted.entropy_bits <= fitted.bits_per_pair
    distances = np.linalg.norm(fitted.matrix[10:40, None] - fitted.matrix[10:40], axis=2) + 1e9 * np.eye(30)
    assert (distances.argmin(axis=1) // 10 == np.arange(30) // 10).mean() > 0.95


def test_the_sampled_solver_comes_near_the_exact_one_and_tells_its_exact_cost():
    given = {"dim": 8, "max_iterations": 40}
    exact = vectors.train(*topics(), vocab_size=42, config=vectors.VectorsConfig(**given))
    sampled = vectors.train(
        *topics(), vocab_size=42, config=vectors.VectorsConfig(**given, solver="sampled", samples=12)
    )
    assert len(sampled.curve) == 41
    assert sampled.entropy_bits == exact.entropy_bits
    assert exact.bits_per_pair < sampled.bits_per_pair < exact.curve[0]
    assert sampled.bits_per_pair - exact.bits_per_pair < 0.3 * (exact.curve[0] - exact.bits_per_pair)


def test_the_steps_of_a_pass_count_the_walk_from_the_door_once(monkeypatch):
    """A sample of all tokens, and no step is made: what the groups of blocks push adds up to the whole gradient."""
    pushed, walked = [], []
    monkeypatch.setattr(solving._Walker, "step", lambda self, gradient, share: pushed.append(gradient))
    monkeypatch.setattr(PairCost, "bits", lambda self, centres, contexts: walked.append((self, centres)) or 1.0)
    ids = np.random.default_rng(0).integers(0, 1300, 30_000).astype(np.int32)  # six blocks, two groups
    config = {"dim": 4, "kernel": "gauss", "tables": "shared", "solver": "sampled", "max_iterations": 1}
    for door in (0.0, 0.3):
        made = vectors.VectorsConfig(**config, samples=1300, door=door)
        vectors.train(ids, np.arange(0, 30_001, 20), vocab_size=1300, config=made)
    free, paid = sum(pushed[:2]), sum(pushed[2:])
    assert len(pushed) == 4
    cost, table = walked[-1]
    np.testing.assert_allclose(paid - free, door_bits(table, cost.mass, 0.3)[1], atol=1e-7)


def test_many_tokens_go_to_the_sampled_solver():
    config = vectors.VectorsConfig()
    assert [is_sampled(config, n) for n in (16_384, 16_385)] == [False, True]
    assert not is_sampled(vectors.VectorsConfig(solver="exact"), 10**6)
    assert is_sampled(vectors.VectorsConfig(solver="sampled"), 10)


def test_a_dearer_walk_brings_frequent_tokens_to_the_door():
    def lengths(door):
        config = vectors.VectorsConfig(
            dim=8, kernel="gauss", tables="shared", context_power=0, subsample=0, max_iterations=200, door=door
        )
        fitted = vectors.train(*topics(), vocab_size=42, config=config)
        return np.linalg.norm(fitted.matrix[fitted.counts > 0], axis=1), fitted

    free, cheap = lengths(0.0)
    paid, dear = lengths(0.3)
    assert paid.mean() < 0.8 * free.mean()
    assert paid[:5].max() < paid[5:].min()  # common words come first in the table, and stand nearest to the door
    assert dear.bits_per_pair > cheap.bits_per_pair


def test_directed_windows_learn_what_follows():
    ids = np.tile(np.arange(4), 50).astype(np.int32)  # 0 1 2 3 0 1 2 3 ...: the next token is certain
    starts = np.array([0, 200])
    config = {"window": 1, "subsample": 0.0, "dim": 4, "max_iterations": 200}
    both = vectors.train(ids, starts, vocab_size=4, config=vectors.VectorsConfig(**config))
    ahead = vectors.train(ids, starts, vocab_size=4, config=vectors.VectorsConfig(**config, directed=True))
    assert both.entropy_bits == pytest.approx(1, abs=0.01)
    assert ahead.entropy_bits == 0
    assert ahead.bits_per_pair < 0.05


def test_of_directed_pairs_some_tokens_are_only_the_second():
    ids, starts = np.array([0, 1, 0, 2] * 5, dtype=np.int32), np.arange(0, 21, 2)
    made = vectors.train(ids, starts, vocab_size=3, config=vectors.VectorsConfig(directed=True, subsample=0.0))
    assert made.entropy_bits == pytest.approx(1)  # after 0 comes 1 or 2, nothing comes after them
    assert made.entropy_bits <= made.bits_per_pair + 1e-6
    assert np.isfinite(made.matrix).all()


def test_an_analogy_of_words_and_ids_is_refused(learned):
    with pytest.raises(InputError, match="mixes words and ids"):
        learned.analogy("a", 1, 2)
