"""What the ledger holds of single evaluations, and what comparing them example by example says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.certainty.answers import BoolArray, Point, answers_of
from analysis.certainty.paired import Paired, compare
from analysis.certainty.verdicts import ToDense, to_dense
from analysis.tables.confirmation import Confirmation
from analysis.tables.frames import Trial
from sweep.ledger.events import ReadEvent

Side = Point | Literal["dense"]
"""A point or the dense model."""


@dataclass(frozen=True)
class Evidence:
    """Records of the search, of its dense model and of the confirmation."""

    trials: Mapping[str, Trial]
    baseline: ReadEvent | None
    """The dense model on validation."""
    confirmation: Confirmation

    def record(self, point: Point) -> ReadEvent | None:
        """The search's record of a point; None where there is none."""
        trial = self.trials.get(point[0])
        mine = (r for r in trial.records if r["epoch"] == point[1]) if trial else iter(())
        return next(mine, None)

    def to_dense(self, point: Point) -> ToDense:
        """The point against dense: on test where it is confirmed, else on validation."""
        on_test = self.confirmation.of(point)
        if on_test:
            return to_dense(on_test, self.confirmation.baseline)
        record = self.record(point)
        return to_dense([] if record is None else [record], self.baseline)

    def answers(self, side: Side, seed: int | None = None) -> BoolArray | None:
        """Answers on validation, or on test by the model retrained under ``seed``."""
        if isinstance(side, str):
            return answers_of(self.baseline if seed is None else self.confirmation.baseline)
        if seed is None:
            return answers_of(self.record(side))
        return answers_of(self.confirmation.records.get((*side, seed)))

    def compare(self, a: Side, b: Side, seed: int | None, generator: np.random.Generator) -> Paired:
        """Compare two sides on the same examples; see ``Results.compare_points``."""
        split = "validation" if seed is None else "test"
        sides = []
        for side in (a, b):
            answers = self.answers(side, seed)
            if answers is None:
                raise ValueError(f"the ledger has no {split} answers of {_words(side, seed)}")
            sides.append((_words(side, seed), answers))
        return compare(sides[0], sides[1], split, generator)


def _words(side: Side, seed: int | None) -> str:
    if isinstance(side, str):
        return "dense"
    retrained = "" if seed is None else f", retrained under seed {seed}"
    return f"{side[0]} after epoch {side[1]}{retrained}"
