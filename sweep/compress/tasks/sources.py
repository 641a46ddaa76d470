"""Sources of examples (the embedded digits, files, the hub), all read as the same raw rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sweep.compress.tasks.split import Ints, Split, stratified
from sweep.errors import UsageError, first_line
from sweep.space.values import closest

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa


FORMATS = (".parquet", ".csv", ".jsonl")

AUTO = "auto"  # value of task.text for the only text column

DIGITS_WORDS = 17  # pixel values 0 to 16; a text is 8 x 8 of them, row by row
DIGITS_LABELS = 10


@dataclass(frozen=True)
class Raw:
    """Rows before tokenisation: one or two texts per example, and its label as in the data."""

    texts: Sequence[str]
    pairs: Sequence[str] | None
    labels: Sequence[Any]
    label_names: tuple[str, ...] | None = None


def digits_split(split: str, generator: np.random.Generator) -> Split:
    """Return a split of the UCI digits of scikit-learn, as 64 tokens over 17 words.

    Of the 1,797 images 20 % are test and 20 % validation, drawn stratified by ``generator``.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    test = stratified(labels, len(labels) // 5, generator)
    rest = np.setdiff1d(np.arange(len(labels)), test)
    validation = rest[stratified(labels[rest], len(labels) // 5, generator)]
    parts = {"test": test, "validation": validation, "train": np.setdiff1d(rest, validation)}
    chosen = parts[split]
    return Split.of(images[chosen].astype(np.int32).tolist(), labels[chosen])


def file_rows(path: str, text: str | Sequence[str], label: str) -> Raw:
    """Read the rows of a parquet, csv or jsonl file.

    Raises :class:`~sweep.errors.UsageError` for a file that is empty or cannot be read, another
    format, or a missing column.
    """
    import datasets

    file = Path(path)
    if file.suffix.lower() not in FORMATS:
        raise UsageError(f"{path}: unknown format {file.suffix!r}; allowed: {', '.join(FORMATS)}")
    try:
        # A Dataset also reads label names from a parquet file's schema.
        table = datasets.Dataset(_read(path, file.suffix.lower()))
    except (OSError, ValueError) as error:  # pyarrow's own errors are both
        raise UsageError(f"{path} cannot be read: {first_line(error)}") from error
    return _select(table, path, text, label)


def _read(path: str, suffix: str) -> pa.Table:
    from pyarrow import csv, json, parquet

    if suffix == ".parquet":
        return parquet.read_table(path)
    if suffix == ".csv":
        return csv.read_csv(path, parse_options=csv.ParseOptions(newlines_in_values=True))
    # A block must hold the longest line, and reviews are long.
    return json.read_json(path, read_options=json.ReadOptions(block_size=1 << 24))


def hub_rows(dataset: str, subset: str | None, split: str, text: Any, label: str) -> Raw | None:
    """Read the rows of a hub data set's split, or None if it has no such split.

    Raises :class:`~sweep.errors.UsageError` if the data set cannot be loaded.
    """
    import datasets

    datasets.disable_progress_bars()
    try:
        if split not in datasets.get_dataset_split_names(dataset, subset):
            return None
        table = datasets.load_dataset(dataset, subset, split=split)
    except Exception as error:
        raise UsageError(
            f"data set {dataset!r} cannot be loaded from the hub: {first_line(error)}; "
            "to use files, set task.dataset.train=FILE"
        ) from error
    return _select(table, f"{dataset} ({split})", text, label)


def _select(table: datasets.Dataset, source: str, text: str | Sequence[str], label: str) -> Raw:
    columns = _text_columns(table, source, text, label)
    for name in [*columns, label]:
        if name not in table.column_names:
            near = closest(name, table.column_names)
            raise UsageError(
                f"{source} has no column {name!r}; it has: {', '.join(table.column_names)}"
                + (f"; did you mean {near!r}?" if near else "")
            )
    if len(table) == 0:
        raise UsageError(f"{source} is empty: a split needs at least one example")
    texts = [_text(value) for value in table[columns[0]]]
    pairs = [_text(value) for value in table[columns[1]]] if len(columns) == 2 else None
    names = getattr(table.features[label], "names", None)
    return Raw(texts, pairs, list(table[label]), tuple(names) if names else None)


def _text_columns(
    table: datasets.Dataset, source: str, text: str | Sequence[str], label: str
) -> list[str]:
    """Return the named columns, or for ``auto`` the only text column that is not the label."""
    if text != AUTO:
        return [text] if isinstance(text, str) else list(text)
    kinds = ("string", "large_string")
    found = [n for n, f in table.features.items() if getattr(f, "dtype", "") in kinds]
    found = [name for name in found if name != label]
    if len(found) != 1:
        raise UsageError(
            f"task.text is auto, which needs exactly one text column, but {source} has "
            f"{', '.join(found) or 'none'}: set task.text to a column"
        )
    return found


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def label_ids(labels: Sequence[Any], names: tuple[str, ...], source: str) -> Ints:
    """Convert labels to ids 0..n-1: an integer is its own id, a name gets its index in ``names``.

    Raises :class:`~sweep.errors.UsageError` for a missing or unknown label.
    """
    place = {name: i for i, name in enumerate(names)}
    ids = np.array([_label_id(value, place) for value in labels], dtype=np.int64)
    bad = np.flatnonzero((ids < 0) | (ids >= len(names)))
    if len(bad):
        raise UsageError(
            f"{source}: label {labels[int(bad[0])]!r} in row {int(bad[0])} is none of the "
            f"{len(names)} labels of train; allowed: {', '.join(names[:12])}"
        )
    return ids


def _label_id(value: Any, place: dict[str, int]) -> int:
    if isinstance(value, (bool, int, np.integer)):
        return place.get(str(int(value)), int(value))
    return place.get(str(value), -1)


def label_names(raw: Raw) -> tuple[str, ...]:
    """Return the label names of train: those of the schema, the sorted strings, or 0..max.

    Raises :class:`~sweep.errors.UsageError` for fewer than two labels.
    """
    if raw.label_names:
        return raw.label_names
    values = {value for value in raw.labels if value is not None}
    if all(isinstance(value, (bool, int, np.integer)) for value in values):
        names = tuple(str(i) for i in range(max((int(v) for v in values), default=-1) + 1))
    else:
        names = tuple(sorted(str(value) for value in values))
    if len(values) < 2:
        raise UsageError(
            f"a classifier needs at least 2 labels, but the train split has {len(values)}"
        )
    return names
