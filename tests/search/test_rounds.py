"""Rounds of a confirmation, as a fold: wanted points, missing points, and seeds."""

from __future__ import annotations

import json
from typing import Any

from sweep.ledger.events import Event, Point, is_of_confirm
from sweep.search.jobs import Retraining, TrialState
from sweep.search.rounds import Confirmation
from tests.harness.stage import POINTS

SEED = 7
A, B, C = POINTS


def fold(events: list[Event]) -> Confirmation:
    return Confirmation().replay(events)


def searched(*seeds: int) -> list[Event]:
    given = enumerate(seeds or (5, 6, 8))
    return [{"event": "trial", "trial_id": f"t{i}", "params": {}, "seed": s} for i, s in given]


def begin(events: list[Event], points: list[Point], count: int) -> list[Event]:
    """The events with a further round."""
    round_event = fold(events).next_round(points, count, SEED)
    return [*events, round_event]


def found(events: list[Event], some: Any = lambda job, epoch: True) -> list[Event]:
    """The events with all records of the current round, and its end."""
    for job in fold(events).unfinished():
        own = {"trial_id": job.trial_id, "seed": job.seed}
        for epoch in sorted(job.wanted):
            if some(job, epoch):
                events = [*events, {"event": "confirm_record", "epoch": epoch, **own}]
        end = fold(events).job(job.name).due_end()
        events = [*events, *([end] if end else [])]
    finish = fold(events).finish_event()
    return [*events, *([finish] if finish else [])]


def pairs(events: list[Event]) -> list[tuple[str, int, int]]:
    """The wanted (trial, epoch, seed)."""
    return [(j.trial_id, e, j.seed) for j in fold(events).unfinished() for e in sorted(j.wanted)]


def test_a_round_wants_every_point_under_every_seed_in_as_few_retrainings() -> None:
    events = begin(searched(), [A, B, C], 2)
    assert [p["why"] for p in events[-1]["points"]] == ["front", "front", "runner-up"]
    one, other = events[-1]["seeds"]
    assert pairs(events) == [
        ("t0", 1, one), ("t0", 3, one), ("t1", 0, one),
        ("t0", 1, other), ("t0", 3, other), ("t1", 0, other),
    ]  # fmt: skip
    confirmation = fold(events)
    assert len(confirmation.unfinished()) == 4
    assert (confirmation.done, confirmation.planned) == (0, 6)
    after = fold(found(events))
    assert (after.done, after.planned, after.is_open, after.unfinished()) == (6, 6, False, [])


def test_seeds_follow_from_the_sweeps_and_the_round_and_are_none_of_the_search() -> None:
    seeds = begin(searched(), [A], 4)[-1]["seeds"]
    assert begin(searched(), [A], 4)[-1]["seeds"] == seeds and len(set(seeds)) == 4
    assert fold(searched()).next_round([A], 4, SEED + 1)["seeds"] != seeds
    used = begin(searched(seeds[0], seeds[2]), [A], 4)[-1]["seeds"]
    assert used[:2] == [seeds[1], seeds[3]] and len(set(used)) == 4
    assert not {seeds[0], seeds[2]} & set(used)


def test_nothing_is_asked_for_twice() -> None:
    events = begin(searched(), [A, C], 2)
    assert fold(events).next_round([A, C], 2, SEED) is None  # it is under way
    assert fold(events).next_round([A], 1, SEED) is None
    events = found(events)
    assert events[-1] == {"event": "confirm_finish", "confirm": 0}
    assert fold(events).next_round([A, C], 2, SEED) is None
    assert fold(events).next_round([C], 1, SEED) is None


def test_more_seeds_add_only_what_is_missing() -> None:
    events = found(begin(searched(), [A, B], 2))
    more = begin(events, [A, B], 3)
    assert more[-1]["confirm"] == 1
    assert more[-1]["seeds"][:2] == events[3]["seeds"]
    new = more[-1]["seeds"][2]
    assert new not in events[3]["seeds"]
    assert pairs(more) == [("t0", 1, new), ("t0", 3, new)]


def test_a_front_that_moved_adds_what_is_new_also_of_a_trial_that_was_retrained() -> None:
    events = found(begin(searched(), [A, C], 2))
    seeds = events[3]["seeds"]
    moved = begin(events, [B, A], 2)
    assert moved[-1]["seeds"] == seeds
    assert pairs(moved) == [("t0", 3, seeds[0]), ("t0", 3, seeds[1])]
    assert fold(found(moved)).next_round([A, B, C], 2, SEED) is None


def test_a_round_that_is_overtaken_is_dropped_and_what_it_found_is_kept() -> None:
    events = begin(searched(), [A, C], 2)
    first = events[-1]["seeds"][0]
    events = found(events, lambda job, epoch: job.trial_id == "t0" and job.seed == first)
    assert fold(events).is_open and fold(events).finish_event() is None
    moved = begin(events, [A], 3)
    assert moved[-1]["seeds"][:2] == events[3]["seeds"]
    assert {seed for *_, seed in pairs(moved)} == set(moved[-1]["seeds"]) - {first}
    assert {trial for trial, *_ in pairs(moved)} == {"t0"}


def test_a_failed_retraining_is_reported_and_not_repeated() -> None:
    events = begin(searched(), [A, C], 2)
    job = fold(events).unfinished()[0]
    own = {"trial_id": job.trial_id, "seed": job.seed}
    failed = {"event": "confirm_end", **own, "status": "failed", "error": "diverged"}
    events = found([*events, failed])
    assert [(j.trial_id, j.error) for j in fold(events).failed] == [("t0", "diverged")]
    assert fold(events).next_round([A, C], 2, SEED) is None
    more = begin(events, [A, C], 3)
    assert {seed for *_, seed in pairs(more)} == {more[-1]["seeds"][2]}
    assert fold(begin(events, [C], 3)).failed == []  # of a point that nobody asks for now


def test_attempts_go_on_counting_in_a_later_round() -> None:
    events = begin(searched(), [A], 1)
    own = {"trial_id": "t0", "seed": events[-1]["seeds"][0]}
    start = {"event": "confirm_start", **own, "attempt": 1}
    lost = {"event": "confirm_lost", **own, "attempt": 1, "reason": "killed"}
    events = found([*events, start, lost, {**start, "attempt": 2}])
    [job] = fold(begin(events, [A, B], 1)).unfinished()
    assert (job.attempt, job.fence, job.lost, job.wanted) == (2, 1, 0, {3})


def test_events_of_a_job_have_the_keys_of_the_ledgers_lines_in_their_order() -> None:
    trial = TrialState(trial_id="t0", params={}, seed=1, number=0)
    given = (1, {"stage": "pruned"}, "host:1")
    events: list[Event] = []
    for job in (trial, Retraining(trial_id="t0", params={}, seed=7)):
        events += [job.start_event(1), job.record_event(*given), job.lost_event(1, "x", True)]
        events += [job.end_event("completed")]
    assert [json.dumps(event, separators=(",", ":")) for event in events] == [
        '{"event":"start","trial_id":"t0","attempt":1,"epoch":null}',
        '{"event":"record","trial_id":"t0","attempt":1,"stage":"pruned","worker":"host:1"}',
        '{"event":"lost","trial_id":"t0","attempt":1,"reason":"x","preempted":true}',
        '{"event":"end","trial_id":"t0","status":"completed","error":null}',
        '{"event":"confirm_start","trial_id":"t0","seed":7,"attempt":1}',
        '{"event":"confirm_record","trial_id":"t0","seed":7,"attempt":1,"worker":"host:1",'
        '"split":"test","stage":"pruned"}',
        '{"event":"confirm_lost","trial_id":"t0","seed":7,"attempt":1,"reason":"x",'
        '"preempted":true}',
        '{"event":"confirm_end","trial_id":"t0","seed":7,"status":"completed","error":null}',
    ]
    assert [is_of_confirm(event) for event in events] == [False] * 4 + [True] * 4
