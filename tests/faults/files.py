"""Files that are not what they were: torn ledgers, garbage checkpoints."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from sweep.ledger.checkpoint import FILES
from tests.faults import here, sabotage
from tests.faults.bed import LONG, Bed, Sweep, Thunk, one_case
from tests.faults.kills import KILLED
from tests.faults.verdict import OURS, Case, Event, of_kind

TORN = "ledger torn within its last line"
TAIL = "ledger lost its tail, checkpoints did not"
GARBAGE = "newest checkpoint is garbage"


def torn_ledger(bed: Bed, step: int = 1, real: bool = True) -> Iterator[Thunk]:
    """Of each kind of event one late line, cut after every byte; gone on with here, without Ray.

    A cut before every line's first byte is one of them: a ledger that lost whole lines.
    """
    for kind in OURS:
        yield partial(_torn, bed, kind, step)
    for share in (0.3, 0.6, 0.9) if real else ():
        yield partial(_torn_for_ray, bed, share)


def _lines(events_of: Sweep) -> list[bytes]:
    return events_of.ledger.read_bytes().splitlines(keepends=True)


def _torn(bed: Bed, kind: str, step: int) -> Case:
    lines = _lines(bed.long_sweep)
    late = range(9 * len(lines) // 10, 0, -1)
    last = next(index for index in late if bed.long[index]["event"] == kind)
    sweep = bed.sweep(f"torn-{kind}", LONG)
    cuts = range(0, len(lines[last]), step)
    cases = [_torn_at(sweep, bed, kind, lines, last, cut) for cut in cuts]
    return _together(TORN, f"{kind} of {len(lines[last])} bytes", cases)


def _together(fault: str, name: str, cases: list[Case]) -> Case:
    """Many small cases as one."""
    return Case(
        fault,
        name,
        len(cases),
        sum(case.lost for case in cases),
        sum(case.duplicated for case in cases),
        all(case.same for case in cases),
        next((case.wrong for case in cases if case.wrong), ""),
    )


def _torn_at(sweep: Sweep, bed: Bed, kind: str, lines: list[bytes], last: int, cut: int) -> Case:
    sweep.begin_with(lines[:last], lines[last][:cut])
    here.go_on(sweep.folder)
    return sweep.judge(TORN, kind, before=bed.long[:last], expected=bed.long)


def _torn_for_ray(bed: Bed, share: float) -> Case:
    lines = _lines(bed.short_sweep)
    last = int(share * len(lines))
    sweep = bed.sweep("torn-ray")

    def tear() -> str:
        sweep.begin_with(lines[:last], lines[last][: len(lines[last]) // 2])
        return ""

    return sweep.survive(TORN, f"{bed.short[last]['event']}, resumed by a driver", tear)


@one_case
def lost_tail(bed: Bed, most: int = 12) -> Case:
    """Whole lines gone from the end, as in a power cut, and newer checkpoints still there."""
    whole = _left_within_a_trial(bed)
    lines, cases = _lines(whole), []
    for gone in range(1, most + 1):
        sweep = bed.sweep("tail", LONG)
        shutil.copytree(whole.folder, sweep.folder)
        sweep.ledger.write_bytes(b"".join(lines[:-gone]))
        before = sweep.events
        here.go_on(sweep.folder)
        cases.append(sweep.judge(TAIL, f"{gone}", before=before, expected=bed.long))
    return _together(TAIL, f"1 to {most} lines", cases)


def _left_within_a_trial(bed: Bed) -> Sweep:
    """A long sweep whose driver is gone after :func:`_resumable`."""
    sweep, target = bed.sweep("whole", LONG), _resumable(bed.long)
    sweep.begin_with(_lines(bed.long_sweep)[:3])
    here.go_on(sweep.folder, leave=lambda event: _key(event) == _key(target))
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


def garbage_checkpoint(bed: Bed, real: bool = True) -> Iterator[Thunk]:
    """Each file of a running trial's newest checkpoint, damaged in each way."""
    yield partial(_damaged_here, bed)
    for damage in ("garbage", "missing") if real else ():
        yield partial(_damaged_for_ray, bed, damage)


def _damaged_here(bed: Bed) -> Case:
    whole, target = _left_within_a_trial(bed), _resumable(bed.long)
    cases = []
    for name in (*FILES, "trial.json"):
        for damage, apply in DAMAGES.items():
            sweep = bed.sweep("damaged", LONG)
            shutil.copytree(whole.folder, sweep.folder)
            apply(_newest(sweep, target) / name)
            before = sweep.events
            here.go_on(sweep.folder)
            cases.append(sweep.judge(GARBAGE, f"{name} {damage}", before=before, expected=bed.long))
    return _together(GARBAGE, f"{len(FILES) + 1} files, {len(DAMAGES)} damages", cases)


def _damaged_for_ray(bed: Bed, damage: str) -> Case:
    target = _resumable(bed.short)
    sweep = bed.sweep("garbage")
    line = bed.short.index(target) + 1

    def kill_and_damage() -> str:
        done = sweep.run(partial(sabotage.kill_at, line, torn=False))
        DAMAGES[damage](_newest(sweep, target) / "model.safetensors")
        return done.wrong(KILLED)

    return sweep.survive(GARBAGE, f"{damage}, resumed by a driver", kill_and_damage)


def _key(event: Event) -> tuple[str, str | None, int | None]:
    return event["event"], event.get("trial_id"), event.get("epoch")


def _resumable(events: list[Event]) -> Event:
    """The last record from which a trial went on, with a checkpoint or two behind it."""
    ended = {event["trial_id"]: event for event in events if event["event"] == "record"}
    on = [e for e in of_kind(events, "record") if e["epoch"] == 2 and ended[e["trial_id"]] != e]
    return on[-1]


def _newest(sweep: Sweep, target: Event) -> Path:
    trial_id: str = target["trial_id"]
    return max((sweep.folder / "checkpoints" / trial_id).glob("epoch-*"))
