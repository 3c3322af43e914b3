"""Saved folders: written beside their target, renamed in when whole, verified when read.

An artifact is a folder with a `manifest.json`. The manifest names the kind, the format, the version that wrote it, the
config, the seeds, digests of the inputs and of every file, and `facts`, which is all that a report reads. What differs
from run to run without meaning (seconds, dates) stands apart in `measured` and outside the `digest`, so the same seed
on the same machine gives the same digest. Nothing here is a pickle: arrays are safetensors, the rest is JSON or text.
"""

from minent.artifacts.contents import (
    check_shapes,
    digest_arrays,
    digest_file,
    digest_of,
    digest_texts,
    load_arrays,
    pack_arrays,
    plain,
    save_arrays,
    understood,
    write_whole,
    writing_file,
)
from minent.artifacts.locking import locked
from minent.artifacts.manifest import MANIFEST, Manifest, read_manifest, unknown_kind
from minent.artifacts.saving import Draft, refuse_taken, remove, writing

__all__ = [
    "MANIFEST",
    "Draft",
    "Manifest",
    "check_shapes",
    "digest_arrays",
    "digest_file",
    "digest_of",
    "digest_texts",
    "load_arrays",
    "locked",
    "pack_arrays",
    "plain",
    "read_manifest",
    "refuse_taken",
    "remove",
    "save_arrays",
    "understood",
    "unknown_kind",
    "write_whole",
    "writing",
    "writing_file",
]
