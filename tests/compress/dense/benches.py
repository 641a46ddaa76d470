"""Workbenches on a tiny model, and what tests of them share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sweep.compress.dense.bench import Workbench
from tests.harness import tiny

Files = dict[str, str]
EPOCHS = {"baseline": {"epochs": 2}}


def make_bench(model: Path | None, files: Any, **sections: Any) -> Workbench:
    return Workbench(tiny.make_config(model, files, **sections), "cpu")


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def stamps(folder: Path) -> dict[str, int]:
    """When each file below a folder was written."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in files}


@contextmanager
def nothing_is_made(cache: Path) -> Iterator[None]:
    """What the block asks for is in the cache: it leaves every file there as it was."""
    before = stamps(cache)
    yield
    assert stamps(cache) == before
