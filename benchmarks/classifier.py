"""How good is the shipped classifier, and every rung below it, with a few dozen labels?

    python -m benchmarks.classifier --sets eprstmt,tnews --splits 5 --budget-seconds 900
    python -m benchmarks.classifier suggest        which texts to label: accuracy by labels bought, against chance
    python -m benchmarks.classifier audit          wrong labels: how many of the first suspects were flipped on purpose

Question: test accuracy, mean and spread over the label splits of each few-shot set, of every rung, of the fusion, of
the student and of what is shipped; the calibration error, speed and size of what is shipped; minutes used. The
groundwork (everything that sees only text) is learned once per set from the unlabelled file alone and shared by the
splits; the minutes are those of groundwork and fit together. Test files are for measuring only.

Goals of the shipped classifier within 900 seconds: subjectivity 92, eprstmt 85, waimai 84, tnews 43. Simple floors are
at 84.3, 79.3, - and 31.2; see `LOG.md` for what was measured when. `--patient` takes the plan of a budget without its
clock, for a machine that others use.

`suggest` and `audit` need more labels than the training files hold, so they buy and flip labels of the test files: half
of a test file to choose from, the other half to measure on. Nothing was chosen by them.
"""

from __future__ import annotations

import argparse
import functools
import json
import lzma
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from minent.classifier import TextClassifier, fitting
from minent.classifier.calibration import reliability, temperature_for_confidence
from minent.classifier.fitting import groundwork_for
from minent.classifier.groundwork import Groundwork, View
from minent.classifier.ladder import Climb
from minent.classifier.linear import log_softmax
from minent.classifier.members import LogisticOnDense, NaiveBayesEM, Scorer
from minent.classifier.suggest import choose

GOALS = {"subjectivity": 92.0, "eprstmt": 85.0, "waimai": 84.0, "tnews": 43.0}
AUDITED, FLIPPED = 256, 0.05
HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run the sets that are asked for and print one table each."""
    questions = {"accuracy": measure, "suggest": measure_suggestions, "audit": measure_audit}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", nargs="?", choices=questions, default="accuracy")
    parser.add_argument("--sets", default=",".join(GOALS), help="comma-separated names of folders under --data")
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data" / "fewshot")
    parser.add_argument("--budget-seconds", type=float, default=900)
    parser.add_argument("--splits", type=int, default=5, help="label splits, or seeds of the other questions")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--patient", action="store_true", help="never skip a rung because the clock has run out")
    arguments = parser.parse_args()
    if arguments.patient:
        fitting.Climb = functools.partial(_patient_climb, fitting.Climb)
    if arguments.question == "audit":
        arguments.sets, arguments.budget_seconds = "subjectivity", min(arguments.budget_seconds, 60)
    for name in arguments.sets.split(","):
        folder = arguments.data / name
        if not folder.is_dir():
            print(f"{name}: skipped, there is no folder {folder}")
            continue
        questions[arguments.question](name, folder, arguments.budget_seconds, arguments.splits, arguments.seed)


def _patient_climb(climb: type[Climb], *arguments: Any, **settings: Any) -> Climb:
    """Make a climb that no clock cuts short."""
    made = climb(*arguments, **settings)
    made.deadline = float("inf")  # whether it was given by place or by name
    return made


def measure(name: str, folder: Path, budget_seconds: float, splits: int, seed: int) -> None:
    """Fit every split of one set and print what was reached."""
    unlabelled = read_unlabelled(folder)
    test_texts, test_labels = read(folder / "test.jsonl")
    trained = [read(folder / f"train-{split}.jsonl") for split in range(splits)]
    print(
        f"\n{name}: {len(trained[0][0])} labels, {len(unlabelled)} unlabelled, {len(test_texts)} test texts", flush=True
    )
    begun = time.monotonic()
    work = groundwork_for(unlabelled, len(set(test_labels)), budget_seconds=budget_seconds, seed=seed)
    work.prepare()
    shared_seconds = time.monotonic() - begun
    table: dict[str, list[float]] = {}
    for split, (texts, labels) in enumerate(trained):
        begun = time.monotonic()
        classifier = TextClassifier(budget_seconds=budget_seconds, seed=seed)
        classifier.fit(texts, labels, unlabelled, groundwork=work)
        seconds = time.monotonic() - begun
        encoder = work.seconds.get("pretrain the encoder", 0.0) if split else 0.0  # the first split paid for it
        row = accuracies(classifier, work, test_texts, test_labels)
        begun = time.monotonic()
        classifier.predict(test_texts)
        row["texts a second"] = len(test_texts) / (time.monotonic() - begun)
        row["megabytes"] = classifier.model_.bytes_on_disk / 1e6
        row["minutes"] = (shared_seconds + encoder + seconds) / 60
        for key, value in row.items():
            table.setdefault(key, []).append(value)
        print(f"  split {split}: shipped {row['shipped']:.1f}; {classifier.decision_[-1]}", flush=True)
    show(name, table, classifier)


def read_unlabelled(folder: Path) -> list[str]:
    """Read the unlabelled texts of a set."""
    packed = (folder / "unlabeled.txt.xz").read_bytes()
    return [line for line in lzma.decompress(packed).decode("utf-8").split("\n") if line]


def read(path: Path) -> tuple[list[str], list[str]]:
    """Read `{"text", "label"}` lines."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row["text"] for row in rows], [row["label"] for row in rows]


def accuracies(classifier: TextClassifier, work: Groundwork, texts: list[str], labels: list[str]) -> dict[str, float]:
    """Test accuracy of every rung that was climbed, in per cent, and the calibration error of what is shipped."""
    climb, view = classifier.climb_, work.view(texts)
    places = np.searchsorted(classifier.classes_, labels)
    scores = {name: scorer(view) for name, scorer in climb.scorers.items()}
    found = {name: 100 * float((scored.argmax(axis=1) == places).mean()) for name, scored in scores.items()}
    if "fusion" in climb.evidence:
        found["fusion"] = 100 * float((climb.fused(scores).argmax(axis=1) == places).mean())
        found["student"] = 100 * float((climb.models["student"].scores(texts).argmax(axis=1) == places).mean())
    probabilities = classifier.predict_proba(texts)
    found["shipped"] = 100 * float((probabilities.argmax(axis=1) == places).mean())
    found["calibration error"] = 100 * reliability(probabilities, places).ece
    return found


def show(name: str, table: dict[str, list[float]], classifier: TextClassifier) -> None:
    """Print mean and spread of each row, and the rungs that were not climbed."""
    for key, values in table.items():
        print(f"  {key:20} {statistics.fmean(values):6.1f} ({statistics.pstdev(values):.1f})")
    for rung in classifier.ladder_:
        if rung["note"]:
            print(f"  {rung['name']:20} {rung['note']}")
    seconds = classifier.measured_["seconds"]
    print("  seconds of the last split: " + ", ".join(f"{stage} {taken:.0f}" for stage, taken in seconds.items()))
    if name in GOALS:
        reached = statistics.fmean(table["shipped"])
        print(f"  goal {GOALS[name]}: {'reached' if reached >= GOALS[name] else 'missed'}", flush=True)


def measure_suggestions(name: str, folder: Path, budget_seconds: float, seeds: int, seed: int) -> None:
    """Buy labels by each method and by chance: `n` before there is a model, then `n` more by what it doubts.

    The learner is naive Bayes with EM from LSA and word vectors, the strongest rung that takes a second.
    """
    unlabelled, (texts, labels) = read_unlabelled(folder), read(folder / "test.jsonl")
    classes, places = np.unique(labels, return_inverse=True)
    work = groundwork_for(unlabelled, len(classes), budget_seconds=60, seed=seed)
    everything, n = work.view(texts), 16 if len(classes) < 5 else 4 * len(classes)
    reached: dict[str, list[float]] = {}
    for round_ in range(seed, seed + seeds):
        order = np.random.default_rng(round_).permutation(len(texts))
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        shop = Shop(work.all, *((everything[half], places[half]) for half in halves), len(classes), n, round_)
        for key, accuracy in shop.round().items():
            reached.setdefault(key, []).append(accuracy)
    print(f"\n{name}: naive Bayes with EM, {seeds} seeds, accuracy by labels bought", flush=True)
    for key, values in reached.items():
        lead = np.subtract(values, reached[f"{key.split()[0]} random"])
        print(f"  {key:20} {statistics.fmean(values):6.1f} ({statistics.pstdev(values):.1f})  lead {lead.mean():+.1f}")


class Shop:
    """Labels to buy, and texts to measure on; both are `(view, labels)`."""

    def __init__(self, pool: View, offered: Any, held_out: Any, classes: int, n: int, seed: int) -> None:
        self.pool, self.offered, self.held_out = pool, offered, held_out
        self.classes, self.n, self.seed = classes, n, seed
        self.random = np.random.default_rng(seed)

    def round(self) -> dict[str, float]:
        """Accuracy in per cent, by how many labels were bought and how."""
        nothing, n = np.zeros(0, int), self.n
        start = self.buy(nothing, "random", None)
        found = {f"{n} random": self.accuracy(start)}
        for method in ("decomposition", "clusters"):
            found[f"{n} {method}"] = self.accuracy(self.buy(nothing, method, None))
        learnt = self.learn(start)
        heat = temperature_for_confidence(learnt(self.pool), 0.8)
        probabilities = np.exp(log_softmax(learnt(self.offered[0]) / heat))
        for method in ("random", "auto", "decomposition", "clusters", "margin"):
            found[f"{2 * n} {method}"] = self.accuracy(self.buy(start, method, probabilities))
        return found

    def buy(self, rows: np.ndarray, method: str, probabilities: np.ndarray | None) -> np.ndarray:
        """Add `n` rows to those that were bought before."""
        latent = self.offered[0].latent
        rest = np.setdiff1d(np.arange(len(latent)), rows)
        if method == "random":
            return np.r_[rows, self.random.permutation(rest)[: self.n]]
        doubt = None if probabilities is None else probabilities[rest]
        more = choose(latent[rest], latent[rows], doubt, self.n, method=method, seed=self.seed)
        return np.r_[rows, rest[more]]

    def learn(self, rows: np.ndarray) -> Scorer:
        """Fit the learner on the labels that were bought."""
        view, labels = self.offered
        learner = NaiveBayesEM(start=LogisticOnDense("lr", ""))
        return learner.fit(self.pool, view[rows], labels[rows], self.classes, self.seed)

    def accuracy(self, rows: np.ndarray) -> float:
        """What the learner reaches on the other half."""
        view, labels = self.held_out
        return 100 * float((self.learn(rows)(view).argmax(axis=1) == labels).mean())


def measure_audit(name: str, folder: Path, budget_seconds: float, seeds: int, seed: int) -> None:
    """Flip some labels and count how many of the first suspects were flipped."""
    unlabelled, (texts, labels) = read_unlabelled(folder), read(folder / "test.jsonl")
    classes = sorted(set(labels))
    work = groundwork_for(unlabelled, len(classes), budget_seconds=budget_seconds, seed=seed)
    found = []
    for round_ in range(seed, seed + seeds):
        random = np.random.default_rng(round_)
        rows = random.permutation(len(texts))[:AUDITED]
        flipped = {texts[row] for row in rows[: round(FLIPPED * AUDITED)]}
        others = {label: next(other for other in classes if other != label) for label in classes}
        stated = [others[labels[row]] if texts[row] in flipped else labels[row] for row in rows]
        classifier = TextClassifier(budget_seconds=budget_seconds, seed=round_)
        classifier.fit([texts[row] for row in rows], stated, unlabelled, groundwork=work)
        suspects = [suspect["text"] for suspect in classifier.facts_["suspects"]][: len(flipped)]
        found.append(100 * sum(text in flipped for text in suspects) / max(len(suspects), 1))
        print(f"  seed {round_}: {len(suspects)} first suspects, {found[-1]:.0f} % of them flipped", flush=True)
    print(f"{name}: {len(flipped)} of {AUDITED} labels flipped; precision {statistics.fmean(found):.1f} %, goal 70")


if __name__ == "__main__":
    main()
