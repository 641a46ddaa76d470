"""The records at one rung and their non-dominated ranks, kept up to date record by record.

The relation and the ranks are defined in :mod:`sweep.search.moasha`. Ranking n records again for
each new one would take n^2 comparisons. Here a new record takes n comparisons, and more only where
ranks change. Records are ranked on demand: a replay without verdicts ranks nothing.
"""

from __future__ import annotations

from heapq import nsmallest

import numpy as np

from sweep.pareto import BoolArray, FloatArray, IntArray

CAPACITY = 64  # records; doubled when it is full


class Rung:
    """The n comparable records at one rung and their ranks, kept up to date record by record."""

    def __init__(self, exact: int, noisy: int) -> None:
        self.ids: list[str] = []
        self.index: dict[str, int] = {}
        # One row for each objective and one column for each record; the first n columns are in use.
        self._exact = np.empty((exact, CAPACITY))
        self._low = np.empty((noisy, CAPACITY))
        self._high = np.empty((noisy, CAPACITY))
        self._rank = np.empty(CAPACITY, dtype=np.int64)
        self._ranked = 0  # the number of records whose ranks are computed
        # With one exact objective a new record changes the ranks of all worse ones. Then ranks are
        # not stored but counted on demand.
        self._is_line = (exact, noisy) == (1, 0)

    def insert(self, trial_id: str, exact: FloatArray, low: FloatArray, high: FloatArray) -> None:
        """Add a record, unless the trial has one here: exact values (e,), ends of intervals (m,).

        More is better.
        """
        if trial_id in self.index:
            return
        new = len(self.ids)
        if new == self._rank.size:
            self._double()
        self.index[trial_id] = new
        self.ids.append(trial_id)
        self._exact[:, new], self._low[:, new], self._high[:, new] = exact, low, high

    def standing(self, trial_id: str, most: int) -> tuple[int, int, int, list[str]]:
        """A trial's rank, how many records have a smaller rank, how many beat it, and which.

        Of the records that beat it, the ``most`` best ones are named, the best one first.
        """
        index, n = self.index[trial_id], len(self.ids)
        while self._ranked < n and not self._is_line:
            self._enter(self._ranked)
            self._ranked += 1
        beats = self._beats(slice(n), slice(index, index + 1))[:, 0]
        beaters = np.flatnonzero(beats)
        key = -self._exact[0, :n] if self._is_line else self._rank[:n]
        best = [name for _, name in nsmallest(most, ((key[i], self.ids[i]) for i in beaters))]
        rank = np.unique(key[beaters]).size if self._is_line else int(self._rank[index])
        return rank, int(np.count_nonzero(key < key[index])), beaters.size, best

    def _enter(self, new: int) -> None:
        """Rank the new record, and update the ranks that it changes.

        A rank is the length of the longest chain of records above that beat each other in turn. So
        a new record raises a rank by at most one. It raises only those of records that it beats,
        where the new record, or another raised one, has now the rank that they had.
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

    def _beats(self, ps: slice | IntArray, ts: slice | IntArray) -> BoolArray:
        """Whether each of ``ps`` (rows) beats each of ``ts`` (columns), by rule 1."""
        exact, low, high = self._exact, self._low, self._high
        as_good = (exact[:, ps, None] >= exact[:, None, ts]).all(axis=0)
        if len(low):
            better = (low[:, ps, None] > high[:, None, ts]).all(axis=0)
        else:
            better = (exact[:, ps, None] > exact[:, None, ts]).any(axis=0)
        return np.asarray(as_good & better)

    def _double(self) -> None:
        for name in ("_exact", "_low", "_high", "_rank"):
            used = getattr(self, name)
            setattr(self, name, np.concatenate([used, np.empty_like(used)], axis=-1))
