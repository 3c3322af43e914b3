"""A training run that was stopped goes on where it was: its sample and its draft stand in a folder.

`sample/` is the text read so far, `draft/` the pieces behind a step. They are saved now and then, as artifacts, whole
or not at all, so a crash at any moment leaves the state before.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from minent import artifacts, runtime
from minent.errors import InputError
from minent.tokenizer.config import TokenizerConfig
from minent.tokenizer.pruning import Draft
from minent.tokenizer.sampling import TextSample
from minent.tokenizer.text import join

KIND, FORMAT = "tokenizer-draft", 1
SECONDS_BETWEEN = 10.0  # from one saving to the next: what was done since is soon done again
_REPORT_EVERY = 256  # texts


class Checkpoint:
    """The state of a run in `folder`; None keeps nothing."""

    def __init__(self, folder: str | Path | None, config: TokenizerConfig) -> None:
        self._folder = None if folder is None else Path(folder)
        self._config = config
        self._saved_at = time.monotonic()

    def sample(self, texts: Iterable[str], weights: Iterable[float] | None, progress: runtime.Reporter) -> TextSample:
        """Read the texts, from where an earlier run stopped."""
        if isinstance(texts, (str, bytes)):
            raise InputError(f"texts is one {type(texts).__name__}; it takes an iterable of str. Write [text].")
        sample = self._saved_sample()
        read = unread = sample.texts
        for number, (text, weight) in enumerate(_with_weights(texts, weights)):
            if number < read:
                unread -= 1
                if not sample.holds(text):
                    raise self._of_others()
                continue
            sample.add_text(text, weight)
            if sample.texts % _REPORT_EVERY == 1:
                progress(runtime.Progress("read texts", sample.bytes, None, "bytes"))
                self._save_sample(sample)
        if unread:
            raise self._of_others()
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
        arrays = artifacts.load_arrays(self._folder / "draft" / "pieces.safetensors")
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

    def _of_others(self) -> InputError:
        return InputError(
            f"{self._folder}: is the checkpoint of other texts or another config. Choose another folder, or remove it "
            f"to start anew."
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
