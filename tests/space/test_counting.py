"""The number of configurations of a space, and parameters that can never be active."""

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
DEPENDENT_EPOCHS = {"values": [1, 2], "when": {"ramp_epochs": {"low": 1}}}
DEPENDENT = {"values": ["2:4"], "when": {"sparsity": {"low": 0.5}}}
N_OF_M = {"granularity": "2:4", "sparsity": {"low": 0.1, "high": 0.9}}


@pytest.mark.parametrize(
    ("raw", "count"),
    [
        # one infinite range makes a space infinite, unless it never has an effect
        ({"learning_rate": RATE, "finetune_epochs": [0, 1]}, math.inf),
        ({"learning_rate": RATE, "finetune_epochs": 0, "seed": [1, 2]}, 2),
        # ramps that are longer than the trial count as one
        (RAMPS, 1 + 2 + 3 + 4),
        ({**RAMPS, "granularity": "2:4"}, 4),
        # an upper bound, because the epochs depend on the ramp
        ({"ramp_epochs": [0, 1, 2], "finetune_epochs": DEPENDENT_EPOCHS}, 5),
        # N:M has a fixed sparsity
        (N_OF_M, 1),
        ({**N_OF_M, "granularity": ["2:4", "element"]}, math.inf),
        # too many values to enumerate
        ({"finetune_epochs": {"low": 0, "high": 10**6}, "learning_rate": 1e-3}, 10**6 + 1),
    ],
)
def test_the_size_of_special_spaces(raw: dict[str, Any], count: float) -> None:
    assert size(space_of(raw)) == count


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (
            {"learning_rate": RATES, "finetune_epochs": 0},
            "learning_rate.when.finetune_epochs: can never hold, got {\"low\": 1}; "
            "allowed: values of space.finetune_epochs: 0",
        ),
        (
            {"scope": {"values": ["local"], "when": {"seed": 3}}},
            "scope.when.seed: can never hold",
        ),
        (
            {"learning_rate": RATES, "finetune_epochs": {"low": 0, "high": 9, "step": 1},
             "scope": {"values": ["local"], "when": {"finetune_epochs": 0, "learning_rate": 1e-3}}},
            "scope.when: its conditions never hold at the same time",
        ),
        (
            {"scope": {"values": ["local"], "when": {"method": "random"}},
             "method": {"values": ["random"], "when": {"scope": "local"}}},
            "method.when: its conditions form a cycle",
        ),
        ({"scope": {"values": ["local"], "when": {"scope": "local"}}}, "scope.when: its"),
        ({"weight": {"scope": {"values": ["local"], "when": {"seed": 3}}}}, "scope.when.seed"),
        # granularity fixes sparsity and cannot depend on it
        ({**N_OF_M, "granularity": DEPENDENT}, "form a cycle"),
        ({"granularity": DEPENDENT}, "form a cycle"),
    ],
)  # fmt: skip
def test_a_parameter_that_can_never_be_active_raises_an_error(
    raw: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        space_of(raw)
    assert message in str(caught.value)
