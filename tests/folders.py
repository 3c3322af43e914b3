"""Saved folders whose signature is right and whose content is not."""

from __future__ import annotations

import json
from pathlib import Path

from minent import artifacts


def rewrite(folder: Path, **changes: object) -> None:
    """Change fields of the manifest, and its digest with them."""
    path = folder / artifacts.MANIFEST
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    body = {name: value for name, value in content.items() if name not in ("measured", "digest")}
    path.write_text(json.dumps(content | {"digest": artifacts.digest_of(body)}), encoding="utf-8")


def resign(folder: Path) -> None:
    """Give a folder whose files were changed the digests of what is there now."""
    files = json.loads((folder / artifacts.MANIFEST).read_text(encoding="utf-8"))["files"]
    for name in files:
        files[name] = {"bytes": (folder / name).stat().st_size, "sha256": artifacts.digest_file(folder / name)}
    rewrite(folder, files=files)
