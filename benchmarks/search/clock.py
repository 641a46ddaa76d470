"""The virtual clock: N workers run the trials that a method proposes and stops."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from benchmarks.search.front import Found
from benchmarks.search.world import Curve, Params, World

Record = dict[str, Any]


class Method(Protocol):
    """A searcher with its scheduler. Trials are numbered 0, 1, ... in the order of proposals."""

    def ask(self, number: int) -> Params | None:
        """Propose params for trial ``number``; ``finetune_epochs`` is its last epoch. None: end."""

    def report(self, number: int, record: Record) -> bool:
        """Observe a record of a running trial; return True to stop it."""

    def end(self, number: int) -> None:
        """End a trial that was stopped or has reported its last epoch."""


@dataclass
class Outcome:
    """The result of a search that has spent its budget.

    ``started``: number of trials. ``seconds``: time of the last record. ``curve`` has one row per
    change: (epochs spent, seconds, hypervolume found, hypervolume chosen), relative to the world's
    complete front. ``fronts`` has the found points (true accuracy, sparsity) at each mark.
    """

    started: int = 0
    seconds: float = 0.0
    curve: list[tuple[int, float, float, float]] = field(default_factory=list)
    fronts: list[list[tuple[float, float]]] = field(default_factory=list)


@dataclass(frozen=True)
class _Running:
    number: int
    params: Params
    curve: Curve


class Clock:
    """One search in one world; ``seed`` determines noise and durations, not the method."""

    def __init__(self, world: World, method: Method, workers: int, trials: int, seed: int) -> None:
        self._world, self._method, self._seed = world, method, seed
        self._most, self._asked, self._order = trials, 0, 0
        self._due: list[tuple[float, int, int, _Running]] = []
        for _ in range(workers):
            self._start(0.0)

    def run(self, marks: list[int]) -> Outcome:
        """Run until ``marks[-1]`` epochs are spent or trials run out; ``marks`` ascend.

        An epoch counts as spent when its record arrives; unfinished epochs do not count.
        """
        outcome, found, spent = Outcome(), Found(self._world), 0
        waiting = list(marks)
        for now, epoch, running in self._records():
            cost = int(epoch > 0)
            while waiting and spent + cost > waiting[0]:
                outcome.fronts.append(found.found())
                waiting.pop(0)
            if not waiting:
                break
            spent, outcome.seconds = spent + cost, now
            if found.add(running.params["sparsity"], running.curve, epoch):
                _note(outcome, (spent, now, *found.volumes()))
        outcome.fronts += [found.found()] * len(waiting)
        outcome.started = self._asked
        return outcome

    def _records(self) -> Iterator[tuple[float, int, _Running]]:
        """Yield (time, epoch, trial) in order of time; afterwards the method gets the record."""
        while self._due:
            now, _, epoch, running = heapq.heappop(self._due)
            yield now, epoch, running
            stop = self._method.report(running.number, _record(self._world, running, epoch))
            if stop or epoch >= running.params["finetune_epochs"]:
                self._method.end(running.number)
                self._start(now)
            else:
                self._push(now, epoch + 1, running)

    def _start(self, now: float) -> None:
        if self._asked == self._most:
            return
        params = self._method.ask(self._asked)
        if params is not None:
            curve = self._world.curve(params, [self._seed, self._asked])
            self._push(now, 0, _Running(self._asked, params, curve))
            self._asked += 1

    def _push(self, now: float, epoch: int, running: _Running) -> None:
        self._order += 1  # events at the same time keep the order of starting
        due = now + float(running.curve.seconds[epoch])
        heapq.heappush(self._due, (due, self._order, epoch, running))


def _note(outcome: Outcome, row: tuple[int, float, float, float]) -> None:
    """Keep only the last row for each number of epochs."""
    if outcome.curve and outcome.curve[-1][0] == row[0]:
        outcome.curve.pop()
    outcome.curve.append(row)


def _record(world: World, running: _Running, epoch: int) -> Record:
    """Return the figures of a record that a search may use."""
    return {
        "stage": "recovered" if epoch else "pruned",
        "epoch": epoch,
        "partial": False,
        "accuracy": float(running.curve.seen[epoch]),
        "examples": world.table.examples,
        "sparsity": float(running.params["sparsity"]),
        "seconds": float(running.curve.seconds[: epoch + 1].sum()),
    }
