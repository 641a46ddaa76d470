"""Domains and their YAML forms."""

from __future__ import annotations

import math
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from sweep.errors import UsageError
from sweep.space.conditions import Condition
from sweep.space.domains import Choice, Constant, Domain, Float, Int
from sweep.space.params import DEFAULTS, METHODS, PARAMETERS, TUTORIAL, Params
from sweep.space.parse import parse_domain, parse_space
from sweep.space.schema import space_schema

SCHEMA = jsonschema.Draft202012Validator(space_schema())

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
def test_each_form_is_read_and_its_plain_form_gives_it_again(
    name: str, raw: Any, domain: Domain
) -> None:
    assert parse_domain(name, raw) == domain
    assert parse_domain(name, domain.plain()) == domain
    assert parse_domain(name, domain) == domain
    assert SCHEMA.is_valid({name: domain.plain()})
    for group in (group for group, keys in TUTORIAL.items() if name in keys.values()):
        assert SCHEMA.is_valid({group: {name: domain.plain()}})
    if math.isinf(domain.size):
        with pytest.raises(ValueError, match="needs a step or a list"):
            domain.grid()
        return
    values = domain.grid()
    assert len(set(values)) == len(values) == domain.size
    assert all(domain.contains(value) for value in values)


def test_a_stepped_range_is_exact_in_decimals_and_ends_at_its_last_step() -> None:
    domain = parse_domain("sparsity", {"low": 0.1, "high": 0.95, "step": 0.1})
    assert domain.grid() == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert domain.plain() == {"low": 0.1, "high": 0.9, "step": 0.1}
    assert parse_domain("finetune_epochs", {"low": 1, "high": 6, "step": 2}).grid() == [1, 3, 5]
    assert parse_domain("sparsity", {"low": 0.2, "high": 0.3, "step": 0.1}).grid() == [0.2, 0.3]


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
def test_what_a_domain_contains(domain: Domain, inside: list[Any], outside: list[Any]) -> None:
    assert all(domain.contains(value) for value in inside)
    for value in (*outside, True, False, None, "0.5", math.nan, math.inf, [0.5]):
        assert not domain.contains(value)


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("sparsity", "half", "must be a number, got 'half'; allowed: a number >= 0 and < 1"),
        ("sparsity", math.nan, "must be finite, got nan"),
        ("sparsity", math.inf, "must be finite, got inf"),
        ("sparsity", "nan", "must be a number, got 'nan'"),
        ("sparsity", -0.1, "must be >= 0, got -0.1"),
        ("sparsity", 1.0, "must be < 1, got 1.0"),
        ("sparsity", True, "must be a number, got true"),
        ("sparsity", None, "must be a number, got null"),
        ("sparsity", 10**400, "must be finite, got 1000"),
        ("sparsity", {"low": 0.9, "high": 0.3}, "low is above high"),
        ("sparsity", {"low": 0.5}, "high: is required in a range"),
        ("sparsity", {"low": 0.5, "high": 1.0}, "high: must be < 1"),
        ("sparsity", {"low": 0, "high": 0.5, "log": True}, "low: a log range cannot start here"),
        ("sparsity", {"low": 0.1, "high": 0.5, "log": "yes"}, "log: must be true or false"),
        ("sparsity", {"low": 0.1, "high": 0.5, "log": True, "step": 0.1}, "takes no step"),
        ("sparsity", {"low": 0.1, "high": 0.5, "step": 0}, "step: must be > 0"),
        ("sparsity", {"low": 0.1, "high": 0.5, "step": 0.6}, "step: does not fit the range"),
        ("sparsity", {"low": 0.1, "high": 0.5, "step": 1e-300}, "step: does not fit the range"),
        ("sparsity", {"low": 0.1, "hihg": 0.5}, "did you mean 'high'?"),
        ("sparsity", [], "a choice must not be empty"),
        ("sparsity", [0.5, "0.5"], "1: is in the list already, got '0.5'"),
        ("sparsity", [[0.5]], "0: must be a number"),
        ("finetune_epochs", True, "must be an integer, got true"),
        ("finetune_epochs", 1.5, "must be an integer, got 1.5"),
        ("finetune_epochs", -1, "must be >= 0"),
        ("finetune_epochs", 2**63, "must fit in 64 bits"),
        ("finetune_epochs", {"low": 0, "high": 4, "log": True}, "a log range cannot start here"),
        ("finetune_epochs", {"low": 0, "high": 4, "step": 0.5}, "step: must be an integer"),
        ("learning_rate", {"low": 0, "high": 1e-3, "log": True}, "low: must be > 0, got 0"),
        ("method", "l1norm", "got 'l1norm'; allowed: l1-norm, random, taylor"),
        ("method", {"low": 1, "high": 2}, "a range needs numbers"),
        ("scope", ["local", "local"], "1: is in the list already"),
        ("sparsty", 0.5, "did you mean 'sparsity'?"),
    ],
)
def test_a_wrong_domain_is_refused(name: str, raw: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_domain(name, raw)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "messages"),
    [
        ({"sparsity": 0.5, "weight": {"sparsity": 0.5}}, ["weight.sparsity: gives the same"]),
        ({"weight": {"learning_rate": 1}}, ["weight.learning_rate: unknown key"]),
        ({"weight": 0.5}, ["weight: must be a mapping"]),
        ([0.5], ["must be a mapping of parameters"]),
        (
            {"sparsity": {"low": "half", "high": 2}, "method": ["foo", "random"], "depth": 3},
            ["sparsity.low:", "sparsity.high:", "method.0:", "depth: unknown key"],
        ),
    ],
)
def test_all_that_is_wrong_with_a_space_is_said_at_once(raw: Any, messages: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        parse_space(raw)
    assert all(message in str(caught.value) for message in messages)
    assert not SCHEMA.is_valid(raw) or "gives the same" in messages[0]


def test_a_space_has_every_parameter_those_not_given_as_constants() -> None:
    space = parse_space({"method": list(METHODS)})
    assert list(space) == list(PARAMETERS)
    assert space["method"] == Choice(METHODS)
    for name in set(PARAMETERS) - {"method"}:
        assert space[name] == Constant(DEFAULTS[name])


def test_the_tutorials_dictionary_means_the_flat_names() -> None:
    weight = {"sparsity": {"low": 0.1, "high": 0.9}, "method": "random", "scope": "global"}
    activation = {"sparsity": 0.25, "method": "random", "scope": "global"}
    flat = {**weight, **{f"activation_{key}": value for key, value in activation.items()}}
    assert parse_space({"weight": weight, "activation": activation}) == parse_space(flat)
    assert parse_space({"weight": {"scope": "global"}, "activation": None}) == parse_space(
        {"scope": "global"}
    )


def test_every_default_and_help_is_there_and_every_default_is_allowed() -> None:
    for name, parameter in PARAMETERS.items():
        assert parse_domain(name, DEFAULTS[name]) == Constant(DEFAULTS[name])
        assert parameter.help
    assert set(DEFAULTS) == set(PARAMETERS)
    assert {flat for keys in TUTORIAL.values() for flat in keys.values()} < set(PARAMETERS)


@pytest.mark.parametrize(
    "raw",
    [
        {"sparsity": 1.0},
        {"sparsity": []},
        {"sparsity": {"low": 0.1}},
        {"sparsity": {"low": 0.1, "high": 0.2, "stp": 1}},
        {"finetune_epochs": 1.5},
        {"method": "l1norm"},
        {"method": {"low": 0, "high": 1}},
    ],
)
def test_the_json_schema_refuses_what_the_space_refuses(raw: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(raw)
    with pytest.raises(ValueError):
        parse_space(raw)


def test_params_are_flat_or_the_tutorials_dictionary() -> None:
    whole = Params(0.7, "random", "global", 2, 1e-3, 0.2, "random", "global")
    assert Params.of(whole.to_dict()) == whole
    weight = {"sparsity": 0.7, "method": "random", "scope": "global"}
    activation = {"sparsity": 0.2, "method": "random", "scope": "global"}
    nested = {"weight": weight, "finetune_epochs": 2, "learning_rate": 1e-3}
    assert Params.of({**nested, "activation": activation}) == whole
    for nothing in ({}, {"activation": None}, {"activation": {}}):
        assert Params.of({"weight": {"sparsity": 0.7}, **nothing}) == Params(sparsity=0.7)
    for values in ({"sparsty": 1}, {"weight": {"sparsty": 1}}, {"activation": {"epochs": 1}}):
        with pytest.raises(UsageError, match=r"unknown parameter .*allowed: activation_method, "):
            Params.of(values)
