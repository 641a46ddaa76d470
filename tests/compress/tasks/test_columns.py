"""Columns: nested and doubled names; a text that is no text is refused with its type and row."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from sweep.compress.tasks.columns import Raw
from sweep.compress.tasks.sources import Data
from sweep.errors import UsageError


@pytest.fixture(params=["parquet", "arrow", "jsonl"])
def rows(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A function that writes rows in a format, and reads a text and a label column of them."""
    from tests.harness import tiny

    def call(data: list[dict[str, Any]], text: Any = "text", label: str = "label") -> Raw:
        path = tmp_path / f"data.{request.param}"
        if request.param == "arrow":
            table = pa.Table.from_pylist(data)
            with pa.ipc.new_file(path, table.schema) as file:
                file.write_table(table)
        else:
            tiny.write(path, data)
        return Data({"train": [path]}).rows("train", text, label)

    return call


NESTED = [
    {"review": {"body": "a", "more": {"label": 1}}, "label": 5},
    {"review": {"body": None, "more": {"label": 0}}, "label": 6},
    {"review": None, "label": 7},
]


def test_fields_of_nested_columns_have_names_with_dots(rows: Any) -> None:
    found = rows(NESTED, "review.body", "review.more.label")
    assert (list(found.texts), list(found.labels)) == (["a", "", ""], [1, 0, None])
    assert found.empty == 2


def test_a_column_with_a_dot_in_its_name_comes_before_a_field(rows: Any) -> None:
    data = [{"a.b": "column", "a": {"b": "field"}, "label": 1}]
    assert list(rows(data, "a.b").texts) == ["column"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "review.bdy",
            r"no field 'bdy' in .*'review'; allowed: body, more; did you mean 'body'",
        ),
        ("review.body.x", r"row 0 of column 'review\.body' is no object.*field 'x': 'a'"),
        ("reviews.body", r"no column 'reviews\.body'; allowed: review, label"),
    ],
)
def test_a_wrong_field_is_refused(rows: Any, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        rows(NESTED, text)


WRONG = {
    "list": ["a", "b"],
    "dict": {"body": "a"},
    "int": 12,
    "bool": True,
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_text_that_is_no_text_is_refused(rows: Any, kind: str) -> None:
    data = [{"text": None, "label": 0}, {"text": WRONG[kind], "label": 1}]
    with pytest.raises(
        UsageError, match=rf"row 1 of the text column 'text' is of type {kind}, and no text"
    ):
        rows(data)


@pytest.mark.parametrize(("value", "kind"), [(b"a", "bytes"), (datetime.date(2024, 1, 1), "date")])
def test_bytes_and_dates_are_no_texts(tmp_path: Path, value: Any, kind: str) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"text": [value], "label": [1]}), path)
    with pytest.raises(UsageError, match=rf"row 0 of the text column 'text' is of type {kind}"):
        Data({"train": [path]}).rows("train", "text", "label")


def test_half_a_surrogate_pair_is_refused(tmp_path: Path) -> None:
    """Tokenizers cannot encode it."""
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "\\ud83d\\ude00", "label": 1}\n{"text": "a\\ud800", "label": 1}\n')
    with pytest.raises(UsageError, match=r"row 1 .*surrogate"):
        Data({"train": [path]}).rows("train", "text", "label")


def test_two_columns_of_one_name_are_refused_if_they_are_asked_for(tmp_path: Path) -> None:
    arrays = [pa.array([each]) for each in ("a", "b", "c", "d")]
    for names, message in (
        (["text", "text", "x", "label"], "2 columns 'text'"),
        (["text", "label", "x", "label"], "2 columns 'label'"),
        (["text", "x", "x", "label"], None),
    ):
        table = pa.Table.from_arrays(arrays, names=names)
        parquet.write_table(table, tmp_path / "data.parquet")
        (tmp_path / "data.csv").write_text(f"{','.join(names)}\na,b,c,d\n")
        for suffix in ("parquet", "csv"):
            data = Data({"train": [tmp_path / f"data.{suffix}"]})
            if message:
                with pytest.raises(UsageError, match=message):
                    data.rows("train", "text", "label")
            else:
                found = data.rows("train", "text", "label")
                assert (found.texts, found.labels) == (["a"], ["d"])


def test_empty_texts_are_counted_and_only_empty_texts_refused(rows: Any) -> None:
    data = [
        {"text": t, "pair": p, "label": 0}
        for t, p in [("a", "b"), (" ", "b"), (None, ""), ("a", None)]
    ]
    assert rows(data, "text").empty == 2
    assert rows(data, ["text", "pair"]).empty == 3
    for empty in (None, "", " \n"):
        with pytest.raises(UsageError, match="every text is empty"):
            rows([{**row, "pair": empty} for row in data], ["text", "pair"])
