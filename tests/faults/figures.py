"""Figures that cannot be: NaN, infinity, nothing at all, a time before the last one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from tests.faults import here, sabotage
from tests.faults.bed import LONG, Bed, Thunk, one_case
from tests.faults.kills import KILLED
from tests.faults.sabotage import MISSING
from tests.faults.verdict import Case, Done, of_kind

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
"""Which result of a worker is changed, and how."""


@one_case
def bad_figures(bed: Bed) -> Case:
    """Each costs its trial, which fails with a sentence, and nothing else."""
    sweep, model = bed.sweep("figures", LONG), bed.sweep("figures-here", LONG)
    done = sweep.run(partial(sabotage.tamper, CHANGES))
    model.begin_with(sweep.ledger.read_bytes().splitlines(keepends=True)[:3])
    here.go_on(model.folder, arrive=sabotage.Tampering(CHANGES))
    events = sweep.events
    failed = [event for event in of_kind(events, "end") if event["status"] == "failed"]
    wrong = done.wrong(3)
    if not wrong and (len(failed) != len(CHANGES) or not all(e["error"] for e in failed)):
        wrong = f"{len(failed)} trials failed, not {len(CHANGES)}: {failed}"
    return sweep.judge(
        "NaN, infinity, a missing metric",
        "NaN, inf, -inf, missing, null, text",
        faults=len(CHANGES),
        before=(),
        expected=model.events,
        wrong=wrong,
    )


def clock_goes_back(bed: Bed) -> Iterator[Thunk]:
    """An hour back in the middle of a sweep; a day back between a kill and its resume."""
    yield partial(_clock_in_a_sweep, bed)
    yield partial(_clock_at_resume, bed)


def _clock_in_a_sweep(bed: Bed) -> Case:
    sweep = bed.sweep("clock")
    done = sweep.run(partial(sabotage.turn_back_clock, len(bed.short) // 2, 3600.0))
    return sweep.judge(
        "clock goes backwards",
        "an hour, within a sweep",
        before=(),
        expected=bed.short,
        wrong=done.wrong(0) or _times(sweep.events),
    )


def _clock_at_resume(bed: Bed) -> Case:
    sweep = bed.sweep("clock")
    line = len(bed.short) // 2

    def kill() -> str:
        return sweep.run(partial(sabotage.kill_at, line, torn=False)).wrong(KILLED)

    def go_on() -> Done:
        return sweep.resume(partial(sabotage.turn_back_clock, 0, 86400.0))

    case = sweep.survive("clock goes backwards", "a day, before a resume", kill, go_on)
    return replace(case, wrong=case.wrong or _times(sweep.events))


def _times(events: list[dict[str, Any]]) -> str:
    times = [event["time"] for event in events]
    return "" if times == sorted(times) else "the ledger's times go backwards"
