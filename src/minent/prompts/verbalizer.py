"""Verbalizers: which words stand for which class, and the label vectors that come of them.

The score of a class is the mean score of its words' tokens where the mask stands. The output is tied to the embedding,
so that mean is the score of one vector, the mean of the tokens' embeddings: a name of several tokens needs one mask
only, and a label vector that is learnt starts from the words and may leave them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from minent.errors import InputError, did_you_mean, listing


def tokens_of(
    classes: Sequence[str],
    verbalizer: Mapping[str, str] | None,
    encode: Callable[[str], np.ndarray],
    *,
    must_differ: bool,
) -> list[np.ndarray]:
    """Return the ids of each class's words, in the order of the classes.

    Args:
        classes: Names of the classes.
        verbalizer: The words of each class; None takes the names themselves.
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
    tokens = [encode(words[name]) for name in classes]
    empty = [name for name, ids in zip(classes, tokens) if not len(ids)]
    if empty:
        raise InputError(f"the words of {listing(empty)} have no token. Give these classes other words.")
    sharing = defaultdict(list)
    for name, ids in zip(classes, tokens):
        sharing[tuple(sorted(ids.tolist()))].append(name)
    same = [names for names in sharing.values() if len(names) > 1]
    if same and (must_differ or verbalizer is not None):
        groups = "; ".join(" and ".join(map(repr, names)) for names in same)
        raise InputError(
            f"the words of {groups} have the same tokens, so these classes cannot be told apart. Give them other words "
            f'in verbalizer, or use labels="learned".'
        )
    return tokens


def averaging(tokens: Sequence[np.ndarray], vocab_size: int) -> np.ndarray:
    """Return the float32 `(classes, vocab_size)` matrix that takes the mean over each class's tokens.

    Example:
        >>> averaging([np.array([0]), np.array([1, 2])], vocab_size=3)
        array([[1. , 0. , 0. ],
               [0. , 0.5, 0.5]], dtype=float32)
    """
    matrix = np.zeros((len(tokens), vocab_size), dtype=np.float32)
    for row, ids in enumerate(tokens):
        np.add.at(matrix[row], ids, 1 / len(ids))
    return matrix
