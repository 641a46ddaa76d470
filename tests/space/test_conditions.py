"""Conditional parameters: their forms in a config, and errors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.config import SweepConfig
from sweep.errors import ConfigError
from sweep.space.active import active, complete, fixed, identity, is_active, order
from sweep.space.params import Params
from tests.harness.spaces import space_of

RATES = {"values": [1e-4, 1e-3], "when": {"finetune_epochs": {"low": 1}}}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"method": {"values": ["random"], "when": {"depth": 1}}}, "method.when.depth: unknown"),
        ({"method": {"values": ["random"], "when": {"sparsty": 1}}}, "did you mean 'sparsity'?"),
        ({"method": {"values": ["random"], "when": {}}}, "method.when: must not be empty"),
        ({"method": {"values": ["random"], "when": "sparse"}}, "method.when: must be a mapping"),
        ({"method": {"values": [], "when": {"sparsity": 0.5}}}, "method.values: must not be empty"),
        ({"method": {"values": "random"}}, "method.values: must be a list"),
        ({"method": {"values": ["random"], "low": 1}}, "method.low: unknown key"),
        ({"learning_rate": RATES | {"when": {"finetune_epochs": {}}}}, "must not be empty"),
        ({"learning_rate": RATES | {"when": {"finetune_epochs": {"min": 1}}}}, "min: unknown key"),
        ({"learning_rate": RATES | {"when": {"finetune_epochs": 1.5}}}, "must be an integer"),
        ({"learning_rate": RATES | {"when": {"method": {"low": 1}}}}, "must not be a range"),
        (
            {"learning_rate": RATES | {"when": {"sparsity": {"low": 0.9, "high": 0.1}}}},
            "learning_rate.when.sparsity: low is above high",
        ),
        ({"seed": 2**32}, "seed: must be <= 4294967295"),
        ({"seed": [None, 1]}, "seed.0: must be an integer"),
    ],
)  # fmt: skip
def test_a_wrong_condition_raises_an_error(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        space_of(raw)
    assert message in str(caught.value)


def test_a_condition_on_an_inactive_parent_does_not_hold() -> None:
    """Even if the default of the parent would fulfil the condition."""
    space = space_of(
        {
            "finetune_epochs": [0, 1],
            "learning_rate": {"values": [5e-5, 1e-3], "when": {"finetune_epochs": 1}},
            "scope": {"values": ["global"], "when": {"learning_rate": 5e-5}},
        }
    )
    assert not is_active(space["scope"], {"finetune_epochs": 0})
    assert is_active(space["scope"], {"finetune_epochs": 1, "learning_rate": 5e-5})


@given(st.floats(0, 0.9), st.integers(0, 3))
def test_params_have_the_active_parameters_in_the_order_of_the_space(
    sparsity: float, epochs: int
) -> None:
    space = space_of(
        {
            "sparsity": {"low": 0, "high": 0.9},
            "finetune_epochs": {"low": 0, "high": 3},
            "learning_rate": RATES,
            "method": {"values": ["random"], "when": {"sparsity": {"low": 0.5}}},
        }
    )
    wanted = {"sparsity": sparsity, "finetune_epochs": epochs}
    wanted |= {"learning_rate": 1e-3, "method": "random"}
    params = active(space, order(space), lambda name, found: wanted[name])
    assert ("learning_rate" in params) == (epochs >= 1)
    assert ("method" in params) == (sparsity >= 0.5)
    assert "seed" not in params  # the sweep sets a seed for each trial
    assert [name for name in space if name in params] == list(params)
    assert Params.of(params).learning_rate == (1e-3 if epochs else 5e-5)


def test_values_without_effect_do_not_change_the_identity() -> None:
    untrained = {"sparsity": 0.5, "finetune_epochs": 0}
    assert identity({**untrained, "learning_rate": 1e-3}) == identity(untrained)
    assert identity({**untrained, "activation_method": "random"}) == identity(untrained)
    assert identity({"sparsity": 0.0, "method": "random"}) == identity({"sparsity": 0})
    assert identity({"sparsity": 0.1 + 0.2}) == identity({"sparsity": 0.3})
    for other in ({"seed": 1}, {"method": "random"}, {"finetune_epochs": 1}, {"sparsity": 0.6}):
        assert identity({**untrained, **other}) != identity(untrained)


@pytest.mark.parametrize("sparsity", [0.9, [0.7, 0.8], {"low": 0.7, "high": 0.9}])
def test_n_of_m_fixes_the_sparsity(sparsity: Any) -> None:
    space = space_of({"sparsity": sparsity, "granularity": ["element", "2:4"]})
    for granularity, wanted in {"element": 0.9, "2:4": 0.5}.items():
        values = {"sparsity": 0.9, "granularity": granularity}
        found = active(space, order(space), lambda name, _, values=values: values[name])  # type: ignore[misc]
        assert found["sparsity"] == wanted
    assert fixed("sparsity", {}) is None and fixed("method", {"granularity": "2:4"}) is None


def test_values_without_effect_in_n_of_m_do_not_change_the_identity() -> None:
    paired = identity({"granularity": "2:4"})
    for other in ({"sparsity": 0.9}, {"scope": "global"}, {"normalise": "rms"},
                  {"layer_profile": "erk"}, {"sparsity": 0.0, "scope": "row"}):  # fmt: skip
        assert identity({"granularity": "2:4", **other}) == paired
    for other in ({"granularity": "4:8"}, {"method": "random"}, {"granularity": "element"}):
        assert identity({"granularity": "2:4", **other}) != paired


def test_profiles_apply_to_local_scopes_and_normalisation_to_global() -> None:
    for scope, unused in (
        ("local", "normalise"),
        ("row", "normalise"),
        ("global", "layer_profile"),
    ):
        plain = {"sparsity": 0.5, "scope": scope}
        for name, value in (("normalise", "rms"), ("layer_profile", "erk")):
            assert (identity({**plain, name: value}) == identity(plain)) == (name == unused)


def test_constants_do_not_change_the_order() -> None:
    """Grids and samplers that count parameters therefore propose the same values as before."""
    space = space_of({"sparsity": [0.3, 0.5], "method": ["random"], "scope": ["local"]})
    assert order(space) == list(space)


def test_granularity_can_depend_on_the_method() -> None:
    granularity = {"values": ["2:4", "element"], "when": {"method": "random"}}
    space = space_of({"method": ["l1-norm", "random"], "granularity": granularity})
    values = {"method": "random", "granularity": "2:4"}
    assert active(space, order(space), lambda name, _: values[name])["sparsity"] == 0.5
    values = {"method": "l1-norm", "granularity": "2:4"}
    without = {n: v for n, v in Params().to_dict().items() if n != "granularity" and v is not None}
    assert active(space, order(space), lambda name, _: values[name]) == without


def test_a_start_cannot_contradict_its_granularity() -> None:
    plain = {"name": "n", "task": {"dataset": "digits"},
             "space": {"sparsity": [0.5, 0.9], "granularity": ["element", "2:4"]}}  # fmt: skip
    fine = [{"granularity": "2:4"}, {"sparsity": 0.9, "granularity": "element"}]
    SweepConfig.model_validate({**plain, "search": {"starts": fine}})
    wrong = [{"sparsity": 0.9, "granularity": "2:4"}]
    with pytest.raises(ValueError, match=r"must be 0\.5 with this granularity"):
        SweepConfig.model_validate({**plain, "search": {"starts": wrong}})


@given(st.integers(0, 5), st.floats(0.1, 0.9))
def test_complete_gives_parents_the_nearest_value_that_activates_given_params(
    epochs: int, sparsity: float
) -> None:
    space = space_of(
        {
            "sparsity": {"low": 0.1, "high": 0.9},
            "finetune_epochs": {"low": 0, "high": 5, "when": {"sparsity": {"low": 0.5}}},
            "learning_rate": {"low": 1e-5, "high": 1e-3, "when": {"finetune_epochs": {"low": 2}}},
        }
    )
    spread = {"sparsity": sparsity, "finetune_epochs": epochs, "learning_rate": 1e-4}
    params = complete(space, {"learning_rate": 1e-3}, spread.__getitem__)
    assert params["learning_rate"] == 1e-3
    assert params["finetune_epochs"] == max(epochs, 2)
    assert params["sparsity"] == max(sparsity, 0.5)
