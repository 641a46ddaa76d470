"""Invalid figures: NaN, infinity, missing values, and times that go backwards."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from tests.faults import sabotage
from tests.faults.bed import LONG, Bed
from tests.faults.kills import KILLED
from tests.faults.sabotage import MISSING
from tests.faults.verdict import Case, Done, Event, of_kind

CHANGES: dict[int, dict[str, Any]] = {
    0: {"accuracy": math.nan},
    4: {"accuracy": math.inf},
    7: {"accuracy": MISSING},
    10: {"sparsity": -math.inf},
    14: {"loss": math.nan},
    18: {"accuracy": None},
    21: {"sparsity": MISSING},
    24: {"accuracy": "high"},
}
"""Number of a worker's result, and the change of its fields."""


def bad_figures(bed: Bed) -> Case:
    """Each invalid figure makes its trial fail with a message, and has no other effect."""
    sweep, model = bed.sweep("figures", LONG), bed.sweep("figures-here", LONG)

    def go_on() -> Done:
        done = sweep.run(partial(sabotage.tamper, CHANGES))
        model.begin_with(sweep.lines[:3])
        model.here(sabotage.Tampering(CHANGES)).finish()
        return done

    def told(events: list[Event]) -> str:
        failed = [event for event in of_kind(events, "end") if event["status"] == "failed"]
        well = len(failed) == len(CHANGES) and all(event["error"] for event in failed)
        return "" if well else f"{len(failed)} trials failed, not {len(CHANGES)}: {failed}"

    fault, name = "NaN, infinity, a missing metric", "NaN, inf, -inf, missing, null, text"
    count = len(CHANGES)
    return sweep.judged(fault, name, "", go_on, faults=count, code=3, like=model, check=told)


CLOCK = "clock goes backwards"


def clock_in_a_sweep(bed: Bed) -> Case:
    """Set the clock back by an hour during a sweep."""
    sweep = bed.sweep("clock")
    late = partial(sabotage.turn_back_clock, len(bed.short.events) // 2, 3600.0)
    return sweep.judged(
        CLOCK, "an hour, within a sweep", go_on=partial(sweep.run, late), check=_times
    )


def clock_at_resume(bed: Bed) -> Case:
    """Set the clock back by a day between a kill and the resume."""
    sweep = bed.sweep("clock")
    kill = partial(sabotage.kill_at, len(bed.short.events) // 2, torn=False)
    wrong = sweep.run(kill).wrong(KILLED)
    go_on = partial(sweep.resume, partial(sabotage.turn_back_clock, 0, 86400.0))
    return sweep.judged(CLOCK, "a day, before a resume", wrong, go_on, check=_times)


def _times(events: list[Event]) -> str:
    times = [event["time"] for event in events]
    return "" if times == sorted(times) else "the ledger's times go backwards"
