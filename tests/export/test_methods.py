"""Points of methods that look at data: pruned again, with statistics that are collected again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from sweep.compress.dense.bench import Workbench
from sweep.ledger.cache import cache_root
from tests.export.sweeps import Folder
from tests.harness.command import Command

TRIALS: dict[str, dict[str, Any]] = {
    "t00000": {"method": "taylor", "scope": "global", "normalise": "rms", "sparsity": 0.7},
    "t00001": {"method": "sparsegpt", "granularity": "2:4", "sparsity": 0.5},
    "t00002": {"method": "movement", "ramp_epochs": 1, "sparsity": 0.6},
}


@pytest.mark.parametrize("epoch", [0, 1])
@pytest.mark.parametrize("name", TRIALS)
def test_they_are_exported_as_recorded(
    bench: Workbench, tmp_path: Path, export: Command, name: str, epoch: int
) -> None:
    folder = Folder(tmp_path / "sweep", bench)
    folder.trial(name, {**TRIALS[name], "finetune_epochs": 1, "learning_rate": 1e-3})
    folder.end(name)
    shutil.rmtree(cache_root() / "statistics", ignore_errors=True)  # movement has none
    done = export(folder.write(), "--to", tmp_path / "model", "--trial", name, "--epoch", epoch)
    assert done.code == 0, done.err
    masks = load_file(tmp_path / "model" / "masks.safetensors")
    kept = sum(int(mask.sum()) for mask in masks.values())
    share = kept / sum(mask.numel() for mask in masks.values())
    dense = epoch < TRIALS[name].get("ramp_epochs", 0)
    assert share == pytest.approx(1 if dense else 1 - TRIALS[name]["sparsity"], abs=1e-3)
    if "granularity" in TRIALS[name]:
        assert all((mask.reshape(-1, 4).sum(1) == 2).all() for mask in masks.values())
