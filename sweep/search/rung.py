"""The records at one rung and their non-dominated ranks, kept up to date record by record.

The relation and the ranks are defined in :mod:`sweep.search.moasha`. To rank n records anew for
each newcomer would cost n^2 comparisons; here a newcomer costs n, and more only where ranks move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.bool_]


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
        self._exact = np.empty((0, exact))
        self._low = np.empty((0, noisy))
        self._high = np.empty((0, noisy))
        self._rank = np.empty(0, dtype=np.int64)

    def insert(self, trial_id: str, point: Point) -> None:
        """Add a record, unless the trial has one here; O(n), more where ranks below it move."""
        if trial_id in self.index:
            return
        new = len(self.ids)
        self.index[trial_id] = new
        self.ids.append(trial_id)
        self._exact = np.vstack([self._exact, point.exact])
        self._low = np.vstack([self._low, point.low])
        self._high = np.vstack([self._high, point.high])
        self._rank = np.append(self._rank, 0)
        beaters = self._beaters(new)
        self._rank[new] = self._rank[beaters].max() + 1 if beaters.size else 0
        self._push_down(new)

    def standing(self, trial_id: str) -> tuple[int, int, list[str]]:
        """A trial's rank, how many records have a smaller one, and who beats it, best first."""
        index = self.index[trial_id]
        rank = self._rank[index]
        beaters = sorted((int(self._rank[i]), self.ids[i]) for i in self._beaters(index))
        return int(rank), int((self._rank < rank).sum()), [name for _, name in beaters]

    def _beaters(self, index: int) -> NDArray[np.intp]:
        return np.flatnonzero(self._beats(slice(None), slice(index, index + 1))[:, 0])

    def _beats(self, ps: slice | NDArray[np.intp], ts: slice | NDArray[np.intp]) -> Matrix:
        """Who of ``ps`` (rows) beats whom of ``ts`` (columns), by rule 1."""
        p_exact, t_exact = self._exact[ps][:, None], self._exact[ts][None]
        as_good = (p_exact >= t_exact).all(axis=-1)
        if not self._low.shape[1]:
            return np.asarray(as_good & (p_exact > t_exact).any(axis=-1))
        above = (self._low[ps][:, None] > self._high[ts][None]).all(axis=-1)
        return np.asarray(as_good & above)

    def _push_down(self, new: int) -> None:
        """Ranks after ``new`` came in.

        A rank is the length of the longest chain of beaters above, so one newcomer raises a rank
        by at most one, and only that of a record which is beaten by the newcomer or by a raised
        one, and stood at the rank that this one has now.
        """
        raised = np.array([new])
        rank = self._rank[new]
        while raised.size:
            level = np.setdiff1d(np.flatnonzero(self._rank == rank), raised)
            raised = level[self._beats(raised, level).any(axis=0)]
            rank = rank + 1
            self._rank[raised] = rank
