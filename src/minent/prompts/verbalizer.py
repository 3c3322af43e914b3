"""Verbalizers: which words stand for which class.

The score of a class is the mean score of its words' tokens where the mask stands. The output is a linear map, so that
mean is the score of one vector, the mean of the tokens' output words: a name of several tokens needs one mask only, and
a label vector that is learnt starts from the words and may leave them. `pieces="each"` gives every token a mask of its
own instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from minent.errors import InputError, did_you_mean, listing

Words = Mapping[str, str | Sequence[str]]
FOUND_WORDS = 3  # of each class
PLAUSIBLE_WORDS = 1000  # among which they are sought


def tokens_of(
    classes: Sequence[str],
    verbalizer: Words | None,
    encode: Callable[[str], np.ndarray],
    *,
    must_differ: bool,
) -> list[list[np.ndarray]]:
    """Return the ids of each of the words of each class, in the order of the classes.

    Args:
        classes: Names of the classes.
        verbalizer: The words of each class, one or several; None takes the names themselves.
        encode: The tokenizer.
        must_differ: Refuse two classes with the same tokens. Learnt vectors of bare names may start together.

    Raises:
        InputError: A class without words, words for no class, words without a token, or two classes that cannot be
            told apart.

    Example:
        >>> encode = lambda text: np.array([ord(letter) for letter in text])
        >>> tokens_of(["up", "pu"], None, encode, must_differ=True)
        Traceback (most recent call last):
            ...
        minent.errors.InputError: the words of 'up' and 'pu' have the same tokens, so these classes cannot be told ...
    """
    words = {name: name for name in classes} if verbalizer is None else dict(verbalizer)
    missing = [name for name in classes if name not in words]
    if missing:
        raise InputError(f"the verbalizer has no words for {listing(missing)}. Give words for every class.")
    extra = [name for name in words if name not in classes]
    if extra:
        hint = did_you_mean(extra[0], classes)
        raise InputError(f"the verbalizer has words for {listing(extra)}, but no text has that label.{hint}")
    tokens = [[encode(word) for word in _several(words[name])] for name in classes]
    empty = [name for name, several in zip(classes, tokens) if not several or not all(map(len, several))]
    if empty:
        raise InputError(f"the words of {listing(empty)} have no token. Give these classes other words.")
    same = alike(classes, tokens)
    if same and (must_differ or verbalizer is not None):
        groups = "; ".join(" and ".join(map(repr, names)) for names in same)
        raise InputError(
            f"the words of {groups} have the same tokens, so these classes cannot be told apart. Give them other words "
            f'in verbalizer, or use labels="learned".'
        )
    return tokens


def _several(words: str | Sequence[str]) -> list[str]:
    return [words] if isinstance(words, str) else list(words)


def alike(classes: Sequence[str], tokens: Sequence[Sequence[np.ndarray]]) -> list[list[str]]:
    """The groups of classes whose words have the same tokens.

    Example:
        >>> alike(["up", "pu", "by"], [[np.array([1, 2])], [np.array([2, 1])], [np.array([3])]])
        [['up', 'pu']]
    """
    sharing = defaultdict(list)
    for name, several in zip(classes, tokens):
        sharing[tuple(sorted(tuple(sorted(ids.tolist())) for ids in several))].append(name)
    return [names for names in sharing.values() if len(names) > 1]


def codes(classes: Sequence[str]) -> list[str]:
    """The names that say nothing to a reader: no letter is in them.

    Example:
        >>> codes(["102", "sport", "体育", "#3"])
        ['102', '#3']
    """
    return [name for name in classes if not any(letter.isalpha() for letter in name)]


def averaging(tokens: Sequence[Sequence[np.ndarray]], vocab_size: int) -> np.ndarray:
    """Return the float32 `(classes, vocab_size)` matrix that takes the mean over each class's words and their tokens.

    Example:
        >>> averaging([[np.array([0])], [np.array([1, 2])]], vocab_size=3)
        array([[1. , 0. , 0. ],
               [0. , 0.5, 0.5]], dtype=float32)
    """
    matrix = np.zeros((len(tokens), vocab_size), dtype=np.float32)
    for row, several in enumerate(tokens):
        for ids in several:
            np.add.at(matrix[row], ids, 1 / len(ids) / len(several))
    return matrix


def telling_words(means: np.ndarray, able: np.ndarray, count: int = FOUND_WORDS) -> list[np.ndarray]:
    """Find words that tell the classes apart: likely at the mask for texts of one class and not for the others.

    Args:
        means: float `(classes, vocabulary)`: mean log-probability of each word at the mask, over each class's texts.
        able: bool `(vocabulary,)`: which ids are words.
        count: How many of each class.

    Returns:
        Ids for each class, the most telling first; no id stands for two classes.

    Raises:
        InputError: Too few words for so many classes.

    Source:
        Schick, Schmid & Schütze (2020), arXiv 2010.13641 (the likelihood ratio of a word).

    Example:
        >>> means = np.log([[0.7, 0.1, 0.2], [0.1, 0.7, 0.2]])
        >>> [ids.tolist() for ids in telling_words(means, np.array([True, True, True]), count=1)]
        [[0], [1]]
    """
    classes = len(means)
    words = np.flatnonzero(able)
    if len(words) < classes:
        raise InputError(f"the backbone has {len(words)} words, too few to find one for each of {classes} classes.")
    plausible = words[np.argsort(-means[:, words].max(axis=0), kind="stable")[: max(PLAUSIBLE_WORDS, classes * count)]]
    among = means[:, plausible]
    ratio = among - (among.sum(axis=0) - among) / max(1, classes - 1)
    found: list[list[int]] = [[] for _ in range(classes)]
    for _ in range(min(count, len(plausible) // classes)):
        for row in range(classes):
            best = int(ratio[row].argmax())
            found[row].append(int(plausible[best]))
            ratio[:, best] = -np.inf
    return [np.array(ids) for ids in found]
