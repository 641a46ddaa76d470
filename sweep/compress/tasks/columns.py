"""Selects the text and label columns of a file, and refuses texts that are no texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweep.errors import UsageError
from sweep.space.values import Problem, closest, show

if TYPE_CHECKING:
    from sweep.compress.tasks.readers import Columns

AUTO = "auto"
"""Value of ``task.text`` for the only text column."""

_EMPTY = "{} is empty: a split needs at least one example"

_HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Raw:
    """Rows before tokenisation: one or two texts per example, and its label as in the data.

    ``empty`` is the number of rows with an empty text.
    """

    texts: Sequence[str]
    pairs: Sequence[str] | None
    labels: Sequence[Any]
    label_names: tuple[str, ...] | None = None
    empty: int = 0


def wanted(text: str | Sequence[str], label: str) -> list[str]:
    """Return the names of the columns to read; ``auto`` is no name."""
    texts = [text] if isinstance(text, str) else list(text)
    return [*([] if text == AUTO else texts), label]


def select(columns: Columns, source: str, text: str | Sequence[str], label: str) -> Raw:
    """Return the rows of a file or data set named ``source``.

    A name with dots, such as ``review.body``, is a column of that name, or else the field ``body``
    of the column ``review``. Raises :class:`~sweep.errors.UsageError` for a missing column, two
    columns of that name, and a value that is not a text.
    """
    if not columns.names:
        raise UsageError(_EMPTY.format(source))
    if text == AUTO:
        found = [name for name in columns.texts() if name != label]
        if len(found) != 1:
            raise UsageError(
                f"task.text is auto, which needs exactly one text column, but {source} has "
                f"{', '.join(found) or 'none'}: set task.text to a column"
            )
        text = found[0]
    names = [text] if isinstance(text, str) else list(text)
    texts = [_texts(_values(columns, source, name), source, name) for name in names]
    labels = _values(columns, source, label, of_labels=True)
    pairs = texts[1] if len(texts) == 2 else None
    return Raw(texts[0], pairs, labels, _label_names(columns, label))


def joined(parts: Sequence[Raw], sources: Sequence[str], source: str) -> Raw:
    """Join the rows of the files of a split, and count the rows with an empty text.

    Raises :class:`~sweep.errors.UsageError` without rows, if all texts of a column are empty, or if
    the schemas of two files name labels differently.
    """
    for part, other in zip(parts, sources, strict=True):
        if part.label_names != parts[0].label_names:
            raise UsageError(
                f"{other} and {sources[0]} name their labels differently: "
                f"{part.label_names} and {parts[0].label_names}"
            )
    texts = [text for part in parts for text in part.texts]
    pairs = [pair for part in parts for pair in part.pairs or ()]
    if not texts:
        raise UsageError(_EMPTY.format(source))
    kept = [[bool(text.strip()) for text in column] for column in (texts, pairs) if column]
    if not all(map(any, kept)):
        raise UsageError(f"{source}: every text is empty; set task.text to another column")
    labels = [label for part in parts for label in part.labels]
    empty = len(texts) - sum(map(all, zip(*kept, strict=True)))
    return Raw(texts, pairs or None, labels, parts[0].label_names, empty)


def _place(columns: Columns, name: str) -> tuple[str, list[str]]:
    """Split a name into a column and the names of nested fields."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        if ".".join(parts[:end]) in columns.names:
            return ".".join(parts[:end]), parts[end:]
    return name, []


def _values(columns: Columns, source: str, name: str, of_labels: bool = False) -> list[Any]:
    """Return the values of a column, or of a field of it."""
    column, path = _place(columns, name)
    if (count := list(columns.names).count(column)) != 1:
        what = f"{count} columns" if count else "no column"
        _refuse_name(f"{source} has {what} {column!r}", column, columns.names)
    values = (columns.labels if of_labels and not path else columns.values)(column)
    for at, key in enumerate(path):
        above = ".".join([column, *path[:at]])
        for row, value in enumerate(values):
            if value is not None and not isinstance(value, dict):
                what = f"{source}: row {row} of column {above!r} is no object with fields"
                raise UsageError(f"{what}, so it has no field {key!r}: {show(value)}")
        keys = list(dict.fromkeys(key for value in values if value is not None for key in value))
        if key not in keys:
            _refuse_name(f"{source} has no field {key!r} in column {above!r}", key, keys)
        values = [None if value is None else value.get(key) for value in values]
    return values


def _refuse_name(what: str, name: str, names: Sequence[str]) -> None:
    near = closest(name, [other for other in names if other != name])
    raise UsageError(Problem((), what, allowed=", ".join(names), hint=near).reason)


def _texts(values: list[Any], source: str, name: str) -> list[str]:
    """Return the texts of a column, a missing one as an empty text."""
    for row, value in enumerate(values):
        if value is not None and (not isinstance(value, str) or _HALF.search(value)):
            raise UsageError(
                f"{source}: row {row} of the text column {name!r} is of type "
                f"{type(value).__name__}, and no text: {ascii(value)[:80]}; allowed: texts without "
                "half of a surrogate pair (\\ud800 to \\udfff); to read another column, or a "
                "field of this one (COLUMN.FIELD), set task.text"
            )
    return [value or "" for value in values]


def _label_names(columns: Columns, name: str) -> tuple[str, ...] | None:
    """Return the label names of a schema of the library `datasets`, or None."""
    column, path = _place(columns, name)
    found: Any = columns.features
    for key in (column, *path):
        found = found.get(key) if isinstance(found, dict) else None
    names = found.get("names") if isinstance(found, dict) else None
    return tuple(names) if names else None
