"""The adapters between Tune and a conductor, asked as Tune asks them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, RayActorError
from ray.tune.experiment import Trial
from ray.tune.search import Searcher

from sweep.search.hooks import Decide, HandOut


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

    def report(self, trial_id: str, attempt: int, result: Mapping[str, Any]) -> bool:
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


class Ended:
    """A trial of Tune's that has an error; `Trial` itself needs an experiment around it."""

    def __init__(self, error: Exception | None) -> None:
        self.config, self.error = {"trial_id": "t0", "attempt": 2}, error
        self.temporary_state = Trial.__new__(Trial)
        self.temporary_state.ray_actor = None

    def get_pickled_error(self) -> Exception | None:
        return self.error

    def get_error(self) -> Exception | None:
        return self.error


@pytest.mark.parametrize("preempted", [False, True])
def test_a_preemption_is_what_ray_says_it_is(preempted: bool) -> None:
    conductor = Conductor()
    error = RayActorError("ff", "first line\nit is gone", preempted=preempted)
    Decide(conductor, lambda node_id: False).on_trial_error(None, Ended(error))
    [(trial_id, attempt, reason, told)] = conductor.told
    assert (trial_id, attempt, told) == ("t0", 2, preempted)
    assert reason == ("its machine was told to go" if preempted else "it is gone")


@pytest.mark.parametrize("error", [None, ActorDiedError()])
def test_what_is_not_known_counts(error: Exception | None) -> None:
    conductor = Conductor()
    Decide(conductor, lambda node_id: True).on_trial_error(None, Ended(error))
    assert conductor.told[0][-1] is False
