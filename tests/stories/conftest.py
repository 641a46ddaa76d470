"""Sweeps that several tests look at: each is run once; and a cluster for those that need no own.

Ray takes six seconds to start.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.faults.processes import cluster
from tests.harness import sweeps
from tests.harness.command import Done
from tests.harness.sweeps import Event


@dataclass
class Sweep:
    """A sweep that has ended: its config file, folder, events, and how its command ended."""

    config: Path
    folder: Path
    done: Done

    @property
    def events(self) -> list[Event]:
        return sweeps.read_events(self.folder)


def swept(
    root: Path, *options: object, kind: type[sweeps.Process] = sweeps.Process, **sections: Any
) -> Sweep:
    """A sweep of a config with these sections, from start to end."""
    config, folder = sweeps.write_config(root / "tiny.yaml", **sections), root / "sweep"
    given = ("run", config, "--out", folder, *options)
    return Sweep(config, folder, sweeps.run(folder, root / "log", *given, kind=kind))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """One worker, from start to end. Not to be changed: copy it first."""
    return swept(tmp_path_factory.mktemp("undisturbed"), kind=sweeps.Whole)


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """A Ray cluster that is up: what is done to a sweep on it is no other's business."""
    with cluster(cpus=6) as found:
        yield found


@pytest.fixture(scope="session")
def mended(undisturbed: Sweep, address: str, tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """The undisturbed sweep, its ledger torn in the middle of a line, resumed and extended."""
    root = tmp_path_factory.mktemp("mended")
    folder = root / "sweep"
    shutil.copytree(undisturbed.folder, folder)
    ledger = folder / "ledger.jsonl"
    text = ledger.read_bytes()
    line = text.index(b'"event":"record"', 2 * len(text) // 3)
    ledger.write_bytes(text[: line + 60])
    done = sweeps.run(folder, root / "log", "resume", folder, "--trials", 12, "--address", address)
    return Sweep(undisturbed.config, folder, done)


@pytest.fixture(scope="session")
def diverging(address: str, tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """A grid over two workers in which every other trial has an absurd learning rate."""
    space = {
        "sparsity": [0.5, 0.8],
        "method": "l1-norm",
        "scope": "local",
        "finetune_epochs": 1,
        "learning_rate": [1e-3, 1e30],
    }
    search = {"sampler": "grid", "scheduler": "fifo", "max_concurrent": 2}
    task = {"seconds_per_epoch": 4.0}  # time for the second worker to start
    root, sections = tmp_path_factory.mktemp("diverging"), {"space": space, "search": search}
    return swept(root, "--address", address, task=task, **sections)


@dataclass
class Story:
    """What befell one sweep: how each command ended, and the events that it left."""

    folder: Path
    done: dict[str, Done] = field(default_factory=dict)
    events: dict[str, list[Event]] = field(default_factory=dict)
    orphans: list[int] = field(default_factory=list)

    def tell(self, chapter: str, process: sweeps.Process) -> None:
        self.done[chapter] = process.end()
        self.events[chapter] = sweeps.read_events(self.folder)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """A sweep that trains a real model, undisturbed."""
    return swept(tmp_path_factory.mktemp("trained"), **sweeps.DIGITS, search={"trials": 6})


@pytest.fixture(scope="session")
def disturbed(trained: Sweep, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The same sweep: its worker killed, then its driver, in the middle of trials; resumed.

    As by another machine: with an empty cache.
    """
    root = tmp_path_factory.mktemp("disturbed")
    folder = root / "sweep"
    story = Story(folder)
    with sweeps.started(folder, root / "1", "run", trained.config, "--out", folder) as process:
        before = sweeps.kill_a_worker(process)
        process.wait_for(lambda: _retried(process, before))
        record = process.wait_for(process.mid_trial)
        process.signal(signal.SIGKILL)
        story.tell("killed", process)
        story.orphans.append(sweeps.worker_pid(record))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRUNESWEEP_CACHE", str(root / "cache"))
        with sweeps.started(folder, root / "2", "resume", folder) as process:
            story.tell("finished", process)
    return story


def _retried(process: sweeps.Process, before: Event) -> Event | None:
    """A record of the same trial by a later attempt."""
    later = [r for r in process.records if r["attempt"] > before["attempt"]]
    return next((r for r in later if r["trial_id"] == before["trial_id"]), None)
