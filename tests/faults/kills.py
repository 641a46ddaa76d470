"""Processes that die: the driver at every event, workers at random."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from functools import partial

from tests.faults import sabotage
from tests.faults.bed import LONG, Bed, Thunk, one_case
from tests.faults.processes import Driver, is_alive, worker_pid
from tests.faults.verdict import Case, Event, of_kind, story

KILLED = -signal.SIGKILL


def driver_at_every_event(bed: Bed, step: int = 1) -> Iterator[Thunk]:
    """A sweep of its own for each event of the undisturbed one, killed there, and gone on with."""
    for line in range(1, len(bed.short) + 1, step):
        yield partial(_driver_at, bed, line)


def _driver_at(bed: Bed, line: int) -> Case:
    sweep = bed.sweep(f"event-{line}")

    def kill() -> str:
        wrong = sweep.run(partial(sabotage.kill_at, line, torn=False)).wrong(KILLED)
        count = len(sweep.events)
        return wrong or ("" if count == line else f"killed after {count} events, not {line}")

    fault, name = "driver killed after an event", f"{line}, {bed.short[line - 1]['event']}"
    return sweep.survive(fault, name, kill, sweep.resume if line % 2 else sweep.run)


@one_case
def driver_within_every_event(bed: Bed, most: int | None = None) -> Case:
    """One sweep, killed again and again: each driver is killed within its second event of a trial.

    So every event of a trial is torn once, and each driver brings the sweep one event further.
    """
    sweep, wrong, kills = bed.sweep("within"), "", 0
    before: list[Event] = []
    whole = story(bed.short)
    torn = partial(sabotage.kill_at, 2, torn=True, ours=True)
    done = sweep.run(torn)
    while done.code == KILLED and (most is None or kills < most):
        kills += 1
        told = story(sweep.events)
        if sweep.events[: len(before)] != before or told != whole[: len(told)]:
            wrong = wrong or f"after {kills} kills the ledger is no beginning of the undisturbed"
        before = sweep.events
        done = sweep.resume(torn)
    if most is not None:
        done = sweep.resume()
    return sweep.judge(
        "driver killed within an event",
        f"{kills} times in one sweep",
        faults=kills,
        before=before,
        expected=bed.short,
        wrong=wrong or done.wrong(0),
    )


def driver_told_to_stop(bed: Bed) -> Iterator[Thunk]:
    """SIGTERM and SIGINT in the middle of a trial."""
    for name, code in (("SIGTERM", 143), ("SIGINT", 130)):
        yield partial(_told, bed, name, code)


def _told(bed: Bed, name: str, code: int) -> Case:
    sweep = bed.sweep(name, epoch=0.2)

    def tell() -> str:
        driver = sweep.start()
        driver.wait_for(lambda: of_kind(driver.events, "record")[1:] or None)
        driver.signal(signal.Signals[name])
        said = (f"interrupted by {name}", f"sweep resume {sweep.folder}")
        return driver.end().wrong(code, *said)

    return sweep.survive("driver told to stop", name, tell)


def worker_at_random(bed: Bed, kills: int = 12, pair: bool = True) -> Iterator[Thunk]:
    """Kills at times drawn from a seed: of a sweep's one worker, and of either of two."""
    yield partial(_workers, bed, "the only worker", kills, seed=1, workers=1)
    if pair:
        yield partial(_workers, bed, "one of two workers", kills // 2, seed=2, workers=2)


def _workers(bed: Bed, name: str, kills: int, seed: int, workers: int) -> Case:
    given = {"max_concurrent": workers, "max_failures": 99}
    sweep = bed.sweep("workers", LONG, epoch=0.15, **given)
    driver, rng, struck = sweep.start(), random.Random(seed), 0
    while struck < kills and (record := _news(driver)) is not None:
        time.sleep(rng.uniform(0, 0.4))
        struck += _kill(worker_pid(record))
    before = driver.events
    done = driver.end()
    wrong = done.wrong(0)
    if workers == 1 and not wrong and len(of_kind(sweep.events, "lost")) != struck:
        wrong = f"{struck} killed, {len(of_kind(sweep.events, 'lost'))} lost"
    return sweep.judge(
        "worker killed",
        f"{name}, {struck} times",
        faults=struck,
        before=before,
        expected=bed.long if workers == 1 else None,
        wrong=wrong,
    )


def _news(driver: Driver) -> Event | None:
    """The next record of a worker that lives, from now on; None if the sweep ends first."""
    seen = len(driver.events)

    def find() -> Event | None:
        new = of_kind(driver.events[seen:], "record")
        return next((r for r in reversed(new) if is_alive(worker_pid(r))), None)

    return driver.wait_for(find)


@one_case
def worker_killed_too_often(bed: Bed) -> Case:
    """More kills of one trial's workers than ``search.max_failures``: it fails, others go on."""
    target = _longest(bed.short)
    sweep = bed.sweep("too-often", epoch=0.5, max_failures=1)
    driver, kills = sweep.start(), 0
    while kills < 2 and (record := _news(driver)) is not None:
        if record["trial_id"] == target:
            kills += _kill(worker_pid(record))
    before, done = driver.events, driver.end()
    wrong = done.wrong(3)
    failed = [end for end in of_kind(sweep.events, "end") if end["status"] == "failed"]
    if not wrong and [end["trial_id"] for end in failed] != [target]:
        wrong = f"not {target}, and it alone, failed: {failed}"
    if not wrong and "its worker was lost 2 times" not in failed[0]["error"]:
        wrong = f"{target} failed otherwise: {failed}"
    return sweep.judge(
        "worker killed too often",
        "max_failures: 1",
        faults=kills,
        before=before,
        expected=None,
        wrong=wrong,
    )


def _longest(events: list[Event]) -> str:
    """The trial that ran the most epochs: one that can lose a worker after each but the last."""
    last: dict[str, int] = {e["trial_id"]: e["epoch"] for e in of_kind(events, "record")}
    return max(last, key=lambda trial_id: last[trial_id])


@one_case
def late_reports(bed: Bed, kills: int = 3) -> Case:
    """A worker thought dead goes on to report, at each stage of its trial's return."""
    sweep = bed.sweep("late", epoch=0.2, max_failures=99)
    driver, struck = sweep.start(sabotage.send_late_reports), 0
    while struck < kills and (record := _news(driver)) is not None:
        struck += _kill(worker_pid(record))
    before, done = driver.events, driver.end()
    wrong = done.wrong(0)
    if any(event.get("accuracy") == sabotage.ZOMBIE for event in sweep.events):
        wrong = wrong or "a late report is in the ledger"
    return sweep.judge(
        "late report of a worker thought dead",
        "after its loss, when handed out, when begun again",
        faults=6 * len(of_kind(sweep.events, "lost")),
        before=before,
        expected=bed.short,
        wrong=wrong,
    )


def _kill(pid: int) -> int:
    """SIGKILL; how many were there to be killed."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1
