"""What `mkdocs` runs on each page: formulas become MathML, which a browser draws without a script."""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

_FUNCTION = re.compile(r"(<mi>(?:log|ln|exp)</mi>)(?=<mi>)")
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(content: str, **context: Any) -> str:
    """Replace every formula of a page; `mkdocs` calls it by this name."""
    return _FORMULA.sub(lambda found: _mathml(found[3], found[2] == "["), content)


def _mathml(latex: str, stands_alone: bool) -> str:
    formula = convert(html.unescape(latex).strip(), display="block" if stands_alone else "inline")
    return _FUNCTION.sub(r'\1<mspace width="0.17em"/>', formula)  # "log p" and not "logp"
