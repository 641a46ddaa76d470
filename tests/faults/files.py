"""Damaged files: torn ledgers and damaged checkpoints."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sweep.errors import StorageError
from sweep.ledger.checkpoint import FILES
from sweep.ledger.folder import SweepFolder
from tests.faults import sabotage
from tests.faults.bed import LONG, Bed, Sweep
from tests.faults.kills import KILLED
from tests.faults.verdict import Case, Event, of_kind

TORN = "ledger torn within its last line"
TAIL = "ledger lost its last lines, checkpoints are newer"
GARBAGE = "damaged newest checkpoint"
DAMAGED = "ledger damaged before its end"


def torn(bed: Bed, kind: str, step: int) -> Case:
    """Cut a late line of a kind of event after every ``step`` bytes, and resume without Ray.

    One cut is before the first byte: the ledger then lost whole lines.
    """
    whole = bed.long
    late = range(9 * len(whole.lines) // 10, 0, -1)
    last = next(index for index in late if whole.events[index]["event"] == kind)
    sweep, lines = bed.sweep(f"torn-{kind}", LONG), whole.lines
    cases = []
    for cut in range(0, len(lines[last]), step):
        sweep.begin_with(lines[:last], lines[last][:cut])
        cases.append(sweep.judged(TORN, kind, go_on=sweep.resume_here))
    return _together(TORN, f"{kind} of {len(lines[last])} bytes", cases)


def torn_for_a_driver(bed: Bed, share: float) -> Case:
    """Cut a line in the middle, and resume with a driver."""
    lines = bed.short.lines
    last = int(share * len(lines))
    sweep = bed.sweep("torn-ray")
    sweep.begin_with(lines[:last], lines[last][: len(lines[last]) // 2])
    return sweep.judged(TORN, f"{bed.short.events[last]['event']}, resumed by a driver")


Lines = list[bytes]
LEDGERS: dict[str, Callable[[Lines, int], Lines]] = {
    "a hole": lambda lines, at: [*lines[:at], bytes(len(lines[at]) - 1) + b"\n", *lines[at + 1 :]],
    "a line twice": lambda lines, at: [*lines[: at + 1], *lines[at:]],
    "a line gone": lambda lines, at: [*lines[:at], *lines[at + 1 :]],
    "two lines changed over": lambda lines, at: [
        *(*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :])
    ],
    "another type": lambda lines, at: [
        *(*lines[:at], lines[at].replace(b'"epoch":', b'"epoch":"x","was":'), *lines[at + 1 :])
    ],
}
"""Damages of a ledger at a line, which is a record with its decision after it."""


def damaged_ledger(bed: Bed) -> Case:
    """Damage a ledger before its end: it is refused and unchanged; then follow the advice."""
    whole, cases = bed.long, []
    records = [i for i, event in enumerate(whole.events) if event["event"] == "record"]
    at = next(i for i in records[len(records) // 2 :] if _decides(whole.events, i))
    for name, damage in LEDGERS.items():
        sweep = bed.sweep("damaged-ledger", LONG)
        sweep.begin_with(damage(whole.lines, at))
        before, wrong = sweep.ledger.read_bytes(), ""
        try:
            SweepFolder(sweep.folder).open(create=False).close()
            wrong = f"{name}: it was accepted"
        except StorageError as error:
            advice = re.search(r"`head -n (\d+) COPY", str(error))
        if sweep.ledger.read_bytes() != before:
            wrong = f"{name}: the refusal changed the ledger"
        lines = before.splitlines(keepends=True)
        sweep.begin_with(lines[: int(advice[1])] if advice else lines)
        cases.append(sweep.judged(DAMAGED, name, wrong, sweep.resume_here))
    return _together(DAMAGED, ", ".join(LEDGERS), cases)


def _decides(events: list[Event], at: int) -> bool:
    return events[at + 1]["event"] == "decision" and events[at]["epoch"] > 0


def _together(fault: str, name: str, cases: list[Case]) -> Case:
    """Combine many small cases into one."""
    gone, twice = (sum(getattr(case, name) for case in cases) for name in ("lost", "duplicated"))
    wrong = next((case.wrong for case in cases if case.wrong), "")
    return Case(fault, name, len(cases), gone, twice, all(case.same for case in cases), wrong)


def lost_tail(bed: Bed, most: int = 12) -> Case:
    """Remove whole lines from the end, as in a power cut, and keep newer checkpoints."""
    whole, cases = _left_within_a_trial(bed), []
    for gone in range(1, most + 1):
        sweep = bed.sweep("tail", LONG)
        shutil.copytree(whole.folder, sweep.folder)
        sweep.ledger.write_bytes(b"".join(whole.lines[:-gone]))
        cases.append(sweep.judged(TAIL, f"{gone}", go_on=sweep.resume_here))
    return _together(TAIL, f"1 to {most} lines", cases)


def _left_within_a_trial(bed: Bed) -> Sweep:
    """Return a long sweep whose driver ended after the event :func:`_resumable`."""
    sweep, target = bed.sweep("whole", LONG), _resumable(bed.long)
    sweep.begin_with(bed.long.lines[:3])
    sweep.here().finish(leave=lambda event: _key(event) == _key(target))
    return sweep


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda file: file.write_bytes(b""),
    "cut": _cut,
    "garbage": lambda file: file.write_bytes(b"\xff\x00garbage" * 100),
    "one bit": _flip,
}


def damaged(bed: Bed) -> Case:
    """Damage each file of a running trial's newest checkpoint in each way, without Ray."""
    whole, target = _left_within_a_trial(bed), _resumable(bed.long)
    cases = []
    for name, damage in itertools.product((*FILES, "trial.json"), DAMAGES):
        sweep = bed.sweep("damaged", LONG)
        shutil.copytree(whole.folder, sweep.folder)
        DAMAGES[damage](_newest(sweep, target) / name)
        cases.append(sweep.judged(GARBAGE, f"{name} {damage}", go_on=sweep.resume_here))
    return _together(GARBAGE, f"{len(FILES) + 1} files, {len(DAMAGES)} damages", cases)


def damaged_for_a_driver(bed: Bed, damage: str) -> Case:
    """Damage a checkpoint file after a driver was killed, and resume with a driver."""
    target = _resumable(bed.short)
    sweep = bed.sweep("garbage")
    line = bed.short.events.index(target) + 1
    wrong = sweep.run(partial(sabotage.kill_at, line, torn=False)).wrong(KILLED)
    DAMAGES[damage](_newest(sweep, target) / "model.safetensors")
    return sweep.judged(GARBAGE, f"{damage}, resumed by a driver", wrong)


def _key(event: Event) -> tuple[str, str | None, int | None]:
    return event["event"], event.get("trial_id"), event.get("epoch")


def _resumable(whole: Sweep) -> Event:
    """Return the last record after which a trial continues and which has a checkpoint."""
    records = of_kind(whole.events, "record")
    last = {record["trial_id"]: record for record in records}
    return [r for r in records if r["epoch"] == 2 and last[r["trial_id"]] != r][-1]


def _newest(sweep: Sweep, target: Event) -> Path:
    trial_id: str = target["trial_id"]
    return max((sweep.folder / "checkpoints" / trial_id).glob("epoch-*"))
