"""`sweep confirm` with real Ray on the closed-form task, undisturbed and disturbed."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import analysis
from sweep.ledger.file import Ledger
from tests.analysis.ledgers import LedgerBuilder
from tests.faults import sabotage
from tests.faults.processes import Driver
from tests.faults.verdict import BY_CHANCE, Done
from tests.harness import sweeps, tiny
from tests.harness.command import Command, assert_refused
from tests.harness.sweeps import Event, of_kind, read_events
from tests.stories.conftest import Sweep

# The cluster and the sweeps are the first test's setup.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SPACE = {"finetune_epochs": {"low": 2, "high": 3}}


class Bed:
    """A sweep that has ended, to be copied and confirmed on a cluster that is up.

    An epoch of it takes so many ``seconds``.
    """

    def __init__(self, root: Path, address: str, seconds: float = 0.0) -> None:
        self.root, self.address, self.folder = root, address, root / "sweep"
        sections = {"space": SPACE, "search": {"trials": 5}, "task": {"seconds_per_epoch": seconds}}
        config = sweeps.write_config(root / "c.yaml", **sections)
        given = ("run", config, "--out", self.folder, "--address", address)
        assert Driver(self.folder, *given).end().wrong(0) == ""

    def copy(self, name: str) -> Path:
        return Path(shutil.copytree(self.folder, self.root / name))

    def start(self, folder: Path, *options: object, sabotage: Any = None) -> Driver:
        given = ("confirm", folder, "--address", self.address, *options)
        return Driver(folder, *given, sabotage=sabotage)

    def confirm(self, folder: Path, *options: object, sabotage: Any = None) -> Done:
        return self.start(folder, *options, sabotage=sabotage).end()


@pytest.fixture(scope="module")
def bed(address: str, tmp_path_factory: pytest.TempPathFactory) -> Bed:
    return Bed(tmp_path_factory.mktemp("confirm"), address)


@pytest.fixture(scope="module")
def undisturbed(bed: Bed) -> Sweep:
    folder = bed.copy("undisturbed")
    return Sweep(
        folder / "config.yaml", folder, bed.confirm(folder, "--seeds", 2, "--runners-up", 1)
    )


def records(events: list[Event]) -> list[Event]:
    """The test records by point and seed, without workers and times."""
    found = [
        {name: value for name, value in event.items() if name not in BY_CHANCE}
        for event in of_kind(events, "confirm_record")
    ]
    return sorted(found, key=lambda e: (e["trial_id"], e["epoch"], e["seed"]))


def assert_whole(events: list[Event]) -> None:
    """Each pair of the newest round has one record, and each retraining ended once."""
    begun = of_kind(events, "confirm")[-1]
    wanted = {(p["trial_id"], p["epoch"], s) for p in begun["points"] for s in begun["seeds"]}
    found = Counter((e["trial_id"], e["epoch"], e["seed"]) for e in records(events))
    assert set(found) >= wanted and set(found.values()) == {1}
    assert len(of_kind(events, "confirm_baseline")) == 1
    assert events[-1] == {**events[-1], "event": "confirm_finish", "confirm": begun["confirm"]}


def test_every_point_has_results_on_test_under_fresh_seeds(undisturbed: Sweep) -> None:
    assert undisturbed.done.wrong(0, "optimism of the front (validation minus test):") == ""
    events = undisturbed.events
    assert_whole(events)
    [begun] = of_kind(events, "confirm")
    front = pd.read_csv(undisturbed.folder / "front.csv")
    told = {(p["trial_id"], p["epoch"]) for p in begun["points"] if p["why"] == "front"}
    assert told == sweeps.keys(front)
    assert [p["why"] for p in begun["points"]].count("runner-up") == 1
    used = {event["seed"] for event in of_kind(events, "trial")}
    assert len(set(begun["seeds"])) == 2 and not used & set(begun["seeds"])


def test_the_test_split_is_read_only_by_confirm(bed: Bed, undisturbed: Sweep) -> None:
    before = (bed.folder / "ledger.jsonl").read_bytes()
    assert (undisturbed.folder / "ledger.jsonl").read_bytes().startswith(before)
    assert b'"test"' not in before.split(b"\n", 1)[1]  # but in the config, where it may be named
    [dense] = of_kind(undisturbed.events, "confirm_baseline")
    assert dense["split"] == "test"
    for event in of_kind(undisturbed.events, "confirm_record"):
        assert event["split"] == "test" and event["baseline_accuracy"] == dense["accuracy"]
        assert event["accuracy_drop"] == pytest.approx(dense["accuracy"] - event["accuracy"])
        assert event["validation_examples"] == 1000
    figures = [(e["accuracy"], e["validation_accuracy"]) for e in records(undisturbed.events)]
    assert any(test != validation for test, validation in figures)


def test_confirm_leaves_no_checkpoint_and_does_not_change_the_search(
    bed: Bed, undisturbed: Sweep, cli: Command
) -> None:
    assert not (undisturbed.folder / "checkpoints" / "confirm").exists()
    for given in (("status", undisturbed.folder, "--json"), ("resume", undisturbed.folder)):
        before = undisturbed.events
        done = cli(*given)
        assert done.code == 0, done.err
        assert undisturbed.events == before
    left, right = analysis.load(bed.folder), analysis.load(undisturbed.folder)
    assert right.state == "finished"
    assert left.records.equals(right.records) and left.trials.equals(right.trials)


def test_a_second_confirm_does_nothing_and_needs_no_ray(undisturbed: Sweep, cli: Command) -> None:
    before = undisturbed.events
    given = ("confirm", undisturbed.folder, "--seeds", 2, "--runners-up", 1)
    done = cli(*given, "--address", "127.0.0.1:1")  # nothing answers there
    assert done.code == 0, done.err
    assert undisturbed.events == before
    assert "on test" in done.out


@pytest.mark.parametrize("torn", [False, True])
def test_a_confirm_killed_again_and_again_loses_nothing_and_repeats_nothing(
    bed: Bed, undisturbed: Sweep, torn: bool
) -> None:
    """SIGKILL as the driver's fourth line reaches the file, or half of it; until it is done."""
    folder = bed.copy(f"killed-{torn}")
    kill = partial(sabotage.kill_at, 4, torn=torn)
    codes: list[int] = []
    while 0 not in codes:
        before = read_events(folder)
        done = bed.confirm(folder, "--seeds", 2, "--runners-up", 1, sabotage=kill)
        codes.append(done.code)
        after = read_events(folder)
        assert after[: len(before)] == before
        assert len(after) > len(before) or after[-1]["event"] == "confirm_finish", done.text
    assert len(codes) > 4 and set(codes[:-1]) == {-signal.SIGKILL}
    assert_whole(after)
    assert records(after) == records(undisturbed.events)


def slow_record(driver: Driver, among: int = 1) -> Event | None:
    found = of_kind(driver.events, "confirm_record")
    return found[among - 1] if len(found) >= among else None


@pytest.fixture(scope="module")
def slow(address: str, tmp_path_factory: pytest.TempPathFactory) -> Bed:
    """A sweep whose epochs take half a second, so that it can be disturbed."""
    return Bed(tmp_path_factory.mktemp("slow"), address, 0.5)


def test_a_killed_worker_is_replaced_and_a_signal_obeyed(slow: Bed) -> None:
    """A worker is killed in a retraining, later SIGTERM comes, and the same command resumes."""
    folder = slow.copy("disturbed")
    driver = slow.start(folder, "--seeds", 2, "--runners-up", 0)
    record = driver.wait_for(lambda: slow_record(driver))
    begun = driver.wait_for(lambda: of_kind(driver.events, "confirm_start")[1:] or None)
    assert record is not None and begun is not None  # by the same warm worker, for a second or so
    os.kill(sweeps.worker_pid(record), signal.SIGKILL)
    driver.wait_for(lambda: slow_record(driver, 3))
    driver.signal(signal.SIGTERM)
    done = driver.end()
    assert done.code == 143 and f"sweep confirm {folder}" in done.text, done.text
    before = read_events(folder)
    [lost] = of_kind(before, "confirm_lost")
    assert not of_kind(before, "confirm_finish")
    assert slow.confirm(folder, "--seeds", 2, "--runners-up", 0).code == 0
    events = read_events(folder)
    assert events[: len(before)] == before
    assert_whole(events)
    again = [
        event["attempt"]
        for event in of_kind(events, "confirm_start")
        if (event["trial_id"], event["seed"]) == (lost["trial_id"], lost["seed"])
    ]
    assert again[:2] == [1, 2]
    other = slow.copy("calm")
    assert slow.confirm(other, "--seeds", 2, "--runners-up", 0).code == 0
    assert records(events) == records(read_events(other))


def test_no_sweep_no_front_a_folder_in_use_and_no_cluster_are_refused(
    bed: Bed, tmp_path: Path, cli: Command
) -> None:
    assert_refused(cli("confirm", tmp_path / "none"), 2, "no such folder")
    young = bed.copy("young")
    lines = (young / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    (young / "ledger.jsonl").write_bytes(b"".join(lines[:4]))
    assert_refused(cli("confirm", young), 2, "has no front yet")
    assert len(read_events(young)) == 4
    with Ledger.open(young / "ledger.jsonl", create=False):
        assert_refused(cli("confirm", young), 2, "in use")
    folder = bed.copy("alone")
    done = cli("confirm", folder, "--address", "127.0.0.1:1")
    assert_refused(done, 5, "nothing answers")
    assert read_events(folder) == read_events(bed.folder)


def test_a_sweep_without_a_test_split_is_refused_and_not_changed(
    address: str, model_folder: Path, data_files: dict[str, str], tmp_path: Path
) -> None:
    files = {name: file for name, file in data_files.items() if name != "test"}
    config = tiny.make_config(model_folder, files).model_dump(mode="json")
    ledger = LedgerBuilder(config=config).baseline().trial("a").record("a", 0, 700, 0.5).end("a")
    folder = ledger.write(tmp_path / "sweep")
    before = (folder / "ledger.jsonl").read_bytes()
    done = Driver(folder, "confirm", folder, "--address", address).end()
    assert done.wrong(2, "the data has no split 'test'", "task.dataset.test=FILE") == ""
    assert (folder / "ledger.jsonl").read_bytes() == before


def test_failed_retrainings_set_the_exit_code(
    undisturbed: Sweep, tmp_path: Path, cli: Command
) -> None:
    folder = Path(shutil.copytree(undisturbed.folder, tmp_path / "failed"))
    events = undisturbed.events
    end = of_kind(events, "confirm_end")[-1]
    gone = (end["trial_id"], end["seed"])
    changed = [
        {**event, "status": "failed", "error": "diverged"} if event == end else event
        for event in events
        if event["event"] != "confirm_record" or (event["trial_id"], event["seed"]) != gone
    ]
    lines = "".join(json.dumps(event) + "\n" for event in changed)
    (folder / "ledger.jsonl").write_text(lines)
    done = cli("confirm", folder, "--seeds", 2, "--runners-up", 1)
    assert done.code == 3 and "1 retrainings failed" in done.err
    assert read_events(folder) == changed
