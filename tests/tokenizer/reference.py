"""The tokenizer as plain loops over dictionaries: slow, obvious, and independent of the kernels."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import numpy as np

NEVER = -np.inf
WORDS = "the a cat dog sat ran on mat café naïve 猫 坐在 垫子 上 𝒳 12 345 ٣٤ if else return x=1 \t"


def sentences(count: int, seed: int = 0) -> list[str]:
    """Text to learn from: some words in any order, with line ends or without."""
    draw = random.Random(seed)
    words = WORDS.split(" ")
    return [
        " ".join(draw.choices(words, k=draw.randint(3, 12))) + draw.choice(["\n", "\n\n", ".", ""])
        for _ in range(count)
    ]


# --- the byte n-gram model --------------------------------------------------------------------------------------------


def ngram_scores(chunks: list[bytes], order: int, min_count: int) -> dict[bytes, float]:
    """log count(w) - log count(w without its last byte), for the n-grams that are frequent enough."""
    counts: Counter[bytes] = Counter()
    for chunk in chunks:
        for i in range(len(chunk)):
            counts.update(chunk[i : i + n] for n in range(1, order + 1) if i + n <= len(chunk))
    for byte in range(256):
        counts.setdefault(bytes([byte]), 1)
    counts[b""] = sum(count for gram, count in counts.items() if len(gram) == 1)
    return {
        gram: np.log(count) - np.log(counts[gram[:-1]])
        for gram, count in counts.items()
        if gram and (len(gram) == 1 or count >= min_count)
    }


def is_inside(byte: int) -> bool:
    """Does the byte go on with a character that an earlier byte began?"""
    return 128 <= byte < 192


def lattice_score(pieces: list[bytes], scores: dict[bytes, float], order: int, ensure_unicode: bool):
    """The log-probability of a segmentation: each byte after at most `order - 1` earlier bytes of its piece."""
    total = 0.0
    for piece in pieces:
        if ensure_unicode and is_inside(piece[0]):
            return NEVER
        for i in range(len(piece)):
            step = scores.get(piece[max(0, i - order + 1) : i + 1], NEVER)
            total += step
    return total


def lattice_cut(chunk: bytes, scores: dict[bytes, float], order: int, ensure_unicode: bool):
    """The best segmentation by dynamic programming over tags; of equals the lower tag."""

    def step(i: int, tag: int) -> float:
        inside = ensure_unicode and is_inside(chunk[i])
        if tag > i or (inside and tag == 0):
            return NEVER
        return scores.get(chunk[i - tag : i + 1], NEVER)

    totals, routes = [step(0, tag) for tag in range(order)], []
    for i in range(1, len(chunk)):
        came, best = [], []
        for tag in range(order):
            ways = [
                totals[earlier] + step(i, tag) if tag in (0, min(earlier + 1, order - 1)) else NEVER
                for earlier in range(order)
            ]
            came.append(int(np.argmax(ways)))
            best.append(max(ways))
        totals = best
        routes.append(came)
    tags = [int(np.argmax(totals))]
    for came in reversed(routes):
        tags.append(came[tags[-1]])
    begins = [i for i, tag in enumerate(reversed(tags)) if tag == 0]
    return [chunk[a:b] for a, b in zip(begins, [*begins[1:], len(chunk)])]


# --- segmentation by pieces -------------------------------------------------------------------------------------------


def all_segmentations(text: bytes, pieces: set[bytes]) -> Iterator[list[bytes]]:
    """Every way to write the text as pieces."""
    if not text:
        yield []
    for end in range(1, len(text) + 1):
        if text[:end] in pieces:
            for rest in all_segmentations(text[end:], pieces):
                yield [text[:end], *rest]


def best_segmentation(text: bytes, scores: dict[bytes, float]) -> list[bytes]:
    """Of all segmentations the one with the largest sum; of equals the longest last piece, then the one before it."""
    return max(
        all_segmentations(text, set(scores)),
        key=lambda way: (sum(scores[piece] for piece in way), [len(piece) for piece in reversed(way)]),
    )


def quick_segmentation(text: bytes, scores: dict[bytes, float]) -> list[bytes]:
    """The same by dynamic programming; sums run from the left, as in bytepiece."""
    best, came = [0.0] + [NEVER] * len(text), [0] * (len(text) + 1)
    longest = max(map(len, scores))
    for end in range(1, len(text) + 1):
        for begin in range(max(0, end - longest), end):
            total = best[begin] + scores.get(text[begin:end], NEVER)
            if total > best[end]:
                best[end], came[end] = total, begin
    way, end = [], len(text)
    while end:
        way.append(text[came[end] : end])
        end = came[end]
    return way[::-1]


# --- the trainer ------------------------------------------------------------------------------------------------------


def piece_scores(counts: dict[bytes, int], faithful: bool) -> dict[bytes, float]:
    total = np.log(sum(counts.values()))
    raw = {piece: np.log(count) - total for piece, count in counts.items()}
    return raw if faithful else {piece: round(score * 256) / 256 for piece, score in raw.items()}


def train(
    chunks: list[bytes],
    sizes: list[int],
    *,
    order: int,
    min_count: int,
    max_piece_length: int,
    ensure_unicode: bool,
) -> list[dict[bytes, int]]:
    """Pieces and counts for each size, sizes falling."""
    faithful = True
    scores = ngram_scores(chunks, order, min_count)
    counts: Counter[bytes] = Counter()
    for chunk in chunks:
        counts.update(lattice_cut(chunk, scores, order, ensure_unicode))
    for byte in range(256):
        counts.setdefault(bytes([byte]), 1)

    def keep(wanted) -> dict[bytes, int]:
        kept = Counter({piece: count for piece, count in counts.items() if wanted(piece)})
        model = piece_scores(kept, faithful)
        for piece, count in counts.items():
            if not wanted(piece):
                for part in quick_segmentation(piece, model):
                    kept[part] += count
        return without_waste(kept)

    def without_waste(kept: dict[bytes, int]) -> dict[bytes, int]:
        while True:
            model, found = piece_scores(kept, faithful), Counter()
            for piece, count in kept.items():
                for part in quick_segmentation(piece, model):
                    found[part] += count
            if len(found) == len(kept):
                return found
            kept = found

    counts = keep(lambda p: len(p) == 1 or (len(p) <= max_piece_length and counts[p] >= min_count))
    made = []
    for size in sizes:
        if len(counts) > size - 3:
            ranked = sorted(counts, key=lambda p: (len(p) > 1, -counts[p], -len(p), p))
            best = set(ranked[: size - 3])
            counts = keep(best.__contains__)
        made.append(dict(counts))
    return made


# --- the trainer of the default: substrings, passes, pruning ----------------------------------------------------------


def frequent_substrings(rows: list[str], min_count: int, longest: int, may_hold) -> dict[str, int]:
    """All strings of two characters and more that occur so often, less those a next character nearly always follows.

    `may_hold` says of two neighbours whether a piece may hold both.
    """
    counts: Counter[str] = Counter()
    for row in rows:
        for i in range(len(row)):
            for j in range(i + 1, len(row) + 1):
                if (j - i > 1 and not may_hold(row[j - 2], row[j - 1])) or len(row[i:j].encode()) > longest:
                    break
                counts[row[i:j]] += 1
    kept = {text: count for text, count in counts.items() if count >= min_count and len(text) > 1}
    most: Counter[str] = Counter()
    for text, count in kept.items():
        most[text[:-1]] = max(most[text[:-1]], count)
    return {text: count for text, count in kept.items() if most[text] * 1.15 <= count}


def cheapest(row: bytes, costs: dict[bytes, int]) -> tuple[int, list[bytes]]:
    """The segmentation of least cost; of equals, at each place the piece first in the order of bytes."""
    best: list[tuple[int, list[bytes]]] = [(0, [])] * (len(row) + 1)
    for i in range(len(row) - 1, -1, -1):
        ways = [
            (costs[row[i:j]] + best[j][0], row[i:j])
            for j in range(i + 1, len(row) + 1)
            if row[i:j] in costs and (j == i + 1 or not is_inside(row[i]))
        ]
        cost, piece = min(ways)
        best[i] = cost, [piece, *best[i + len(piece)][1]]
    return best[0]


def savings(row: bytes, costs: dict[bytes, int]) -> Counter[bytes]:
    """What each use of a piece saves: the least cost of all ways with a cut inside of it, less the least of all."""
    total, way = cheapest(row, costs)
    saved: Counter[bytes] = Counter()
    begin = 0
    for piece in way:
        cuts = range(begin + 1, begin + len(piece))
        if cuts:
            saved[piece] += min(cheapest(row[:cut], costs)[0] + cheapest(row[cut:], costs)[0] for cut in cuts) - total
        begin += len(piece)
    return saved


# --- encoding ---------------------------------------------------------------------------------------------------------

BYTES = [bytes([byte]) for byte in range(256)]


def lines_of(text: bytes) -> list[bytes]:
    """The lines that pieces of imported models stay in: each with all line ends behind it."""
    lines, begin = [], 0
    for i in range(1, len(text)):
        if text[i - 1] == 10 and text[i] != 10:
            lines.append(text[begin:i])
            begin = i
    return [*lines, text[begin:]]


def positions_of(ways: np.ndarray, end: int) -> set[int]:
    """All positions on the best way to a position."""
    positions = {end}
    while end:
        end -= 2047 - (int(ways[end - 1]) >> 21)
        positions.add(end)
    return positions


def law(text: bytes, scores: dict[bytes, float], alpha: float) -> dict[tuple[bytes, ...], float]:
    """The probability of every segmentation: proportional to exp(alpha * score)."""
    ways = [tuple(way) for way in all_segmentations(text, set(scores))]
    weights = np.array([np.exp(alpha * sum(scores[piece] for piece in way)) for way in ways])
    return dict(zip(ways, weights / weights.sum()))
