"""A training run that was stopped goes on where it was: its sample and its draft stand in a folder.

`sample/` is the text read so far, `draft/` the pieces behind a step. They are saved now and then, as artifacts, whole
or not at all, so a crash at any moment leaves the state before.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from minent import artifacts, runtime
from minent.cluster import Engine
from minent.errors import InputError
from minent.tokenizer.config import TokenizerConfig
from minent.tokenizer.pruning import Draft
from minent.tokenizer.sampling import TextSample, weight_mark
from minent.tokenizer.text import check_iterable, join

KIND, FORMAT = "tokenizer-draft", 1
SECONDS_BETWEEN = 10.0  # from one saving to the next: what was done since is soon done again
_REPORT_EVERY = 256  # texts
_PART_CHARACTERS, _PART_TEXTS = 1_000_000, 20_000  # what an engine counts at a time


class Checkpoint:
    """The state of a run in `folder`; None keeps nothing."""

    def __init__(self, folder: str | Path | None, config: TokenizerConfig) -> None:
        self._folder = None if folder is None else Path(folder)
        self._config = config
        self._saved_at = time.monotonic()

    def sample(
        self,
        texts: Iterable[str],
        weights: Iterable[float] | None,
        progress: runtime.Reporter,
        engine: Engine | None = None,
    ) -> TextSample:
        """Read the texts, from where an earlier run stopped; an engine counts them in parts."""
        check_iterable(texts)
        sample = self._saved_sample()
        pairs = _with_weights(texts, weights)
        read = weighed = 0
        for text, weight in islice(pairs, sample.texts):
            weighed = (weighed + weight_mark(read, weight)) % 2**64
            read += 1
            if not sample.holds(text):
                raise self._of_others()
        if read != sample.texts:
            raise self._of_others()
        if weighed != sample.weighed:
            raise self._of_others("other weights")
        for _ in _added(sample, pairs) if engine is None else _absorbed(sample, pairs, engine):
            progress(runtime.Progress("read texts", sample.bytes, None, "bytes"))
            self._save_sample(sample)
        progress(runtime.Progress("read texts", sample.bytes, sample.bytes, "bytes", f"{sample.texts:,} texts"))
        self._save_sample(sample)
        return sample

    def drafts(self, sample: TextSample) -> tuple[int, Draft | None, list[Draft]]:
        """How many steps are done, the draft behind them, and the finished ones of larger sizes."""
        if self._folder is None or not (self._folder / "draft" / artifacts.MANIFEST).exists():
            return 0, None, []
        manifest = artifacts.read_manifest(self._folder / "draft", kind=KIND, format=FORMAT)
        if manifest.inputs["texts"] != sample.digest() or manifest.config != artifacts.plain(self._config):
            raise self._of_others()
        arrays = artifacts.load_arrays(manifest.file(self._folder / "draft", "pieces.safetensors"))
        read = [_unpacked(arrays, number) for number in range(len(arrays) // 3)]
        return manifest.facts["steps"], read[-1], read[:-1]

    def keep(self, sample: TextSample, steps: int, draft: Draft, finished: list[Draft]) -> None:
        """Save the draft behind so many steps."""
        if not self._is_time():
            return
        with artifacts.writing(
            Path(self._folder or "") / "draft", kind=KIND, format=FORMAT, config=self._config, overwrite=True
        ) as folder:
            arrays: dict[str, np.ndarray] = {}
            for number, one in enumerate([*finished, draft]):
                rows = join(one.pieces)
                arrays |= {f"bytes{number}": rows.buffer, f"starts{number}": rows.starts, f"counts{number}": one.counts}
            artifacts.save_arrays(folder.path / "pieces.safetensors", arrays)
            folder.facts.update(steps=steps)
            folder.inputs.update(texts=sample.digest())

    def _of_others(self, what: str = "other texts or another config") -> InputError:
        return InputError(
            f"{self._folder}: is the checkpoint of {what}. Choose another folder, or remove it to start anew."
        )

    def _saved_sample(self) -> TextSample:
        if self._folder is None or not (self._folder / "sample" / artifacts.MANIFEST).exists():
            return TextSample(self._config.normalization, self._config.sample_megabytes)
        sample = TextSample.load(self._folder / "sample")
        if (sample.normalization, sample.megabytes) != (self._config.normalization, self._config.sample_megabytes):
            raise self._of_others()
        return sample

    def _save_sample(self, sample: TextSample) -> None:
        if self._folder is not None and self._is_time():
            sample.save(self._folder / "sample", overwrite=True)

    def _is_time(self) -> bool:
        now = time.monotonic()
        if self._folder is None or now - self._saved_at < SECONDS_BETWEEN:
            return False
        self._saved_at = now
        return True


def _unpacked(arrays: dict[str, np.ndarray], number: int) -> Draft:
    data, starts = arrays[f"bytes{number}"].tobytes(), arrays[f"starts{number}"].tolist()
    return Draft([data[a:b] for a, b in pairwise(starts)], arrays[f"counts{number}"])


def _added(sample: TextSample, pairs: Iterable[tuple[str, float]]) -> Iterator[None]:
    """Read the texts here, and pause now and then."""
    for text, weight in pairs:
        sample.add_text(text, weight)
        if sample.texts % _REPORT_EVERY == 1:
            yield


def _absorbed(sample: TextSample, pairs: Iterable[tuple[str, float]], engine: Engine) -> Iterator[None]:
    """Let an engine count the texts in parts, and pause after each; the sample grows in the order of the texts."""
    for part in engine(_counted, _parts(sample.texts, pairs, sample.normalization, sample.megabytes)):
        sample.absorb(part)
        yield


_Part = tuple[int, str, int, list[tuple[str, float]]]  # the number of the first text, two settings, texts and weights


def _parts(first: int, pairs: Iterable[tuple[str, float]], normalization: str, megabytes: int) -> Iterator[_Part]:
    part: list[tuple[str, float]] = []
    characters = 0
    for text, weight in pairs:
        part.append((text, weight))
        characters += len(text) if isinstance(text, str) else 0  # what is no text is named where it is counted
        if characters >= _PART_CHARACTERS or len(part) >= _PART_TEXTS:
            yield first, normalization, megabytes, part
            first += len(part)
            part, characters = [], 0
    if part:
        yield first, normalization, megabytes, part


def _counted(part: _Part) -> TextSample:
    """The sample of one part. It counts its texts from where it stands among all, so that an error names the place."""
    first, normalization, megabytes, pairs = part
    sample = TextSample(normalization, megabytes)
    sample.texts = first
    for text, weight in pairs:
        sample.add_text(text, weight)
    sample.texts -= first
    return sample


def _with_weights(texts: Iterable[str], weights: Iterable[float] | None) -> Iterator[tuple[str, float]]:
    if weights is None:
        for text in texts:
            yield text, 1.0
        return
    rest = iter(weights)
    for number, text in enumerate(texts):
        weight = next(rest, None)
        if weight is None:
            raise InputError(f"weights holds {number} numbers, and there are more texts; it takes one for each text.")
        yield text, weight
    if next(rest, None) is not None:
        raise InputError("weights holds more numbers than there are texts; it takes one for each text.")
