"""A sweep that all charts are drawn from, and its report: each is made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis import Results
from analysis.report import write_report
from tests.analysis.charts.sweeps import rich_sweep
from tests.analysis.ledgers import answered_sweep, big_sweep, small_sweep


@pytest.fixture(scope="session")
def rich() -> Results:
    return rich_sweep().load()


@pytest.fixture(scope="session")
def small() -> Results:
    """The small sweep, which nobody changes."""
    return small_sweep().load()


@pytest.fixture(scope="session")
def answered() -> Results:
    """A sweep that knows who got what right, which nobody changes."""
    return answered_sweep().load()


@pytest.fixture(scope="session")
def big() -> Results:
    """A sweep with a trade-off, which nobody changes."""
    return big_sweep().load()


@pytest.fixture(scope="session")
def report(rich: Results, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of a whole report, which takes seconds to draw, by their names in its folder."""
    folder = tmp_path_factory.mktemp("report")
    return {str(file.relative_to(folder)): file for file in write_report(rich, folder)}
