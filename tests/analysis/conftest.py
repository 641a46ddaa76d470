"""Sweeps and a report that several tests share, and that no test changes."""

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
    """A small sweep."""
    return small_sweep().load()


@pytest.fixture(scope="session")
def answered() -> Results:
    """A sweep whose records have the answers to single examples."""
    return answered_sweep().load()


@pytest.fixture(scope="session")
def big() -> Results:
    """A sweep with a trade-off."""
    return big_sweep().load()


@pytest.fixture(scope="session")
def report(rich: Results, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of a whole report by name; drawing it takes seconds."""
    folder = tmp_path_factory.mktemp("report")
    return {str(file.relative_to(folder)): file for file in write_report(rich, folder)}
