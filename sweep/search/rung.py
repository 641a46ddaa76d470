"""The records at one rung and their non-dominated ranks, kept up to date record by record.

The relation and the ranks are defined in :mod:`sweep.search.moasha`. To rank n records anew for
each newcomer would cost n^2 comparisons; here a newcomer costs n, and more only where ranks move.
Ranks are worked out when somebody asks for them: those of many newcomers at once (a replay) for n
comparisons each, whatever moves.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]
Matrix = NDArray[np.bool_]

ROOM = 64  # records; doubled whenever it is used up


@dataclass(frozen=True)
class Point:
    """Exact values (e,) and the ends of the noisy ones' intervals (m,), more is better."""

    exact: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


class Rung:
    """The n comparable records at one rung and their ranks, kept up to date record by record."""

    def __init__(self, exact: int, noisy: int) -> None:
        self.ids: list[str] = []
        self.index: dict[str, int] = {}
        # A row a figure, a column a record; only the first n columns are in use.
        self._exact = np.empty((exact, ROOM))
        self._low = np.empty((noisy, ROOM))
        self._high = np.empty((noisy, ROOM))
        self._rank = np.empty(ROOM, dtype=np.int64)
        self._by_id = np.empty(ROOM, dtype=np.intp)  # the records in the order of their ids
        self._sorted_ids: list[str] = []
        self._ranked = 0  # of the records, so many have their ranks
        # With one exact value every newcomer moves the rank of all below it, but ranks are then
        # found by counting, when somebody asks.
        self._is_line = (exact, noisy) == (1, 0)

    def insert(self, trial_id: str, point: Point) -> None:
        """Add a record, unless the trial has one here."""
        if trial_id in self.index:
            return
        new = len(self.ids)
        if new == self._rank.size:
            self._double()
        place = bisect_left(self._sorted_ids, trial_id)
        self._sorted_ids.insert(place, trial_id)
        self._by_id[place + 1 : new + 1] = self._by_id[place:new]
        self._by_id[place] = new
        self.index[trial_id] = new
        self.ids.append(trial_id)
        self._exact[:, new], self._low[:, new] = point.exact, point.low
        self._high[:, new] = point.high

    def standing(self, trial_id: str, most: int) -> tuple[int, int, int, list[str]]:
        """A trial's rank, how many records have a smaller one, how many beat it, and who does.

        Named are the ``most`` best of those that beat it, best first: thousands may.
        """
        index, n = self.index[trial_id], len(self.ids)
        self._rank_newcomers()
        beats = self._beats(slice(n), slice(index, index + 1))[:, 0]
        by_id = self._by_id[:n]
        beaters = by_id[beats[by_id]]
        key = -self._exact[0, :n] if self._is_line else self._rank[:n]
        best_first = beaters[np.argsort(key[beaters], kind="stable")]
        best = [self.ids[i] for i in best_first[:most]]
        if self._is_line:
            return np.unique(key[beaters]).size, beaters.size, beaters.size, best
        rank = int(self._rank[index])
        return rank, int(np.count_nonzero(key < rank)), beaters.size, best

    def _rank_newcomers(self) -> None:
        n = len(self.ids)
        if not self._is_line:
            if n - self._ranked > n // 2:
                self._rank_all()
            else:
                for new in range(self._ranked, n):
                    self._enter(new)
        self._ranked = n

    def _rank_all(self) -> None:
        """Rank all anew, in an order in which nobody comes before one who beats it.

        Who beats another is at least as good in every exact value and in the lower end of every
        interval, and better in one of them: it comes first when they are sorted by these.
        """
        n = len(self.ids)
        figures = [*self._exact[:, :n], *self._low[:, :n]]
        order = np.lexsort([-figure for figure in reversed(figures)])
        for place, index in enumerate(order):
            before = order[:place]
            beaters = before[self._beats(before, slice(index, index + 1))[:, 0]]
            self._rank[index] = self._rank[beaters].max(initial=-1) + 1

    def _enter(self, new: int) -> None:
        """Rank the newcomer, and push down those whose rank it moves.

        A rank is the length of the longest chain of beaters above, so one newcomer raises a rank
        by at most one, and only that of a record which is beaten by the newcomer or by a raised
        one, and stood at the rank that this one has now. (All of them the newcomer beats itself.)
        """
        ranks, known, one = self._rank[:new], slice(new), slice(new, new + 1)
        rank = int(ranks[self._beats(known, one)[:, 0]].max(initial=-1)) + 1
        raised, below = np.array([new]), np.flatnonzero(self._beats(one, known)[0])
        below_ranks = ranks[below]
        while raised.size:
            level = below[below_ranks == rank]
            level = level[self._beats(raised, level).any(axis=0)] if level.size else level
            self._rank[raised] = rank
            raised, rank = level, rank + 1

    def _beats(self, ps: slice | Indices, ts: slice | Indices) -> Matrix:
        """Who of ``ps`` (rows) beats whom of ``ts`` (columns), by rule 1."""
        shape = np.broadcast_shapes(self._rank[ps, None].shape, self._rank[None, ts].shape)
        beats: Matrix = np.ones(shape, dtype=np.bool_)
        for values in self._exact:
            beats &= values[ps, None] >= values[None, ts]
        for low, high in zip(self._low, self._high, strict=True):
            beats &= low[ps, None] > high[None, ts]
        if not len(self._low):
            better: Matrix = np.zeros(shape, dtype=np.bool_)
            for values in self._exact:
                better |= values[ps, None] > values[None, ts]
            beats &= better
        return beats

    def _double(self) -> None:
        for name in ("_exact", "_low", "_high", "_rank", "_by_id"):
            used = getattr(self, name)
            setattr(self, name, np.concatenate([used, np.empty_like(used)], axis=-1))
