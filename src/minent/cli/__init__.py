"""The command line: `minent fit`, `minent predict` and a group of verbs for each room.

    minent audit labelled.csv --unlabeled raw.txt
    minent tokenizer train raw.txt --vocab-size 8000 -o pieces/

`-` is stdin wherever a file is read, results go to stdout, everything else to stderr. A wrong input costs one line that
names the place and the cure, and exit code 2. Rooms are imported inside the verbs, so `minent --help` is quick.

    >>> from minent import cli
    >>> cli.main(["--version"])
    minent 0.1.0
"""

from minent.cli.frame import main

__all__ = ["main"]
