"""Listeners that a config names follow a sweep through Ray, and change nothing about it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sweep.ledger.record import DETAILS
from tests.harness import sweeps
from tests.harness.command import Command, assert_refused
from tests.harness.sweeps import Event, story
from tests.stories.conftest import Sweep

FOLLOWED = sweeps.Process.of("tests.stories.followers")


@pytest.mark.slow
def test_listeners_are_told_what_was_and_what_comes_and_the_ledger_is_the_same(
    undisturbed: Sweep, address: str, tmp_path: Path
) -> None:
    """Half of a sweep is gone on with, by a config that names listeners; then it is confirmed."""
    folder, diary = tmp_path / "sweep", tmp_path / "diary.jsonl"
    shutil.copytree(undisturbed.folder, folder)
    ledger = folder / "ledger.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[: len(lines) // 2]))
    named = {"scribe": {"path": str(diary)}, "faulty": {}}
    config = sweeps.write_config(tmp_path / "named.yaml", listeners=named)
    given = ("run", config, "--out", folder, "--address", address)
    done = sweeps.run(folder, tmp_path / "log", *given, kind=FOLLOWED)
    assert done.code == 0, done.err
    events = sweeps.read_events(folder)
    assert story(events) == story(undisturbed.events)
    assert done.err.count("warning: the listener Faulty failed in on_event: ValueError") == 1
    assert "the tracker is down" in done.err and "Traceback" not in done.err
    assert "Traceback" in (folder / "driver.log").read_text()
    begun, *heard, closed = [json.loads(line) for line in diary.read_text().splitlines()]
    half = len(lines) // 2
    assert begun == ["begin", bare(events[:half])]
    assert heard == [["on_event", event] for event in bare(events[half:])]
    assert closed == ["close", None]


@pytest.mark.slow
def test_a_confirmation_tells_its_listeners_too(address: str, tmp_path: Path) -> None:
    folder, diary = tmp_path / "sweep", tmp_path / "diary.jsonl"
    named = {"scribe": {"path": str(diary)}}
    config = sweeps.write_config(tmp_path / "a.yaml", search={"trials": 2}, listeners=named)
    for number, given in enumerate((("run", config, "--out"), ("confirm", "--seeds", 1))):
        log = tmp_path / str(number)
        done = sweeps.run(folder, log, *given, folder, "--address", address, kind=FOLLOWED)
        assert done.code == 0, done.err
    told = [json.loads(line) for line in diary.read_text().splitlines()]
    second = [number for number, (call, _) in enumerate(told) if call == "begin"][1]
    search = [event for call, event in told[:second] if call == "on_event"]
    assert told[second] == ["begin", sweeps.read_events(folder)[: len(search)]]
    confirmed = [event for call, event in told[second:] if call == "on_event"]
    assert bare([*search, *confirmed]) == bare(sweeps.read_events(folder))
    assert [e["event"] for e in confirmed if "finish" in e["event"]] == ["confirm_finish"]


def bare(events: list[Event]) -> list[dict[str, Any]]:
    """Without what of a record only readers of the file want."""
    return [{k: v for k, v in event.items() if k not in DETAILS} for event in events]


def test_options_that_a_listener_refuses_end_a_sweep_before_it_begins(
    cli: Command, tmp_path: Path
) -> None:
    setting = "listeners={terminal: {colour: red}}"
    done = cli("run", "closed-form", setting, "--out", tmp_path / "sweep")
    assert_refused(done, 2, "listeners.terminal", "colour")
    assert list(tmp_path.iterdir()) == []
