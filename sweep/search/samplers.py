"""The samplers by name, the trials of a sweep that each of them sees, and their seeds.

The time of a proposal of TPE, GP and NSGA-II grows with the number of trials (TPE 60 to 115 ms at
3,000 trials, GP with the cube of the number), and the driver of a thousand workers would wait for
it. Up to its bounds a sampler sees every trial. Beyond them a :class:`Window` selects

- the Pareto front so far (of feasible trials), at most half of the bound, spread evenly along the
  first objective, so that the best trials stay known, however old they are;
- the trials that finished last, up to the bound, since they show where the search is now;
- the running trials that began last, since TPE and GP avoid proposals near them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from sweep.pareto import Front

POPULATION = 16
"""Trials in a generation of NSGA-II. Optuna's 50 would leave most of a sweep of 64 random."""

TRIES = 3
"""How often a sampler is asked before the next configuration in order is taken."""

GENERATION = "NSGAIISampler:generation"
PARENTS = "NSGAIISampler:parent:"


@dataclass(frozen=True)
class Sampler:
    """A sampler of Optuna: how to ``make`` one from a seed, and the most trials it is shown.

    ``finished`` (half as many with more than two objectives, where a proposal takes longer) and
    ``running`` are bounds (:class:`Window`). ``spread``: whether it wants evenly spread points
    before it learns (`sweep.search.startup`). ``unasked``: the attributes of a trial that it did
    not propose but shall learn from.
    """

    make: Callable[[int], BaseSampler]
    finished: int = 200
    running: int = 64
    spread: bool = False
    unasked: dict[str, dict[str, Any]] = field(default_factory=dict)

    def window(self, objectives: Mapping[str, str]) -> Window:
        """The trials that it sees in a study of these objectives."""
        finished = self.finished // (1 if len(objectives) < 3 else 2)
        return Window(objectives, finished, self.running)


SAMPLERS: dict[str, Sampler | None] = {
    "ehvi": None,
    "tpe": Sampler(lambda seed: TPESampler(seed=seed), spread=True),
    "nsga2": Sampler(
        lambda seed: NSGAIISampler(seed=seed, population_size=POPULATION),
        finished=256,
        running=0,
        unasked={"trial": {GENERATION: 0}},  # it ignores trials without a generation
    ),
    "gp": Sampler(lambda seed: GPSampler(seed=seed, warn_independent_sampling=False), spread=True),
    "random": Sampler(lambda seed: RandomSampler(seed=seed), 0, 0),
    "grid": None,
}
"""The built-in ones by name. None: no sampler of Optuna (`sweep.search.ehvi`, and the grid)."""


def sampler_seed(seed: int, number: int, attempt: int = 0) -> int:
    """The seed of an attempt at a trial's proposal; none equals that of the trial's training."""
    key = (1, attempt) if attempt else (1,)
    return int(np.random.SeedSequence([seed, number], spawn_key=key).generate_state(1)[0])


class Window:
    """The trials that a sampler sees, by their places: a fold over beginnings and ends.

    ``finished`` and ``running`` are the bounds.
    """

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

    def places(self, count: int, also: Iterable[int] = ()) -> Sequence[int]:
        """Those of ``count`` places to see, in order, and those in ``also``."""
        fits = self._finished <= self._most_finished and len(self._running) <= self._most_running
        if fits and self._most_finished:
            return range(count)
        best = self._front.spread(self._most_finished // 2)
        known = set(best)
        newest = [place for place in reversed(self._recent) if place not in known]
        began = islice(reversed(self._running), self._most_running)
        return sorted({*best, *newest[: self._most_finished - len(best)], *began, *also})
