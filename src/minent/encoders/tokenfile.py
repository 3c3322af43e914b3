"""Ids of many texts on disk: written as they come, mapped when they are read; no corpus has to fit into memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minent import artifacts
from minent.encoders.batches import check_rows
from minent.errors import ArtifactError, InputError

KIND, FORMAT = "encoder-text", 1
_OWN = {"dtype", "tokens", "vocab_size", "sources"}


@dataclass(frozen=True)
class TokenFile:
    """What `TokenFile.write` left on disk, ready for `pretrain`.

    Attributes:
        ids: Ids of all texts end to end, mapped from the file; uint16 where the vocabulary allows it, else int32.
        starts: Where each text starts, then `len(ids)`.
        sources: How many of the texts come from where, in their order.
        facts: What was said about them when they were written.
        digest: Of all of it.
    """

    ids: np.ndarray
    starts: np.ndarray
    sources: dict[str, int]
    facts: dict[str, Any]
    digest: str

    @classmethod
    def write(
        cls,
        folder: str | Path,
        parts: Iterable[tuple[str, np.ndarray, np.ndarray]],
        vocab_size: int,
        *,
        facts: dict[str, Any] | None = None,
        inputs: dict[str, str] | None = None,
        overwrite: bool = False,
    ) -> TokenFile:
        """Write texts as they come, and map what was written.

        Args:
            folder: The artifact to make.
            parts: Some texts each: the name of their source, their ids end to end, their starts. Texts of a source
                follow each other.
            vocab_size: Number of ids.
            facts: Plain data to keep with them, under other names than `dtype`, `tokens`, `vocab_size` and `sources`.
            inputs: Digests of what they were made from, by name.
            overwrite: Replace an artifact that is there.

        Raises:
            InputError: No token, ids outside the vocabulary, a source that begins again, or facts under a name that is
                taken.

        Example:
            >>> import tempfile
            >>> rows = np.array([3, 4, 5], dtype=np.int32), np.array([0, 1, 3])
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     made = TokenFile.write(f"{folder}/text", [("zh", *rows), ("en", *rows)], vocab_size=6)
            >>> made.ids.tolist(), made.starts.tolist(), made.sources
            ([3, 4, 5, 3, 4, 5], [0, 1, 3, 4, 6], {'zh': 2, 'en': 2})
        """
        if taken := sorted(_OWN & (facts or {}).keys()):
            raise InputError(f"facts names {taken[0]!r}, which the file itself states. Choose another name.")
        dtype = np.dtype(np.uint16 if vocab_size <= 2**16 else np.int32)
        lengths, sources, last = [np.zeros(1, np.int64)], dict[str, int](), None
        with artifacts.writing(folder, kind=KIND, format=FORMAT, overwrite=overwrite) as draft:
            with (draft.path / "ids.bin").open("wb") as file:
                for source, ids, starts in parts:
                    if source != last and source in sources:
                        raise InputError(f"source {source!r} begins again; give all of its texts after each other.")
                    ids, starts = check_rows(ids, starts, vocab_size)
                    file.write(ids.astype(dtype.newbyteorder("<")).tobytes())
                    lengths.append(np.diff(starts))
                    sources[source], last = sources.get(source, 0) + len(starts) - 1, source
            ends = np.cumsum(np.concatenate(lengths))
            if not ends[-1]:
                raise InputError("the texts hold no token; pretraining needs some. Are the files empty?")
            artifacts.save_arrays(draft.path / "starts.safetensors", {"starts": ends})
            draft.facts.update(facts or {})
            draft.facts.update(dtype=dtype.name, tokens=int(ends[-1]), vocab_size=vocab_size, sources=sources)
            draft.inputs.update(inputs or {})
        return cls.load(folder)

    @classmethod
    def load(cls, folder: str | Path) -> TokenFile:
        """Map what `write` wrote.

        Args:
            folder: The artifact.

        Raises:
            ArtifactError: No such folder, another kind, a newer format, or a changed file.
        """
        manifest = artifacts.read_manifest(folder, kind=KIND, format=FORMAT)
        arrays = artifacts.load_arrays(manifest.file(folder, "starts.safetensors"))
        with artifacts.understood(folder):
            facts, starts = manifest.facts, arrays["starts"]
            if facts["dtype"] not in ("uint16", "int32"):
                raise ArtifactError(f"{folder}: ids are of type {facts['dtype']!r}, which this minent does not read.")
            artifacts.check_shapes(arrays, {"starts": "i ends"}, ends=sum(facts["sources"].values()) + 1)
            dtype = np.dtype(facts["dtype"]).newbyteorder("<")
            ids = np.memmap(manifest.file(folder, "ids.bin"), dtype=dtype, mode="r", shape=(int(starts[-1]),))
            if ids.nbytes != manifest.files["ids.bin"]["bytes"] or starts[0] != 0 or (np.diff(starts) < 0).any():
                raise ValueError(f"starts do not part the {manifest.files['ids.bin']['bytes']} bytes of ids.bin")
            return cls(ids, starts, facts["sources"], facts, manifest.digest)
