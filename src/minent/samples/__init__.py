"""Small real data sets with a free licence, so that the demo, the tests and a newcomer have something to work on.

`subjectivity`: subjective and objective sentences about films, 32 labels in five splits, 8,000 unlabelled sentences,
2,000 to test on (Subjectivity dataset v1.0, Bo Pang and Lillian Lee, ACL 2004, CC BY 4.0; see the README beside it).

    >>> from minent import samples
    >>> sample = samples.load("subjectivity")
    >>> len(sample.train_texts), len(sample.test_texts), len(sample.unlabeled)
    (32, 2000, 8000)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from minent.errors import InputError, did_you_mean

__all__ = ["NAMES", "SPLITS", "Sample", "load", "path"]

NAMES = ("subjectivity",)
SPLITS = 5


@dataclass(frozen=True)
class Sample:
    """A data set for learning from few labels.

    Attributes:
        train_texts: The labelled texts of one split.
        train_labels: Their labels.
        test_texts: Texts to measure on, never to choose on.
        test_labels: Their labels.
        unlabeled: Many texts without labels.
    """

    train_texts: list[str]
    train_labels: list[str]
    test_texts: list[str]
    test_labels: list[str]
    unlabeled: list[str]


def load(name: str, *, split: int = 0) -> Sample:
    """Read a sample.

    Args:
        name: One of `NAMES`.
        split: Which of the five sets of labelled texts, 0 to 4.

    Returns:
        A `Sample`; test and unlabelled texts are the same for every split.

    Raises:
        InputError: Another name or split.

    Example:
        >>> load("subjectivity", split=4).train_labels.count("objective")
        16
    """
    from minent import corpus

    folder = path(name)
    if split not in range(SPLITS):
        raise InputError(f"split is {split!r}; {name!r} has the splits 0 to {SPLITS - 1}.")
    train_texts, train_labels, _ = corpus.read_labelled(folder / f"train-{split}.jsonl").split()
    test_texts, test_labels, _ = corpus.read_labelled(folder / "test.jsonl").split()
    unlabeled = list(corpus.read_texts(folder / "unlabeled.txt.xz"))
    return Sample(train_texts, train_labels, test_texts, test_labels, unlabeled)


def path(name: str) -> Path:
    """Return the folder with the files of a sample, for the command line and other tools.

    Args:
        name: One of `NAMES`.

    Returns:
        A folder with `train-0.jsonl` to `train-4.jsonl`, `test.jsonl`, `unlabeled.txt.xz` and `README.md`.

    Raises:
        InputError: Another name.

    Example:
        >>> (path("subjectivity") / "test.jsonl").is_file()
        True
    """
    if name not in NAMES:
        raise InputError(f"there is no sample {name!r}; there is {', '.join(NAMES)}.{did_you_mean(name, NAMES)}")
    return Path(__file__).parent / name
