"""Dropout: set, measured by its effect, and restored, wherever a model reads its rates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from sweep.compress.dense.make import Dense
from sweep.compress.dropout import dropout_rates, set_dropout
from sweep.compress.models import save_model
from tests.harness import architectures, tiny

FAMILIES = ("bart", "opt", "llama", "t5", "bloom", "modernbert", "falcon")


def rates(model: nn.Module) -> list[tuple[str, float]]:
    return [(name, rate) for _, name, rate in dropout_rates(model)]


def is_random(model: nn.Module) -> bool:
    ids = torch.arange(10, 19).repeat(2, 1)
    ids[:, -1] = 2
    model.train()
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits)
    return not torch.equal(*found)


def test_dropout_is_set_in_all_layers_or_none() -> None:
    model = tiny.bert()
    for rate in (None, 0.3, 0.0):
        restore = set_dropout(model, rate)
        assert {found for _, found in rates(model)} == {0.1 if rate is None else rate}
        restore()
        assert {found for _, found in rates(model)} == {0.1}


@pytest.mark.parametrize("family", FAMILIES)
def test_functional_dropout_is_set_and_restored(family: str, tmp_path: Path) -> None:
    model = architectures.make(family)
    dense = Dense.of(model)
    own = rates(model)
    for rate in (0.0, 0.4, 0.0):
        dense.undo.append(set_dropout(model, rate))
        assert is_random(model) == (rate > 0)
    save_model(model, tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text())
    settings = architectures.config(family).to_dict()
    names = {name for name in settings if "drop" in name}
    assert {name: saved.get(name) for name in names} == {name: settings[name] for name in names}
    assert rates(dense.reset()) == own


def test_whole_layers_are_skipped_at_the_models_own_rate() -> None:
    """Dropout of 0 also keeps all layers, but no other rate skips more of them."""
    model = architectures.make("bart", encoder_layerdrop=0.2)
    set_dropout(model, 0.5)
    assert {rate for name, rate in rates(model) if "layerdrop" in name} == {0.0, 0.2}
    assert {rate for name, rate in rates(model) if "layerdrop" not in name} == {0.5}
    set_dropout(model, 0.0)
    assert {rate for _, rate in rates(model)} == {0.0}
