"""What tests of workbenches share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from sweep.compress.dense.bench import Workbench

MakeBench = Callable[..., Workbench]
"""`tests.conftest.make_bench`."""

EPOCHS = {"baseline": {"epochs": 2}}


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
