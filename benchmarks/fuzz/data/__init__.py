"""Data files as inputs: how a task reads them, and the judge of the rows."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.fuzz import reference
from benchmarks.fuzz.case import Case
from benchmarks.fuzz.data.files import FILES
from benchmarks.fuzz.data.forms import FORMS
from benchmarks.fuzz.data.rows import Rows
from benchmarks.fuzz.data.settings import SETTINGS
from benchmarks.fuzz.data.values import VALUES
from benchmarks.fuzz.reference import LENGTH, canon

MUTATIONS = {**VALUES, **SETTINGS, **FORMS, **FILES}
NAMES = tuple(MUTATIONS)

Found = dict[str, list[tuple[bytes, str]]]
"""By split: the bytes of each text, at most LENGTH, and the name of its label."""


def make(rng: random.Random, folder: Path, name: str) -> Case:
    """Write data files to ``folder``, and a config that names them."""
    given = MUTATIONS[name](rng, folder)
    names = head_of(rng, given.truth)
    model = reference.model_for(names)
    task = {"dataset": given.dataset, "text": given.text, "label": given.label}
    config = {
        "name": "data",
        "model": str(model),
        "task": {**task, "max_length": LENGTH, **given.more},
        "space": {"sparsity": 0.5, "finetune_epochs": 0},
        "baseline": {"epochs": 1 if names is None else 0},
    }
    file = folder / "config.json"
    file.write_text(json.dumps(config))

    def judge(found: Found) -> str:
        return difference(given.truth, found, names is None, given.counts)

    def judge_json(document: Mapping[str, Any]) -> str:
        with_head = None if names is None or given.text != "text" or given.more else model
        counts = {**given.counts}
        if "validation" not in given.truth:
            share = given.more.get("validation", 0.1)
            counts["validation"] = round(share * len(next(filter(None, given.truth["train"]), ())))
        return document_problem(document, given.truth, with_head, counts)

    kind, command = f"data: {name}", rng.choice(("check", "trial", "trial"))
    return Case(kind, folder, str(file), [], command, _read, judge, judge_json, model)


def _read(case: Case) -> Found:
    from sweep.compress.dense.bench import Workbench
    from sweep.config.load import load_config

    config = load_config(case.config, case.settings, single_trial=True)
    task: Any = Workbench(config, "cpu").task
    names = ("train", "validation", "test")
    dataset = json.loads(Path(case.config).read_text())["task"]["dataset"]
    found: Found = {}
    for name in names if isinstance(dataset, dict) and dataset.get("test") else names[:2]:
        split, key = task.split(name), "carved" if task.carved and name != "test" else name
        ends = zip(split.offsets[:-1], split.offsets[1:], strict=True)
        texts = [reference.text_of(split.tokens[start:end].tolist()) for start, end in ends]
        labels = [task.label_names[label] for label in split.labels]
        found.setdefault(key, []).extend(zip(texts, labels, strict=True))
    _ = getattr(task, "warnings", None)  # it must not fail either
    return found


def head_of(rng: random.Random, truth: Mapping[str, Sequence[Rows | None]]) -> Any:
    """The label names of the model's head, or None for a model without a head."""
    rows = [row for found in truth.values() for each in found if each for row in each]
    labels = {canon(label) for _, label in rows}
    if rng.random() < 0.4 or not 2 <= len(labels) <= 30:
        return None
    if all(label in range(100) for label in labels) and rng.random() < 0.5:
        return tuple(f"LABEL_{i}" for i in range(int(max(labels)) + 1))
    names = {canon(label): str(label) for _, label in rows}
    order = sorted(names.values())
    rng.shuffle(order)
    return tuple(order)


def difference(
    truth: Mapping[str, Sequence[Rows | None]],
    found: Found,
    has_new_head: bool,
    counts: Mapping[str, int] = {},
) -> str:
    """Say how the rows of the splits differ from what they must be, "" if they do not.

    Without a split for validation, train and validation together have the rows of train.
    """
    for split, rows in found.items():
        name = "train" if split == "carved" else split
        allowed = [each for each in truth[name] if each is not None]
        if not allowed:
            return f"{name} was read, but it must be refused: {rows[:2]}"
        kind = "part" if split in counts else "any order" if split == "carved" else "same order"
        if len(rows) != counts.get(split, len(rows)):
            return f"{name} has {len(rows)} examples instead of {counts[split]}"
        problems = [_rows_problem(each, rows, kind, has_new_head) for each in allowed]
        if all(problems):
            return f"{name}: {problems[0]}"
    return ""


def _rows_problem(
    expected: Rows, found: list[tuple[bytes, str]], kind: str, has_new_head: bool
) -> str:
    if len(expected) != len(found) and kind != "part":
        return f"{len(found)} rows instead of {len(expected)}"
    ours = [(text, canon(label)) for text, label in found]
    theirs = [(text.encode()[:LENGTH], canon(label)) for text, label in expected]
    if kind != "same order":
        return "" if Counter(ours) <= Counter(theirs) else "other rows"
    for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        if one != other:
            return f"row {i} is {one}, but it must be {other}"
    merged = defaultdict(set)
    for (_, label), (_, name) in zip(expected, found, strict=True):
        merged[name].add(label if isinstance(canon(label), str) else canon(label))
    several = [sorted(map(str, each)) for each in merged.values() if len(each) > 1]
    return f"different labels became one: {several[0]}" if several and has_new_head else ""


def document_problem(
    figures: Mapping[str, Any],
    truth: Mapping[str, Sequence[Rows | None]],
    model: Path | None,
    counts: Mapping[str, int],
) -> str:
    """Compare the number of examples and the dense accuracy with those of plain transformers.

    ``check`` prints neither, so that it can only fail to refuse.
    """
    names = ("train", "validation") if "validation" in truth else ("train",)
    if not all(any(each is not None for each in truth[name]) for name in names):
        return "it must be refused, but it was accepted"
    if "examples" not in figures:
        return ""
    problems = []
    for rows in truth[names[-1]]:
        if rows is None:
            continue
        expected = counts.get("validation", len(rows))
        if figures["examples"] != expected:
            problems.append(f"{figures['examples']} examples instead of {expected}")
        elif model is None or len(names) == 1 or counts:
            return ""
        else:
            answers = reference.answers_of(model, [text for text, _ in rows])
            assert answers is not None
            right = [
                canon(a) == canon(label) for a, (_, label) in zip(answers.chosen, rows, strict=True)
            ]
            accuracy = sum(right) / len(right)
            if abs(figures["baseline_accuracy"] - accuracy) < 1e-6:
                return ""
            problems.append(f"accuracy {figures['baseline_accuracy']} instead of {accuracy}")
    return problems[0]
