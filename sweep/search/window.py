"""Which trials a sampler is shown: all of a small sweep, a bounded number of a large one.

What TPE, GP and NSGA-II take for a proposal grows with the trials that they look at (TPE 60 to
115 ms at 3,000, GP with their cube), and so would what a driver of a thousand workers waits. Up to
a sampler's bounds (`sweep.search.samplers`) it is shown every trial, and proposes as it always
did. Beyond them it is shown

- the Pareto front so far (of feasible trials), at most half of the bound, spread evenly along the
  first objective: all that is best stays known, however long ago it was found;
- the trials that finished last, to fill the bound: the search has moved on, and they are where to;
- the trials that began last, of those running: TPE and GP keep away from them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from sweep.pareto import Front


class Window:
    """A fold over beginnings and ends of trials, by their places in the study."""

    def __init__(self, objectives: Mapping[str, str], finished: int, running: int) -> None:
        self._most_finished, self._most_running = finished, running
        self._front: Front[int] = Front(objectives.values())
        self._recent: deque[int] = deque(maxlen=finished)
        self._running: dict[int, None] = {}
        self._finished = 0

    def begin(self, place: int) -> None:
        """A trial is running."""
        self._running[place] = None

    def end(self, place: int, values: Sequence[float] | None, feasible: bool) -> None:
        """A trial has ended, with the values of its objectives or without."""
        self._running.pop(place, None)
        if values is None:
            return
        self._finished += 1
        self._recent.append(place)
        if feasible:
            self._front.add(place, values)

    def places(self, also: Iterable[int] = ()) -> list[int] | None:
        """The places of the trials to show, in order, with those in ``also``; None: all."""
        fits = self._finished <= self._most_finished and len(self._running) <= self._most_running
        if fits and self._most_finished:
            return None
        best = self._front.spread(self._most_finished // 2)
        known = set(best)
        newest = [place for place in reversed(self._recent) if place not in known]
        began = islice(reversed(self._running), self._most_running)
        return sorted({*best, *newest[: self._most_finished - len(best)], *began, *also})
