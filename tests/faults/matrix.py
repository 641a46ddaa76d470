"""Runs all faults, or a few of each for a test, on one cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from typing import Any, NamedTuple

from tests.faults import figures, files, folders, kills
from tests.faults.bed import Bed
from tests.faults.verdict import OURS, Case

Given = Sequence[tuple[Any, ...]]

ONCE: Given = [()]


class Cases(NamedTuple):
    """The arguments of a fault's function in the whole matrix and in a test."""

    fault: Callable[..., Case]
    whole: Given | Callable[[Bed], Given]
    few: Given | Callable[[Bed], Given] = ()


def every(step: int) -> Callable[[Bed], Given]:
    """Return a function that gives every ``step``-th event of the sweep without faults."""
    return lambda bed: [(line,) for line in range(1, len(bed.short.events) + 1, step)]


FAULTS = {
    "driver-at": [Cases(kills.driver_at, every(1), every(15))],
    "driver-within": [Cases(kills.driver_within, [(None,)], [(2,)])],
    "driver-told": [Cases(kills.driver_told, [("SIGTERM",), ("SIGINT",), ("SIGHUP",)])],
    "worker": [Cases(kills.workers, [(1, 12), (2, 6)], [(1, 1)])],
    "worker-too-often": [Cases(kills.worker_too_often, ONCE)],
    "late": [Cases(kills.late_reports, [(3,)], [(1,)])],
    "torn": [
        Cases(files.torn, [(kind, 1) for kind in OURS], [(kind, 61) for kind in OURS]),
        Cases(files.torn_for_a_driver, [(0.3,), (0.6,), (0.9,)]),
    ],
    "damaged": [Cases(files.damaged_ledger, ONCE, ONCE)],
    "tail": [Cases(files.lost_tail, ONCE, ONCE)],
    "checkpoint": [
        Cases(files.damaged, ONCE, ONCE),
        Cases(files.damaged_for_a_driver, [("garbage",), ("missing",)]),
    ],
    "disk": [
        Cases(folders.driver_full, [(0.2,), (0.5,), (0.8,), (1.0,)], [(0.5,)]),
        Cases(folders.worker_full, ONCE, ONCE),
    ],
    "two-drivers": [Cases(folders.two_drivers, ONCE, ONCE)],
    "config": [Cases(folders.config_changed, ONCE, ONCE)],
    "figures": [Cases(figures.bad_figures, ONCE, ONCE)],
    "clock": [Cases(figures.clock_in_a_sweep, ONCE, ONCE), Cases(figures.clock_at_resume, ONCE)],
}


def run(bed: Bed, names: Iterable[str], at_once: int, few: bool = False) -> Iterator[Case]:
    """Run the cases of these faults, ``at_once`` in parallel, and yield each result.

    A case without a result, for example because its sweep hangs, counts as wrong.
    """
    assert bed.short and bed.long  # runs these sweeps once, before threads use them
    thunks: list[partial[Case]] = []
    for cases in (cases for name in names for cases in FAULTS[name]):
        given = cases.few if few else cases.whole
        found = given(bed) if callable(given) else given
        thunks += [partial(cases.fault, bed, *arguments) for arguments in found]
    with ThreadPoolExecutor(at_once) as pool:
        for future in as_completed([pool.submit(_judged, thunk) for thunk in thunks]):
            yield future.result()


def _judged(thunk: partial[Case]) -> Case:
    try:
        return thunk()
    except Exception as error:
        return Case("not judged", thunk.func.__name__, wrong=f"{type(error).__name__}: {error}")
