"""How good is the shipped classifier, and every rung below it, with a few dozen labels?

    python -m benchmarks.classifier --sets eprstmt,tnews --splits 5 --budget-seconds 300

Question: test accuracy, mean and spread over the label splits of each few-shot set, of every rung, of the fusion, of
the student and of what is shipped; the calibration error of what is shipped; minutes used. The groundwork (everything
that sees only text) is learned once per set from the unlabelled file alone and shared by the splits; the minutes are
those of groundwork and fit together. Test files are for measuring only.

Goals of the shipped classifier within 300 seconds: subjectivity 88, eprstmt 81, waimai 79, tnews 38. Simple floors are
at 84.3, 79.3, - and 31.2; see `LOG.md` for what was measured when.
"""

from __future__ import annotations

import argparse
import json
import lzma
import statistics
import time
from pathlib import Path

import numpy as np

from minent.classifier import TextClassifier
from minent.classifier.calibration import reliability
from minent.classifier.fitting import groundwork_for
from minent.classifier.groundwork import Groundwork

GOALS = {"subjectivity": 88.0, "eprstmt": 81.0, "waimai": 79.0, "tnews": 38.0}
HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run the sets that are asked for and print one table each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(GOALS), help="comma-separated names of folders under --data")
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data" / "fewshot")
    parser.add_argument("--budget-seconds", type=float, default=300)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for name in arguments.sets.split(","):
        folder = arguments.data / name
        if not folder.is_dir():
            print(f"{name}: skipped, there is no folder {folder}")
            continue
        measure(name, folder, arguments.budget_seconds, arguments.splits, arguments.seed)


def measure(name: str, folder: Path, budget_seconds: float, splits: int, seed: int) -> None:
    """Fit every split of one set and print what was reached."""
    packed = (folder / "unlabeled.txt.xz").read_bytes()
    unlabelled = [line for line in lzma.decompress(packed).decode("utf-8").split("\n") if line]
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
        row["minutes"] = (shared_seconds + encoder + seconds) / 60
        for key, value in row.items():
            table.setdefault(key, []).append(value)
        print(f"  split {split}: shipped {row['shipped']:.1f}; {classifier.decision_[-1]}", flush=True)
    show(name, table, classifier)


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


if __name__ == "__main__":
    main()
