"""Data files: encodings, delimiters, quotes, JSON forms; each is read right or refused by name."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from sweep.compress.tasks.readers import Columns, read_file, readable
from sweep.errors import UsageError

PAIRS = {"csv": ",", "tsv": "\t", "txt": ";"}


def read(path: Path, content: str | bytes) -> Columns:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with readable(path):
        return read_file(path, ["text", "label"])


def random_texts(count: int, seed: int) -> list[str]:
    """Texts with quotes, delimiters, line ends and numbers that must stay texts."""
    rng = np.random.default_rng(seed)
    parts = [
        '"',
        '""',
        ",",
        ";",
        "\t",
        "\n",
        "\r\n",
        " ",
        "007",
        "1e3",
        "é",
        "数",
        "\u2028",
        "NA",
        "x",
    ]
    texts = ["".join(rng.choice(parts, size=rng.integers(1, 9))) for _ in range(count)]
    return [*texts, "1.50", "null", "None", "true", "2024-01-01", "'", "\\", "#", "﻿"]


@pytest.mark.parametrize("suffix", PAIRS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv_texts_equal_those_that_were_written(
    tmp_path: Path, suffix: str, encoding: str
) -> None:
    texts = random_texts(200, seed=len(suffix + encoding))
    text = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if encoding == "utf-8" else csv.QUOTE_MINIMAL
    writer = csv.writer(text, delimiter=PAIRS[suffix], quoting=quoting)
    writer.writerows([("id", "text", "label"), *((i, t, i % 3) for i, t in enumerate(texts))])
    path = tmp_path / f"data.{suffix}"
    found = read(path, text.getvalue().encode(encoding))
    assert found.values("text") == texts
    assert found.labels("label") == [i % 3 for i in range(len(texts))]
    assert found.texts() == ["text"]
    other = pd.read_csv(
        path, sep=PAIRS[suffix], dtype=str, keep_default_na=False, encoding=encoding
    )
    assert [*other.columns] == list(found.names)
    same = [one == two for one, two in zip(other["text"], texts, strict=True) if "\r" not in one]
    assert all(same)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (["1", "0", ""], [1, 0, None]),
        (["1.0", "2.50", "NA"], ["1.0", "2.50", None]),
        (["12345678901234567890", "12345678901234567891"],) * 2,
        (["2024-01-01", "2024-01-02"],) * 2,
        (["true", "False"], [True, False]),
        (["pos", "", "1"], ["pos", None, "1"]),
    ],
)
def test_labels_of_csv_have_types(tmp_path: Path, values: list[str], labels: list[Any]) -> None:
    rows = "".join(f"x,{value}\n" for value in values)
    assert read(tmp_path / "data.csv", f"text,label\n{rows}").labels("label") == labels


def test_numbers_and_dates_are_no_text_columns_of_csv(tmp_path: Path) -> None:
    content = "id,day,score,text,label\n7,2024-01-31,0.5,good,1\n8,2024-02-01,-1,07,0\n"
    assert read(tmp_path / "data.csv", content).texts() == ["text"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_and_empty_lines_are_read(tmp_path: Path, end: str) -> None:
    content = end.join(["", "text,label", "a,1", "", '"b', 'c",0', ""])
    found = read(tmp_path / "data.csv", content)
    assert found.values("text") == ["a", f"b{end}c"]
    assert found.labels("label") == [1, 0]


REFUSED_CSV = {
    "text,label\na,1\nb,c,0\n": r"3 columns, but the header has 2, in line 3",
    "text,label\na,1\nb\n": r"1 columns, but the header has 2, in line 3",
    'text,label\n"Tis,1\nb,0\n': r"comma: unexpected end of data, in line 3",
    'text,label\n"say "x", yes",1\n': r"comma: ',' expected after '\"', in line 2",
    'text;label\n"say \\"x\\", yes";1\n': r"semicolon: ';' expected after '\"', in line 2",
}


@pytest.mark.parametrize("content", REFUSED_CSV)
def test_a_csv_file_with_ragged_rows_or_open_quotes_is_refused(
    tmp_path: Path, content: str
) -> None:
    """A lenient reader would join or shift rows."""
    with pytest.raises(UsageError, match=REFUSED_CSV[content]):
        read(tmp_path / "data.csv", content)


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_another_encoding_is_refused_with_the_place_and_a_remedy(
    tmp_path: Path, suffix: str
) -> None:
    row = "text,label\na,1\ncafé,0\n" if suffix == "csv" else '\n\n{"text": "café", "label": 0}'
    path, data = tmp_path / f"data.{suffix}", row.encode("latin-1")
    where = f"byte 0xe9 at position {data.index(0xE9)}, line 3"
    with pytest.raises(UsageError, match=rf"data\.{suffix} is not UTF-8.*{where}.*iconv -f LATIN1"):
        read(path, data)
    with pytest.raises(UsageError, match=r"not UTF-8 text: .* line \d.*iconv -f UTF-16LE"):
        read(path, row.encode("utf-16-le"))
    with pytest.raises(UsageError, match="not UTF-16"):
        read(path, row.encode("utf-16")[:-1])


ROWS = [{"text": "2024-01-01", "label": 1}, {"text": "12", "label": 0, "more": None}]
FORMS = {
    "lines": "\n".join(map(json.dumps, ROWS)),
    "indented objects": "\n".join(json.dumps(row, indent=1) for row in ROWS),
    "list": json.dumps(ROWS, indent=2),
    "under data": json.dumps({"version": 1, "data": ROWS}),
    "with a BOM": "﻿" + json.dumps(ROWS),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_every_form_of_json_gives_the_same_rows(tmp_path: Path, suffix: str, form: str) -> None:
    found = read(tmp_path / f"data.{suffix}", FORMS[form])
    assert found.values("text") == ["2024-01-01", "12"]
    assert found.labels("label") == [1, 0]
    assert found.texts() == ["text"]


REFUSED_JSON = {
    '{"text": "a", "label": 1}\n{"text": "cut': "Unterminated string.*line 2",
    '{"text": "a", "text": "b", "label": 1}': "same key twice: text, text, label",
    "1\n2": "row 0 is not an object with columns: 1",
    "[" * 100_000: "recursion",
}


@pytest.mark.parametrize("content", REFUSED_JSON)
def test_damaged_json_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(UsageError, match=rf"data\.jsonl.*{REFUSED_JSON[content]}"):
        read(tmp_path / "data.jsonl", content)


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
def test_compressed_parquet_is_read(tmp_path: Path, codec: str) -> None:
    table = pa.table({"text": pa.array(["a", "b"]).dictionary_encode(), "label": [1, 0]})
    parquet.write_table(table, tmp_path / "data.parquet", compression=codec)
    with readable(tmp_path / "data.parquet"):
        found = read_file(tmp_path / "data.parquet", [])
        assert (found.values("text"), found.texts()) == (["a", "b"], ["text"])


def test_damaged_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"text": ["a", "b"], "label": [1, 0]}), path)
    data = path.read_bytes()
    for damaged in (data[:-20], data[:10] + b"\xff" * 30 + data[40:], data[8:]):
        path.write_bytes(damaged)
        with pytest.raises(UsageError, match=r"data\.parquet cannot be read"), readable(path):
            read_file(path, []).values("text")


def test_only_the_wanted_columns_of_parquet_are_read(tmp_path: Path) -> None:
    """A folder ``label=1`` above a file adds no column, and a broken column does no harm."""
    folder = tmp_path / "label=1"
    folder.mkdir()
    parquet.write_table(pa.table({"text": ["a"], "image": [b"x" * 9]}), folder / "data.parquet")
    found = read_file(folder / "data.parquet", [])
    assert list(found.names) == ["text", "image"]
