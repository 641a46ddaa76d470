"""The `sweep` command in an empty folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.harness.command import Command, call


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    monkeypatch.chdir(tmp_path)
    return partial(call, capsys)
