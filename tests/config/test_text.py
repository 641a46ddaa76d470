"""Configs as text: dumps, packaged configs, the starter config, and the schema."""

from __future__ import annotations

import json
import pickle
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from sweep.config import SweepConfig
from sweep.config.fields import FIGURES, SCHEDULERS
from sweep.config.load import load_config, packaged_names, parse_config
from sweep.config.text import dump_yaml, json_schema, starter
from sweep.registry import METRICS, SAMPLERS
from sweep.space.params import PARAMETERS
from tests.config.test_settings import FULL, MINIMAL

CONFIGS = resources.files("sweep") / "configs"


@pytest.mark.parametrize("raw", [MINIMAL, FULL])
def test_a_config_round_trips_through_its_text(raw: Any) -> None:
    config = SweepConfig.model_validate(raw)
    dump = config.model_dump(mode="json")
    assert SweepConfig.model_validate(dump) == config
    assert SweepConfig.model_validate_json(config.model_dump_json()) == config
    assert pickle.loads(pickle.dumps(config)) == config
    text = dump_yaml(config)
    assert text.startswith("# ")
    assert parse_config(text) == config
    assert yaml.safe_load(text) == dump


@pytest.mark.parametrize("name", packaged_names())
def test_a_packaged_config_round_trips_and_fits_the_schema(name: str, tmp_path: Path) -> None:
    config = load_config(name)
    assert config.name == name
    path = tmp_path / "config.yaml"
    path.write_text(dump_yaml(config))
    assert load_config(str(path)) == config
    text = (CONFIGS / f"{name}.yaml").read_text()
    command = "trial" if name == "tutorial" else "run"
    assert text.startswith(f"# Run: sweep {command} {name}")
    validator = jsonschema.Draft202012Validator(json_schema())
    assert [error.message for error in validator.iter_errors(yaml.safe_load(text))] == []
    assert [error.message for error in validator.iter_errors(config.model_dump(mode="json"))] == []


def test_the_schema_accepts_only_valid_configs() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    validator = jsonschema.Draft202012Validator(json_schema())
    numbers = json.loads(json.dumps(FULL).replace('"1e-3"', "0.001").replace('"1e-5"', "0.00001"))
    numbers["task"] |= {"validation": 0.1, "replace": {"a": ""}}
    assert [error.message for error in validator.iter_errors(numbers)] == []
    for key, value in [
        ("name", "a b"),
        ("model", 3),
        ("objectives", {}),
        ("search", {"trials": 0}),
        ("search", {"sampler": "bayes"}),
        ("recover", {"bf16": "yes"}),
        ("task", {"dataset": {"test": "x"}}),
        ("surprise", 1),
    ]:
        assert not validator.is_valid({**numbers, key: value}), key


def test_the_starter_is_a_valid_config_that_explains_every_setting() -> None:
    text = starter(load_config("digits", ["name=my-sweep"]))
    config = parse_config(text)
    given = yaml.safe_load(text)
    assert given == config.model_dump(mode="json")  # no setting is missing
    assert config.task.dataset == "digits"
    assert not jsonschema.Draft202012Validator(json_schema()).is_valid({**given, "x": 1})
    lines = text.splitlines()
    assert "# yaml-language-server: $schema=sweep.schema.json" in lines
    assert max(map(len, lines)) <= 100
    for number, line in enumerate(lines):
        explained = "#" in line or lines[number - 1].lstrip().startswith("#")
        assert explained or not line.strip(), line
    for word in (*METRICS, *FIGURES, *SAMPLERS, *SCHEDULERS, *PARAMETERS):
        assert word in text
