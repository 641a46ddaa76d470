"""Sweeps that all charts are drawn from, loaded once."""

from __future__ import annotations

import pytest

from analysis import load
from analysis.results import Results
from tests.analysis.charts.sweeps import rich_sweep


@pytest.fixture(scope="session")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return load(rich_sweep().write(tmp_path_factory.mktemp("rich")))
