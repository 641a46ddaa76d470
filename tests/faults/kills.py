"""Killed processes: the driver at every event, and workers at random."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from functools import partial

from tests.faults import sabotage
from tests.faults.bed import LONG, Bed
from tests.faults.processes import Driver, is_alive, worker_pid
from tests.faults.verdict import Case, Event, of_kind, story

KILLED = -signal.SIGKILL


def driver_at(bed: Bed, line: int) -> Case:
    """Run a sweep, kill its driver at one event, and resume it."""
    sweep = bed.sweep(f"event-{line}")
    wrong = sweep.run(partial(sabotage.kill_at, line, torn=False)).wrong(KILLED)
    if not wrong and len(sweep.events) != line:
        wrong = f"killed after {len(sweep.events)} events, not {line}"
    name = f"{line}, {bed.short.events[line - 1]['event']}"
    go_on = sweep.resume if line % 2 else sweep.run
    return sweep.judged("driver killed after an event", name, wrong, go_on)


def driver_within(bed: Bed, most: int | None) -> Case:
    """Kill the drivers of one sweep one after the other, each while it writes its second trial
    event.

    Every trial event is torn once, and each driver brings the sweep one event further.
    """
    sweep, wrong, kills = bed.sweep("within"), "", 0
    before: list[Event] = []
    whole = story(bed.short.events)
    torn = partial(sabotage.kill_at, 2, torn=True, ours=True)
    done = sweep.run(torn)
    while done.code == KILLED and kills != most:
        kills += 1
        events = sweep.events
        told = story(events)
        if events[: len(before)] != before or told != whole[: len(told)]:
            wrong = wrong or f"after {kills} kills the ledger is no prefix of the undisturbed one"
        before, done = events, sweep.resume(torn)
    if most is None:
        wrong = wrong or done.wrong(0)
    name = f"{kills} times in one sweep"
    return sweep.judged("driver killed while it writes an event", name, wrong, faults=kills)


def driver_told(bed: Bed, name: str) -> Case:
    """Send the driver a signal during a trial."""
    sweep = bed.sweep(name, epoch=0.2)
    driver, number = sweep.start(), signal.Signals[name]
    driver.wait_for(lambda: of_kind(driver.events, "record")[1:] or None)
    driver.signal(number)
    said = (f"interrupted by {name}", f"sweep resume {sweep.folder}")
    return sweep.judged("driver interrupted", name, driver.end().wrong(128 + number, *said))


def workers(bed: Bed, count: int, kills: int) -> Case:
    """Kill workers at seeded times: the only worker of a sweep, or any of several."""
    sweep = bed.sweep("workers", LONG, epoch=0.15, max_concurrent=count, max_failures=99)
    driver, rng = sweep.start(), random.Random(count)
    struck = _strike(driver, kills, pause=lambda: rng.uniform(0, 0.4))

    def told(events: list[Event]) -> str:
        found = len(of_kind(events, "lost"))
        return "" if count > 1 or found == struck else f"{struck} killed, {found} lost"

    name, end = f"one of {count}, {struck} times", driver.end
    fixed = count == 1
    return sweep.judged("worker killed", name, "", end, faults=struck, fixed=fixed, check=told)


def worker_too_often(bed: Bed) -> Case:
    """Kill the workers of one trial more than ``search.max_failures`` times: only it fails."""
    last = {e["trial_id"]: e["epoch"] for e in of_kind(bed.short.events, "record")}
    target = max(last, key=lambda trial_id: last[trial_id])  # it has enough records for the kills
    sweep = bed.sweep("too-often", epoch=0.5, max_failures=1)
    driver = sweep.start()
    kills = _strike(driver, 2, lambda record: record["trial_id"] == target)

    def told(events: list[Event]) -> str:
        failed = [end for end in of_kind(events, "end") if end["status"] == "failed"]
        if [end["trial_id"] for end in failed] != [target]:
            return f"not only {target} failed: {failed}"
        said = "its worker was lost 2 times" in failed[0]["error"]
        return "" if said else f"{target} failed for another reason: {failed}"

    fault, name, end = "worker killed too often", "max_failures: 1", driver.end
    return sweep.judged(fault, name, "", end, faults=kills, code=3, fixed=False, check=told)


def late_reports(bed: Bed, kills: int) -> Case:
    """A worker that was declared dead sends reports at each stage of its trial's retry."""
    sweep = bed.sweep("late", epoch=0.2, max_failures=99)
    driver = sweep.start(sabotage.send_late_reports)
    struck = _strike(driver, kills)

    def told(events: list[Event]) -> str:
        late = any(event.get("accuracy") == sabotage.ZOMBIE for event in events)
        return "a late report is in the ledger" if late else ""

    fault, name = (
        "late report of a worker that was declared dead",
        "after its loss, when handed out, begun",
    )
    return sweep.judged(fault, name, go_on=driver.end, faults=6 * struck, check=told)


def _strike(
    driver: Driver,
    kills: int,
    chosen: Callable[[Event], bool] = lambda record: True,
    pause: Callable[[], float] = lambda: 0.0,
) -> int:
    """Kill workers, each after a record of its own; return how many were killed."""
    struck = 0
    while struck < kills and (record := _news(driver)) is not None:
        if chosen(record):
            time.sleep(pause())
            struck += _kill(worker_pid(record))
    return struck


def _news(driver: Driver) -> Event | None:
    """Wait for the next record of a live worker; None if the sweep ends first."""
    seen = len(driver.events)

    def find() -> Event | None:
        new = of_kind(driver.events[seen:], "record")
        return next((r for r in reversed(new) if is_alive(worker_pid(r))), None)

    return driver.wait_for(find)


def _kill(pid: int) -> int:
    """Send SIGKILL; return the number of killed processes."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1
