"""Params: flat, or the tutorial's dictionary."""

from __future__ import annotations

import pytest

from sweep.errors import UsageError
from sweep.space.params import Params


def test_the_tutorials_dictionary() -> None:
    nested = {
        "weight": {"sparsity": 0.7, "method": "random", "scope": "global"},
        "activation": {"sparsity": 0.2, "method": "l1-norm", "scope": "local"},
        "finetune_epochs": 5,
    }
    assert Params.of(nested) == Params(
        sparsity=0.7,
        method="random",
        scope="global",
        finetune_epochs=5,
        activation_sparsity=0.2,
        activation_method="l1-norm",
        activation_scope="local",
    )


@pytest.mark.parametrize("without", [{}, {"activation": None}, {"activation": {}}])
def test_activation_is_optional(without: dict[str, object]) -> None:
    assert Params.of({"weight": {"sparsity": 0.7}, **without}) == Params(sparsity=0.7)


def test_flat_params_come_back() -> None:
    params = Params(0.3, "random", "global", 2, 1e-3, 0.1, "random", "global")
    assert Params.of(params.to_dict()) == params


@pytest.mark.parametrize(
    "values",
    [{"sparsty": 0.5}, {"weight": {"sparsty": 0.5}}, {"activation": {"learning_rate": 1.0}}],
)
def test_an_unknown_name_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"unknown parameter .*allowed: activation_method, "):
        Params.of(values)
