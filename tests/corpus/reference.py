"""Slow and obvious: near duplicates by comparing the sets of 5-grams of every pair."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=1000)
def grams(text: str) -> set[str]:
    folded = " ".join(text.casefold().split())
    if not folded:
        return set()
    folded = folded.ljust(5, "\0")
    return {folded[i : i + 5] for i in range(len(folded) - 4)}


def jaccard(a: str, b: str) -> float:
    return len(grams(a) & grams(b)) / len(grams(a) | grams(b)) if grams(a) | grams(b) else 0.0


def near_pairs(texts: list[str], threshold: float = 0.8) -> set[tuple[int, int]]:
    return {(i, j) for j in range(len(texts)) for i in range(j) if jaccard(texts[i], texts[j]) >= threshold}
