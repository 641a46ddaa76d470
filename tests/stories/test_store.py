"""A whole sweep in an object store: run, killed, resumed, confirmed, reported."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import analysis
from sweep.ledger.store_objects import ObjectStore
from tests.harness import sweeps
from tests.harness.command import Command, Done
from tests.harness.sweeps import Event, assert_each_once, keys, of_kind
from tests.ledger.server import Server
from tests.stories.conftest import Sweep

# The setup of the first test runs all commands.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass
class Stored:
    """A sweep whose driver was killed, whose next one fell asleep and was taken over by a third
    which ended it; then confirmed. ``done``: how each command ended."""

    config: Path
    address: ObjectStore
    done: dict[str, Done] = field(default_factory=dict)
    left: list[Event] = field(default_factory=list)
    """What the killed driver had left."""
    after_resume: list[Event] = field(default_factory=list)
    """All there was when the sweep had ended, and the sleeping driver still slept."""

    @property
    def events(self) -> list[Event]:
        return read(self.address)


def read(address: ObjectStore) -> list[Event]:
    try:
        return analysis.load(str(address)).events
    except analysis.NotASweep:
        return []


class Process(sweeps.Process):
    """A command on a sweep in a store; a driver that is silent is given up sooner than always."""

    code = (
        "from sweep.ledger import lease; lease.BEAT, lease.STALE = 0.5, 4.0\n"
        "from sweep.cli.main import main; main()"
    )

    def __init__(self, address: ObjectStore, log: Path, *arguments: object) -> None:
        self.address = address
        super().__init__(log.parent, log, *arguments)

    @property
    def events(self) -> list[Event]:
        return read(self.address)


class Bare(Process):
    """The same without a report."""

    code = "from tests.faults.processes import draw_nothing; draw_nothing()\n" + Process.code


@pytest.fixture(scope="module")
def stored(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    root = tmp_path_factory.mktemp("stored")
    config = sweeps.write_config(root / "tiny.yaml", task={"seconds_per_epoch": 0.3})
    stored = Stored(config, ObjectStore.at("s3://bucket/sweeps/tiny"))
    address = stored.address
    given = ("run", config, "--out", address)
    with sweeps.started(address, root / "run", *given, kind=Process) as killed:
        killed.wait_for(killed.mid_trial)
        killed.signal(signal.SIGKILL)
        stored.done["run"] = killed.end()
    stored.left = stored.events
    with sweeps.started(address, root / "asleep", "resume", address, kind=Process) as asleep:
        asleep.wait_for(lambda: asleep.mid_trial(least=4))
        asleep.signal(signal.SIGSTOP)
        resume = ("resume", address)
        stored.done["resume"] = sweeps.run(address, root / "resume", *resume, kind=Process)
        stored.after_resume = stored.events
        asleep.signal(signal.SIGCONT)
        stored.done["asleep"] = asleep.end()
    confirm = ("confirm", address, "--seeds", 1, "--runners-up", 0)
    stored.done["confirm"] = sweeps.run(address, root / "confirm", *confirm, kind=Bare)
    return stored


def test_the_sweep_resumes_where_the_killed_driver_stopped(
    stored: Stored, undisturbed: Sweep
) -> None:
    assert stored.done["run"].code == -signal.SIGKILL
    assert stored.done["resume"].code == 0, stored.done["resume"].err
    events = [e for e in stored.events if not e["event"].startswith("confirm")]
    assert events[: len(stored.left)] == stored.left
    assert_each_once(events, trials=10)

    def figures(events: list[Event]) -> list[tuple[Any, ...]]:
        names = ("trial_id", "epoch", "accuracy", "sparsity")
        return [tuple(e[name] for name in names) for e in of_kind(events, "record")]

    assert figures(events) == figures(undisturbed.events)


def test_a_driver_that_was_taken_over_while_it_slept_writes_nothing_more(stored: Stored) -> None:
    done = stored.done["asleep"]
    assert done.code == 6 and "was taken over by another driver (pid" in done.err, done.err
    assert "Traceback" not in done.err
    events = stored.after_resume
    assert_each_once(events, trials=10)
    assert stored.events[: len(events)] == events


def test_the_sweep_leaves_the_files_of_the_contract(stored: Stored, undisturbed: Sweep) -> None:
    names = stored.address.names()
    tables = [f"{table}.{kind}" for table in ("trials", "records", "front") for kind in ("csv",)]
    for name in ("config.yaml", "report.html", "report.md", "figures/front.png", *tables):
        assert name in names
    assert "driver.json" not in names and not [n for n in names if ".mark" in n or ".probe" in n]
    front = pd.read_csv(undisturbed.folder / "front.csv")
    wanted = {f"{name}/epoch-{epoch:04d}" for name, epoch in keys(front) if epoch > 0}
    kept = {"/".join(n.split("/")[1:3]) for n in names if n.startswith("checkpoints/")}
    assert kept == wanted
    assert not [n for n in names if "optimizer" in n]


def test_the_commands_read_the_stored_sweep(stored: Stored, cli: Command, tmp_path: Path) -> None:
    status = cli("status", stored.address, "--json")
    assert status.code == 0 and json.loads(status.out)["state"] == "finished"
    assert cli("front", stored.address, "--min-sparsity", "0.5").code == 0
    report = cli("report", stored.address)
    assert report.code == 0 and (tmp_path / "report" / "report.html").is_file()
    there = stored.address.parent / "report"
    assert cli("report", stored.address, "--out", there).out == f"{there}/report.html\n"
    assert "report.html" in there.names()
    assert cli("export-study", stored.address).code == 0
    assert (tmp_path / "study.db").is_file()
    refused = cli("export", stored.address, "--knee", "--to", "s3://bucket/model")
    assert refused.code == 2 and "new folder on this machine" in refused.err


def test_the_stored_sweep_is_confirmed(stored: Stored) -> None:
    done = stored.done["confirm"]
    assert done.code == 0 and "on test" in done.out, done.err
    assert analysis.load(str(stored.address)).confirmation_state == "finished"


def test_a_stored_sweep_refuses_another_config(stored: Stored, cli: Command) -> None:
    done = cli("run", stored.config, "search.seed=9", "--out", stored.address)
    assert done.code == 2 and "sweep with other settings" in done.err and "search.seed" in done.err
    again = cli("run", stored.config, "--out", stored.address)
    assert (again.code == 0 and "10 trials" in again.err) or "completed" in again.err
    (stored.address.parent / "else" / "trials.csv").write_bytes(b"mine")
    other = stored.address.parent / "else"
    done = cli("run", stored.config, "--out", other)
    assert done.code == 2 and "has files that a sweep would overwrite: trials.csv" in done.err
    assert other.names() == ["trials.csv"]
