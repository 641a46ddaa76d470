"""How many configurations a space has, and what of it can never be there."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.errors import ConfigError
from sweep.space.active import active, identity, order
from sweep.space.counting import size
from tests.harness.spaces import space_of

RATES = {"values": [1e-4, 1e-3], "when": {"finetune_epochs": {"low": 1}}}


domains = st.fixed_dictionaries(
    {
        "sparsity": st.sampled_from(
            [[0, 0.5], [0.5, 0.7], 0.5, {"low": 0, "high": 0.5, "step": 0.25}]
        ),
        "method": st.sampled_from(
            [["l1-norm", "random"], {"values": ["l1-norm", "random"], "when": {"sparsity": 0.5}}]
        ),
        "finetune_epochs": st.sampled_from([[0, 1, 2], {"low": 1, "high": 3}, 1]),
        "learning_rate": st.sampled_from([[1e-4, 1e-3], RATES, 1e-3]),
        "scope": st.sampled_from(
            [["local", "global"], {"values": ["local"], "when": {"method": "random"}}]
        ),
        "normalise": st.sampled_from(["none", ["none", "rms"]]),
        "granularity": st.sampled_from(
            ["element", "2:4", ["element", "2:4", "4:8"],
             {"values": ["2:4", "element"], "when": {"finetune_epochs": 1}}]
        ),
        "layer_profile": st.sampled_from(["uniform", ["uniform", "erk"]]),
        "ramp_epochs": st.sampled_from(
            [0, 2, [0, 1, 3], {"low": 1, "high": 4},
             {"values": [0, 2, 3], "when": {"sparsity": 0.5}}]
        ),
        "seed": st.sampled_from([None, [0, 1]]),
    }
)  # fmt: skip


@given(domains)
def test_the_size_of_a_space_is_the_number_of_its_configurations(raw: dict[str, Any]) -> None:
    space = space_of(raw)
    names = order(space)
    found = {
        identity(active(space, names, lambda name, _, point=point: point[name]))  # type: ignore[misc]
        for values in itertools.product(*(space[name].grid() for name in names))
        for point in [dict(zip(names, values, strict=True))]
    }
    assert size(space) == len(found)


RATE = {"low": 1e-5, "high": 1e-3}
RAMPS = {"ramp_epochs": {"low": 0, "high": 3}, "finetune_epochs": {"low": 0, "high": 3}}
MORE = {"values": [1, 2], "when": {"ramp_epochs": {"low": 1}}}
HANGING = {"values": ["2:4"], "when": {"sparsity": {"low": 0.5}}}
PAIRED = {"granularity": "2:4", "sparsity": {"low": 0.1, "high": 0.9}}


@pytest.mark.parametrize(
    ("raw", "count"),
    [
        # one endless range makes a space endless, unless it never matters
        ({"learning_rate": RATE, "finetune_epochs": [0, 1]}, math.inf),
        ({"learning_rate": RATE, "finetune_epochs": 0, "seed": [1, 2]}, 2),
        # ramps that no trial is long enough for are one
        (RAMPS, 1 + 2 + 3 + 4),
        ({**RAMPS, "granularity": "2:4"}, 4),
        # where the epochs hang on the ramp, that is more than there are
        ({"ramp_epochs": [0, 1, 2], "finetune_epochs": MORE}, 5),
        # N:M alone has no sparsity to search
        (PAIRED, 1),
        ({**PAIRED, "granularity": ["2:4", "element"]}, math.inf),
        # too many values to go through one by one
        ({"finetune_epochs": {"low": 0, "high": 10**6}, "learning_rate": 1e-3}, 10**6 + 1),
    ],
)
def test_the_size_of_one_space(raw: dict[str, Any], count: float) -> None:
    assert size(space_of(raw)) == count


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (
            {"learning_rate": RATES, "finetune_epochs": 0},
            "learning_rate.when.finetune_epochs: can never hold, got {\"low\": 1}; "
            "allowed: what space.finetune_epochs can be: 0",
        ),
        (
            {"scope": {"values": ["local"], "when": {"seed": 3}}},
            "scope.when.seed: can never hold",
        ),
        (
            {"learning_rate": RATES, "finetune_epochs": {"low": 0, "high": 9, "step": 1},
             "scope": {"values": ["local"], "when": {"finetune_epochs": 0, "learning_rate": 1e-3}}},
            "scope.when: its conditions never hold together",
        ),
        (
            {"scope": {"values": ["local"], "when": {"method": "random"}},
             "method": {"values": ["random"], "when": {"scope": "local"}}},
            "method.when: its conditions go round in a circle",
        ),
        ({"scope": {"values": ["local"], "when": {"scope": "local"}}}, "scope.when: its"),
        ({"weight": {"scope": {"values": ["local"], "when": {"seed": 3}}}}, "scope.when.seed"),
        # what decides cannot hang on what it decides
        ({**PAIRED, "granularity": HANGING}, "go round in a circle"),
        ({"granularity": HANGING}, "go round in a circle"),
    ],
)  # fmt: skip
def test_what_can_never_be_there_is_refused(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        space_of(raw)
    assert message in str(caught.value)
