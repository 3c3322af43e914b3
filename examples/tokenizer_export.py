"""Learn pieces from text, write an unseen sentence with them, and take them to another library with the same ids.

python examples/tokenizer_export.py
"""

import tempfile
from pathlib import Path

import tokenizers

from minent import samples, tokenizer


def main() -> None:
    texts = samples.load("subjectivity").unlabeled[:2000]
    pieces = tokenizer.train(texts, tokenizer.TokenizerConfig(vocab_size=2000))
    text = "a film that never quite takes off ☂"
    ids = pieces.encode(text)
    print(f"{pieces.vocab_size:,} ids, {pieces.facts['bytes_per_token']:.2f} bytes per token")
    print([piece.decode(errors="replace") for piece in pieces.tokenize(text)])
    assert pieces.decode(ids) == text
    print("the text comes back, to the byte")

    path = Path(tempfile.mkdtemp()) / "tokenizer.json"
    pieces.export(path, "huggingface")
    theirs = tokenizers.Tokenizer.from_file(str(path))
    assert theirs.encode(text, add_special_tokens=False).ids == ids
    print("the tokenizers library gives the same ids")


if __name__ == "__main__":
    main()
