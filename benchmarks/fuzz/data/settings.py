"""Settings of a task that change how its rows are read: pairs, names of labels, samples."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from benchmarks.fuzz.data.rows import LABELS, pairs, rows
from benchmarks.fuzz.data.values import SUFFIXES, Input, Mutation, files_of, splits


def _pairs(rng: random.Random, folder: Path) -> Input:
    """Two texts; the tokenizer of the fuzz puts nothing between them."""
    data = splits(rng, ("neg", "pos"))
    for each in data.values():
        for row in each:
            row |= {"text": row["text"][:20], "other": rng.choice(("", "b", "中", "x y"))}
    asked = rng.choice((["text", "other"], ["other", "text"], ["text", "text"], ["text", "none"]))
    found = files_of(folder, data, rng.choice(SUFFIXES), text=asked)
    for split, each in data.items():
        both = [{**row, "text": "".join(str(row.get(name)) for name in asked)} for row in each]
        found.truth[split] = [None if "none" in asked else pairs(both)]
    return found


def _label_names(rng: random.Random, folder: Path) -> Input:
    labels: tuple[Any, ...] = rng.choice(
        ((0, 1, 2), ("a", "b", "c"), ("0", "1", "2"), (0.0, 1.0, 2.0))
    )
    data = splits(rng, labels)
    names = rng.choice(
        (["x", "y", "z"], ["c", "b", "a"], ["x", "y"], ["2", "0", "1"], ["x"], ["x", "x", "y"])
    )
    given: Any = names
    if rng.random() < 0.4:
        given = folder / "names.txt"
        given.write_text("\n".join(names) + rng.choice(("", "\n", "\n\n")))
    found = files_of(folder, data, rng.choice(SUFFIXES), more={"label_names": _plain(given)})
    for split, each in data.items():
        named = [{**row, "label": _named(row["label"], names)} for row in each]
        fits = len({*names}) == len(names) and all(row["label"] is not None for row in named)
        found.truth[split] = [pairs(named) if fits else None]
    return found


def _plain(given: Any) -> Any:
    return str(given) if isinstance(given, Path) else given


def _named(label: Any, names: list[str]) -> str | None:
    """The name of a label: itself if it is one of the names, else the name at its number."""
    number = float(label) if str(label).replace(".", "").isdigit() else None
    if number is None:
        return label if label in names else None
    if str(int(number)) in names:
        return str(int(number))
    return names[int(number)] if number < len(names) else None


def _replace(rng: random.Random, folder: Path) -> Input:
    data = splits(rng, ("neg", "pos"))
    change = rng.choice(({"good": "bad"}, {"a,b": ""}, {"good": "bad", "bad": "film"}, {" ": "  "}))
    found = files_of(folder, data, rng.choice(SUFFIXES), more={"replace": change})
    for split, each in data.items():
        changed = [dict(row) for row in each]
        for old, new in change.items():
            for row in changed:
                row["text"] = row["text"].replace(old, new)
        found.truth[split] = [pairs(changed)]
    return found


def _samples(rng: random.Random, folder: Path) -> Input:
    """So many examples of train and validation, drawn from all."""
    labels = rng.choice(LABELS[:4])
    data = {"train": rows(rng, 60, labels), "validation": rows(rng, 30, labels)}
    count = rng.choice((6, 20, 59, 60, 1000))
    more = {"train_samples": count, "eval_samples": count}
    found = files_of(folder, data, rng.choice(SUFFIXES), more=more)
    found.counts = {"train": min(count, 60), "validation": min(count, 30)}
    return found


SETTINGS: dict[str, Mutation] = {
    "pairs of texts": _pairs,
    "task.label_names": _label_names,
    "task.replace": _replace,
    "samples": _samples,
}
