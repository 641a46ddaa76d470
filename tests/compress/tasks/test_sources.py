"""Where rows come from: three file formats that agree, the embedded digits, labels as ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweep.compress.tasks.sources import (
    AUTO,
    DIGITS_LABELS,
    DIGITS_WORDS,
    Raw,
    digits_split,
    file_rows,
    label_ids,
    label_names,
)
from sweep.errors import UsageError
from tests.harness import tiny

FORMATS = ("parquet", "csv", "jsonl")
every_format = pytest.mark.parametrize("suffix", FORMATS)

ROWS = [
    {"text": 'a "good" film,\nin two lines', "label": 1, "other": "x"},
    {"text": "bad, they say", "label": 0, "other": "y"},
    {"text": "üñ é 数", "label": 1, "other": "z"},
]


def raw(labels: list[Any], names: tuple[str, ...] | None = None) -> Raw:
    return Raw(["t"] * len(labels), None, labels, names)


@every_format
def test_the_formats_give_the_same_rows(tmp_path: Path, suffix: str) -> None:
    found = file_rows(tiny.write(tmp_path / f"data.{suffix}", ROWS), "text", "label")
    assert list(found.texts) == [row["text"] for row in ROWS]
    assert list(found.labels) == [1, 0, 1]
    assert found.pairs is None
    assert found.label_names is None


@every_format
def test_a_pair_of_columns(tmp_path: Path, suffix: str) -> None:
    path = tiny.write(tmp_path / f"data.{suffix}", ROWS)
    found = file_rows(path, ("other", "text"), "label")
    assert list(found.texts) == ["x", "y", "z"]
    assert found.pairs is not None
    assert list(found.pairs) == [row["text"] for row in ROWS]


def test_a_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    path = Path(tiny.write(tmp_path / "data.csv", ROWS)).rename(tmp_path / "DATA.CSV")
    assert len(file_rows(str(path), "text", "label").texts) == 3


def test_names_of_labels_in_a_parquet_schema_are_known(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}
    )
    table = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features)
    path = tmp_path / "data.parquet"
    table.to_parquet(str(path))
    found = file_rows(str(path), "text", "label")
    assert label_names(found) == ("neg", "pos")
    assert label_ids(found.labels, ("neg", "pos"), "train").tolist() == [1, 0]


def test_a_missing_text_is_an_empty_one(tmp_path: Path) -> None:
    path = tiny.write(tmp_path / "d.jsonl", [{"text": None, "label": 0}, {"text": "a", "label": 1}])
    assert list(file_rows(path, "text", "label").texts) == ["", "a"]


@every_format
def test_auto_takes_the_only_text_column(tmp_path: Path, suffix: str) -> None:
    data = [{"id": 1, "review": "good", "label": "pos"}, {"id": 2, "review": "b", "label": "neg"}]
    found = file_rows(tiny.write(tmp_path / f"data.{suffix}", data), AUTO, "label")
    assert list(found.texts) == ["good", "b"]


@pytest.mark.parametrize(
    ("data", "shown"), [(ROWS, "text, other"), ([{"label": 1}, {"label": 0}], "none")]
)
def test_auto_needs_exactly_one(tmp_path: Path, data: list[tiny.Row], shown: str) -> None:
    with pytest.raises(UsageError, match=f"exactly one text column.*{shown}"):
        file_rows(tiny.write(tmp_path / "data.jsonl", data), AUTO, "label")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not found.*nowhere\.csv"):
        file_rows(str(tmp_path / "nowhere.csv"), "text", "label")


def test_an_unknown_format(tmp_path: Path) -> None:
    (tmp_path / "data.xlsx").write_text("x")
    with pytest.raises(UsageError, match=r"'\.xlsx'.*\.parquet, \.csv, \.jsonl"):
        file_rows(str(tmp_path / "data.xlsx"), "text", "label")


@every_format
@pytest.mark.parametrize(("text", "label"), [("txt", "label"), ("text", "lable")])
def test_a_missing_column_and_the_nearest_name(
    tmp_path: Path, suffix: str, text: str, label: str
) -> None:
    path = tiny.write(tmp_path / f"data.{suffix}", ROWS)
    wrong, near = ("txt", "text") if text == "txt" else ("lable", "label")
    with pytest.raises(UsageError, match=f"no column '{wrong}'.*did you mean '{near}'"):
        file_rows(path, text, label)


@pytest.mark.parametrize(("suffix", "content"), [("csv", "text,label\n"), ("jsonl", "")])
def test_an_empty_file(tmp_path: Path, suffix: str, content: str) -> None:
    (tmp_path / f"data.{suffix}").write_text(content)
    with pytest.raises(UsageError, match=r"empty|Empty"):
        file_rows(str(tmp_path / f"data.{suffix}"), "text", "label")


def test_an_empty_parquet_file(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table({"text": pa.array([], pa.string()), "label": pa.array([], pa.int64())})
    parquet.write_table(table, tmp_path / "data.parquet")
    with pytest.raises(UsageError, match="is empty"):
        file_rows(str(tmp_path / "data.parquet"), "text", "label")


@every_format
def test_a_file_of_no_bytes_or_of_garbage(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data.{suffix}"
    for content in (b"", b'{"text": "cut off', b"\x00\xff\xfe\x00"):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=rf"data\.{suffix}"):
            file_rows(str(path), "text", "label")


def test_integers_stand_for_themselves() -> None:
    assert label_names(raw([2, 0, 2])) == ("0", "1", "2")
    assert label_ids([2, 0, np.int64(1)], ("0", "1", "2"), "train").tolist() == [2, 0, 1]


def test_names_are_sorted() -> None:
    assert label_names(raw(["pos", "neg", "pos", None])) == ("neg", "pos")
    assert label_ids(["pos", "neg"], ("neg", "pos"), "train").tolist() == [1, 0]


def test_booleans_are_two_labels() -> None:
    assert label_names(raw([True, False])) == ("0", "1")
    assert label_ids([True, False], ("0", "1"), "train").tolist() == [1, 0]


def test_the_datas_own_names_come_first() -> None:
    assert label_names(raw([0, 1], ("neg", "pos", "neutral"))) == ("neg", "pos", "neutral")


@pytest.mark.parametrize("labels", [["pos", "pos"], [1, 1, 1], [None, None]])
def test_one_class_is_no_task(labels: list[Any]) -> None:
    with pytest.raises(UsageError, match="at least 2 labels"):
        label_names(raw(labels))


@pytest.mark.parametrize("label", [2, -1, "neutral", None, 0.5])
def test_a_label_that_train_does_not_have(label: Any) -> None:
    with pytest.raises(UsageError, match=r"split 'validation': label .* in row 1 is none of the 2"):
        label_ids([0, label, 1], ("0", "1"), "split 'validation'")


@pytest.mark.parametrize("seed", [0, 1])
def test_digits_are_cut_in_three_and_nothing_is_lost(seed: int) -> None:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    splits = {
        name: digits_split(name, np.random.default_rng([seed]))
        for name in ("train", "validation", "test")
    }
    found = [
        (row.tolist(), int(label))
        for split in splits.values()
        for row, label in zip(split.tokens.reshape(-1, 64), split.labels, strict=True)
    ]
    whole = [
        (row.astype(int).tolist(), int(label)) for row, label in zip(images, labels, strict=True)
    ]
    assert sorted(found) == sorted(whole)
    for split in splits.values():
        assert set(split.lengths.tolist()) == {64}
        assert split.tokens.max() < DIGITS_WORDS
        share = np.bincount(split.labels, minlength=DIGITS_LABELS) / len(split)
        assert np.abs(share - np.bincount(labels) / len(labels)).max() < 0.01


def test_digits_hang_on_the_seed() -> None:
    one, same, other = (digits_split("test", np.random.default_rng([seed])) for seed in (0, 0, 1))
    assert np.array_equal(one.tokens, same.tokens)
    assert not np.array_equal(one.tokens, other.tokens)
