"""The adapters between Tune and a conductor, asked as Tune asks them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ray import cloudpickle
from ray.exceptions import RayActorError
from ray.tune.search import Searcher

from sweep.cluster.conductor import Report
from sweep.cluster.tune import Decide, HandOut


class Conductor:
    """Hands out numbers, and remembers what it is told."""

    def __init__(self, trials: int = 9) -> None:
        self.waiting = [{"trial_id": f"t{n}", "attempt": 1} for n in range(trials)]
        self.told: list[tuple[Any, ...]] = []

    @property
    def finished(self) -> bool:
        return not self.waiting

    def next(self) -> dict[str, Any] | None:
        return self.waiting.pop(0) if self.waiting else None

    def started(self, assignment: Mapping[str, Any]) -> None: ...

    def report(self, name: str, attempt: int, report: Report) -> bool:
        return False

    def lost(self, *told: Any) -> None:
        self.told.append(told)


def test_no_more_are_out_than_the_limit_of_the_moment() -> None:
    limit = [2]
    hand_out = HandOut(Conductor(4), lambda: limit[0])
    assert [bool(hand_out.suggest(name)) for name in "abc"] == [True, True, False]
    limit[0] = 3
    assert [bool(hand_out.suggest(name)) for name in "cd"] == [True, False]
    limit[0] = 1
    hand_out.on_trial_complete("a")
    assert hand_out.suggest("d") is None
    hand_out.on_trial_complete("b", error=True)
    hand_out.on_trial_complete("c")
    assert isinstance(hand_out.suggest("d"), dict)
    hand_out.on_trial_complete("d")
    assert hand_out.suggest("e") == Searcher.FINISHED


@dataclass
class Ended:
    """What is asked of a trial of Tune's that has an error."""

    pickled_error_file: str | None
    config: dict[str, Any] = field(default_factory=lambda: {"trial_id": "t0", "attempt": 2})


def told_of(error: BaseException | None, folder: Path) -> tuple[Any, ...]:
    """What a conductor hears of a trial that ended by an error."""
    conductor, file = Conductor(), folder / "error.pkl"
    if error is not None:
        file.write_bytes(cloudpickle.dumps(error))
    Decide(conductor, lambda node_id: True).on_trial_error(None, Ended(str(file)))
    [told] = conductor.told
    return told


@pytest.mark.parametrize("preempted", [False, True])
def test_a_preemption_is_what_ray_says_it_is(preempted: bool, tmp_path: Path) -> None:
    error = RayActorError(None, "first line\nit is gone", preempted=preempted)
    reason = "its machine was told to go" if preempted else "it is gone"
    assert told_of(error, tmp_path) == ("t0", 2, reason, preempted)


def test_what_is_not_known_counts(tmp_path: Path) -> None:
    assert told_of(None, tmp_path) == ("t0", 2, "the worker died", False)
    nowhere = RayActorError("ff" * 16, "an actor that this cluster does not know")
    assert told_of(nowhere, tmp_path)[-1] is False
