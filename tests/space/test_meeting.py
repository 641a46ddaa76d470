"""Which values can meet in a trial: what the spaces' own grids say, and what no grid could."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from sweep.space.conditions import active, order
from sweep.space.meeting import meeting
from sweep.space.params import Params
from sweep.space.parse import parse_space

RAMP_OF_MOVEMENT = {"values": [1, 2], "when": {"method": "movement"}}
SPACES: list[dict[str, Any]] = [
    {},
    {"method": ["l1-norm", "movement"], "ramp_epochs": RAMP_OF_MOVEMENT},
    {
        "granularity": {"values": ["element", "2:4"], "when": {"method": ["l1-norm"]}},
        "method": ["l1-norm", "movement"],
        "ramp_epochs": RAMP_OF_MOVEMENT,
    },
    {
        "method": {"values": ["random", "movement"], "when": {"ramp_epochs": {"low": 1}}},
        "ramp_epochs": {"low": 0, "high": 2, "when": {"finetune_epochs": {"low": 2}}},
        "finetune_epochs": [0, 2, 4],
    },
    {
        "finetune_epochs": {"low": 2, "high": 3, "when": {"sparsity": {"low": 0.7}}},
        "sparsity": [0.2, 0.8],
        "granularity": ["element", "2:4"],
        "ramp_epochs": [0, 2],
    },
]


def trials(plain: dict[str, Any]) -> list[dict[str, Any]]:
    """The whole params of all trials of a space, by going over every product of its values."""
    space = parse_space(plain)
    names = order(space)
    found = []
    for values in itertools.product(*(space[name].grid() for name in names)):
        chosen = dict(zip(names, values, strict=True))
        params = active(space, names, lambda name, so_far, chosen=chosen: chosen[name])  # type: ignore[misc]
        found.append({**Params().to_dict(), **params})
    return found


@pytest.mark.parametrize("plain", SPACES)
def test_it_is_what_going_over_all_trials_finds(plain: dict[str, Any]) -> None:
    every = trials(plain)
    for method, ramp, epochs, granularity in itertools.product(
        ["l1-norm", "random", "movement"], range(3), range(5), ["element", "2:4"]
    ):
        wanted = {
            "method": method,
            "ramp_epochs": ramp,
            "finetune_epochs": epochs,
            "granularity": granularity,
        }
        for size in (2, 4):
            for names in itertools.combinations(wanted, size):
                tests = {name: lambda v, name=name: v == wanted[name] for name in names}  # noqa: B023
                there = any(all(t[name] == wanted[name] for name in names) for t in every)
                found = meeting(parse_space(plain), tests)
                assert (found is not None) == there, names
                assert found is None or found == {name: wanted[name] for name in names}


def test_of_a_range_it_looks_at_what_conditions_tell_apart() -> None:
    above = {"sparsity": {"low": 0.9}}
    space = parse_space(
        {
            "sparsity": {"low": 0.1, "high": 0.95},
            "ramp_epochs": {"values": [1], "when": above},
            "finetune_epochs": {"values": [3], "when": above},
        }
    )
    ramp = {"ramp_epochs": lambda v: v == 1}
    assert meeting(space, ramp) == {"ramp_epochs": 1}
    assert meeting(space, {**ramp, "finetune_epochs": lambda v: v < 3}) is None
    assert meeting(space, {"finetune_epochs": lambda v: v < 3}) == {"finetune_epochs": 1}
