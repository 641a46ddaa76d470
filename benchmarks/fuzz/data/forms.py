"""Mutations of the form of data files: encodings, delimiters, quotes, line ends, JSON, damage."""

from __future__ import annotations

import csv
import gzip
import json
import random
from pathlib import Path
from typing import Any

from benchmarks.fuzz.data.rows import Row, as_csv, as_jsonl, pairs, read, write
from benchmarks.fuzz.data.values import Input, Mutation, files_of, splits
from benchmarks.fuzz.yaml_text import cut, flipped


def _written(folder: Path, name: str, data: bytes, rows: list[Row] | None) -> Input:
    """A file of train only, that has these rows."""
    path = folder / name
    path.write_bytes(data)
    return Input({"train": str(path)}, {"train": [None if rows is None else pairs(rows)]})


def _train(rng: random.Random, labels: tuple[Any, ...] = ("neg", "pos")) -> list[Row]:
    return splits(rng, labels)["train"]


ENCODINGS = (
    *("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"),
    *("shift-jis", "utf-7", "gb18030", "cp037", "koi8-r", "mac-roman", "big5"),
)


def _encoding(rng: random.Random, folder: Path) -> Input:
    data, name = _train(rng), rng.choice(ENCODINGS)
    for row in data:
        row["text"] = rng.choice(("Straße", "naïve", "été")) + f" {rng.randrange(10**6)}"
    suffix = rng.choice((".csv", ".jsonl", ".tsv"))
    text = as_jsonl(data) if suffix == ".jsonl" else as_csv(data, "\t" if suffix == ".tsv" else ",")
    content = text.encode(name, "replace")
    if content.decode(name) != text:  # the encoding lacks a letter
        content = text.encode("utf-8")
    return _written(folder, f"train{suffix}", content, data)


def _delimiter(rng: random.Random, folder: Path) -> Input:
    data, delimiter = _train(rng), rng.choice(",;\t|: ~")
    if rng.random() < 0.3:
        for row in data:
            row["text"] = row["text"].replace(" ", rng.choice(",;\t"))
    suffix = rng.choice((".csv", ".tsv", ".txt"))
    return _written(folder, f"train{suffix}", as_csv(data, delimiter).encode(), data)


def _quotes(rng: random.Random, folder: Path) -> Input:
    data = _train(rng)
    for row in rng.choices(data, k=5):
        row["text"] = rng.choice(
            ('say "hi"', '"', '""', "a,b", "a\nb", "'", '"a" b', ' "x"', 'x"y')
        )
    if rng.random() < 0.6:
        text = as_csv(data, quoting=rng.choice((csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC)))
        return _written(folder, "train.csv", text.encode(), data)
    forms = (  # without rules: only a reader can tell what these rows are
        "".join(f"{row['text']},{row['label']}\n" for row in data),
        "".join(f"'{row['text']}',{row['label']}\n" for row in data),
        "".join(f'"{row["text"]}",{row["label"]}\n' for row in data),
        "".join('"' + row["text"].replace('"', '\\"') + f'",{row["label"]}\n' for row in data),
    )
    found = _written(folder, "train.csv", f"text,label\n{rng.choice(forms)}".encode(), data)
    found.truth["train"] = [*read(folder / "train.csv")]
    return found


def _line_ends(rng: random.Random, folder: Path) -> Input:
    data, end = _train(rng), rng.choice(("\n", "\r\n", "\r", "\n\n", "\r\r\n", "\n\r"))
    lines = as_csv(data, end="\n").split("\n")[:-1] if rng.random() < 0.5 else []
    if lines:
        suffix, text = ".csv", end.join(lines) + rng.choice(("", end, end * 3))
    else:
        suffix, text = ".jsonl", as_jsonl(data).replace("\n", end) + rng.choice(("", " ", end))
    if rng.random() < 0.2:
        text = rng.choice(("\n", "\ufeff", " ", "\n\n\n")) + text
    return _written(folder, f"train{suffix}", text.encode(), data)


def _header(rng: random.Random, folder: Path) -> Input:
    data = _train(rng)
    lines = as_csv(data, end="\n").split("\n")
    headers = {
        **{"label,text": False, "text,label,text": False, "text,text": False, "Text,Label": False},
        **{"text": False, "text,label,": False, "": False, "#text,label": False},
        **{'"text","label"': True, "text ,label": False, "text,labels": False, "text;label": False},
        **{"text,label\ntext,label": False, "text,\tlabel": False, "\ufefftext,label": True},
    }
    header = rng.choice(list(headers))
    body = lines[1:] if rng.random() < 0.9 else lines
    content = "\n".join([header, *body]).encode()
    found = _written(folder, "train.csv", content, data)
    found.truth["train"] = [*read(folder / "train.csv")]
    return found


def _ragged(rng: random.Random, folder: Path) -> Input:
    lines = as_csv(_train(rng), end="\n").split("\n")
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(1, len(lines) - 1)
        lines[at] = rng.choice(
            (lines[at] + ",more", lines[at].rpartition(",")[0], ",", "", " ", '"')
        )
    found = _written(folder, "train.csv", "\n".join(lines).encode(), None)
    found.truth["train"] = read(folder / "train.csv")[:1]  # pandas pads short rows
    return found


def _damaged(rng: random.Random, folder: Path) -> Input:
    suffix = rng.choice((".csv", ".jsonl", ".json", ".parquet", ".csv.gz", ".jsonl.gz", ".tsv"))
    path = write(folder / f"train{suffix}", _train(rng))
    change = rng.choice((cut, flipped, lambda rng, data: data + rng.choice((b"\0", b"x", data))))
    return _written(folder, path.name, change(rng, path.read_bytes()), None)


def _damaged_and_read(rng: random.Random, folder: Path) -> Input:
    found = _damaged(rng, folder)
    found.truth["train"] = read(Path(found.dataset["train"]))
    return found


def _gzip(rng: random.Random, folder: Path) -> Input:
    data = _train(rng)
    plain, half = as_csv(data, end="\n"), len(as_csv(data[:30], end="\n"))
    members = gzip.compress(plain[:half].encode()) + gzip.compress(plain[half:].encode())
    whole = gzip.compress(plain.encode())
    forms: dict[str, tuple[bytes, Any]] = {
        "members.csv.gz": (members, data),
        "twice.csv.gz": (gzip.compress(whole), None),
        "zeros.csv.gz": (whole + b"\0" * 512, data),
        "trailing.csv.gz": (whole + b"garbage", None),
        "checksum.csv.gz": (whole[:-8] + b"\0\0\0\0" + whole[-4:], None),
        "short.csv.gz": (whole[:-5], None),
        "plain.csv.gz": (plain.encode(), data),
        "packed.csv": (whole, data),
        "empty.csv.gz": (gzip.compress(b""), None),
        "upper.CSV.GZ": (whole, data),
    }
    name = rng.choice(list(forms))
    return _written(folder, name, *forms[name])


def _lying_suffix(rng: random.Random, folder: Path) -> Input:
    data, suffixes = _train(rng), (".csv", ".jsonl", ".json", ".parquet", ".arrow", ".tsv")
    true, told = rng.sample(suffixes, 2)
    told = rng.choice((told, told, "", ".text", ".xlsx", ".CSV", ".csv.bak", ".zip", ".pkl"))
    path = write(folder / f"right{true}", data)
    return _written(folder, f"train{told}", path.read_bytes(), data)


def _json(rng: random.Random, folder: Path) -> Input:
    data = _train(rng)
    first = json.dumps(data[0])
    columns = {name: [row[name] for row in data] for name in ("text", "label")}
    ascii_lines = "".join(json.dumps(row) + "\n" for row in data)
    forms: list[tuple[str, Any]] = [
        *((json.dumps(data), data), (json.dumps(data, indent=2), data), (ascii_lines, data)),
        *((json.dumps({"data": data}), data), (json.dumps({"rows": data}), None)),
        *((json.dumps(columns), None), (json.dumps(data[0]), None), (first * 2, None)),
        *((ascii_lines.replace("\n", ""), data), (ascii_lines.replace("\n", ",\n"), None)),
        *((f"[{first},]", None), (f"[{first}] // note", None), (f"{ascii_lines}5\n", None)),
        *((f"{ascii_lines}[]\n", None), (f"{ascii_lines}null\n", None), ("[]", None), ("{}", None)),
        *(
            ("null", None),
            ("5", None),
            ('"text"', None),
            ("", None),
            (" \n", None),
            ("[[1, 2]]", None),
        ),
        *(
            ("[" * 5000, None),
            ('{"a":' * 5000, None),
            ("[null]", None),
            (f"{ascii_lines}{{}}\n", None),
        ),
        (ascii_lines + '{"text": "a", "text": "b", "label": "neg"}\n', None),
        (ascii_lines + '{"text": "\\ud800", "label": "neg"}\n', None),
        (ascii_lines + '{"text": "a", "label": NaN}\n', None),
        (ascii_lines + '{"text": "a", "label": 1e999}\n', None),
        ("\n\n".join(json.dumps(row, indent=1) for row in data), data),
        (ascii_lines.replace('"text"', "'text'"), None),
        (ascii_lines.replace('"label"', "label"), None),
    ]
    text, expected = rng.choice(forms)
    suffix = rng.choice((".json", ".jsonl", ".ndjson"))
    return _written(folder, f"train{suffix}", text.encode(), expected)


def _tables(rng: random.Random, folder: Path) -> Input:
    """Types of Arrow: dictionaries, large texts, small numbers, views, nulls, names of labels."""
    import pyarrow as pa
    from pyarrow import parquet

    data = _train(rng, (0, 1))
    texts, labels = [row["text"] for row in data], [row["label"] for row in data]
    told = {"info": {"features": {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}}}
    named = {b"huggingface": json.dumps(told).encode()}
    kinds: list[tuple[pa.Array, bool]] = [
        *((pa.array(texts, kind), True) for kind in (pa.string(), pa.large_string())),
        *((pa.array(texts).dictionary_encode(), True), (pa.array(texts, pa.binary()), False)),
        *((pa.array(range(len(texts))), False), (pa.nulls(len(texts)), False)),
        *(
            (pa.array([[text] for text in texts]), False),
            (pa.array([{"a": t} for t in texts]), False),
        ),
    ]
    column, is_text = rng.choice(kinds)
    types = (
        pa.int64(),
        pa.int8(),
        pa.uint16(),
        pa.float32(),
        pa.float64(),
        pa.bool_(),
        pa.string(),
    )
    chosen = rng.choice(types)
    column_of_labels = pa.array(labels).cast(chosen)
    table = pa.table({"text": column, "label": column_of_labels})
    rows, has_names = list(zip(texts, labels, strict=True)), rng.random() < 0.4
    if has_names:
        table = table.replace_schema_metadata(named)
        rows = [(text, ("neg", "pos")[label]) for text, label in rows]
    path = folder / "train.parquet"
    parquet.write_table(table, path, compression=rng.choice(("snappy", "gzip", "none", "zstd")))
    return Input({"train": str(path)}, {"train": [rows if is_text else None]})


def _plain_formats(rng: random.Random, folder: Path) -> Input:
    suffix = rng.choice((".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow"))
    packed = rng.choice(("", ".gz")) if suffix not in (".parquet", ".arrow") else ""
    return files_of(folder, splits(rng), suffix + packed)


FORMS: dict[str, Mutation] = {
    "formats": _plain_formats,
    "encodings": _encoding,
    "delimiters": _delimiter,
    "quotes": _quotes,
    "line ends": _line_ends,
    "headers": _header,
    "rows of other lengths": _ragged,
    "damaged": _damaged_and_read,
    "gzip": _gzip,
    "suffix that lies": _lying_suffix,
    "forms of JSON": _json,
    "types of Arrow": _tables,
}
