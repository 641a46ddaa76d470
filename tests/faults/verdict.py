"""Counts the effects of a fault: lost records, duplicated records, different decisions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Event = dict[str, Any]

OURS = ("trial", "record", "decision", "end")
BY_CHANCE = ("time", "attempt", "worker", "seconds", "train_seconds", "eval_seconds")


@dataclass(frozen=True)
class Done:
    """The result of a command: its exit code (negative: a signal) and its output."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """The complete output, standard output first."""
        return self.out + self.err

    def wrong(self, code: int, *words: str) -> str:
        """Describe a wrong exit code, a missing sentence or a traceback; empty if all is right."""
        missing = [word for word in words if word not in self.text]
        if self.code == code and not missing and "Traceback" not in self.text:
            return ""
        # without Ray's messages about killed workers
        lines = [line for line in self.text.splitlines() if "(raylet)" not in line]
        said = "\n".join(lines)[-3000:]
        return f"exit code {self.code}, not {code}; without {missing}: {said}"


@dataclass(frozen=True)
class Case:
    """One case of a fault: the number of injections, and the result.

    ``same``: whether the decisions equal those of the sweep without faults; None if the order is
    not fixed. ``wrong``: a description of other errors (an exit code, a missing sentence).
    """

    fault: str
    name: str
    faults: int = 1
    lost: int = 0
    duplicated: int = 0
    same: bool | None = None
    wrong: str = ""

    @property
    def is_well(self) -> bool:
        """Whether the sweep behaved as expected."""
        return not (self.lost or self.duplicated or self.same is False or self.wrong)


def read_events(folder: Path) -> list[Event]:
    """Parse the complete lines of a sweep's ledger, independently of `sweep.ledger`."""
    try:
        text = (folder / "ledger.jsonl").read_text()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.split("\n")[:-1]]


def of_kind(events: Sequence[Event], kind: str) -> list[Event]:
    """Return the events of one kind, in order."""
    return [event for event in events if event["event"] == kind]


def story(events: Sequence[Event]) -> list[Event]:
    """Return trials, records and decisions in order, without workers and times."""
    return [
        {name: value for name, value in event.items() if name not in BY_CHANCE}
        for event in events
        if event["event"] in OURS
    ]


def lost(events: Sequence[Event], before: Sequence[Event], trials: int) -> int:
    """Count trials without a start or an end, missing records, and missing lines.

    ``before`` has the ledger's events at the time of the fault, which must be unchanged.
    """
    kept = 0
    while kept < min(len(before), len(events)) and events[kept] == before[kept]:
        kept += 1
    ends = {event["trial_id"]: event for event in of_kind(events, "end")}
    asked = {event["trial_id"]: event["params"] for event in of_kind(events, "trial")}
    missing = max(0, trials - len(asked)) + len(set(asked) - set(ends))
    for trial_id, params in asked.items():
        missing += _missing_records(events, ends.get(trial_id), trial_id, params)
    return len(before) - kept + missing


def _missing_records(
    events: Sequence[Event], end: Event | None, trial_id: str, params: Mapping[str, Any]
) -> int:
    """Count epochs without a record, up to the requested epoch (completed) or the last record."""
    there = {e["epoch"] for e in of_kind(events, "record") if e["trial_id"] == trial_id}
    last = max(there, default=-1)
    if end is not None and end["status"] == "completed":
        last = params["finetune_epochs"]
    return len(set(range(last + 1)) - there)


def duplicated(events: Sequence[Event]) -> int:
    """Count duplicated starts, records, decisions and ends."""
    keys = Counter(
        (event["event"], event["trial_id"], event.get("epoch"))
        for event in events
        if event["event"] in OURS
    )
    return sum(count - 1 for count in keys.values())


def judge(
    fault: str,
    name: str,
    events: Sequence[Event],
    *,
    before: Sequence[Event],
    trials: int,
    expected: Sequence[Event] | None,
    faults: int = 1,
    wrong: str = "",
) -> Case:
    """Judge a sweep that should have ended; ``expected`` has the events that it should have."""
    if not wrong and (not events or events[-1]["event"] != "finish"):
        wrong = "the sweep did not finish"
    same = None if expected is None else story(events) == story(expected)
    return Case(fault, name, faults, lost(events, before, trials), duplicated(events), same, wrong)
