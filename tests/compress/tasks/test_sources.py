"""Sources of rows: file formats with equal results, the embedded digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from sweep.compress.tasks.columns import AUTO, Raw
from sweep.compress.tasks.sources import DIGITS_LABELS, DIGITS_WORDS, Data, digits_split
from sweep.errors import UsageError
from tests.harness import tiny

FORMATS = ("parquet", "csv", "tsv", "json", "jsonl", "csv.gz", "parquet.gz", "ndjson.gz")
every_format = pytest.mark.parametrize("suffix", FORMATS)

ROWS = [
    {"text": 'a "good" film,\nin two lines', "label": 1, "other": "x"},
    {"text": "bad, they say", "label": 0, "other": "y"},
    {"text": "üñ é 数", "label": 1, "other": "z"},
]


def file_rows(path: str, text: Any, label: str) -> Raw:
    return Data({"train": [Path(path)]}).rows("train", text, label)


@every_format
def test_all_file_formats_give_the_same_rows(tmp_path: Path, suffix: str) -> None:
    path = tiny.write(tmp_path / f"data.{suffix}", ROWS)
    texts = [row["text"] for row in ROWS]
    found = file_rows(path, "text", "label")
    assert (list(found.texts), found.pairs, list(found.labels)) == (texts, None, [1, 0, 1])
    assert found.label_names is None
    pairs = file_rows(path, ("other", "text"), "label")
    assert (list(pairs.texts), list(pairs.pairs or [])) == (["x", "y", "z"], texts)


def test_a_suffix_may_be_upper_case(tmp_path: Path) -> None:
    path = Path(tiny.write(tmp_path / "data.csv", ROWS)).rename(tmp_path / "DATA.CSV")
    assert len(file_rows(str(path), "text", "label").texts) == 3


def test_label_names_are_read_from_a_parquet_schema(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}
    )
    table = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features)
    path = tmp_path / "data.parquet"
    table.to_parquet(str(path))
    found = file_rows(str(path), "text", "label")
    assert (found.label_names, found.labels) == (("neg", "pos"), [1, 0])


def test_a_missing_text_becomes_an_empty_text(tmp_path: Path) -> None:
    path = tiny.write(tmp_path / "d.jsonl", [{"text": None, "label": 0}, {"text": "a", "label": 1}])
    assert list(file_rows(path, "text", "label").texts) == ["", "a"]


@every_format
def test_auto_selects_the_only_text_column(tmp_path: Path, suffix: str) -> None:
    data = [{"id": 1, "review": "good", "label": "pos"}, {"id": 2, "review": "b", "label": "neg"}]
    found = file_rows(tiny.write(tmp_path / f"data.{suffix}", data), AUTO, "label")
    assert list(found.texts) == ["good", "b"]


@pytest.mark.parametrize(
    ("data", "shown"), [(ROWS, "text, other"), ([{"label": 1}, {"label": 0}], "none")]
)
def test_auto_needs_exactly_one(tmp_path: Path, data: list[tiny.Row], shown: str) -> None:
    with pytest.raises(UsageError, match=f"exactly one text column.*{shown}"):
        file_rows(tiny.write(tmp_path / "data.jsonl", data), AUTO, "label")


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.xlsx").write_text("x")
    with pytest.raises(UsageError, match=r"'\.xlsx'.*\.parquet, .*\.csv, .*\.jsonl"):
        file_rows(str(tmp_path / "data.xlsx"), "text", "label")


@every_format
def test_a_missing_column_is_refused_with_the_nearest_name(tmp_path: Path, suffix: str) -> None:
    path = tiny.write(tmp_path / f"data.{suffix}", ROWS)
    with pytest.raises(UsageError, match=r"no column 'txt'.*did you mean 'text'"):
        file_rows(path, "txt", "label")
    with pytest.raises(UsageError, match=r"no column 'lable'.*did you mean 'label'"):
        file_rows(path, "text", "lable")


@pytest.mark.parametrize("content", ["", "text,label\n", "\n"])
def test_a_file_without_rows_is_refused(tmp_path: Path, content: str) -> None:
    nothing = pa.table({"text": pa.array([], pa.string()), "label": pa.array([], pa.int64())})
    parquet.write_table(nothing, tmp_path / "data.parquet")
    (tmp_path / "data.csv").write_text(content)
    (tmp_path / "data.jsonl").write_text("")
    for suffix in ("parquet", "csv", "jsonl"):
        with pytest.raises(UsageError, match="is empty"):
            file_rows(str(tmp_path / f"data.{suffix}"), "text", "label")


@every_format
def test_an_empty_or_damaged_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = Path(tiny.write(tmp_path / f"data.{suffix}", ROWS))
    whole = path.read_bytes()
    for content in (b"", b'{"text": "cut off', b"\x00\xff\xfe\x00", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=rf"data\.{suffix}"):
            file_rows(str(path), "text", "label")


def test_a_file_that_changes_while_it_is_open_is_refused(tmp_path: Path) -> None:
    """Its rows would be cached under the key of other bytes."""
    path = Path(tiny.write(tmp_path / "data.csv", ROWS))
    data = Data({"train": [path]})
    path.write_text(path.read_text() + "more,1,z\n")
    with pytest.raises(UsageError, match="has changed"):
        data.rows("train", "text", "label")


@pytest.mark.parametrize("seed", [0, 1])
def test_the_three_splits_of_digits_have_all_rows(seed: int) -> None:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    splits = {
        name: digits_split(name, np.random.default_rng([seed]))
        for name in ("train", "validation", "test")
    }
    found = [np.c_[split.tokens.reshape(-1, 64), split.labels] for split in splits.values()]
    whole = np.c_[images.astype(int), labels]
    assert sorted(np.concatenate(found).tolist()) == sorted(whole.tolist())
    other = digits_split("test", np.random.default_rng([1 - seed]))
    assert not np.array_equal(splits["test"].tokens, other.tokens)
    for split in splits.values():
        assert set(split.lengths.tolist()) == {64}
        assert split.tokens.max() < DIGITS_WORDS
        share = np.bincount(split.labels, minlength=DIGITS_LABELS) / len(split)
        assert np.abs(share - np.bincount(labels) / len(labels)).max() < 0.01
