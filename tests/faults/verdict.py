"""What a fault cost a sweep: records lost, records twice, decisions that differ. Counted."""

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
    """How a command ended: its exit code (negative: the signal), and what it printed."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All that it printed, standard output first."""
        return self.out + self.err

    def wrong(self, code: int, *words: str) -> str:
        """What is not as it should be, empty where all is: the code, a sentence, a traceback."""
        missing = [word for word in words if word not in self.text]
        if self.code == code and not missing and "Traceback" not in self.text:
            return ""
        # less what Ray says of workers that we killed
        lines = [line for line in self.text.splitlines() if "(raylet)" not in line]
        said = "\n".join(lines)[-3000:]
        return f"exit code {self.code}, not {code}; without {missing}: {said}"


@dataclass(frozen=True)
class Case:
    """One case of a fault: how often it was injected, and what came of it.

    ``same``: whether the decisions are those of the undisturbed sweep, None where order is not
    fixed. ``wrong``: what else is not as promised (an exit code, a missing sentence).
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
        """Whether the promise was kept."""
        return not (self.lost or self.duplicated or self.same is False or self.wrong)


def read_events(folder: Path) -> list[Event]:
    """The whole lines of a sweep's ledger, read here on our own; none where there is none."""
    try:
        text = (folder / "ledger.jsonl").read_text()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.split("\n")[:-1]]


def of_kind(events: Sequence[Event], kind: str) -> list[Event]:
    """The events of one kind, in their order."""
    return [event for event in events if event["event"] == kind]


def story(events: Sequence[Event]) -> list[Event]:
    """What was tried, found and decided, in order, less whose work it was and what time it took."""
    return [
        {name: value for name, value in event.items() if name not in BY_CHANCE}
        for event in events
        if event["event"] in OURS
    ]


def lost(events: Sequence[Event], before: Sequence[Event], trials: int) -> int:
    """Trials that never began or ended, records missing among those of a trial, lines gone.

    ``before``: what the ledger held when the fault struck, which must still stand as it stood.
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
    """Epochs without a record: up to the last asked for (completed), or up to the last there is."""
    there = {e["epoch"] for e in of_kind(events, "record") if e["trial_id"] == trial_id}
    last = max(there, default=-1)
    if end is not None and end["status"] == "completed":
        last = params["finetune_epochs"]
    return len(set(range(last + 1)) - there)


def duplicated(events: Sequence[Event]) -> int:
    """Trials begun twice, records of an epoch twice, decisions and ends twice."""
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
    """Judge a sweep that should have ended; ``expected``: the story that it should tell."""
    if not wrong and (not events or events[-1]["event"] != "finish"):
        wrong = "the sweep did not finish"
    same = None if expected is None else story(events) == story(expected)
    return Case(fault, name, faults, lost(events, before, trials), duplicated(events), same, wrong)
