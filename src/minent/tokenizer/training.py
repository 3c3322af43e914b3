"""From texts to a tokenizer: sample, count substrings, prune."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from minent import runtime
from minent.cluster import Engine
from minent.errors import InputError
from minent.tokenizer import checkpoints, faithful, passes, pool, pruning, search
from minent.tokenizer.config import SPECIALS, TokenizerConfig
from minent.tokenizer.model import Tokenizer
from minent.tokenizer.sampling import TextSample

_STORED_LAMBDA = {"fewest": 8, "mixed": 4, "likelihood": 0}  # nats per piece in the scores
_EARLY_BYTES = 600  # of text for each id, in the steps that need not be exact


def train(
    texts: Iterable[str] | TextSample,
    config: TokenizerConfig | None = None,
    *,
    weights: Iterable[float] | None = None,
    checkpoint: str | Path | None = None,
    progress: runtime.Reporter = runtime.silent,
    engine: Engine | None = None,
) -> Any:
    """Learn a tokenizer from texts.

    The texts are read once. What is held of them is bounded by `config.sample_megabytes`; peak memory is about 14 times
    what is held (about 45 times the text when `faithful`).

    Args:
        texts: Any iterable of str, an iterator too; or a `TextSample`, which may be the sum of several.
        config: What is wanted; None takes the defaults.
        weights: How much each text counts, a number above 0 for each; None counts all alike. A source that matters
            more, or has little text, gets more of the vocabulary by a larger weight. The texts of a `TextSample` have
            theirs already.
        checkpoint: A folder that keeps the state of the run, so that a run that was stopped goes on where it was when
            it is called again with the same texts, weights and config. What it holds is taken up, and it is left there
            at the end.
        progress: Told what is being done.
        engine: What reads and counts the texts, see `minent.cluster.engine`; None does it here. The tokenizer is the
            same, to the bit.

    Returns:
        A `Tokenizer`; or, where `config.vocab_size` is a tuple, a tuple of them in the same order, each vocabulary a
        part of the next larger. A text that holds fewer pieces than were asked for gives a smaller vocabulary; its
        `facts` say how many were asked for and found.

    Raises:
        InputError: No character in the texts, a value that is no str, or a lone surrogate; its place is named. Or a
            checkpoint of other texts, other weights or another config.

    Source:
        The default: frequent substrings, fewest pieces, pruned by their loss in context; docs/tokenizer.md.
        `config.faithful`: J. Su, kexue.fm/archives/9752; `Trainer` of bytepiece 0.6.3.

    Example:
        >>> from minent import samples
        >>> texts = samples.load("subjectivity").unlabeled[:1000]
        >>> small, large = train(texts, TokenizerConfig(vocab_size=(500, 1000)))
        >>> set(small.pieces) < set(large.pieces)
        True
    """
    config = TokenizerConfig() if config is None else config
    if not isinstance(config, TokenizerConfig):
        raise InputError(f"config is {type(config).__name__}; it takes a TokenizerConfig.")
    sizes = sorted(set(config.sizes), reverse=True)
    if config.faithful:
        if weights is not None or checkpoint is not None or engine is not None or isinstance(texts, TextSample):
            raise InputError(
                "faithful training takes an iterable of str, and neither weights nor a checkpoint nor an engine."
            )
        parts = [
            _made(*found, replace(config, vocab_size=size))
            for size, found in zip(sizes, faithful.train(texts, config, progress))
        ]
    else:
        parts = _fit(texts, config, sizes, weights, checkpoints.Checkpoint(checkpoint, config), progress, engine)
    by_size = dict(zip(sizes, parts))
    made = tuple(by_size[size] for size in config.sizes)
    return made if isinstance(config.vocab_size, tuple) else made[0]


def _fit(
    texts: Iterable[str] | TextSample,
    config: TokenizerConfig,
    sizes: list[int],
    weights: Iterable[float] | None,
    checkpoint: checkpoints.Checkpoint,
    progress: runtime.Reporter,
    engine: Engine | None,
) -> list[Tokenizer]:
    """The tokenizers of falling sizes."""
    if isinstance(texts, TextSample):
        sample = texts
        if weights is not None:
            raise InputError("weights are given beside a TextSample, whose texts have theirs; give them to its add.")
        if sample.normalization != config.normalization:
            raise InputError(
                f"the normalization of the sample is {sample.normalization!r} and that of the config "
                f"{config.normalization!r}. Make both alike."
            )
    else:
        sample = checkpoint.sample(texts, weights, progress, engine)
    if sample.bytes == 0:
        raise InputError(f"texts holds {sample.texts} texts and no character. Give some text to learn from.")
    rules = pruning.Rules(config)
    whole = _weighted(sample, config.power, 1)
    part = max(1, sample.held // (_EARLY_BYTES * sizes[0]))
    early = whole if part == 1 else _weighted(sample, config.power, part)
    done, draft, finished = checkpoint.drafts(sample)
    if draft is None:
        draft = _first_draft(whole, sample, config, rules, progress)
        checkpoint.keep(sample, 0, draft, finished)
    steps = list(pruning.plan(sizes, config.thorough))
    for number, step in enumerate(steps[done:], start=done):
        note = f"{len(draft.pieces):,} pieces"
        progress(runtime.Progress("prune pieces", number, len(steps), "steps", note))
        if step.verb == "done":
            finished.append(draft)
        else:
            within = set(finished[-1].pieces) if finished else None
            draft = pruning.take(step, draft, early if step.early else whole, config.objective, rules, within)
        checkpoint.keep(sample, number + 1, draft, finished)
    progress(runtime.Progress("prune pieces", len(steps), len(steps), "steps", f"{len(draft.pieces):,} pieces"))
    return [_finish(draft, sample, whole, replace(config, vocab_size=size)) for draft, size in zip(finished, sizes)]


def _weighted(sample: TextSample, balance: float, part: int) -> pruning.Text:
    blocks, times, weights = sample.rows(part)
    widths = passes.bytes_per_character(blocks)
    integers = np.maximum(1, np.rint(16 * weights * np.sqrt(times) * widths**balance))
    return pruning.Text(blocks, integers.astype(np.int64))


def _first_draft(
    text: pruning.Text, sample: TextSample, config: TokenizerConfig, rules: pruning.Rules, progress: runtime.Reporter
) -> pruning.Draft:
    """All strings that may become pieces."""
    held = sample.held
    progress(runtime.Progress("count substrings", 0, held, "bytes"))
    characters = pool.characters(text.blocks)
    min_count = config.min_count_for(held)
    found = pool.substrings(
        text.blocks,
        characters,
        pool.kinds_of(characters, rules.may_join),
        min_count=min_count,
        longest=config.max_piece_length,
        cross_lines=config.cross_lines,
        word_bounded=config.word_bounded,
        report=lambda level, count: progress(
            runtime.Progress("count substrings", held * level / (level + 3), held, "bytes", f"{count:,} of {level}")
        ),
    )
    draft = pruning.first_draft(text.blocks, found, characters, min_count, rules)
    progress(runtime.Progress("count substrings", held, held, "bytes", f"{len(draft.pieces):,} different ones"))
    return draft


def _finish(draft: pruning.Draft, sample: TextSample, text: pruning.Text, config: TokenizerConfig) -> Tokenizer:
    """Count the uses of the pieces, and score them by it."""
    times = sample.rows()[1]
    costs = pruning.costs(draft.counts, config.objective)
    counts = np.maximum(passes.usage(text.blocks, search.dictionary(draft.pieces, costs), times), 1)
    scores = pruning.scores(draft.pieces, counts, _STORED_LAMBDA[config.objective])
    costs = np.rint(-pruning.GRAIN * scores).astype(np.int64)
    used = passes.usage(text.blocks, search.dictionary(draft.pieces, costs), times)
    facts = {
        "texts": sample.texts,
        "bytes": sample.bytes,
        "sampled": sample.fraction,
        "min_count": config.min_count_for(sample.held),
    }
    return _made(draft.pieces, counts, scores, used, facts, {"texts": sample.digest()}, config)


def _made(
    pieces: list[bytes],
    counts: np.ndarray,
    scores: np.ndarray,
    used: np.ndarray,
    facts: dict[str, Any],
    inputs: dict[str, str],
    config: TokenizerConfig,
) -> Tokenizer:
    """Give ids by length and bytes, and note what the report will tell."""
    by_length = sorted(range(len(pieces)), key=lambda i: (len(pieces[i]), pieces[i]))
    pieces, used = [pieces[i] for i in by_length], used[by_length]
    written = int(used @ np.fromiter(map(len, pieces), dtype=np.int64))
    tokens = int(used.sum())
    facts = {
        "asked_vocab_size": config.vocab_size,
        "found_vocab_size": len(pieces) + SPECIALS,
        **facts,
        "tokens": tokens,
        "bytes_per_token": round(written / tokens, 4),
        "pieces": _most_used(pieces, used, 60),
    }
    return Tokenizer(
        pieces,
        counts[by_length],
        scores[by_length],
        normalization=config.normalization,
        config=config,
        facts=facts,
        inputs=inputs,
    )


def _most_used(pieces: list[bytes], used: np.ndarray, limit: int) -> list[dict[str, Any]]:
    """The pieces used most on the training text, of those that a person can read: whole characters only."""
    readable: list[dict[str, Any]] = []
    for i in np.argsort(-used, kind="stable"):
        if len(readable) == limit or not used[i]:
            break
        try:
            readable.append({"piece": pieces[i].decode(), "count": int(used[i])})
        except UnicodeDecodeError:
            continue
    return readable
