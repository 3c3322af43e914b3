"""Does soft K-Means cluster as well as scikit-learn's K-Means at equal restarts, and as fast?

    python -m benchmarks.capsules clusters

Points: the handwritten digits that come with scikit-learn (1797 x 64, 10 classes); and document vectors, the unlabelled
texts of two few-shot sets in `../shared/data` by latent semantic analysis to 100 dimensions (subjectivity, words, 8000
texts, 2 classes; tnews, pairs of characters, 20,000 titles, 15 classes). As many clusters as classes, ten starts each
with k-means++ on either side, the peer's own tolerance and number of threads.

Reported over the seeds: inertia over the peer's, of the hard assignment to the nearest centre (below 1 is better);
normalised mutual information with the classes, for documents on labelled texts that were not clustered (they are
measured on, nothing is chosen by them); seconds over the peer's, median of all seeds, one after the
other, after one fit that is not counted. Euclidean
rows compare like with like. Cosine rows are compared with K-Means on unit rows, and their inertia is that of unit rows.

Goals: inertia and information not below the peer's, time within 2.
"""

from __future__ import annotations

import json
import lzma
import math
import statistics
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import normalized_mutual_info_score
from sklearn.preprocessing import normalize

from minent.capsules import SoftKMeans
from minent.runtime import thread_count

STARTS, SEEDS, DIM = 10, 5, 100
TEXTS = {"subjectivity": {"analyzer": "word"}, "tnews": {"analyzer": "char", "ngram_range": (1, 2)}}


class Data(NamedTuple):
    """Points to cluster, and labelled points to judge by."""

    points: np.ndarray
    judged: np.ndarray
    labels: np.ndarray


def measure(data: Path) -> None:
    """Print a table for each set of points."""
    print(f"clusters: {thread_count()} threads, {STARTS} starts, {SEEDS} seeds; ratios are ours over scikit-learn's")
    rows, labels = load_digits(return_X_y=True)
    compare("digits", Data(rows, rows, labels))
    for name, form in TEXTS.items():
        folder = data / "fewshot" / name
        if folder.is_dir():
            compare(name, documents(folder, form))
        else:
            print(f"{name}: skipped, there is no folder {folder}")


def documents(folder: Path, form: dict[str, object]) -> Data:
    """Latent vectors of the unlabelled texts, and of the labelled ones in the same space."""
    packed = lzma.decompress((folder / "unlabeled.txt.xz").read_bytes()).decode("utf-8")
    test = [json.loads(line) for line in (folder / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    counts = TfidfVectorizer(**form, sublinear_tf=True, min_df=3, max_features=30_000)
    latent = TruncatedSVD(DIM, random_state=0)
    points = latent.fit_transform(counts.fit_transform([line for line in packed.split("\n") if line]))
    judged = latent.transform(counts.transform([row["text"] for row in test]))
    return Data(points, judged, np.array([row["label"] for row in test]))


def compare(name: str, data: Data) -> None:
    """Fit both with every seed, in turn, and print the ratios."""
    k = len(set(data.labels))
    print(f"{name}: {data.points.shape[0]} x {data.points.shape[1]}, {k} clusters", flush=True)
    unit = Data(normalize(data.points), normalize(data.judged), data.labels)
    for metric, sharpness in [("euclidean", 10.0), ("euclidean", math.inf), ("cosine", 10.0), ("cosine", math.inf)]:
        given = unit if metric == "cosine" else data
        soft = [SoftKMeans(k, metric=metric, sharpness=sharpness, n_init=STARTS, seed=seed) for seed in range(SEEDS)]
        hard = [KMeans(k, n_init=STARTS, random_state=seed) for seed in range(SEEDS)]
        seconds = [[fitted(model, given) for model in (models[0], *models)][1:] for models in (hard, soft)]
        theirs, ours = ([judged(model, given) for model in models] for models in (hard, soft))
        report(f"{metric}, sharpness {sharpness:g}", ours, theirs, [statistics.median(each) for each in seconds])


def fitted(model: SoftKMeans | KMeans, data: Data) -> float:
    """Return the seconds of a fit. Nothing may run between fits: the threads of a large product spin on a while."""
    begun = time.perf_counter()
    model.fit(data.points)
    return time.perf_counter() - begun


def judged(model: SoftKMeans | KMeans, data: Data) -> tuple[float, float]:
    """Return inertia, computed from the centres, alike for both; and the mutual information with the classes."""
    centres = model.cluster_centers_
    if getattr(model, "metric", "") == "cosine":  # the best hard centres of unit rows are means, not directions
        centres = np.stack([data.points[model.labels_ == j].mean(axis=0) for j in range(len(centres))])
    squares = (data.points**2).sum(1)[:, None] + (centres**2).sum(1) - 2 * data.points @ centres.T
    information = normalized_mutual_info_score(data.labels, model.predict(data.judged))
    return float(squares.min(axis=1).sum()), float(information)


def report(what: str, ours: list[tuple[float, float]], theirs: list[tuple[float, float]], seconds: list[float]) -> None:
    """Print means over the seeds with their range, and the ratio of median seconds (theirs stand first)."""
    inertia = [own[0] / peer[0] for own, peer in zip(ours, theirs)]
    print(
        f"  {what:28} inertia x {statistics.mean(inertia):.5f} ({min(inertia):.5f} to {max(inertia):.5f})  "
        f"information {spread(ours)}, theirs {spread(theirs)}  "
        f"{1e3 * seconds[1]:7.1f} ms, theirs {1e3 * seconds[0]:7.1f} ms, x {seconds[1] / seconds[0]:.2f}",
        flush=True,
    )


def spread(rows: list[tuple[float, float]]) -> str:
    """Mean information and its standard deviation."""
    values = [row[1] for row in rows]
    return f"{statistics.mean(values):.4f} ({statistics.stdev(values):.4f})"
