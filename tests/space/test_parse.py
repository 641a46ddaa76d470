"""Domains and their YAML forms."""

from __future__ import annotations

import math
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from sweep.config.text import json_schema
from sweep.errors import ConfigError, UsageError
from sweep.space.domains import Choice, Condition, Constant, Domain, Float, Int
from sweep.space.params import DEFAULTS, PARAMETERS, TUTORIAL, Params
from tests.harness.spaces import METHODS, space_of

SCHEMA = jsonschema.Draft202012Validator(json_schema())
PARENTS = {"sparsity": [0.5, 0.8], "method": ["l1-norm", "random"], "finetune_epochs": [0, 1]}
"""Parents of the conditions below."""

DOMAINS: list[tuple[str, Any, Domain]] = [
    ("sparsity", {"low": 0.3, "high": 0.95}, Float(0.3, 0.95)),
    ("sparsity", {"low": 0, "high": 0.9, "step": 0.3}, Float(0.0, 0.9, step=0.3)),
    ("sparsity", [0.5, "5e-1", 0.75][::2], Choice((0.5, 0.75))),
    ("sparsity", 0, Constant(0.0)),
    ("method", ["random", "l1-norm"], Choice(("random", "l1-norm"))),
    ("scope", "global", Constant("global")),
    ("finetune_epochs", {"low": 0, "high": 4}, Int(0, 4)),
    ("finetune_epochs", {"low": 1, "high": 9, "log": True}, Int(1, 9, log=True)),
    ("finetune_epochs", {"low": 0, "high": 6, "step": 2}, Int(0, 6, step=2)),
    ("finetune_epochs", 3.0, Constant(3)),
    ("learning_rate", {"low": "1e-5", "high": "1E-3", "log": True}, Float(1e-5, 1e-3, log=True)),
    ("learning_rate", "1e-3", Constant(1e-3)),
    (
        "learning_rate",
        {"low": "1e-5", "high": 1e-3, "log": True, "when": {"finetune_epochs": {"low": 1}}},
        Float(1e-5, 1e-3, log=True, when=(Condition("finetune_epochs", low=1),)),
    ),
    (
        "finetune_epochs",
        {"low": 0, "high": 5, "when": {"sparsity": {"low": 0.5, "high": 0.9}, "method": "random"}},
        Int(
            0, 5, when=(Condition("sparsity", low=0.5, high=0.9), Condition("method", ("random",)))
        ),
    ),
    (
        "scope",
        {"values": ["global"], "when": {"method": ["l1-norm", "random"]}},
        Choice(("global",), (Condition("method", ("l1-norm", "random")),)),
    ),
    ("method", {"values": ["random", "l1-norm"]}, Choice(("random", "l1-norm"))),
    ("seed", [0, 1, 2], Choice((0, 1, 2))),
    ("seed", None, Constant(None)),
]


@pytest.mark.parametrize(("name", "raw", "domain"), DOMAINS)
def test_each_form_round_trips(name: str, raw: Any, domain: Domain) -> None:
    for given in (raw, domain.plain()):
        assert space_of({**PARENTS, name: given})[name] == domain
    if math.isinf(domain.size):
        with pytest.raises(ValueError, match="needs a step or a list"):
            domain.grid()
        return
    values = domain.grid()
    assert len(set(values)) == len(values) == domain.size
    assert all(domain.contains(value) for value in values)


@pytest.mark.parametrize(
    ("name", "low", "high", "step", "grid"),
    [
        ("sparsity", 0.1, 0.95, 0.1, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
        ("sparsity", 0.2, 0.3, 0.1, [0.2, 0.3]),
        ("finetune_epochs", 1, 6, 2, [1, 3, 5]),
    ],
)
def test_a_range_with_steps_is_exact_and_ends_at_its_last_step(
    name: str, low: float, high: float, step: float, grid: list[float]
) -> None:
    domain = space_of({name: {"low": low, "high": high, "step": step}})[name]
    assert domain.grid() == grid
    assert domain.plain() == {"low": low, "high": grid[-1], "step": step}


@pytest.mark.parametrize(
    ("domain", "inside", "outside"),
    [
        (Float(0.1, 0.9, step=0.1), [0.1 + 0.1 + 0.1], [0.35, 1.0, 0.0]),  # 0.30000000000000004
        (Float(0.2, 0.4), [0.2, 0.4], [0.1, 0.5]),
        (Int(0, 4), [0, 4], [2.5, 5]),
        (Int(0, 4, step=2), [2], [3]),
        (Constant(0.5), [0.5], [0]),
        (Choice((0, 1)), [1], [2]),
    ],
)
def test_contains_accepts_only_values_of_the_domain(
    domain: Domain, inside: list[Any], outside: list[Any]
) -> None:
    assert all(domain.contains(value) for value in inside)
    for value in (*outside, True, False, None, "0.5", math.nan, math.inf, [0.5]):
        assert not domain.contains(value)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"sparsity": "half"}, "must be a number, got 'half'; allowed: a number >= 0 and < 1"),
        ({"sparsity": 1.0}, "must be < 1, got 1.0"),
        ({"sparsity": None}, "must be a number, got null"),
        ({"sparsity": 10**400}, "must be finite, got 1000"),
        ({"sparsity": {"low": 0.9, "high": 0.3}}, "sparsity: low is above high"),
        ({"sparsity": {"low": 0.5}}, "sparsity.high: is required"),
        ({"sparsity": {"low": 0.5, "high": 1.0}}, "sparsity.high: must be < 1"),
        ({"sparsity": {"low": 0, "high": 0.5, "log": True}}, "low: must be > 0 in a log range"),
        ({"sparsity": {"low": 0.1, "high": 0.5, "log": "yes"}}, "log: must be true or false"),
        (
            {"sparsity": {"low": 0.1, "high": 0.5, "log": True, "step": 0.1}},
            "cannot be used with log",
        ),
        ({"sparsity": {"low": 0.1, "high": 0.5, "step": 0}}, "step: must be > 0"),
        ({"sparsity": {"low": 0.1, "high": 0.5, "step": 0.6}}, "step: does not fit the range"),
        ({"sparsity": {"low": 0.1, "high": 0.5, "step": 1e-300}}, "step: does not fit the range"),
        ({"sparsity": {"low": 0.1, "hihg": 0.5}}, "did you mean 'high'?"),
        ({"sparsity": []}, "sparsity: must not be empty"),
        ({"sparsity": [0.5, "0.5"]}, "sparsity.1: is already in the list, got 0.5"),
        ({"sparsity": [[0.5]]}, "sparsity.0: must be a number"),
        ({"finetune_epochs": 1.5}, "must be an integer, got 1.5"),
        ({"finetune_epochs": {"low": 0, "high": 4, "log": True}}, "must be > 0 in a log range"),
        ({"finetune_epochs": {"low": 0, "high": 4, "step": 0.5}}, "step: must be an integer"),
        ({"learning_rate": {"low": 0, "high": 1e-3, "log": True}}, "low: must be > 0, got 0"),
        ({"method": "l1norm"}, "got 'l1norm'; allowed: l1-norm, random, taylor"),
        ({"method": {"low": 1, "high": 2}}, "must not be a range"),
        ({"scope": ["local", "local"]}, "scope.1: is already in the list"),
        ({"sparsty": 0.5}, "did you mean 'sparsity'?"),
        ({"weight": {"learning_rate": 1}}, "weight.learning_rate: unknown key"),
        ({"weight": 0.5}, "weight: must be a mapping"),
        ([0.5], "space: must be a mapping"),
        ({"sparsity": 0.5, "weight": {"sparsity": 0.5}}, "weight.sparsity: sets the same"),
    ],
)
def test_a_wrong_space_raises_an_error(raw: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        space_of(raw)
    assert message in str(caught.value)


def test_all_problems_of_a_space_are_reported_together() -> None:
    raw = {"sparsity": {"low": "half", "high": 2}, "method": ["foo", "random"], "depth": 3}
    with pytest.raises(ConfigError) as caught:
        space_of(raw)
    assert [line.split(":")[0] for line in caught.value.problems] == [
        f"space.{path}" for path in ("sparsity.low", "sparsity.high", "method.0", "depth")
    ]


def test_parameters_that_are_not_given_are_constants() -> None:
    space = space_of({"method": list(METHODS)})
    assert list(space) == list(PARAMETERS)
    assert space.pop("method") == Choice(METHODS)
    assert space == {name: Constant(DEFAULTS[name]) for name in space}
    assert space_of(DEFAULTS) == space_of({}), "every default is allowed"
    assert all(parameter.help for parameter in PARAMETERS.values())


def test_the_tutorials_dictionary_equals_the_flat_names() -> None:
    assert {flat for keys in TUTORIAL.values() for flat in keys.values()} < set(PARAMETERS)
    weight = {"sparsity": {"low": 0.1, "high": 0.9}, "method": "random", "scope": "global"}
    activation = {"sparsity": 0.25, "method": "random", "scope": "global"}
    flat = {**weight, **{f"activation_{key}": value for key, value in activation.items()}}
    assert space_of({"weight": weight, "activation": activation}) == space_of(flat)
    assert space_of({"weight": {"scope": "global"}, "activation": None}) == space_of(
        {"scope": "global"}
    )


@pytest.mark.parametrize(
    ("space", "fits"),
    [
        *(({name: domain.plain()}, True) for name, _, domain in DOMAINS),
        ({"weight": {"sparsity": [0.5], "method": "random"}, "activation": None}, True),
        *(
            ({"sparsity": wrong}, False)
            for wrong in (1.0, [], {"low": 0.1}, {"low": 0.1, "high": 0.2, "stp": 1})
        ),
        ({"finetune_epochs": 1.5}, False),
        ({"method": "l1norm"}, False),
        ({"method": {"low": 0, "high": 1}}, False),
    ],
)
def test_the_json_schema_accepts_only_valid_spaces(space: dict[str, Any], fits: bool) -> None:
    assert SCHEMA.is_valid({"name": "a", "task": {"dataset": "digits"}, "space": space}) == fits


def test_params_can_be_flat_or_the_tutorials_dictionary() -> None:
    weight = {"sparsity": 0.7, "method": "random", "scope": "global"}
    activation = {"sparsity": 0.2, "method": "random", "scope": "global"}
    flat = {**weight, **{f"activation_{key}": value for key, value in activation.items()}}
    whole = Params(finetune_epochs=2, learning_rate=1e-3, **flat)  # type: ignore[arg-type]
    assert Params.of(whole.to_dict()) == whole
    nested = {"weight": weight, "finetune_epochs": 2, "learning_rate": 1e-3}
    assert Params.of({**nested, "activation": activation}) == whole
    for nothing in ({}, {"activation": None}, {"activation": {}}):
        assert Params.of({"weight": {"sparsity": 0.7}, **nothing}) == Params(sparsity=0.7)
    for values in ({"sparsty": 1}, {"weight": {"sparsty": 1}}, {"activation": {"epochs": 1}}):
        with pytest.raises(UsageError, match=r"unknown parameter .*allowed: activation_method, "):
            Params.of(values)
