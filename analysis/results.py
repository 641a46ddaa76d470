"""The results of a sweep as tables: ``trials``, ``records``, ``front`` and others.

Expensive tables (the front with its probabilities, traces, layers) are computed at their first use.
In the examples below, ``results`` is a small sweep that was loaded with ``analysis.load``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis import questions
from analysis.certainty.answers import answers_of
from analysis.certainty.judgement import Basis, Side, judged, points_of, side_of
from analysis.certainty.measured import measured
from analysis.certainty.paired import Paired, compare
from analysis.certainty.verdicts import margin
from analysis.format import MetricFormat
from analysis.history.layers import layer_table, layers_of
from analysis.history.timeline import timeline
from analysis.history.traces import traces_table
from analysis.questions import Answer
from analysis.tables import confirmation as confirm
from analysis.tables import front as fronts
from analysis.tables.columns import OnSplit, Split, on_split
from analysis.tables.html import front_html, section
from analysis.tables.loaded import Loaded
from sweep.ledger.record import figure
from sweep.pareto import BoolArray, IntArray, hypervolume, knee

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The seed of the bootstrap of the front: the same ledger gives the same probabilities.
SEED = 0


@dataclass(frozen=True, eq=False, repr=False)
class Results(Loaded):
    """A sweep at the time of loading. The columns of its tables are a public contract."""

    def __repr__(self) -> str:
        parts = f"{len(self.trials)} trials, {len(self.records)} records, {len(self.front)} on the"
        return f"<Results of {self.name}: {parts} front>"

    def _repr_html_(self) -> str:
        counts = ", ".join(f"{count} {status}" for status, count in self.counts.items() if count)
        standing = f"{self.state}; {counts or 'no trials yet'}"
        if self.front.empty:
            return section(self.name, f"{standing}; no point on the front yet")
        front = "confirmed on test" if self.confirmed else "UNCONFIRMED: validation figures"
        return section(self.name, f"{standing}; front {front}", front_html(self.front, self.metric))

    # the front

    @cached_property
    def front(self) -> pd.DataFrame:
        """The Pareto front on validation, ordered by sparsity, with the uncertainty of each point.

        Columns besides those of ``records``: ``<metric>_low`` and ``<metric>_high``
        (``measured.interval``), the ``test_`` columns, ``seeds`` and ``test_drop``
        (``confirmation.summary``), ``optimism`` (how much better the value on validation is than
        the value on test), ``front_probability`` (``bootstrap``), ``verdict`` (``verdicts``),
        ``p_value`` (McNemar's test against the dense model, corrected by Holm over the front),
        ``feasible`` (``search.constraints``), ``test_drop_high`` (``MOST_DROP``), or missing.
        """
        return self._judged[0]

    @property
    def basis(self) -> Basis:
        """How the probabilities of the front were computed; ``basis.text`` is a sentence."""
        return self._judged[1]

    @cached_property
    def candidates(self) -> pd.DataFrame:
        """The records that may be on the front: those not partial that have all objectives."""
        return fronts.candidates(self.records, self.directions)

    @cached_property
    def _contenders(self) -> pd.DataFrame:
        return fronts.contenders(self.candidates, self.constraints)

    @cached_property
    def _places(self) -> IntArray:
        """The positions of the front's points among the contenders, in the order of the front."""
        return fronts.front_places(self._contenders, self.directions, self.metric)

    @cached_property
    def _judged(self) -> tuple[pd.DataFrame, Basis]:
        return judged(self._contenders, self._places, self, np.random.default_rng(SEED))

    @property
    def hypervolume(self) -> float | None:
        """Hypervolume of the front relative to ``reference_point``; None if that is unknown."""
        reference = self._reference
        if reference is None:
            return None
        points = fronts.objectives(self._contenders.iloc[self._places], self.directions)
        return hypervolume(points, reference, list(self.directions.values()))

    @property
    def knee(self) -> int | None:
        """The row of ``front`` at which it bends most, on test if it is confirmed; None if it has
        no knee."""
        if self.confirmed:
            return confirm.knee_on_test(self.front, self.confirmation, self.directions)
        points = fronts.objectives(self._contenders.iloc[self._places], self.directions)
        return knee(points, list(self.directions.values()))

    def plot_front(self) -> Figure | None:
        """The front as a matplotlib figure, which Jupyter shows; None for an empty front."""
        return self.draw_front(self)

    # questions

    @property
    def split(self) -> Split:
        """The split of the values in answers: test if the whole front is confirmed."""
        return "test" if self.confirmed else "validation"

    @property
    def reported(self) -> OnSplit:
        """The columns that a report leads with: those of test once they have a value."""
        is_tested = self.front[self.metric.test].notna().any()
        return on_split(self.metric, "test" if is_tested else "validation")

    @property
    def interval_name(self) -> str:
        """The name of the intervals on validation: " Wilson" if the metric counts examples."""
        rows = self.front.to_dict("records")
        is_share = all(not math.isnan(measured(row, self.metric).examples) for row in rows)
        return " Wilson" if is_share else ""

    def margin(self, split: Split) -> float | None:
        """How much worse than the dense model still counts as near it (``verdicts.margin``).

        None if that depends on the value of the dense model, and the value is unknown.
        """
        figures = (self.test_baseline if split == "test" else self.baseline) or {}
        dense = figure(figures, self.metric.name)
        found = margin(self.metric, math.nan if dense is None else dense)
        return None if math.isnan(found) else found

    def best(
        self,
        min_sparsity: float | None = None,
        max_drop: float | None = None,
        max_size_bytes: float | None = None,
    ) -> Answer:
        """The best point of the front within bounds, with its runner-up, or the nearest point.

        The best point is the one with the best value of the primary metric or, with ``max_drop``,
        the sparsest one; on test the sparsest that is certain to be within it (``questions``).
        ``min_sparsity`` is in [0, 1]; ``max_drop`` is how much worse than the dense model a point
        may be (for a share in [-1, 1], where 0.01 is one point); ``max_size_bytes`` is at least 1.
        Values are on test if the whole front is confirmed. ``ValueError`` for other bounds.

        >>> answer = results.best(min_sparsity=0.6)
        >>> answer.point["trial_id"], answer.runner_up["trial_id"]
        ('t00001', 't00003')
        >>> results.best(min_sparsity=0.95).nearest["trial_id"]
        't00003'
        """
        asked = questions.bounds(self, min_sparsity, max_drop, max_size_bytes)
        if max_drop is not None:
            return questions.choose(self, asked, ("sparsity", True), "The sparsest point")
        by = (on_split(self.metric, self.split).value, self.metric.direction == "max")
        return questions.choose(self, asked, by, f"The {MetricFormat(self.metric).best}")

    def least_size(self, max_drop: float) -> Answer:
        """The smallest point of the front (``size_bytes``) within ``max_drop`` of dense.

        Otherwise like :meth:`best`.

        >>> results.least_size(max_drop=0.01).point["size_bytes"]
        60000
        """
        asked = questions.bounds(self, max_drop=max_drop)
        return questions.choose(self, asked, ("size_bytes", False), "The smallest point")

    # example by example

    def answers(self, trial_id: str, epoch: int) -> BoolArray | None:
        """Which validation examples an evaluation answered right, shape (examples,).

        None if the ledger does not have the answers.
        """
        return answers_of(self.record((trial_id, epoch)))

    @property
    def baseline_answers(self) -> BoolArray | None:
        """Which validation examples the dense model answered right; None if unknown."""
        return answers_of(self.story.baseline)

    def compare_points(
        self,
        a: Side,
        b: Side,
        *,
        confirm_seed: int | None = None,
        generator: np.random.Generator | None = None,
    ) -> Paired:
        """Compare two points, or a point and the dense model ("dense"), example by example.

        A point is (trial_id, epoch). The examples are those of validation or, with
        ``confirm_seed``, those of test, answered by the models retrained with that seed.
        ``generator`` draws the bootstrap interval; by default it has a fixed seed. Raises
        ``ValueError`` if the ledger does not have the answers of a or b.

        >>> paired = results.compare_points(("t00000", 2), "dense")
        >>> paired.only_a, paired.only_b, f"{paired.p_value:.4f}"
        (5, 10, '0.3018')
        """
        draw = np.random.default_rng(SEED) if generator is None else generator
        split = "validation" if confirm_seed is None else "test"
        return compare(side_of(self, a, confirm_seed), side_of(self, b, confirm_seed), split, draw)

    # confirmation

    @cached_property
    def confirmation(self) -> pd.DataFrame:
        """One row per confirmed point and seed; the metric is measured on test.

        Columns: ``columns.confirmation_columns``, then the others of ``figures``.
        """
        more = [name for name in self.records if name in self.figures]
        return confirm.confirmation_table(self.confirming, self.metric, more)

    @cached_property
    def confirmed_points(self) -> pd.DataFrame:
        """One row per confirmed point, including runners-up: ``columns.confirmed_columns``."""
        return confirm.confirmed_table(self.confirming, self.metric)

    @property
    def test_front(self) -> pd.DataFrame:
        """The confirmed points that are non-dominated on test, by their means over seeds."""
        return confirm.front_on_test(self.confirmation, self.directions)

    @property
    def confirmed(self) -> bool:
        """Whether all points of the front have values on the test set."""
        return len(self.front) > 0 and bool(self.front[self.metric.test].notna().all())

    @property
    def confirmation_state(self) -> str:
        """none | running (or killed, which looks the same) | partial | finished.

        Partial: a round has ended, but some points of the front have no value on test, because
        their retraining failed or because the front has changed since.
        """
        if not self.confirming.begun:
            return "none"
        if self.confirming.running:
            return "running"
        return "partial" if self.front[self.metric.test].isna().any() else "finished"

    @property
    def optimism(self) -> dict[str, float] | None:
        """The optimism of the front and its two parts (``confirmation.optimism_of``)."""
        return confirm.optimism_of(self.front, self.confirmed_points, self.metric)

    def traces(self) -> pd.DataFrame:
        """Hypervolume after each record: ``time, seconds, epochs, trials, hypervolume``.

        Only candidates count, so the last value equals :attr:`hypervolume`. For units see
        ``traces.traces_table``.

        >>> results.traces()["epochs"].tolist()
        [0, 1, 2, 2, 3, 3, 4]
        """
        points = fronts.objectives(self._contenders, self.directions)
        pool = dict(zip(points_of(self._contenders), points.tolist(), strict=True))
        return traces_table(self.events, pool, self._reference, list(self.directions.values()))

    @cached_property
    def timeline(self) -> pd.DataFrame:
        """One row per attempt at a trial: its worker, start, end and status."""
        return timeline(self.events)

    def layers(self, trial_id: str, epoch: int) -> pd.DataFrame | None:
        """Zeros in each matrix, in the order of the model: ``name, count, zeros, sparsity``.

        None if the ledger does not have them.
        """
        trial = self.story.trials.get(trial_id)
        return layers_of(self.story.baseline, trial.records if trial else [], epoch)

    def layer_table(self) -> pd.DataFrame | None:
        """Sparsity of each matrix (rows) at each point of the front (columns)."""
        return layer_table({point: self.layers(*point) for point in points_of(self.front)})
