"""What griffe does with each docstring: our `Example:` is its `Examples:`, so that prompts and answers stay code."""

from __future__ import annotations

import re
from typing import Any

import griffe


class Examples(griffe.Extension):
    """Renames the section; `mkdocstrings` finds this class by itself."""

    def on_object(self, *, obj: griffe.Object, **context: Any) -> None:
        """See `griffe.Extension`."""
        if obj.docstring:
            obj.docstring.value = re.sub(r"^( *)Example:$", r"\1Examples:", obj.docstring.value, flags=re.MULTILINE)
