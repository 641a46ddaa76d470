"""Optuna's TPE with schedulers of other libraries; every trial may run to the last epoch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Protocol

from benchmarks.search.clock import Record
from benchmarks.search.plain_optuna import PlainOptuna
from benchmarks.search.world import Params
from sweep.config.plan import rungs


class Rule(Protocol):
    """A rule that stops trials."""

    def stops(self, number: int, record: Record) -> bool: ...

    def ended(self, number: int, record: Record) -> None: ...


class UnderRule:
    """A study that proposes and a rule that stops, independent of each other as in Ray Tune."""

    def __init__(self, study: PlainOptuna, rule: Rule) -> None:
        self._study, self._rule = study, rule
        self._last: dict[int, Record] = {}

    def ask(self, number: int) -> Params:
        return self._study.ask(number)

    def report(self, number: int, record: Record) -> bool:
        self._last[number] = record
        self._study.report(number, record)
        return self._rule.stops(number, record)

    def end(self, number: int) -> None:
        self._rule.ended(number, self._last.pop(number))
        self._study.end(number)


class RayAsha:
    """Ray's own ``AsyncHyperBandScheduler`` on accuracy, called as Tune's controller calls it."""

    def __init__(self, max_epochs: int, grace_period: int, reduction_factor: float) -> None:
        from ray.tune.schedulers import AsyncHyperBandScheduler  # takes seconds

        self._asha = AsyncHyperBandScheduler(
            time_attr="epoch",
            metric="accuracy",
            mode="max",
            max_t=max_epochs,
            grace_period=grace_period,
            reduction_factor=reduction_factor,
        )
        self._trials: dict[int, SimpleNamespace] = {}

    def stops(self, number: int, record: Record) -> bool:
        """Return Ray's decision. The first record announces the trial, which draws its bracket."""
        if number not in self._trials:
            self._trials[number] = SimpleNamespace(trial_id=str(number))
            self._asha.on_trial_add(None, self._trials[number])
        return str(self._asha.on_trial_result(None, self._trials[number], record)) == "STOP"

    def ended(self, number: int, record: Record) -> None:
        """Report the last result, which Ray's scheduler also gets for stopped trials."""
        self._asha.on_trial_complete(None, self._trials.pop(number), record)


class Dominated:
    """The simplest rule with two objectives: at a rung, stop a trial if a peer dominates it."""

    def __init__(self, max_epochs: int, grace_period: int, reduction_factor: float) -> None:
        epochs = rungs(grace_period, reduction_factor, max_epochs)
        self._points: dict[int, list[tuple[float, float]]] = {epoch: [] for epoch in epochs}

    def stops(self, number: int, record: Record) -> bool:
        peers = self._points.get(record["epoch"])
        if peers is None:
            return False
        point = record["accuracy"], record["sparsity"]
        beaten = any(p != point and p[0] >= point[0] and p[1] >= point[1] for p in peers)
        peers.append(point)
        return beaten

    def ended(self, number: int, record: Record) -> None:
        """Do nothing."""
