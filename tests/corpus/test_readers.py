"""Every format, every compression, every encoding, one result; and every bad input one sentence."""

from __future__ import annotations

import csv
import gzip
import io
import json
import lzma
import sys
import tracemalloc
from pathlib import Path

import polars
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from minent import artifacts
from minent.corpus import Labelled, read_labelled, read_texts
from minent.errors import InputError

ROWS = [("a good one", "pos"), ('two, "quoted"\nlines', "neg"), ("价格 ünï", "007"), ("no label", None)]
COMPRESS = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress, ".zst": zstandard.ZstdCompressor().compress}


def as_csv(rows) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(
        [("id", "text", "label"), *((i, text, label or "") for i, (text, label) in enumerate(rows))]
    )
    return out.getvalue().encode()


def as_jsonl(rows) -> bytes:
    lines = [json.dumps({"text": text, "label": label} if label else {"text": text}) for text, label in rows]
    return ("\n".join(lines) + "\n\n").encode()


def as_parquet(rows) -> bytes:
    out = io.BytesIO()
    polars.DataFrame(rows, schema=["text", "label"], orient="row").write_parquet(out)
    return out.getvalue()


WRITE = {".csv": as_csv, ".jsonl": as_jsonl, ".parquet": as_parquet}


@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("suffix", WRITE)
def test_formats_and_compressions_agree(tmp_path, suffix, compression):
    path = tmp_path / f"rows{suffix}{compression}"
    path.write_bytes(COMPRESS[compression](WRITE[suffix](ROWS)))
    texts, labels = zip(*ROWS)
    texts = tuple(text.replace("\n", "\n") for text in texts)
    assert read_labelled(path) == Labelled(texts, labels)
    both = read_texts(path)
    assert tuple(both) == tuple(both) == texts


@pytest.mark.parametrize("compression", COMPRESS)
def test_fasttext_lines(tmp_path, compression):
    path = tmp_path / f"few.txt{compression}"
    path.write_bytes(COMPRESS[compression]("__label__a x y\r\n\r\n__label__102 价\nno label\n__label__b\n".encode()))
    assert read_labelled(path) == Labelled(("x y", "价", "no label", ""), ("a", "102", None, "b"))
    assert list(read_texts(path)) == ["x y", "", "价", "no label", ""]


def test_texts_carry_no_label_even_of_several(tmp_path):
    (tmp_path / "raw.txt").write_text("__label__a __label__b x y\n")
    assert list(read_texts(tmp_path / "raw.txt")) == ["x y"]


def test_tsv_keeps_quotes_and_bom_and_crlf_go(tmp_path):
    path = tmp_path / "rows.tsv"
    path.write_bytes('\ufefftext\tlabel\r\nsay "hi\tx\r\n\r\nlast\ty'.encode())
    assert read_labelled(path) == Labelled(('say "hi', "last"), ("x", "y"))


def test_csv_keeps_line_ends_inside_quotes(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b'\xef\xbb\xbftext,label\r\n"one\r\ntwo",x\r\n')
    assert read_labelled(path).texts == ("one\r\ntwo",)


def test_labels_stay_as_written(tmp_path):
    jsonl = tmp_path / "rows.jsonl"
    jsonl.write_text('{"text": "a", "label": 102}\n{"text": "b", "label": 1.50}\n{"text": "c", "label": true}\n')
    assert read_labelled(jsonl).labels == ("102", "1.50", "true")
    comma = tmp_path / "rows.csv"
    comma.write_text("text,label\na, 007\nb,\nc,1e5\n")
    assert read_labelled(comma).labels == ("007", None, "1e5")
    parquet = tmp_path / "rows.parquet"
    polars.DataFrame({"text": ["a", None], "label": [7, None]}).write_parquet(parquet)
    assert read_labelled(parquet) == Labelled(("a", ""), ("7", None))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "gb18030"])
def test_encodings(tmp_path, encoding):
    rows = ["first é", "", "Ċ is 0x010A in UTF-16" if encoding.startswith(("utf", "gb")) else "last"]
    path = tmp_path / "raw.txt"
    path.write_bytes("\n".join(rows).encode(encoding))
    assert list(read_texts(path, encoding="utf-8" if encoding == "utf-8-sig" else encoding)) == rows
    assert list(read_texts(path, encoding=encoding)) == rows


def test_only_line_ends_end_lines(tmp_path):
    line = "a\x00b\x0bc\x0cd\x1ce\x85f\u2028g\rh"
    (tmp_path / "raw.txt").write_bytes(f"{line}\nnext\n".encode())
    assert list(read_texts(tmp_path / "raw.txt")) == [line, "next"]
    (tmp_path / "raw16.txt").write_bytes(f"{line}\nnext\n".encode("utf-16"))
    assert list(read_texts(tmp_path / "raw16.txt", encoding="utf-16")) == [line, "next"]


def test_kept_bytes_come_back(tmp_path):
    raw = b"caf\xe9 \xff\xfe ok"
    (tmp_path / "raw.txt").write_bytes(raw + b"\n")
    [text] = read_texts(tmp_path / "raw.txt", encoding_errors="keep")
    assert text.encode("utf-8", "surrogateescape") == raw
    assert list(read_texts(tmp_path / "raw.txt", encoding_errors="replace")) == ["caf\ufffd \ufffd\ufffd ok"]


def test_half_an_escape_becomes_the_replacement_character(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"text": "cut \\ud83d off, whole \\ud83d\\ude00"}\n')
    assert list(read_texts(tmp_path / "rows.jsonl")) == ["cut \ufffd off, whole 😀"]


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["x", "y", None]))))
def test_csv_and_jsonl_round_trip(tmp_path_factory, rows):
    rows = [("first", "x"), *rows]
    expected = Labelled(tuple(text for text, _ in rows), tuple(label for _, label in rows))
    folder = tmp_path_factory.mktemp("rows")
    for suffix in (".csv", ".jsonl"):
        path = folder / f"rows{suffix}"
        path.write_bytes(WRITE[suffix](rows))
        assert read_labelled(path) == expected


@given(st.binary())
def test_any_bytes_are_kept(tmp_path_factory, raw):
    path = tmp_path_factory.mktemp("raw") / "raw.txt"
    path.write_bytes(b"x" + raw)
    texts = list(read_texts(path, encoding_errors="keep"))
    back = "\n".join(texts).encode("utf-8", "surrogateescape")
    assert back == (b"x" + raw).replace(b"\r\n", b"\n").removesuffix(b"\n").removesuffix(b"\r")


# --- columns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "text", "label", "found"),
    [
        ("text,label", None, None, (0, 1)),
        ("label,text", None, None, (1, 0)),
        ("Review,Sentiment", None, None, (0, 1)),
        ("words,label", None, None, (0, 1)),
        ("text,which", None, None, (0, 1)),
        ("id,text,label", None, None, (1, 2)),
        ("id,label,content", "id", None, (0, 1)),
        ("foo,bar", "bar", None, (1, 0)),
        ("foo,bar", None, "foo", (1, 0)),
        ("text,label,topic", None, "topic", (0, 2)),
        ("title,body,label,text", None, None, (3, 2)),
    ],
)
def test_columns_that_are_meant(tmp_path, header, text, label, found):
    path = tmp_path / "rows.csv"
    cells = [f"v{i}" for i in range(header.count(",") + 1)]
    path.write_text(f"{header}\n{','.join(cells)}\n")
    labelled = read_labelled(path, text=text, label=label)
    assert (labelled.texts[0], labelled.labels[0]) == tuple(cells[i] for i in found)


CSV, TSV, JSONL, TXT = "rows.csv", "rows.tsv", "rows.jsonl", "rows.txt"


BAD = [
    (TXT, b"", {}),
    (CSV, b"", {}),
    (CSV, b"text,label\n", {}),
    (TXT, b"a\nb\n", {}),
    (CSV, b"text,label\na,\n", {}),
    (TXT, b"__label__a __label__b x\n", {}),
    (CSV, b"text,label\na,b\n", {"label": "lable"}),
    (CSV, b"text,label\na,b\n", {"text": "id"}),
    (CSV, b"foo,bar\na,b\n", {}),
    (CSV, b"text,a,b\n1,2,3\n", {}),
    (CSV, b"text,text\na,b\n", {}),
    (CSV, b'text,label\n"x\ny",a\nb,c,d\n', {}),
    (CSV, b'text,label\na,b\n"open,x\nc,d\n', {}),
    (TSV, b"text\tlabel\na\n", {}),
    (JSONL, b'{"text": "a", "label": "x"}\n{"text": \n', {}),
    (JSONL, b"[1]\n", {}),
    (JSONL, b'{"text": ["a"], "label": "x"}\n', {}),
    (TXT, b"__label__a ok\ncaf\xe9\n", {}),
    (CSV, "text,label\n".encode("utf-16"), {}),
    (TXT, b"a\n", {"encoding": "utf-99"}),
    (TXT, b"a\n", {"encoding_errors": "ignore"}),
    (TXT, b"a\n", {"format": "cvs"}),
    ("rows.csv.gz", gzip.compress(as_csv(ROWS * 50))[:-20], {}),
    ("rows.csv.xz", lzma.compress(as_csv(ROWS * 50))[:-20], {}),
    ("rows.csv.zst", COMPRESS[".zst"](as_csv(ROWS * 50))[:-20], {}),
]
SENTENCES = (Path(__file__).parent / "bad_input.txt").read_text().splitlines()


@pytest.mark.parametrize(("case", "sentence"), list(zip(BAD, SENTENCES, strict=True)), ids=range(len(BAD)))
def test_bad_input_is_one_sentence(tmp_path, monkeypatch, case, sentence):
    monkeypatch.chdir(tmp_path)
    name, content, options = case
    Path(name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_labelled(name, **options)
    assert str(caught.value) == sentence


def test_what_is_no_parquet(tmp_path):
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"PAR1 nothing")
    with pytest.raises(InputError, match=r"rows\.parquet: cannot be read as parquet \(.*\)\.$"):
        read_labelled(path)


def test_missing_files_and_folders_are_refused_at_the_door(tmp_path):
    with pytest.raises(InputError, match=r"no\.txt: there is no such file"):
        read_texts(tmp_path / "no.txt")
    with pytest.raises(InputError, match="is a folder"):
        read_texts([tmp_path])
    with pytest.raises(InputError, match="no file was named"):
        read_texts([])


def test_empty_is_an_error_unless_allowed(tmp_path):
    path = tmp_path / "raw.txt"
    path.touch()
    with pytest.raises(InputError, match=r"raw\.txt: is empty"):
        list(read_texts(path))
    assert list(read_texts(path, allow_empty=True)) == []
    other = tmp_path / "other.txt"
    other.write_text("x\n")
    assert list(read_texts([path, other])) == ["x"]


# --- stdin and size ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", COMPRESS)
def test_stdin_is_read_once(monkeypatch, compression):
    raw = io.BytesIO(COMPRESS[compression](b"a\nb\n"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(raw)))
    texts = read_texts("-")
    assert list(texts) == ["a", "b"]
    with pytest.raises(InputError, match="stdin: was read already"):
        list(texts)
    assert not sys.stdin.buffer.closed


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_stdin_in_another_format(monkeypatch, suffix):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(WRITE[suffix](ROWS)))))
    assert read_labelled("-", format=suffix[1:]).labels == ("pos", "neg", "007", None)


def test_a_long_line(tmp_path):
    path = tmp_path / "long.txt"
    path.write_bytes(b"x" * 50_000_000 + b"\ny\n")
    assert [len(text) for text in read_texts(path)] == [50_000_000, 1]


def test_a_million_empty_lines(tmp_path):
    path = tmp_path / "empty.txt.gz"
    path.write_bytes(gzip.compress(b"\n" * 1_000_000))
    assert sum(1 for _ in read_texts(path)) == 1_000_000


@pytest.mark.parametrize(("suffix", "compression"), [(".csv", ".zst"), (".jsonl", ".gz")])
def test_memory_does_not_grow_with_the_file(tmp_path, suffix, compression):
    texts = [artifacts.digest_of(number) for number in range(16_000)]  # a megabyte that compresses by half at best
    path = tmp_path / f"rows{suffix}{compression}"
    path.write_bytes(COMPRESS[compression](WRITE[suffix]([(text, None) for text in texts])))
    list(read_texts(path))  # what the first reading imports is no part of the question
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_texts(path)) == len(texts)
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()
