"""One HTML page that tells how a saved classifier came to be, how good it is and where it errs.

The page is a pure function of the manifest: it asks no stage and reads no other file, so it can be drawn again for any
old run and the same manifest gives the same bytes. It needs no network, follows the reader's light or dark scheme, and
prints. Its one script searches and sorts the tables of texts; without it they stand there whole. For whoever trained a
classifier and must decide whether to trust it. `compare` sets several side by side; `card` is the README of a folder;
`describe_tokenizer` draws what the statistics of a tokenizer say.

    >>> from minent import report
    >>> from minent.artifacts import Manifest
    >>> facts = {"task": {"classes": ["no", "yes"], "labelled": 8}}
    >>> "learned from 8 labelled texts" in report.render(Manifest("classifier", 1, "0.1.0", facts=facts))
    True
"""

from minent.report.card import card, write_card
from minent.report.comparing import Run, Trial
from minent.report.render import SCRIPT_POLICY, compare, describe_tokenizer, render, write

__all__ = ["SCRIPT_POLICY", "Run", "Trial", "card", "compare", "describe_tokenizer", "render", "write", "write_card"]
