"""SweepConfig: defaults, conversions and wrong values."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sweep.config import SweepConfig
from sweep.config.fields import Files
from sweep.space.domains import Constant, Float
from sweep.space.params import PARAMETERS

MINIMAL: dict[str, Any] = {"name": "a", "task": {"dataset": "digits"}}

FULL: dict[str, Any] = {
    "name": "full-1.0_x",
    "model": "models/bert",
    "tokenizer": "bert-base-uncased",
    "task": {
        "dataset": {"train": "a.parquet", "test": "c.csv"},
        "text": ["question", "sentence"],
        "label": "answer",
        "replace": {"<br />": " ", "\n": "", "no": "1e-3", "\U0001f600": "\x7f"},
        "max_length": 8192,
        "validation": "1e-1",
        "train_samples": 100,
    },
    "baseline": {"epochs": 2, "learning_rate": "1e-3", "lr_schedule": "constant"},
    "pruning": {"include": ["encoder.*"], "exclude": ["*.output"], "embeddings": True},
    "space": {
        "weight": {"sparsity": {"low": 0.1, "high": 0.9, "step": 0.1}, "scope": ["local"]},
        "learning_rate": {"low": "1e-5", "high": "1e-3", "log": True},
        "finetune_epochs": {"low": 1, "high": 9},
    },
    "recover": {"dropout": 0, "bf16": False, "clip_norm": 2},
    "objectives": {"loss": "min", "nonzero_params": "min", "accuracy": "max"},
    "search": {
        "sampler": "gp",
        "max_concurrent": 2,
        "reduction_factor": 2.5,
        "margin": 0,
        "starts": [{"sparsity": 0.5, "scope": "local"}, {"learning_rate": 1e-4}],
        "constraints": {"accuracy_drop": {"max": 0.02}, "sparsity": {"min": 0.5, "max": 0.9}},
        "budget": {"epochs": 100, "seconds": 60, "plateau": {"trials": 8}},
        "warm_start": ["results/a", "results/b"],
        "reference": {"loss": 600},
    },
    "resources": {"cpu": 0.5, "gpu": 0.25},
    "storage": "s3://bucket/sweeps",
    "listeners": {"terminal": {"stream": {"url": "http://here", "tags": ["a", 1]}}},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    section, _, key = path.rpartition(".")
    if not section:
        return {**MINIMAL, key: value}
    return {**MINIMAL, section: {**MINIMAL.get(section, {}), key: value}}


def test_a_parameter_that_is_not_given_is_a_constant() -> None:
    space = SweepConfig.model_validate(MINIMAL).space
    assert list(space) == list(PARAMETERS)
    assert all(isinstance(domain, Constant) for domain in space.values())


def test_values_are_converted_and_frozen() -> None:
    config = SweepConfig.model_validate(FULL)
    assert config.task.dataset == Files(train="a.parquet", test="c.csv")
    assert config.task.text == ("question", "sentence")
    assert config.task.validation == 0.1
    assert config.baseline.learning_rate == 1e-3
    assert config.space["sparsity"] == Float(0.1, 0.9, step=0.1)
    assert config.space["learning_rate"] == Float(1e-5, 1e-3, log=True)
    assert isinstance(config.resources.cpu, float) and isinstance(config.recover.clip_norm, float)
    assert config.max_epochs == 9
    for listeners in (["a", "b"], {"a": None, "b": {}}):
        named = SweepConfig.model_validate({**MINIMAL, "listeners": listeners})
        assert named.listeners == {"a": {}, "b": {}}
    with pytest.raises(ValidationError):
        config.search.trials = 3


def test_label_names_are_a_list_or_the_lines_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes("\ufeffpositive \r\nsehr schön\n\n".encode())
    task = {"dataset": {"train": "a.csv"}, "label_names": str(path)}
    config = SweepConfig.model_validate({"name": "a", "model": "m", "task": task})
    assert config.task.label_names == ["positive", "sehr schön"]
    path.unlink()  # the config does not need the file any more
    assert SweepConfig.model_validate(config.model_dump(mode="json")) == config
    task["label_names"] = [0, 1.5, "a"]
    config = SweepConfig.model_validate({"name": "a", "model": "m", "task": task})
    assert config.task.label_names == ["0", "1.5", "a"]


SECTIONS = ("task", "baseline", "pruning", "space", "recover", "search", "resources")
WHOLE = [True, "many", 1.5, math.nan, -1, None, [1]]
REFUSED: list[tuple[str, list[Any]]] = [
    ("name", ["", " ", "a b", "../a", "-a", "a/b", 3, None, True]),
    ("model", ["", 3, ["a"]]),
    ("storage", ["", None, 3]),
    ("task", [None, [], "imdb"]),
    ("task.dataset", [None, "", 3, [], {}, {"train": None}, {"tain": "a"}]),
    ("task.dataset", [{"train": each} for each in ([], ["a", 1], {"a": "b"}, 3, "")]),
    ("task.label_names", ["nowhere.txt", "", [], ["a"], ["a", "a"], ["a", " "], ["a", True], 3]),
    ("baseline.new_head", [1, "yes", None]),
    ("task.text", [None, "", [], ["a"], ["a", "b", "c"], ["a", 1], 3]),
    ("task.replace", [None, [], "a", {"a": 1}, {"": "a"}]),
    ("task.max_length", [*WHOLE, 0, 8193]),
    ("task.validation", [0, 1, -0.5, "half", None]),
    ("task.train_samples", [0, True, "all", 2.5]),
    ("task.metrics", ["f1", ["recall"], [1], None]),
    ("task.seed", [-1, 2**32, True]),
    ("baseline.epochs", WHOLE),
    ("baseline.learning_rate", [0, -1, math.inf, "fast", True, None]),
    ("baseline.warmup", [-0.1, 1, True]),
    ("baseline.lr_schedule", ["cosine", None, 1]),
    ("pruning.include", ["encoder", None, [1], [""]]),
    ("pruning.embeddings", [1, 0, "yes", None]),
    ("recover.batch_size", [*WHOLE, 0]),
    ("recover.clip_norm", [0, math.nan]),
    ("recover.dropout", [1, -0.1, "none", True]),
    ("recover.bf16", [1, "yes", None]),
    ("recover.weight_decay", [-0.1, math.inf]),
    ("objectives", [{}, None, ["accuracy"], {"accuracy": "up"}, {"recall": "max"}, {1: "max"}]),
    ("search.sampler", ["TPE", "bayes", None]),
    ("search.scheduler", ["asha", None]),
    ("search.trials", [*WHOLE, 0]),
    ("search.max_concurrent", [0, "all", True, None]),
    ("search.reduction_factor", [1, 0.5, "three", math.inf, True]),
    ("search.margin", [-1, math.nan]),
    ("search.max_failures", [-1, 1.5]),
    ("resources.cpu", [0, -1, True]),
    ("resources.gpu", [-0.5, "one"]),
    ("surprise", [1]),
    *(
        (f"{section}.surprise", [1])
        for section in ("task", "pruning", "space", "recover", "search")
    ),
]


@pytest.mark.parametrize(
    ("path", "value"), [(path, value) for path, values in REFUSED for value in values]
)
def test_a_wrong_value_is_reported_at_its_path(path: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        SweepConfig.model_validate(changed(path, value))
    places = [".".join(map(str, error["loc"])) for error in caught.value.errors()]
    assert all(place.startswith(path) for place in places)


LONG: dict[str, Any] = {"space": {"finetune_epochs": {"low": 0, "high": 4}}}
ENDLESS: dict[str, Any] = {"learning_rate": {"low": 1e-5, "high": 1e-3}}
GLUE: dict[str, Any] = {"model": "m", "task": {"dataset": "glue", "subset": "sst2"}}


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({**LONG, "search": {"grace_period": 4}}, None),
        (
            {**LONG, "search": {"grace_period": 5}},
            r"search\.grace_period: .* got 5; allowed: .* 0 to 4",
        ),
        ({**LONG, "search": {"grace_period": 9, "scheduler": "fifo"}}, None),
        ({"space": {"finetune_epochs": 0}, "search": {"grace_period": 3}}, None),
        ({"space": ENDLESS, "search": {"sampler": "grid"}}, r"space\.learning_rate: the grid"),
        ({"task": {"dataset": "imdb"}, "model": "m"}, None),
        ({"task": {"dataset": "imdb"}}, "model: is required unless"),
        ({"task": {"dataset": {"train": "a.csv"}}, "model": "m"}, None),
        ({"task": {"dataset": {"train": "a.csv"}}}, "model: is required unless"),
        (GLUE, None),
        ({**GLUE, "baseline": {"new_head": True}}, None),
        ({"baseline": {"new_head": True}}, r"baseline\.new_head: needs a model with a classifier"),
        (
            {"task": {"dataset": "digits", "label_names": ["a", "b"]}},
            r"task\.label_names: needs a task of texts",
        ),
        (
            {"task": {"dataset": "digits", "subset": "a"}},
            r"task\.subset: needs a hub data set",
        ),
        (
            {"model": "m", "task": {"dataset": {"train": "a.csv"}, "subset": "a"}},
            r"task\.subset: needs a hub data set",
        ),
    ],
)
def test_sections_must_fit_together(sections: dict[str, Any], message: str | None) -> None:
    raw = {**MINIMAL, **sections}
    if message is not None:
        with pytest.raises(ValidationError, match=message):
            SweepConfig.model_validate(raw)
    if message is None or "search" in sections:
        SweepConfig.model_validate(raw, context={"single_trial": message is not None})
