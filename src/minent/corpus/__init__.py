"""Texts from files, and what is wrong with them, for everybody who brings data.

`read_texts` and `read_labelled` take txt, csv, tsv, jsonl, parquet and fastText lines, plain or as .gz, .xz or .zst,
from a path or from stdin (`"-"`); an error names the file, the row and the cure. `audit` looks for duplicates, leaks
of the test set, contradictory labels and classes without examples.

Text formats are decoded here, line by line, so that an undecodable byte can be named with its line or kept, and only
the line at hand is in memory; parquet goes through polars, in batches.

    >>> from minent import corpus
    >>> found = corpus.audit(corpus.Labelled(texts=("fine", "poor", "fine"), labels=("good", "bad", "bad")))
    >>> found.disagreements
    ((1, 3),)
"""

from minent.corpus.findings import Audit, Overlap
from minent.corpus.quality import audit
from minent.corpus.readers import Labelled, Texts, read_labelled, read_texts

__all__ = ["Audit", "Labelled", "Overlap", "Texts", "audit", "read_labelled", "read_texts"]
