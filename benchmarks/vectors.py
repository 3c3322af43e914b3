"""Are our word vectors as good as gensim's at equal time, and is our map as good as openTSNE's?

    python -m benchmarks.vectors                      # both, minutes
    python -m benchmarks.vectors words --language zh --longer
    python -m benchmarks.vectors map --points 10000

Words: both sides get the same paragraphs of `../shared/data/corpora` (novels and reviews; technical prose and classics)
and two threads. gensim (skip-gram) gets words as its users make them: English by the same rule as ours, Chinese by
jieba. It runs three seeds, with its defaults (100 dimensions, window 5, 5 negatives, 5 epochs) and with the longer
training that was best on the development sets. Ours has no seed to vary that would change it. Spearman on three
supports, so that coverage cannot flatter: pairs that both sides have rows for; pairs each side has rows for, with how
many; and all pairs, where ours composes what has no row and a pair that gensim cannot score gets its mean similarity.
Settings of both sides were chosen on RG-65 and Rare Words; WS-353, MTurk-771 and zh-wordsim-240 were kept for the end.

Map: digits of MNIST, 50 principal components. Trustworthiness and the recall of the ten nearest neighbours.
"""

from __future__ import annotations

import argparse
import lzma
import os
import re
import resource
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

DATA = Path(__file__).parent.parent.parent / "shared" / "data"
SETS = {
    "en": ("EN-RG-65.txt", "EN-RW-STANFORD.txt", "EN-WS-353-ALL.txt", "EN-MTurk-771.txt"),
    "zh": ("zh-wordsim-240.txt",),
}
LONGER: dict[str, Any] = {"epochs": 10, "window": 10, "sample": 1e-4}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=["words", "map"])
    parser.add_argument("--language", nargs="*", choices=list(SETS), default=list(SETS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--longer", action="store_true", help="gensim with 10 epochs, window 10, sample 1e-4")
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--cache", type=Path, help="keep tokenizers and cut texts here, to come back for another run")
    arguments = parser.parse_args()
    os.environ.setdefault("MINENT_THREADS", "2")
    if not DATA.is_dir():
        print(f"skipped: there is no {DATA}")
        return
    for language in arguments.language if arguments.part != "map" else ():
        words(language, arguments)
    if arguments.part != "words":
        plane(arguments.points)


# --- words ------------------------------------------------------------------------------------------------------------


def words(language: str, arguments: argparse.Namespace) -> None:
    """Train both sides on one corpus, and judge them."""
    from minent import tokenizer, vectors

    with lzma.open(DATA / "corpora" / f"{language}.txt.xz", "rt", encoding="utf-8") as file:
        text = file.read()
    paragraphs = [part for part in re.split(r"\n\s*\n", text) if part.strip()]
    folder = arguments.cache / f"tokenizer-{language}" if arguments.cache else None
    if folder and folder.is_dir():
        pieces = tokenizer.Tokenizer.load(folder)
    else:
        begun = time.perf_counter()
        pieces = tokenizer.train(paragraphs, tokenizer.TokenizerConfig(vocab_size=32_000))
        print(f"{language}: tokenizer of 32,000 pieces, {time.perf_counter() - begun:.1f} s (not counted below)")
        if folder:
            pieces.save(folder)
    vectors.train_words(paragraphs[:500], pieces)  # compiles, and is not counted
    begun = time.perf_counter()
    ours = vectors.train_words(paragraphs, pieces)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{language} ours: {seconds:.1f} s in all ({ours.seconds:.1f} s of training), {ours.vocab_size:,} rows of "
        f"{ours.dim}, {ours.bits_per_pair:.3f} bits per pair (bound {ours.entropy_bits:.3f}), peak {peak:.1f} GB",
        flush=True,
    )
    peers = gensim_models(language, paragraphs, arguments)
    for name in SETS[language]:
        pairs = read_pairs(DATA / "words" / name)
        print_rows(name, pairs, ours, peers)


def gensim_models(language: str, paragraphs: list[str], arguments: argparse.Namespace) -> list[Any]:
    """Skip-gram of gensim for each seed; none where gensim is missing or no seed is asked for."""
    try:
        from gensim.models import Word2Vec
    except ImportError:
        print("gensim: skipped, it is not installed (pip install 'minent[peers]')")
        return []
    begun = time.perf_counter()
    sentences = cut_for_gensim(language, paragraphs, arguments.cache)
    cutting = time.perf_counter() - begun
    models, spent = [], []
    for seed in range(1, arguments.seeds + 1):
        begun = time.perf_counter()
        given = {"vector_size": 100, "window": 5, "negative": 5, "sample": 1e-3, "epochs": 5, "min_count": 5}
        given |= LONGER if arguments.longer else {}
        models.append(Word2Vec(sentences, sg=1, workers=2, seed=seed, **given))
        spent.append(time.perf_counter() - begun)
    if models:
        print(
            f"{language} gensim: {statistics.median(spent):.1f} s of training ({min(spent):.1f} to {max(spent):.1f}), "
            f"cutting {cutting:.1f} s, {len(models[0].wv):,} rows, {'longer' if arguments.longer else 'defaults'}",
            flush=True,
        )
    return models


def cut_for_gensim(language: str, paragraphs: list[str], cache: Path | None) -> list[list[str]]:
    """Words as users of gensim make them."""
    from minent.vectors.lexicon import tokens_of

    if language == "en":
        return [tokens_of(paragraph) for paragraph in paragraphs]
    import jieba

    jieba.setLogLevel(60)
    kept = cache / f"jieba-{language}.txt" if cache else None
    if kept and kept.is_file():
        return [line.split(" ") for line in kept.read_text(encoding="utf-8").split("\n")]
    cut = [[word.lower() for word in jieba.cut(paragraph) if word.strip()] for paragraph in paragraphs]
    if kept:
        kept.write_text("\n".join(" ".join(row) for row in cut), encoding="utf-8")
    return cut


def read_pairs(path: Path) -> list[tuple[str, str, float]]:
    """Lower-cased words with their score."""
    lines = (line.split("\t") if "\t" in line else line.split() for line in path.read_text("utf-8-sig").splitlines())
    return [(row[0].strip().lower(), row[1].strip().lower(), float(row[2])) for row in lines if len(row) >= 3]


def print_rows(name: str, pairs: list[tuple[str, str, float]], ours: Any, peers: list[Any]) -> None:
    """One line for each side."""
    said = np.array([score for *_, score in pairs])
    mine = np.array([ours.closeness(ours.vector(one), ours.vector(other)) for one, other, _ in pairs])
    known = np.array([ours.has_row(one) and ours.has_row(other) for one, other, _ in pairs])
    theirs = [
        np.array([m.wv.similarity(a, b) if a in m.wv and b in m.wv else np.nan for a, b, _ in pairs]) for m in peers
    ]
    both = known & np.isfinite(theirs[0]) if theirs else known
    print(
        f"{name}: {len(pairs)} pairs, {both.sum()} known to both\n"
        f"  ours    both {rank(mine[both], said[both]):.3f}   own {rank(mine[known], said[known]):.3f} on {known.sum()}"
        f"   all {rank(mine, said):.3f}"
    )
    if theirs:
        has = np.isfinite(theirs[0])
        filled = [np.where(has, row, row[has].mean()) for row in theirs]
        columns = [[rank(row[which], said[which]) for row in rows] for which, rows in ((both, theirs), (has, theirs))]
        columns.append([rank(row, said) for row in filled])
        both_, own, whole = (f"{np.mean(column):.3f} ({np.std(column):.3f})" for column in columns)
        print(f"  gensim  both {both_}   own {own} on {has.sum()}   all {whole}", flush=True)


def rank(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's correlation."""
    return float(spearmanr(one, other).statistic)


# --- the map ----------------------------------------------------------------------------------------------------------


def plane(count: int) -> None:
    """Lay digits out by ours and by openTSNE."""
    from minent.vectors import neighbour_map

    images = np.load(DATA / "mnist" / "mnist.npz", allow_pickle=False)["train_images"][:count]
    points = images.reshape(count, -1).astype(np.float32) / 255
    points -= points.mean(axis=0)
    points = points @ np.linalg.eigh(points.T @ points)[1][:, ::-1][:, :50]
    neighbour_map(points[:500], iterations=5)  # compiles, and is not counted
    begun = time.perf_counter()
    places = neighbour_map(points)
    report("map ours", time.perf_counter() - begun, points, places)
    try:
        from openTSNE import TSNE
    except ImportError:
        print("openTSNE: skipped, it is not installed (pip install 'minent[peers]')")
        return
    begun = time.perf_counter()
    places = np.asarray(TSNE(n_jobs=2, random_state=0).fit(points))
    report("map openTSNE", time.perf_counter() - begun, points, places)


def report(name: str, seconds: float, points: np.ndarray, places: np.ndarray) -> None:
    """Trustworthiness and recall of the ten nearest, over 2,000 of the points as centres."""
    some = np.random.default_rng(0).permutation(len(points))[:2000]
    near, recall, penalty = 10, 0.0, 0.0
    for at in some:
        order = np.argsort(np.square(points - points[at]).sum(axis=1), kind="stable")
        ranks = np.empty(len(points), dtype=np.int64)
        ranks[order] = np.arange(len(points))
        shown = np.argsort(np.square(places - places[at]).sum(axis=1), kind="stable")[1 : near + 1]
        recall += np.isin(shown, order[1 : near + 1]).mean() / len(some)
        penalty += np.maximum(ranks[shown] - near, 0).sum()
    worst = len(some) * near * (2 * len(points) - 3 * near - 1) / 2
    print(f"{name}: {seconds:.1f} s, trustworthiness {1 - penalty / worst:.4f}, recall {recall:.4f}", flush=True)


if __name__ == "__main__":
    main()
