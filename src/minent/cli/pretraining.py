"""The road of a recipe: files to passages, a tokenizer, ids on disk, word vectors, and an encoder."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minent import artifacts
from minent.cli.recipe import VECTOR_TOKENS, Recipe
from minent.errors import InputError
from minent.runtime import Progress, Reporter

if TYPE_CHECKING:
    import numpy as np

    from minent.corpus import Texts
    from minent.encoders import PretrainedEncoder
    from minent.encoders.tokenfile import TokenFile
    from minent.tokenizer import Tokenizer

ENCODED = 20_000  # passages that are encoded together
HELD_OUT = "held-out.safetensors"  # beside the encoder: what it is measured on, wherever it goes
STAGES = {"recipe.json", "passages", "tokenizer", "text", "vectors", "checkpoint", "ready"}


@dataclass(frozen=True)
class Road:
    """Where a recipe is followed, and how far it came: each stage is made once, and kept for the next call.

    Attributes:
        recipe: What to make.
        files: The texts of each source.
        folder: Takes the stages.
        report: Told of each.
        known: A tokenizer that is there already, in place of one that is trained.
    """

    recipe: Recipe
    files: dict[str, Texts]
    folder: Path
    report: Reporter
    known: Tokenizer | None = None

    def open(self) -> None:
        """Make the folder, or refuse one of another recipe.

        Raises:
            InputError: The stages that are there were made by another recipe, of other files or another tokenizer.
        """
        made_of = {
            "text": self.recipe.text,
            "tokenizer": artifacts.plain(self.recipe.tokenizer) if self.known is None else _digest(self.known),
            "vectors": self.recipe.vectors,
            "files": {name: _sizes(texts) for name, texts in self.files.items()},
        }
        path = self.folder / "recipe.json"
        if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != made_of:
            raise InputError(
                f"{self.folder}: holds stages of other files, or of another [text], [tokenizer] or [vectors]. Give "
                f"those, or leave out --resume to begin anew."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        artifacts.write_whole(path, json.dumps(made_of, ensure_ascii=False).encode())

    def passages(self) -> dict[str, Path]:
        """The passages of each source, one a line."""
        folder = self.folder / "passages"
        paths = {name: folder / f"{name}.txt" for name in self.files}
        if (folder / "counts.json").is_file():
            return paths
        folder.mkdir(exist_ok=True)
        seen: set[int] = set()
        counts = {}
        for name, texts in self.files.items():
            size, longest = self.recipe.text["passage_bytes"], self.recipe.text["distinct_from"]
            found = Passages(texts, size, longest, seen)
            with paths[name].open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
                for number, passage in enumerate(found, start=1):
                    file.write(passage + "\n")
                    if number % 5000 == 0:
                        self.report(Progress("read the texts", found.bytes, None, "bytes"))
            counts[name] = {"bytes": found.bytes, "lines": found.lines, "repeated": found.repeated}
        artifacts.write_whole(folder / "counts.json", json.dumps(counts).encode())
        return paths

    def tokenizer(self) -> Tokenizer:
        """The given tokenizer, or one trained on the passages."""
        from minent import tokenizer

        if self.known is not None:
            return self.known
        folder = self.folder / "tokenizer"
        if not folder.is_dir():
            config = tokenizer.TokenizerConfig(**self.recipe.tokenizer)
            learnt = tokenizer.train(_lines(self.passages().values()), config, progress=self.report)
            learnt.save(folder)
        return tokenizer.Tokenizer.load(folder)

    def text(self) -> TokenFile:
        """The passages as ids on disk."""
        from minent.encoders.tokenfile import TokenFile

        folder = self.folder / "text"
        if folder.is_dir():
            return TokenFile.load(folder)
        known, paths = self.tokenizer(), self.passages()
        counts = json.loads((self.folder / "passages" / "counts.json").read_text(encoding="utf-8"))
        inputs = {"tokenizer": _digest(known)}
        return TokenFile.write(
            folder, self._encoded(known, paths), known.vocab_size, facts={"read": counts}, inputs=inputs
        )

    def _encoded(self, known: Tokenizer, paths: dict[str, Path]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        from minent.cli.options import batches

        done = 0
        for name, path in paths.items():
            for batch in batches(_lines([path]), ENCODED):
                yield name, *known.encode_arrays(batch, disallowed_special=())
                done += sum(len(passage.encode("utf-8", "surrogateescape")) for passage in batch)
                self.report(Progress("encode the passages", done, None, "bytes"))

    def vectors(self) -> np.ndarray:
        """Word vectors of the pieces, learnt from runs of passages spread over the text."""
        from minent import vectors

        folder, dim = self.folder / "vectors", self.recipe.encoder.get("dim", 128)
        if folder.is_dir() and (found := vectors.Vectors.load(folder)).dim == dim:
            return found.matrix
        text, choices = self.text(), dict(self.recipe.vectors)
        ids, starts = spread(text.ids, text.starts, choices.pop("tokens", VECTOR_TOKENS))
        config = vectors.VectorsConfig(**({"max_iterations": 0} | choices), dim=dim)
        made = vectors.train(ids, starts, vocab_size=text.facts["vocab_size"], config=config, progress=self.report)
        made.save(folder, overwrite=True)
        return made.matrix

    def pretrain(self, *, resume: bool, pause_after: float | None, trial: Trial | None = None) -> PretrainedEncoder:
        """Train the encoder, from the checkpoint that is there if `resume`; a trial leaves no checkpoint."""
        from minent import encoders

        known, text = self.tokenizer(), self.text()
        shape = encoders.EncoderConfig(vocab_size=known.vocab_size, **self.recipe.encoder)
        return encoders.pretrain(
            text.ids,
            text.starts,
            shape,
            encoders.PretrainConfig(**self.recipe.pretrain),
            initial=self.vectors(),
            piece_bytes=piece_bytes(known),
            sources=text.sources,
            checkpoint=self.folder / "checkpoint" if trial is None else None,
            resume=resume,
            pause_after=pause_after,
            progress=self.report if trial is None else trial.told(self.report),
        )

    def files_beside(self, trained: PretrainedEncoder) -> dict[str, bytes]:
        """What goes with the encoder: the held-out texts, and the recipe with its sources."""
        import numpy as np

        from minent.encoders.evaluation import TOKENS
        from minent.encoders.pretrain import held_out, unigram_of_windows

        text = self.text()
        train, held = held_out(text.starts, text.sources, trained.config, trained.pretrain_config)
        arrays = {"unigram": unigram_of_windows(text.ids, train, trained.config.vocab_size)}
        for name in text.sources:
            part = held[name][np.arange(int(np.searchsorted(np.cumsum(held[name].lengths), TOKENS)))]
            arrays[f"{name}.ids"], arrays[f"{name}.starts"] = part.take(text.ids)
        told = {"recipe": artifacts.plain(self.recipe), "text": text.facts}
        return {
            HELD_OUT: artifacts.pack_arrays(arrays),
            "recipe.json": json.dumps(told, ensure_ascii=False, indent=1).encode(),
        }


class Passages:
    """Lines joined to passages, each line of some length read once only.

    An empty line ends a passage that is half full; a full one ends by itself. Lines are joined as their script is
    written: with a space, or with nothing between two characters of Chinese or Japanese.

    Args:
        lines: The lines.
        size: Bytes of a passage, about.
        distinct_from: Characters from which a line counts as a repetition when it was seen before.
        seen: Digests of the lines that were seen, of other files too.

    Example:
        >>> seen = set()
        >>> list(Passages(["one two", "three", "", "so it goes", "so it goes", "好看", "的电影"], 15, 9, seen))
        ['one two three', 'so it goes', '好看的电影']
    """

    def __init__(self, lines: Iterable[str], size: int, distinct_from: int, seen: set[int]) -> None:
        self._lines, self._size, self._distinct_from, self._seen = lines, size, distinct_from, seen
        self.bytes = self.lines = self.repeated = 0

    def __iter__(self) -> Iterator[str]:
        held, length = "", 0
        for line in self._lines:
            line = " ".join(line.split())
            self.lines += 1
            if len(line) >= self._distinct_from and self._repeats(line):
                self.repeated += 1
                continue
            size = len(line.encode("utf-8", "surrogateescape"))
            self.bytes += size
            if held and (length + size > self._size if line else length > self._size / 2):
                yield held
                held, length = "", 0
            if line:
                held, length = held + _between(held, line) + line, length + size
        if held:
            yield held

    def _repeats(self, line: str) -> bool:
        digest = hashlib.blake2b(line.casefold().encode("utf-8", "surrogateescape"), digest_size=8).digest()
        key = int.from_bytes(digest, "little")
        if key in self._seen:
            return True
        self._seen.add(key)
        return False


def _between(held: str, line: str) -> str:
    return "" if not held or (held[-1] >= "\u2e80" and line[0] >= "\u2e80") else " "


def spread(ids: np.ndarray, starts: np.ndarray, tokens: int) -> tuple[np.ndarray, np.ndarray]:
    """Take about so many tokens, in a hundred runs of texts spread evenly.

    Example:
        >>> import numpy as np
        >>> spread(np.arange(1000), np.arange(1001), tokens=500)[0].shape
        (500,)
    """
    import numpy as np

    if len(ids) <= tokens:
        return np.asarray(ids, dtype=np.int32), starts
    texts, share = len(starts) - 1, tokens / len(ids)
    runs = np.linspace(0, texts, 101).astype(np.int64)
    chosen = [(first, first + math.ceil((last - first) * share)) for first, last in pairwise(runs)]
    parts = [np.asarray(ids[starts[first] : starts[last]], dtype=np.int32) for first, last in chosen]
    lengths = np.concatenate([np.diff(starts[first : last + 1]) for first, last in chosen])
    return np.concatenate(parts), np.concatenate([[0], np.cumsum(lengths)])


def piece_bytes(known: Tokenizer) -> np.ndarray:
    """Bytes of each id."""
    import numpy as np

    return np.array([len(known.id_to_piece(id)) for id in range(known.vocab_size)], dtype=np.int64)


@dataclass
class Trial:
    """Watches the first steps of a run, and says what the whole run will take.

    Attributes:
        seen: For each step when it ended, and its number.
        planned: The steps of the whole run.
    """

    seen: list[tuple[float, int]] = field(default_factory=list)
    planned: int = 0

    def told(self, report: Reporter) -> Reporter:
        """A reporter that takes each step down and passes it on."""

        def take(event: Progress) -> None:
            self.planned = int(event.total or 0)
            self.seen.append((time.monotonic(), int(event.done)))
            report(event)

        return take

    def sentences(self, trained: PretrainedEncoder, train_tokens: int) -> list[str]:
        """What was measured, and what follows from it."""
        import numpy as np

        if len(self.seen) < 8:
            return [f"only {len(self.seen)} steps were made, too few to say anything. Give the trial more time."]
        step_tokens = trained.pretrain_config.batch_size * trained.config.max_length
        times, steps = (np.array(column) for column in zip(*self.seen))
        quarter = len(times) // 4  # warming up
        rate = (steps[-1] - steps[quarter]) * step_tokens / max(1e-9, times[-1] - times[quarter])
        first, last, slope = _descent(trained.facts["curve"])
        tokens = self.planned * step_tokens
        peak = trained.measured.get("peak_bytes")
        memory = f", {peak / 2**30:.1f} GiB of its memory at most" if peak else ""
        fits = int(25 * 60 * rate / 10**6) * 10**6
        return [
            f"device {trained.measured['device']}: {rate:,.0f} tokens/s over steps {steps[quarter]:,.0f} to "
            f"{steps[-1]:,.0f}{memory}",
            f"loss {first:.3f} bits per byte in the first quarter, {last:.3f} in the last; {slope:+.3f} bits for a "
            f"doubling of the steps at the present learning rate",
            f"the whole run: {self.planned:,} steps, {tokens / 1e6:,.1f} million tokens, "
            f"{tokens / train_tokens:.1f} passes over {train_tokens / 1e6:,.1f} million: "
            f"{tokens / rate / 60:,.1f} minutes",
            f"25 minutes hold {fits / 1e6:,.0f} million tokens ({fits / train_tokens:.1f} passes): "
            f"--set pretrain.budget_tokens={fits}",
        ]


def _descent(curve: list[dict[str, Any]]) -> tuple[float, float, float]:
    """Bits in the first quarter of a curve and in its last, and those for a doubling of the steps in its second half.

    Example:
        >>> _descent([{"step": step, "bits": 9.0 - step.bit_length()} for step in (1, 2, 4, 8, 16, 32, 64, 128)])
        (7.5, 1.5, -1.0)
    """
    import numpy as np

    steps, bits = (np.array([point[name] for point in curve]) for name in ("step", "bits"))
    quarter, half = len(bits) // 4, len(bits) // 2
    slope = np.polyfit(np.log2(steps[half:]), bits[half:], 1)[0]
    return float(bits[:quarter].mean()), float(bits[-quarter:].mean()), round(float(slope), 6)


def wait_for(folder: Path, first: bool, seconds: float = 3600.0) -> None:
    """Wait until the first process of the group has made the stages in a folder; the first one says that it has.

    What it says names this group, so that the stages of an earlier one are not taken for its own.
    """
    group, ready, until = _group(), folder / "ready", time.monotonic() + seconds
    if first:
        artifacts.write_whole(ready, group.encode())
    while not (ready.is_file() and ready.read_text() == group):
        if time.monotonic() > until:
            raise InputError(f"{folder}: the first process did not make its stages within {seconds:.0f} seconds.")
        time.sleep(0.2)


def begun(folder: Path) -> None:
    """Take back what the first process said, once all of its group have read it."""
    (folder / "ready").unlink(missing_ok=True)


def _group() -> str:
    """What tells this group of processes from any other: a plain torchrun calls each of its runs alike."""
    known = [os.environ.get(f"TORCHELASTIC_{name}", "") for name in ("RUN_ID", "RESTART_COUNT")]
    one_machine = os.environ.get("GROUP_WORLD_SIZE", "1") == "1"
    agent = str(os.getppid()) if one_machine else ""  # it started them all; each further machine has another
    return " ".join([*known, os.environ.get("MASTER_PORT", ""), agent])


def source_of(path: str) -> str:
    """The name of a source: that of its file, up to the first dot.

    Example:
        >>> source_of("data/zh.txt.xz")
        'zh'
    """
    return Path(path).name.partition(".")[0]


def _lines(paths: Iterable[Path]) -> Texts:
    from minent import corpus

    return corpus.read_texts([*paths], encoding_errors="keep", format="txt")


def _sizes(texts: Texts) -> list[list[Any]]:
    return [[Path(source).name, Path(source).stat().st_size] for source in texts.sources]


def _digest(known: Tokenizer) -> str:
    return artifacts.digest_texts(piece.hex() for piece in known.pieces)
