"""A sweep that all charts are drawn from, and its report: each is made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis import Results, load
from analysis.report import write_report
from tests.analysis.charts.sweeps import rich_sweep


@pytest.fixture(scope="session")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return load(rich_sweep().write(tmp_path_factory.mktemp("rich")))


@pytest.fixture(scope="session")
def report(rich: Results, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of a whole report, which takes seconds to draw, by their names in its folder."""
    folder = tmp_path_factory.mktemp("report")
    return {str(file.relative_to(folder)): file for file in write_report(rich, folder)}
