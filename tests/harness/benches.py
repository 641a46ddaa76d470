"""Helpers of tests that use workbenches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from sweep.compress.dense.bench import Workbench

MakeBench = Callable[..., Workbench]
"""The type of the fixture `tests.conftest.make_bench`."""

EPOCHS = {"baseline": {"epochs": 2}}


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def stamps(folder: Path) -> dict[str, int]:
    """Return the modification time of each file below a folder."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in files}


@contextmanager
def nothing_is_made(cache: Path) -> Iterator[None]:
    """Assert that the block uses the cache only: no file of the cache is written or changed."""
    before = stamps(cache)
    yield
    assert stamps(cache) == before
