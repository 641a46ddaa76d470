"""A sweep's folder and an export of it, which several tests share."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

from sweep.compress.dense.bench import Workbench
from tests.export.sweeps import AT_ONCE, ERRORS, TRIALS, HandOver, sweep_of
from tests.harness.command import Command, call


@pytest.fixture(scope="session")
def swept(bench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep's folder. Tests must not change it; they use ``own``."""
    return sweep_of(tmp_path_factory.mktemp("swept") / "tiny", bench, TRIALS, ERRORS, AT_ONCE)


@pytest.fixture
def own(swept: Path, tmp_path: Path) -> Path:
    """A copy of the sweep's folder that a test may change."""
    return Path(shutil.copytree(swept, tmp_path / "own"))


@pytest.fixture(scope="session")
def exported(swept: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of epoch 2 of t00001. Tests must not change it."""
    to = tmp_path_factory.mktemp("exported") / "model"
    from sweep.cli.export import export

    export(str(swept), str(to), trial_id="t00001", epoch=2)
    return to


@pytest.fixture
def hand_over(export: Command, tmp_path: Path) -> HandOver:
    """Run `sweep export FOLDER --trial ID --epoch N ...`, and return the new folder."""

    def call_it(folder: Path, trial: str, epoch: int, *options: object, to: str = "m") -> Path:
        where = ("--to", tmp_path / to, "--trial", trial, "--epoch", epoch)
        done = export(folder, *where, *options)
        assert done.code == 0, done.err
        return tmp_path / to

    return call_it


@pytest.fixture
def export(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `sweep export FOLDER ...`."""
    return partial(call, capsys, "export")
