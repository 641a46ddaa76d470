"""Reads data files (parquet, arrow, csv, JSON; each may be gzipped) as columns of plain values."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from sweep.errors import UsageError, first_line
from sweep.space.values import show

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}

_GZIP, _MARKS = b"\x1f\x8b", (b"\xff\xfe", b"\xfe\xff")
_NEXT_VALUE = re.compile(r"[^ \t\r\n]")


@dataclass(frozen=True)
class Columns:
    """The columns of one file. A file may have two columns of one name: ``names`` has both.

    ``values`` returns the values of a column, ``labels`` the same for a column of labels (csv has
    only texts: integers, booleans and missing labels are inferred), and ``texts`` the names of the
    columns of texts. ``features`` are those of the library `datasets`, which name labels.
    """

    names: Sequence[str]
    values: Callable[[str], list[Any]]
    labels: Callable[[str], list[Any]]
    texts: Callable[[], list[str]]
    features: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def readable(file: Path | str) -> Iterator[None]:
    """Raise :class:`~sweep.errors.UsageError` for all errors of reading a file."""
    try:
        yield
    except FileNotFoundError as error:
        raise UsageError(f"data file not found: {file}") from error
    except (OSError, EOFError, ValueError, RecursionError, zlib.error, pa.ArrowException) as error:
        raise UsageError(f"{file} cannot be read: {first_line(error)}") from error


def read_file(file: Path, wanted: Collection[str]) -> Columns:
    """Read a file in the format of its suffix, within :func:`readable`.

    ``wanted`` are columns that a csv file must have. The values of a column are read when they are
    asked for. Raises :class:`~sweep.errors.UsageError` for an unknown format.
    """
    suffix = file.with_suffix("").suffix if file.suffix.lower() == ".gz" else file.suffix
    if suffix.lower() not in _READERS:
        raise UsageError(
            f"{file}: unknown format {file.suffix!r}; allowed: {', '.join(_READERS)}, "
            "each also with .gz"
        )
    data = file.read_bytes()
    data = gzip.decompress(data) if data.startswith(_GZIP) else data
    return _READERS[suffix.lower()](data, str(file), wanted)


def of_arrow(schema: pa.Schema, column: Callable[[str], pa.ChunkedArray]) -> Columns:
    """Return the columns of a table with this schema."""

    def values(name: str) -> list[Any]:
        return list(column(name).to_pylist())

    told = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    texts = [each.name for each in schema if _is_text(each.type)]
    for key in ("info", "features"):
        told = told.get(key) if isinstance(told, dict) else None
    features = told if isinstance(told, dict) else {}
    return Columns(schema.names, values, values, lambda: texts, features)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _parquet(data: bytes, name: str, wanted: Collection[str]) -> Columns:
    file = parquet.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)

    def column(name: str) -> pa.ChunkedArray:
        return file.read(columns=[name]).column(name)

    return of_arrow(file.schema_arrow, column)


def _arrow(data: bytes, name: str, wanted: Collection[str]) -> Columns:
    opened = pa.ipc.open_file if data.startswith(b"ARROW1") else pa.ipc.open_stream
    table = opened(pa.BufferReader(data)).read_all()
    return of_arrow(table.schema, table.column)


def _decoded(data: bytes, name: str) -> str:
    """Decode UTF-8, or UTF-16 with a byte order mark; every other encoding is refused."""
    encoding, text = "utf-16" if data.startswith(_MARKS) else "utf-8", ""
    try:
        text = data.decode(encoding)
        bad = data.find(b"\0") if encoding == "utf-8" else -1  # a sign of UTF-16 without a mark
    except UnicodeDecodeError as error:
        bad = error.start
    if bad < 0:
        return text.removeprefix("\ufeff")
    guess = ("UTF-16BE" if data.startswith(b"\0") else "UTF-16LE") if b"\0" in data else "LATIN1"
    raise UsageError(
        f"{name} is not {encoding.upper()} text: byte 0x{data[bad]:02x} at position {bad}, line "
        f"{data[:bad].count(10) + 1}; allowed: UTF-8, and UTF-16 with a byte order mark; to "
        f"convert it, if it is {guess}: iconv -f {guess} -t UTF-8 {name} > NEW"
    )


def _csv(data: bytes, name: str, wanted: Collection[str]) -> Columns:
    """Read a csv file. Its delimiter is the one whose header has the wanted columns."""
    csv.field_size_limit(sys.maxsize)
    text = _decoded(data, name)
    delimiter = _delimiter(text, wanted)
    reader = _rows(text, delimiter)
    rows: list[list[str]] = []
    try:
        for row in filter(None, reader):  # an empty line is no row
            if rows and len(row) != len(rows[0]):
                raise csv.Error(f"{len(row)} columns, but the header has {len(rows[0])}")
            rows.append(row)
    except csv.Error as error:
        raise UsageError(
            f"{name} cannot be read as csv with the delimiter {DELIMITERS[delimiter]}: {error}, in "
            f'line {reader.line_num}; a text with a delimiter, a line break or a " needs quotes '
            'around it and "" for each "'
        ) from None
    header = rows[0] if rows else []
    columns = list(zip(*rows[1:], strict=True)) or [()] * len(header)

    def values(column: str) -> list[Any]:
        return list(columns[header.index(column)])

    def texts() -> list[str]:
        return [each for each in header if _is_text(_inferred(values(each)).type)]

    def labels(column: str) -> list[Any]:
        texts, found = values(column), _inferred(values(column))
        typed = pa.types.is_integer(found.type) or pa.types.is_boolean(found.type)
        pairs = zip(texts, found.to_pylist(), strict=True)
        return [None if v in (None, "") else v if typed else text for text, v in pairs]

    return Columns(header, values, labels, texts)


def _delimiter(text: str, wanted: Collection[str]) -> str:
    """Return the delimiter whose header has the most wanted columns, then the most columns."""

    def found(delimiter: str) -> tuple[int, int]:
        header = [*next(filter(None, _rows(text[: 1 << 20], delimiter, False)), ())]
        return len({*wanted} & {*header}), len(header)

    return max(DELIMITERS, key=found)


def _rows(text: str, delimiter: str, strict: bool = True) -> Any:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=strict)


def _inferred(values: Sequence[str]) -> pa.ChunkedArray:
    """Infer the type of a csv column: numbers, booleans, dates, or texts."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([value] for value in values)
    data = text.getvalue().encode() or b'""'
    read = arrow_csv.ReadOptions(column_names=["column"], block_size=len(data) + 1)
    parse = arrow_csv.ParseOptions(newlines_in_values=True)
    return arrow_csv.read_csv(io.BytesIO(data), read, parse).column(0).slice(0, len(values))


def _json(data: bytes, name: str, wanted: Collection[str]) -> Columns:
    """Read objects: one per line, in a list, or in a list under the key ``data``."""
    rows = list(_values(_decoded(data, name)))
    if len(rows) == 1:
        [whole] = rows
        if isinstance(whole, dict) and isinstance(whole.get("data"), list):
            whole = whole if {*wanted} & {*whole} else whole["data"]
        rows = whole if isinstance(whole, list) else [whole]
    for i, row in enumerate(rows):
        if not isinstance(row, dict):
            raise UsageError(f"{name}: row {i} is not an object with columns: {show(row)}")

    def values(column: str) -> list[Any]:
        return [row.get(column) for row in rows]

    names = list(dict.fromkeys(key for row in rows for key in row))

    def texts() -> list[str]:
        return [key for key in names if {*map(type, values(key))} - {type(None)} == {str}]

    return Columns(names, values, values, texts)


def _values(text: str) -> Iterator[Any]:
    """Yield the JSON values of a text, which any white space may separate."""
    decoder = json.JSONDecoder(object_pairs_hook=_object)
    position = 0
    while found := _NEXT_VALUE.search(text, position):
        value, position = decoder.raw_decode(text, found.start())
        yield value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"an object has the same key twice: {', '.join(key for key, _ in pairs)}")
    return found


_READERS: dict[str, Callable[[bytes, str, Collection[str]], Columns]] = {
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".csv": _csv,
    ".tsv": _csv,
    ".txt": _csv,
    ".json": _json,
    ".jsonl": _json,
    ".ndjson": _json,
}
