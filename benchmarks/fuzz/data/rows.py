"""Writes rows of texts and labels in many formats, and reads files by other code than the program.

The readers are `csv`, `json` and `gzip` of Python, and pandas for parquet.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Rows = list[tuple[str, Any]]

WORDS = ("good", "bad", "film", "Straße", "naïve", "中文", "🙂", "e\u0301", "'quoted'", "1", "a,b")

LABELS: tuple[tuple[Any, ...], ...] = (
    *(("neg", "pos"), (0, 1), ("a", "b", "c"), (0, 1, 2), ("Zoë", "中", "été"), (1, 2, 3)),
    *((False, True), ("0", "1"), (0.0, 1.0), (2, 7, 100), (-1, 1), ("no", "yes"), ("x y", "z")),
    *(tuple(range(12)), tuple(f"{i}" for i in range(12)), (0, 1000), (0.5, 1.0, 1.5), ("1", "b")),
    *(("N/A", "ok"), ("null", "one"), ("true", "false"), ("1e3", "1e4"), ("a", "A"), ("-0", "1")),
)


def text(rng: random.Random) -> str:
    """A text of some words."""
    return " ".join(rng.choices(WORDS, k=rng.randint(1, 6))) + f" {rng.randrange(10**6)}"


def rows(rng: random.Random, count: int, labels: Sequence[Any], name: str = "label") -> list[Row]:
    """Rows with all labels."""
    order = [labels[i % len(labels)] for i in range(count)]
    rng.shuffle(order)
    return [{"text": text(rng), name: label} for label in order]


def as_csv(data: Sequence[Row], delimiter: str = ",", end: str = "\r\n", quoting: int = 0) -> str:
    file = io.StringIO(newline="")
    names = list(dict.fromkeys(key for row in data for key in row))
    writer = csv.DictWriter(
        file, names, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_MINIMAL | quoting
    )
    writer.writeheader()
    writer.writerows(data)
    return file.getvalue()


def as_jsonl(data: Sequence[Row]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in data)


def write(path: Path, data: Sequence[Row]) -> Path:
    """Write rows in the format of the suffix, which may end with ``.gz``."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    suffix = suffixes[0] if suffixes[-1] == ".gz" else suffixes[-1]
    if suffix in (".parquet", ".arrow"):
        content = _table(data, suffix)
    elif suffix == ".json":
        content = json.dumps(list(data), ensure_ascii=False).encode()
    elif suffix in (".jsonl", ".ndjson"):
        content = as_jsonl(data).encode()
    else:
        content = as_csv(data, "\t" if suffix == ".tsv" else ",").encode()
    path.write_bytes(gzip.compress(content) if suffixes[-1] == ".gz" else content)
    return path


def _table(data: Sequence[Row], suffix: str) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    names = list(dict.fromkeys(key for row in data for key in row))
    table = pa.table({name: [row.get(name) for row in data] for name in names})
    file = io.BytesIO()
    if suffix == ".parquet":
        parquet.write_table(table, file)
    else:
        with pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    return file.getvalue()


def pairs(data: Sequence[Row], text: str = "text", label: str = "label") -> Rows | None:
    """The texts and labels of rows; None if one is no text, or no label of one example.

    A missing text is an empty text.
    """
    found = [(row.get(text), row.get(label)) for row in data]
    found = [("" if each is None else each, value) for each, value in found]
    if not found or not all(isinstance(each, str) and _is_label(value) for each, value in found):
        return None
    return found


def _is_label(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, bool | int) or (isinstance(value, float) and value == value)


def read(path: Path, text: str = "text", label: str = "label") -> list[Rows | None]:
    """The rows of a file as its readers see them: one for each reader, None if it cannot."""
    readers = {".csv": (_csv, _pandas), ".tsv": (_tsv,), ".parquet": (_parquet,)}
    suffix = Path(path.name.removesuffix(".gz")).suffix
    found = []
    for reader in readers.get(suffix, (_json, _json_lines)):
        try:
            data = path.read_bytes()
            data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
            found.append(pairs(reader(data), text, label))
        except Exception:
            found.append(None)
    return found


def _csv(data: bytes, delimiter: str = ",") -> list[Row]:
    lines = io.StringIO(data.decode("utf-8-sig"), newline="")
    table = [row for row in csv.reader(lines, delimiter=delimiter, strict=True) if row]
    if len({*table[0]}) < len(table[0]):
        raise ValueError("a column twice")
    return [dict(zip(table[0], row, strict=True)) for row in table[1:]]


def _tsv(data: bytes) -> list[Row]:
    return _csv(data, "\t")


def _pandas(data: bytes) -> list[Row]:
    import pandas as pd

    table = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False, encoding="utf-8-sig")
    found: list[Row] = table.to_dict("records")
    return found


def _parquet(data: bytes) -> list[Row]:
    import pandas as pd

    table = pd.read_parquet(io.BytesIO(data))
    found: list[Row] = table.astype(object).where(table.notna(), None).to_dict("records")
    return found


def _one(found: list[tuple[str, Any]]) -> Row:
    if len(dict(found)) < len(found):
        raise ValueError("a key twice")
    return dict(found)


def _json(data: bytes) -> list[Row]:
    whole = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_one)
    if isinstance(whole, dict):
        whole = whole["data"] if isinstance(whole.get("data"), list) else [whole]
    return [{**row} for row in whole]


def _json_lines(data: bytes) -> list[Row]:
    lines = data.decode("utf-8-sig").split("\n")
    return [{**json.loads(line, object_pairs_hook=_one)} for line in lines if line.strip(" \t\r")]
