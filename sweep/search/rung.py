"""The records at one rung and their non-dominated ranks, kept up to date record by record.

The relation and the ranks are defined in :mod:`sweep.search.moasha`. To rank n records anew for
each newcomer would cost n^2 comparisons; here a newcomer costs n, and more only where ranks move.
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
        # With one exact value every newcomer moves the rank of all below it, but ranks are then
        # found by counting, when somebody asks.
        self._is_line = (exact, noisy) == (1, 0)

    def insert(self, trial_id: str, point: Point) -> None:
        """Add a record, unless the trial has one here; O(n), more where ranks below it move."""
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
        if not self._is_line:
            self._enter(new)

    def standing(self, trial_id: str) -> tuple[int, int, list[str]]:
        """A trial's rank, how many records have a smaller one, and who beats it, best first."""
        index, n = self.index[trial_id], len(self.ids)
        beats = self._all_beat(index)
        by_id = self._by_id[:n]
        beaters = by_id[beats[by_id]]
        key = -self._exact[0, :n] if self._is_line else self._rank[:n]
        best_first = beaters[np.argsort(key[beaters], kind="stable")]
        names = [self.ids[i] for i in best_first.tolist()]
        if self._is_line:
            return np.unique(key[beaters]).size, beaters.size, names
        rank = int(self._rank[index])
        return rank, int(np.count_nonzero(key < rank)), names

    def _enter(self, new: int) -> None:
        """Rank the newcomer, and push down those whose rank it moves.

        A rank is the length of the longest chain of beaters above, so one newcomer raises a rank
        by at most one, and only that of a record which is beaten by the newcomer or by a raised
        one, and stood at the rank that this one has now. (All of them the newcomer beats itself.)
        """
        ranks = self._rank[: new + 1]
        beaters = self._all_beat(new)
        beaters[new] = False
        rank = int(ranks[beaters].max(initial=-1)) + 1
        ranks[new] = -1
        raised, below = np.array([new]), np.flatnonzero(self._beaten_by(new))
        below_ranks = ranks[below]
        while raised.size:
            level = below[below_ranks == rank]
            level = level[self._any_beats(raised, level)] if level.size else level
            ranks[raised] = rank
            raised, rank = level, rank + 1

    def _all_beat(self, index: int) -> Matrix:
        """Who beats one record, by rule 1: (n,)."""
        beats: Matrix = self._beats(slice(len(self.ids)), slice(index, index + 1))[:, 0]
        return beats

    def _beaten_by(self, index: int) -> Matrix:
        """Whom one record beats: (n,)."""
        beats: Matrix = self._beats(slice(index, index + 1), slice(len(self.ids)))[0]
        return beats

    def _any_beats(self, ps: Indices, ts: Indices) -> Matrix:
        """Whom of ``ts`` any of ``ps`` beats."""
        return np.asarray(self._beats(ps, ts).any(axis=0))

    def _beats(self, ps: slice | Indices, ts: slice | Indices) -> Matrix:
        """Who of ``ps`` (rows) beats whom of ``ts`` (columns), by rule 1."""
        beats: Matrix = np.ones((1, 1), dtype=np.bool_)
        for values in self._exact:
            beats = beats & (values[ps, None] >= values[None, ts])
        for low, high in zip(self._low, self._high, strict=True):
            beats = beats & (low[ps, None] > high[None, ts])
        return beats if len(self._low) else beats & self._any_better(ps, ts)

    def _any_better(self, ps: slice | Indices, ts: slice | Indices) -> Matrix:
        better: Matrix = np.zeros((1, 1), dtype=np.bool_)
        for values in self._exact:
            better = better | (values[ps, None] > values[None, ts])
        return better

    def _double(self) -> None:
        for name in ("_exact", "_low", "_high", "_rank", "_by_id"):
            used = getattr(self, name)
            setattr(self, name, np.concatenate([used, np.empty_like(used)], axis=-1))
