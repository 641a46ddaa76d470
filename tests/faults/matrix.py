"""All faults, or enough of each for a test, run on one cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

from tests.faults import figures, files, folders, kills
from tests.faults.bed import Bed, Thunk
from tests.faults.verdict import Case

Fault = Callable[[Bed], Iterable[Thunk]]

FAULTS: dict[str, Fault] = {
    "driver-at": kills.driver_at_every_event,
    "driver-within": kills.driver_within_every_event,
    "driver-told": kills.driver_told_to_stop,
    "worker": kills.worker_at_random,
    "worker-too-often": kills.worker_killed_too_often,
    "late": kills.late_reports,
    "torn": files.torn_ledger,
    "tail": files.lost_tail,
    "checkpoint": files.garbage_checkpoint,
    "disk": folders.full_disk,
    "two-drivers": folders.two_drivers,
    "config": folders.config_changed,
    "figures": figures.bad_figures,
    "clock": figures.clock_goes_back,
}


def run(bed: Bed, thunks: Iterable[Thunk], at_once: int) -> Iterator[Case]:
    """Run cases, ``at_once`` at a time, and yield each when it is judged.

    A case that cannot be judged (its sweep hangs, say) counts as wrong, never as none.
    """
    assert bed.short and bed.long  # once, before threads ask for them
    with ThreadPoolExecutor(at_once) as pool:
        for future in as_completed([pool.submit(_judged, thunk) for thunk in thunks]):
            yield future.result()


def _judged(thunk: Thunk) -> Case:
    try:
        return thunk()
    except Exception as error:
        name = getattr(getattr(thunk, "func", thunk), "__name__", "?")
        return Case("not judged", name, wrong=f"{type(error).__name__}: {error}")
