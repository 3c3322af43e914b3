"""The pieces as lines that people can read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from minent.tokenizer.config import SPECIALS

if TYPE_CHECKING:
    from minent.tokenizer.model import Tokenizer


def table(tokenizer: Tokenizer) -> str:
    """All pieces as lines of id, count and text, most frequent first; what is no text stands as escapes."""
    lines = ["id\tcount\tpiece"]
    for i in np.argsort(-tokenizer.counts, kind="stable").tolist():
        text = tokenizer.pieces[i].decode(errors="backslashreplace")
        lines.append(f"{i + SPECIALS}\t{tokenizer.counts[i]}\t{json.dumps(text, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"
