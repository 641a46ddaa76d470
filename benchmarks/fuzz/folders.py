"""Mutations of model folders: config.json, weights, heads, tokenizers, other kinds of models."""

from __future__ import annotations

import json
import operator
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fuzz import reference
from benchmarks.fuzz.case import Case
from benchmarks.fuzz.data.rows import as_jsonl, text
from benchmarks.fuzz.model_files import FILES
from benchmarks.fuzz.reference import LENGTH, SHAPES, Answers, answers_of, canon

Mutation = Callable[[random.Random, Path], None]

ROWS = 24
"""Examples of validation."""

CLOSE = 2e-3
"""Largest difference of equal logits, as a share of the largest logit."""


def _json(folder: Path, name: str = "config.json") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / name).read_text())
    return content


def _change(folder: Path, name: str = "config.json", **values: Any) -> None:
    (folder / name).write_text(json.dumps({**_json(folder, name), **values}, indent=1))


def _none(rng: random.Random, folder: Path) -> None:
    """The folder stays as it is."""


def _key_gone(rng: random.Random, folder: Path) -> None:
    content = _json(folder)
    for name in rng.sample(list(content), rng.randint(1, 3)):
        del content[name]
    (folder / "config.json").write_text(json.dumps(content))


ODD: tuple[Any, ...] = (None, 0, -1, 1, 7, 10**9, "x", "16", [], {}, 0.5, 1.5, True, False, [1])


def _key_changed(rng: random.Random, folder: Path) -> None:
    name = rng.choice(list(_json(folder)))
    old = _json(folder)[name]
    values = (*ODD, *((old * 2, old // 2, float(old), str(old)) if isinstance(old, int) else ()))
    _change(folder, **{name: rng.choice(values)})


def _key_added(rng: random.Random, folder: Path) -> None:
    more = rng.choice(
        (
            *({"auto_map": {"AutoModel": "code.Model"}}, {"quantization_config": {"bits": 4}}),
            *({"problem_type": "multi_label_classification"}, {"problem_type": "regression"}),
            *(
                {"torch_dtype": "float16"},
                {"dtype": "bfloat16"},
                {"attention_type": "block_sparse"},
            ),
            *(
                {"num_labels": 3},
                {"num_labels": 1},
                {"is_decoder": True},
                {"pruned_heads": {"0": [0]}},
            ),
            *({"tie_word_embeddings": True}, {"output_attentions": True}, {"unknown": {"a": [1]}}),
            *({"return_dict": False}, {"max_position_embeddings": 8}, {"architectures": ["X"]}),
            *({"architectures": []}, {"architectures": ["BertForTokenClassification"]}),
            *({"architectures": ["BertForQuestionAnswering"]}, {"use_cache": "no"}),
            *({"chunk_size_feed_forward": 3}, {"classifier_dropout": 2}, {"hidden_act": "none"}),
            *({"name_or_path": "/etc"}, {"transformers_version": "99.0"}, {"dtype": "int8"}),
        )
    )
    _change(folder, **more)


def _labels(rng: random.Random, folder: Path) -> None:
    forms: tuple[dict[str, Any], ...] = (
        *({"id2label": {"0": "pos", "1": "neg"}}, {"id2label": {"1": "neg", "0": "pos"}}),
        *({"id2label": {"0": "NEG", "1": "Pos"}}, {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}),
        *({"id2label": {"0": "LABEL_1", "1": "LABEL_0"}}, {"id2label": ["neg", "pos"]}),
        *({"id2label": {"0": "neg"}}, {"id2label": {"0": "neg", "1": "neg"}}, {"id2label": {}}),
        *({"id2label": {"0": "neg", "2": "pos"}}, {"id2label": {"1": "neg", "2": "pos"}}),
        *({"id2label": {"zero": "neg", "one": "pos"}}, {"id2label": {"0": None, "1": "pos"}}),
        *({"id2label": {"0": 0, "1": 1}}, {"id2label": {"0": "1", "1": "0"}}, {"id2label": "neg"}),
        *(
            {"label2id": {"neg": 1, "pos": 0}},
            {"label2id": {}},
            {"id2label": None, "label2id": None},
        ),
        *({"id2label": {"0": "bad", "1": "good"}}, {"id2label": {"0": " neg", "1": "pos "}}),
        *({"id2label": {"0": "neg", "1": "pos", "2": "more"}}, {"id2label": {"0": "", "1": "pos"}}),
        *({"id2label": {"0": "neg", "1": ["pos"]}}, {"id2label": {"00": "neg", "01": "pos"}}),
    )
    _change(folder, **rng.choice(forms))


ODD_NAMES = (
    *("x" * 300, "é" * 130, "a/" * 3000, "/", "/dev/null", "~nobody", "none", "./none", "a/b", " "),
    *("https://localhost:9/x", "model\n", "..", "{}", "%s", "a/b/c", "-x", "\u202e", "A" * 97),
)


def _odd_names(rng: random.Random) -> dict[str, Any]:
    """Settings that name no model."""
    name = rng.choice(ODD_NAMES)
    return rng.choice(({"model": name}, {"tokenizer": name}))


MUTATIONS: dict[str, Mutation] = {
    "unchanged": _none,
    "odd names": _none,
    "key of config.json gone": _key_gone,
    "key of config.json changed": _key_changed,
    "key of config.json added": _key_added,
    "label names": _labels,
    **FILES,
}
NAMES = tuple(MUTATIONS)


@dataclass(frozen=True)
class Expected:
    """What a model folder may be read as.

    ``answers`` are those of plain transformers, or None. ``base`` has the weights of a model that
    needs a new head, which must be warned of. ``padded`` are the answers in a padded batch: they
    are right too where a warning says that logits depend on padding.
    """

    answers: Answers | None
    base: dict[str, Any] | None
    labels: list[Any]
    padded: Answers | None = None


def make(rng: random.Random, folder: Path, name: str) -> Case:
    """Write a mutated model folder and data for it to ``folder``."""
    family = rng.choice(("bert", "bert", *SHAPES))
    names = rng.choice((("neg", "pos"), ("neg", "pos"), ("LABEL_0", "LABEL_1"), None))
    pad = rng.random() < 0.8
    model = reference.save_model(folder / "model", names, family, pad, rng.randrange(100))
    texts = [text(rng) for _ in range(ROWS)]
    labels = [i % 2 if names != ("neg", "pos") else names[i % 2] for i in range(ROWS)]
    before = answers_of(model, texts)
    MUTATIONS[name](rng, model)
    odd = _odd_names(rng) if name == "odd names" else {}
    base = reference.base_of(model) if reference.is_headless(model) and not odd else None
    answers = None if odd else answers_of(model, texts) or before
    padded = answers_of(model, texts, together=True) if answers else None
    expected = Expected(answers, base, labels, padded)
    rows = [{"text": each, "label": label} for each, label in zip(texts, labels, strict=True)]
    splits = {"train": [*rows[::-1], {"text": "x", "label": labels[0]}], "validation": rows}
    dataset = {split: str(folder / f"{split}.jsonl") for split in splits}
    for split, data in splits.items():
        Path(dataset[split]).write_text(as_jsonl(data))
    config = {
        "name": "model",
        "model": str(model),
        "task": {"dataset": dataset, "max_length": LENGTH},
        "space": {"sparsity": 0.5, "finetune_epochs": 0},
        **odd,
    }
    file = folder / "config.json"
    file.write_text(json.dumps(config))
    judge, judge_json = partial(difference, expected), partial(json_problem, expected)
    kind, command = f"model: {name}", rng.choice(("check", "trial", "trial"))
    return Case(kind, folder, str(file), [], command, _read, judge, judge_json)


@dataclass(frozen=True)
class Found:
    """The dense model of the program, its answers and its figures."""

    answers: Answers
    accuracy: float
    warnings: list[str]
    model: Any


def _read(case: Case) -> Found:
    import torch

    from sweep.compress.dense.bench import Workbench
    from sweep.config.load import load_config

    config = load_config(case.config, case.settings, single_trial=True)
    bench = Workbench(config, "cpu")
    bench.check()
    accuracy, warnings = bench.baseline()["accuracy"], bench.warnings
    task: Any = bench.task
    batch = task.split("validation").batch(np.arange(ROWS))
    inputs = {key: torch.as_tensor(value) for key, value in batch.items() if key != "labels"}
    with torch.no_grad():
        model: Any = bench.dense.model.eval()
        logits = model(**inputs).logits.numpy()
    return Found(Answers(tuple(task.label_names), logits), accuracy, warnings, model)


def _index(name: str, names: tuple[str, ...]) -> int:
    """The place of a name, or the place that a number is."""
    found, key = [canon(each) for each in names], canon(name)
    return found.index(key) if key in found else int(key) if not isinstance(key, str) else -1


def accuracy_of(answers: Answers, labels: list[Any]) -> float:
    """The accuracy by label names; a number is the place of a label."""
    chosen = answers.logits.argmax(1).tolist()
    places = [_index(str(label), answers.names) for label in labels]
    return sum(map(operator.eq, places, chosen)) / len(labels)


def json_problem(expected: Expected, figures: dict[str, Any]) -> str:
    """Compare the dense accuracy that `trial` prints; `check` can only fail to refuse."""
    if expected.answers is None or "baseline_accuracy" not in figures:
        return "" if expected.answers or expected.base else "it must be refused"
    allowed = [each for each in (expected.answers, expected.padded) if each]
    accuracies = [accuracy_of(each, expected.labels) for each in allowed]
    found = figures["baseline_accuracy"]
    fits = any(abs(accuracy - found) < 1e-6 for accuracy in accuracies)
    return "" if fits else f"accuracy {found} instead of {accuracies}"


def difference(expected: Expected, found: Found) -> str:
    """Say how the dense model differs from that of plain transformers, "" if it does not."""
    if expected.base is not None and reference.has_base(found.model, expected.base):
        return "" if found.warnings else "a new head was made without a warning"
    if expected.answers is None:
        return f"it must be refused, but it was read, with the labels {found.answers.names}"
    problem = _other_answers(expected.answers, found, expected.labels)
    if problem and expected.padded and any("depend on padding" in each for each in found.warnings):
        return _other_answers(expected.padded, found, expected.labels)
    return problem


def _other_answers(theirs: Answers, found: Found, labels: list[Any]) -> str:
    ours = found.answers
    places = [_index(name, theirs.names) for name in ours.names]
    if sorted(places) != list(range(len(theirs.names))):
        return f"the labels are {ours.names}, those of transformers {theirs.names}"
    logits = theirs.logits[:, places]
    worst = float(np.abs(logits - ours.logits).max() / max(np.abs(logits).max(), 1e-6))
    if not worst <= CLOSE:
        return f"logits differ by {worst:.2g} of the largest"
    accuracy = accuracy_of(theirs, labels)
    if accuracy != found.accuracy:
        return f"the accuracy is {found.accuracy}, that of transformers {accuracy}"
    return ""
