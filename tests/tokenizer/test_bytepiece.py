"""Equal to bytepiece 0.6.3: its pieces and counts in faithful mode, its ids for its models, its files byte for byte.

`golden/make.py` says how the golden files were made.
"""

from __future__ import annotations

import base64
import hashlib
import json
import lzma
import zipfile
from pathlib import Path

import numpy as np
import pytest

from minent.errors import InputError
from minent.tokenizer import Tokenizer, TokenizerConfig, train

GOLDEN = Path(__file__).parent / "golden"
SHARED = Path(__file__).parents[3] / "shared" / "data"
CASES = json.loads((GOLDEN / "trained.json").read_text(encoding="utf-8"))
PUBLISHED = json.loads((GOLDEN / "published.json").read_text(encoding="utf-8"))
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} holds the published models, and is not here")


def text() -> str:
    return (GOLDEN / "text.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case["config"])))
def test_faithful_training_gives_its_pieces_and_counts(case):
    made = train([text()], TokenizerConfig(**case["config"], faithful=True))
    expected = [{base64.b64decode(piece): count for piece, count in found.items()} for found in case["pieces"]]
    assert [dict(zip(one.pieces, one.counts.tolist())) for one in made] == expected


def test_the_default_differs_only_for_the_better():
    config = CASES[0]["config"]
    (faithful,), (mended,) = (train([text()], TokenizerConfig(**config, faithful=flag)) for flag in (True, False))
    assert mended.facts["bytes_per_token"] > faithful.facts["bytes_per_token"]


def test_its_model_gives_its_ids():
    small = Tokenizer.from_bytepiece(GOLDEN / "small.model")
    for string, ids in json.loads((GOLDEN / "small-ids.json").read_text(encoding="utf-8")).items():
        assert small.encode(string) == ids


def test_its_file_is_written_byte_for_byte(tmp_path):
    small = Tokenizer.from_bytepiece(GOLDEN / "small.model")
    small.to_bytepiece(tmp_path / "own.model")
    (trained,) = train([text()], TokenizerConfig(vocab_size=(900,), faithful=True))
    trained.export(tmp_path / "trained.model", "bytepiece")
    expected = (GOLDEN / "small.model").read_bytes()
    assert (tmp_path / "own.model").read_bytes() == expected
    assert (tmp_path / "trained.model").read_bytes() == expected


@needs_shared
@pytest.mark.parametrize("name", PUBLISHED["models"])
def test_published_models_give_its_ids(name):
    made, expected = Tokenizer.from_bytepiece(SHARED / "bytepiece-models" / name), PUBLISHED["models"][name]
    assert made.encode_batch(PUBLISHED["strings"] + PUBLISHED["subjectivity"]) == expected["ids"]
    for corpus, found in expected["corpora"].items():
        with lzma.open(SHARED / f"corpora/{corpus}.txt.xz", "rt", encoding="utf-8", newline="") as file:
            ids = np.array(made.encode(file.read(PUBLISHED["characters"])), dtype=np.int32)
        assert (len(ids), hashlib.sha256(ids.tobytes()).hexdigest()) == (found["tokens"], found["sha256"])


BYTES = {base64.b64encode(bytes([byte])).decode(): [byte + 3, "", 1] for byte in range(256)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json", "no model of bytepiece"),
        ("[1, 2]", "no model of bytepiece"),
        (json.dumps({"AA==": 3}), "no model of bytepiece"),
        (json.dumps({"!": [3, "", 1]}), "no model of bytepiece"),
        (json.dumps(BYTES | {"AAA=": [300, "", 1]}), "without a gap"),
        (json.dumps(BYTES | {"AAA=": [259, "", 0]}), "a count is below 1"),
        (json.dumps(BYTES | {"AAA=": [259, "", 10**30]}), "beyond"),
        (json.dumps(BYTES | {"AAA=": [259, "", float("inf")]}), "no model of bytepiece"),
        (json.dumps({"AAA=": [3, "", 1]}), "256 single bytes"),
        ("[" * 100_000, "no model of bytepiece"),
    ],
)
def test_a_file_that_is_no_model_is_refused(tmp_path, content, message):
    (tmp_path / "wrong.model").write_text(content)
    with pytest.raises(InputError, match=message):
        Tokenizer.from_bytepiece(tmp_path / "wrong.model")


def test_a_zip_with_one_model_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.write(GOLDEN / "small.model", "folder/small.model")
        archive.writestr("README", "words")
    assert Tokenizer.from_bytepiece(tmp_path / "one.zip").vocab_size == 3 + len(CASES[0]["pieces"][0])
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as archive:
        archive.writestr("README", "words")
    with pytest.raises(InputError, match=r"0 \.model files"):
        Tokenizer.from_bytepiece(tmp_path / "none.zip")
    with pytest.raises(InputError, match="cannot be read"):
        Tokenizer.from_bytepiece(tmp_path / "absent.model")


def test_a_tokenizer_that_it_would_use_otherwise_is_refused_unless_accepted(tmp_path):
    made = train([text()], TokenizerConfig(vocab_size=900))
    with pytest.raises(InputError, match=r"always brings texts to NFC; .*plain logarithms.*--accept-differences"):
        made.to_bytepiece(tmp_path / "own.model")
    assert not list(tmp_path.iterdir())
    made.to_bytepiece(tmp_path / "own.model", accept_differences=True)
    assert Tokenizer.from_bytepiece(tmp_path / "own.model").pieces == made.pieces
