"""Tables as other programs write them: nested cells, bytes, NaN, semicolons."""

from __future__ import annotations

import polars
import pytest

from minent.corpus import Labelled, read_labelled, read_texts
from minent.errors import InputError


def parquet(folder, **columns):
    path = folder / "rows.parquet"
    polars.DataFrame(columns).write_parquet(path)
    return path


@pytest.mark.parametrize(("cells", "dtype"), [([["x"], ["y"]], "List"), ([{"q": 1}, {"q": 2}], "Struct")])
def test_nested_columns_are_refused_by_name(tmp_path, cells, dtype):
    path = parquet(tmp_path, text=["a", "b"], label=cells)
    with pytest.raises(InputError, match=rf"rows\.parquet: column 'label' holds {dtype}\(.*Name another\."):
        read_labelled(path)
    assert list(read_texts(path)) == ["a", "b"]


def test_nan_is_no_label(tmp_path):
    path = parquet(tmp_path, text=["a", "b"], label=[1.0, float("nan")])
    assert read_labelled(path).labels == ("1.0", None)
    (tmp_path / "rows.jsonl").write_text('{"text": "a", "label": NaN}\n{"text": "b", "label": "x"}\n')
    assert read_labelled(tmp_path / "rows.jsonl") == Labelled(("a", "b"), (None, "x"))


def test_bytes_in_parquet_are_decoded_by_row(tmp_path):
    path = parquet(tmp_path, text=["café".encode(), b"caf\xe9"], label=["x", "y"])
    with pytest.raises(InputError, match=r"rows\.parquet, row 2, byte 4: 0xe9 is not valid utf-8\. Give the file's"):
        read_labelled(path)
    assert list(read_texts(path, encoding_errors="keep")) == ["café", "caf\udce9"]
    assert list(read_texts(path, encoding="latin-1"))[1] == "café"


@pytest.mark.parametrize("sign", [";", "\t"])
def test_other_separators_in_a_csv_are_named(tmp_path, sign):
    path = tmp_path / "rows.csv"
    path.write_text(f"text{sign}label\ngood{sign}pos\n")
    with pytest.raises(InputError, match=r"rows\.csv, line 1: 'text.*label' is one field with '.*' in it\. Put commas"):
        list(read_texts(path))


def test_one_column_is_not_both(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,label\na,b\n")
    with pytest.raises(InputError, match="'text' is named as the column of the texts and of the labels"):
        read_labelled(path, text="text", label="text")
