"""Mutations of the values in data: labels, texts, and the columns that have them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.fuzz.data.rows import LABELS, Row, Rows, pairs, read, rows, write

SUFFIXES = (".csv", ".jsonl", ".parquet", ".json", ".tsv", ".arrow", ".csv.gz", ".jsonl.gz")


@dataclass
class Input:
    """Data of a config: ``task.dataset`` and more settings of ``task``.

    ``truth`` has by split what it may be read as; a split that must be refused has None only.
    ``counts`` has the number of examples of a split that are drawn from all.
    """

    dataset: Any
    truth: dict[str, list[Rows | None]]
    text: Any = "text"
    label: str = "label"
    more: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)


Mutation = Callable[[random.Random, Path], Input]


def files_of(folder: Path, data: Mapping[str, Sequence[Row]], suffix: str, **more: Any) -> Input:
    """Write a file for each split; the truth is what was written."""
    dataset, truth = {}, {}
    columns = more.get("text", "text"), more.get("label", "label")
    for split, each in data.items():
        dataset[split] = str(write(folder / f"{split}{suffix}", each))
        found = pairs(each, *columns) if isinstance(columns[0], str) else None
        truth[split] = [_as_texts(found) if ".csv" in suffix or ".tsv" in suffix else found]
    return Input(dataset, truth, **more)


def _as_texts(found: Rows | None) -> Rows | None:
    """Rows as csv has them; ``csv`` writes None as an empty text."""
    return found if found is None else [(text, str(label)) for text, label in found]


def splits(rng: random.Random, labels: Sequence[Any] | None = None) -> dict[str, list[Row]]:
    """Rows of train, and mostly of validation, sometimes of test."""
    labels = rng.choice(LABELS) if labels is None else labels
    names = rng.choice((["train"], ["train", "validation"], ["train", "validation", "test"]))
    counts = {"train": 60, "validation": 30, "test": 24}
    return {name: rows(rng, counts[name], labels) for name in names}


def _labels(rng: random.Random, folder: Path) -> Input:
    return files_of(folder, splits(rng), rng.choice(SUFFIXES))


BAD_LABELS: tuple[Any, ...] = (None, "", " ", float("nan"), [0], ["a", "b"], {"a": 1}, [], {})


def _bad_label(rng: random.Random, folder: Path) -> Input:
    data = splits(rng)
    split, bad = rng.choice(list(data)), rng.choice(BAD_LABELS)
    suffix = rng.choice((".json", ".jsonl"))
    if bad is None or isinstance(bad, str):
        suffix = rng.choice((".csv", ".jsonl", ".json"))
    data[split][rng.randrange(len(data[split]))]["label"] = bad
    return files_of(folder, data, suffix)


def _mixed_labels(rng: random.Random, folder: Path) -> Input:
    labels = rng.choice(
        (
            *((0, "1"), (1, 1.0, 2), (True, 0), ("a", 1), (0, 1, "x"), ("1", "01"), (0, 1, 2.5)),
            *(
                (10**19, 10**19 + 1),
                (2**53, 2**53 + 1),
                ("1.0", "1"),
                (" a", "a"),
                ("é", "e\u0301"),
            ),
            *(
                ("a\n", "b"),
                ("x" * 3000, "y"),
                (-1, 0, 1),
                (1e300, 1e-300),
                ("٣", "3"),
                ("1_0", "10"),
            ),
            *(
                ("True", "true", "x"),
                ("[1]", "[2]"),
                ("{a}", "b"),
                ("0x1", "1"),
                ("+1", "2"),
                ("a",),
            ),
            *((float("inf"), 1.0), ("2020-01-01", "2020-01-02"), ("12:30", "12:31"), ("nan", "b")),
        )
    )
    found = files_of(folder, splits(rng, labels), rng.choice((".csv", ".jsonl", ".json")))
    if any(isinstance(label, float) and label in (float("inf"),) for label in labels):
        found.truth = {split: [None] for split in found.truth}
    return found


def _real_labels(rng: random.Random, folder: Path) -> Input:
    data = splits(rng)
    for each in data.values():
        for row in each:
            row["label"] = rng.random()
    found = files_of(folder, data, rng.choice(SUFFIXES))
    found.truth = {split: [None] for split in found.truth}
    return found


def _foreign_label(rng: random.Random, folder: Path) -> Input:
    data = {"train": rows(rng, 60, ("a", "b")), "validation": rows(rng, 30, ("a", "b"))}
    data["validation"][3]["label"] = rng.choice(("c", "A ", "aa", "0", "LABEL_0", "b\u200b"))
    return files_of(folder, data, rng.choice(SUFFIXES))


TEXTS: tuple[Any, ...] = (
    *(None, "", " ", "\t", "\n", "0", "1.5", "null", "NA", "nan", "None", "true", "'", '"', '""'),
    *(
        "a\nb",
        "a\r\nb",
        "a\rb",
        "a\u2028b",
        "a\x85b",
        "a\x0bb\x0cc",
        "\0",
        "a\0b",
        "\x1a",
        "\ufeffx",
    ),
    *(
        " both sides ",
        "x" * 100_000,
        "word " * 3000,
        "a,b;c\td|e",
        "\\",
        "\\n",
        '\\"',
        "=1+1",
        "#x",
    ),
    *(
        "e\u0301",
        "\u202eabc",
        "\U0001f468\u200d\U0001f469",
        "\ufffd",
        "\ufffe",
        "＂",
        "’",
        "<br />",
    ),
)
WRONG_TEXTS: tuple[Any, ...] = (5, 1.5, True, [1], ["a", "b"], {"a": "b"}, [], {}, float("nan"))


def _texts(rng: random.Random, folder: Path) -> Input:
    data = splits(rng)
    for _ in range(rng.randint(1, 5)):
        rng.choice(data["train"])["text"] = rng.choice(TEXTS)
    return files_of(folder, data, rng.choice(SUFFIXES))


def _no_texts(rng: random.Random, folder: Path) -> Input:
    data, bad = splits(rng), rng.choice((*WRONG_TEXTS, b"bytes", None, ""))
    every = rng.random() < 0.5 or isinstance(bad, bytes) or bad in (None, "")
    for row in data["train"] if every else rng.choices(data["train"], k=2):
        row["text"] = bad
    suffix = ".parquet" if isinstance(bad, bytes) else rng.choice((".json", ".jsonl"))
    found = files_of(folder, data, suffix)
    if bad in (None, ""):
        found.truth["train"] = [None]
    return found


def _numbers_as_texts(rng: random.Random, folder: Path) -> Input:
    data = splits(rng)
    numbers = ("007", "1", "1.50", "1e5", "-0", "12345678901234567890", "0x10", "1_000", "٣")
    for row in data["train"]:
        row["text"] = rng.choice(numbers)
    return files_of(folder, data, rng.choice((".csv", ".tsv", ".jsonl", ".csv.gz")))


def _columns(rng: random.Random, folder: Path) -> Input:
    data, suffix = splits(rng), rng.choice(SUFFIXES)
    name = rng.choice(
        ("sentence", "a b", "é", "a.b", "TEXT", "", " text", "text ", "0", "a'b", "t\nt")
    )
    asked = rng.choice((name, name, name, "text", name.strip() or "x"))
    renamed = {
        split: [{name: row["text"], "label": row["label"]} for row in each]
        for split, each in data.items()
    }
    found = files_of(folder, renamed, suffix, text=asked)
    if asked != name:
        found.truth = {split: [None] for split in found.truth}
    return found


def _more_columns(rng: random.Random, folder: Path) -> Input:
    data, suffix = splits(rng), rng.choice(SUFFIXES)
    extra = {
        "idx": 5,
        "note": "a note",
        "text2": "other",
        "weight": 0.5,
        "Label": "L",
        "none": None,
    }
    chosen = rng.sample([*extra], rng.randint(1, 4))
    for each in data.values():
        for i, row in enumerate(each):
            items = [*row.items(), *((name, extra[name]) for name in chosen)]
            if suffix.startswith(".json"):
                rng.shuffle(items)
            each[i] = dict(items)
    return files_of(folder, data, suffix)


def _nested(rng: random.Random, folder: Path) -> Input:
    data = splits(rng)
    nested = {
        split: [
            {"a": {"text": row["text"], "more": 1}, "b": {"label": row["label"]}} for row in each
        ]
        for split, each in data.items()
    }
    asked = rng.choice(("a.text", "a.text", "a", "a.none", "a.text.x", "a.more"))
    found = files_of(
        folder, nested, rng.choice((".json", ".jsonl", ".parquet")), text=asked, label="b.label"
    )
    good = asked == "a.text"
    found.truth = {split: [pairs(each) if good else None] for split, each in data.items()}
    return found


def _auto(rng: random.Random, folder: Path) -> Input:
    data, suffix = splits(rng), rng.choice(SUFFIXES)
    extra = rng.choice(({}, {"idx": 5}, {"other": "text"}, {"idx": 5, "score": 0.5}))
    for each in data.values():
        each[:] = [{**extra, **row} for row in each]
    found = files_of(folder, data, suffix)
    found.text = "auto"
    if "other" in extra:
        found.truth = {split: [None] for split in found.truth}
    return found


def _some_rows_lack(rng: random.Random, folder: Path) -> Input:
    data, gone = splits(rng), rng.choice(("text", "label"))
    for row in rng.choices(data["train"], k=3):
        row.pop(gone, None)
    return files_of(folder, data, rng.choice((".json", ".jsonl")))


def _few_rows(rng: random.Random, folder: Path) -> Input:
    data = splits(rng, ("a", "b"))
    split = rng.choice(list(data))
    data[split] = data[split][: rng.choice((0, 1, 2, 3))]
    suffix = rng.choice((".csv", ".jsonl", ".json", ".parquet"))
    return files_of(folder, data, suffix)


VALUES: dict[str, Mutation] = {
    "labels": _labels,
    "label that is none": _bad_label,
    "labels of mixed types": _mixed_labels,
    "labels that are measurements": _real_labels,
    "label in validation only": _foreign_label,
    "texts": _texts,
    "texts that are no texts": _no_texts,
    "numbers as texts": _numbers_as_texts,
    "column renamed": _columns,
    "more columns": _more_columns,
    "nested columns": _nested,
    "text column auto": _auto,
    "rows lack a column": _some_rows_lack,
    "few rows": _few_rows,
}

__all__ = ["VALUES", "Input", "Mutation", "files_of", "read", "splits"]
