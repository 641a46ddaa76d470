"""Export of methods that use data: statistics are collected and the model is pruned again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sweep.compress.dense.bench import Workbench
from sweep.ledger.files import cache_root
from tests.export.sweeps import HandOver, sweep_of

METHODS: dict[str, dict[str, Any]] = {
    "taylor": {"scope": "global", "normalise": "rms", "sparsity": 0.7},
    "sparsegpt": {"granularity": "2:4", "sparsity": 0.5},
    "random": {"scope": "global", "sparsity": 0.9},
    "movement": {"ramp_epochs": 1, "sparsity": 0.6},
}


@pytest.mark.parametrize("epoch", [0, 1])
@pytest.mark.parametrize("method", METHODS)
def test_a_method_on_data_is_exported_as_recorded(
    bench: Workbench, tmp_path: Path, hand_over: HandOver, method: str, epoch: int
) -> None:
    params = {"method": method, "finetune_epochs": 1, "learning_rate": 1e-3, **METHODS[method]}
    folder = sweep_of(tmp_path / "sweep", bench, [params])
    shutil.rmtree(cache_root() / "statistics", ignore_errors=True)  # some methods have none
    to = hand_over(folder, "t00000", epoch)
    masks, weights = (load_file(to / f"{name}.safetensors") for name in ("masks", "model"))
    kept = sum(int(mask.sum()) for mask in masks.values())
    share = kept / sum(mask.numel() for mask in masks.values())
    dense = epoch < params.get("ramp_epochs", 0)
    assert share == pytest.approx(1 if dense else 1 - params["sparsity"], abs=1e-3)
    if "granularity" in params:
        assert all((mask.reshape(-1, 4).sum(1) == 2).all() for mask in masks.values())
    for name, mask in masks.items():
        gone = weights[f"{name}.weight"][~mask]
        assert not gone.any() and not torch.signbit(gone).any()
