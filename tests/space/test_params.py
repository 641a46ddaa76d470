"""`Params` checks its values in the same way as a config."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sweep.config.load import load_config
from sweep.errors import ConfigError, UsageError
from sweep.space.params import DEFAULTS, Params

WRONG: dict[str, Any] = {
    "sparsity": 1.5,
    "method": "nonsense",
    "scope": "globl",
    "finetune_epochs": 1.5,
    "learning_rate": "fast",
    "distill_weight": -1,
    "seed": 2**32,
}


def test_wrong_params_raise_the_same_messages_as_a_config() -> None:
    with pytest.raises(ConfigError) as one:
        load_config("digits", [f"space.{name}={value}" for name, value in WRONG.items()])
    of_config = {line for line in one.value.problems if line.split(":")[0][6:] in WRONG}
    with pytest.raises(ConfigError, match="7 problems in the parameters") as other:
        Params(**WRONG)
    assert {f"space.{line}" for line in other.value.problems} == of_config
    assert len(of_config) == len(WRONG)


def test_values_are_converted_as_in_a_config() -> None:
    params = Params(sparsity=0, finetune_epochs=3.0, learning_rate="1e-3", seed=None)  # type: ignore
    assert params == Params(0.0, finetune_epochs=3, learning_rate=1e-3)
    assert isinstance(params.sparsity, float) and isinstance(params.finetune_epochs, int)
    assert Params(**DEFAULTS) == Params()


def test_replace_checks_values_and_shortens_the_ramp() -> None:
    params = Params(0.8, finetune_epochs=3, ramp_epochs=9)
    assert params.ramp_epochs == 3 and replace(params, sparsity=0.4).sparsity == 0.4
    assert replace(params, granularity="2:4").ramp_epochs == 0
    with pytest.raises(ConfigError, match=r"sparsity: must be >= 0, got -0\.5; allowed: a number"):
        replace(params, sparsity=-0.5)


def test_an_unknown_name_raises_an_error() -> None:
    with pytest.raises(UsageError, match="unknown parameter 'sparcity'; allowed: activation"):
        Params.of({"sparcity": 0.5})
