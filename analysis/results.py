"""A sweep's results as tables: ``analysis.load`` a folder; then ``trials``, ``records``, ``front``.

What costs something to work out (the front with its probabilities, traces, layers) is worked out
when it is first asked for. In the examples ``results`` is a small sweep that was loaded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis import questions
from analysis.certainty.answers import BoolArray
from analysis.certainty.judgement import Basis, Evidence, Side, judged, points_of
from analysis.certainty.measured import measured
from analysis.certainty.paired import Paired
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
from sweep.pareto import IntArray, hypervolume, knee

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The bootstrap of the front is drawn from this seed: the same ledger gives the same figures.
SEED = 0


@dataclass(frozen=True, eq=False, repr=False)
class Results(Loaded):
    """A sweep as it stood when it was loaded. The tables' columns are the project's contract."""

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
        """The Pareto front on validation, by rising sparsity, with how sure each point is.

        Columns beside those of ``records``, missing until they are known: ``<metric>_low`` and
        ``<metric>_high`` (``measured.interval``), the ``test_`` columns, ``seeds`` and
        ``test_drop`` (``confirmation.summary``), ``optimism`` (how much better the value on
        validation is than that on test), ``front_probability`` (``bootstrap``), ``verdict``
        (``verdicts``), ``p_value`` (McNemar against dense, Holm-corrected over the front),
        ``feasible`` (``search.constraints``).
        """
        return self._judged[0]

    @property
    def basis(self) -> Basis:
        """What the front's probabilities rest on; ``basis.text`` says it."""
        return self._judged[1]

    @cached_property
    def candidates(self) -> pd.DataFrame:
        """The records that may be on the front: finished ones with all objectives."""
        return fronts.candidates(self.records, self.directions)

    @cached_property
    def _contenders(self) -> pd.DataFrame:
        """The candidates, without infeasible ones where there are feasible ones."""
        return fronts.contenders(self.candidates, self.constraints)

    @cached_property
    def _places(self) -> IntArray:
        """Which of the contenders are on the front, in its order."""
        return fronts.front_places(self._contenders, self.directions, self.metric)

    @cached_property
    def _judged(self) -> tuple[pd.DataFrame, Basis]:
        draw = np.random.default_rng(SEED)
        return judged(self._contenders, self._places, self.directions, self._evidence, draw)

    @property
    def hypervolume(self) -> float | None:
        """Hypervolume of the front against ``reference_point``; None where that is not known."""
        reference = self._reference
        if reference is None:
            return None
        points = fronts.objectives(self._contenders.iloc[self._places], self.directions)
        return hypervolume(points, reference, list(self.directions.values()))

    @property
    def knee(self) -> int | None:
        """Row of ``front`` at which it bends most (on test where it is confirmed), if any."""
        if self.confirmed:
            return confirm.knee_on_test(self.front, self.confirmation, self.directions)
        points = fronts.objectives(self._contenders.iloc[self._places], self.directions)
        return knee(points, list(self.directions.values()))

    def plot_front(self) -> Figure | None:
        """The front as a matplotlib figure, which Jupyter shows; None where there is no point."""
        return self.draw_front(self)

    # questions

    @property
    def split(self) -> Split:
        """What answers are given on: test where the whole front is confirmed."""
        return "test" if self.confirmed else "validation"

    @property
    def reported(self) -> OnSplit:
        """What a report leads with: test as soon as a point of the front was read there."""
        is_tested = self.front[self.metric.test].notna().any()
        return on_split(self.metric, "test" if is_tested else "validation")

    @property
    def interval_name(self) -> str:
        """What the front's intervals on validation are called after "95 %"."""
        rows = self.front.to_dict("records")
        is_share = all(not math.isnan(measured(row, self.metric).examples) for row in rows)
        return " Wilson" if is_share else ""

    def margin(self, split: Split) -> float | None:
        """How much worse than dense is near it (``verdicts.margin``); None without a dense model
        where that depends on it."""
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
        """The best point of the front within bounds, its runner-up or what comes nearest.

        The best by the primary metric; with ``max_drop`` the sparsest, for then the metric is
        bounded. ``min_sparsity`` is in [0, 1]; ``max_drop`` is how much worse than dense a point
        may be (of a share, 0.01 is one point, in [-1, 1]); ``max_size_bytes`` at least 1. Figures
        are those on test where the whole front is confirmed, else those on validation. Raises
        ``ValueError`` for bounds outside their ranges.

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

        As :meth:`best` otherwise.

        >>> results.least_size(max_drop=0.01).point["size_bytes"]
        60000
        """
        asked = questions.bounds(self, max_drop=max_drop)
        return questions.choose(self, asked, ("size_bytes", False), "The smallest point")

    # example by example

    def answers(self, trial_id: str, epoch: int) -> BoolArray | None:
        """Which validation examples an evaluation got right, shape (examples,).

        None where the ledger does not say.
        """
        return self._evidence.answers((trial_id, epoch))

    @property
    def baseline_answers(self) -> BoolArray | None:
        """Which validation examples the dense model got right; None where that is not known."""
        return self._evidence.answers("dense")

    @cached_property
    def _evidence(self) -> Evidence:
        return Evidence(self.metric, self.story.trials, self.story.baseline, self.confirming)

    def compare_points(
        self,
        a: Side,
        b: Side,
        *,
        confirm_seed: int | None = None,
        generator: np.random.Generator | None = None,
    ) -> Paired:
        """Compare two points, or a point and the dense model ("dense"), example by example.

        A point is (trial_id, epoch). On validation; with ``confirm_seed`` on test, as retrained
        under that seed. ``generator`` draws the bootstrap's interval; by default from a fixed seed.
        Raises ``ValueError`` where the ledger has no answers of a or b.

        >>> paired = results.compare_points(("t00000", 2), "dense")
        >>> paired.only_a, paired.only_b, f"{paired.p_value:.4f}"
        (5, 10, '0.3018')
        """
        draw = np.random.default_rng(SEED) if generator is None else generator
        return self._evidence.compare(a, b, confirm_seed, draw)

    # confirmation

    @cached_property
    def confirmation(self) -> pd.DataFrame:
        """One row a confirmed point and seed; the metric is that of the retrained model on test.

        Columns: ``columns.confirmation_columns``, then those of ``figures`` that are not among
        them.
        """
        more = [name for name in self.records if name in self.figures]
        return confirm.confirmation_table(self.confirming, self.metric, more)

    @cached_property
    def confirmed_points(self) -> pd.DataFrame:
        """One row a confirmed point, runners-up too: ``columns.confirmed_columns``."""
        return confirm.confirmed_table(self.confirming, self.metric)

    @property
    def test_front(self) -> pd.DataFrame:
        """The confirmed points that none beats on test: means over seeds of the objectives."""
        return confirm.front_on_test(self.confirmation, self.directions)

    @property
    def confirmed(self) -> bool:
        """Whether all points of the front have figures on the test set."""
        return len(self.front) > 0 and self._is_tested

    @property
    def _is_tested(self) -> bool:
        return bool(self.front[self.metric.test].notna().all())

    @property
    def confirmation_state(self) -> str:
        """none | running | partial (points of the front have no test figures) | finished."""
        return confirm.state_of(self.confirming, self._is_tested)

    @property
    def optimism(self) -> dict[str, float] | None:
        """How much validation flattered the front, and its parts (``confirmation.optimism_of``)."""
        return confirm.optimism_of(self.front, self.confirmed_points, self.metric)

    def traces(self) -> pd.DataFrame:
        """Hypervolume after each record: ``time, seconds, epochs, trials, hypervolume``.

        Of what the front is made of: the last is :attr:`hypervolume`. Units are those of
        ``traces.traces_table``.

        >>> results.traces()["epochs"].tolist()
        [0, 1, 2, 2, 3, 3, 4]
        """
        points = fronts.objectives(self._contenders, self.directions)
        pool = dict(zip(points_of(self._contenders), points.tolist(), strict=True))
        return traces_table(self.events, pool, self._reference, list(self.directions.values()))

    @cached_property
    def timeline(self) -> pd.DataFrame:
        """One row an attempt at a trial: which worker had it, from when to when, how it ended."""
        return timeline(self.events)

    def layers(self, trial_id: str, epoch: int) -> pd.DataFrame | None:
        """Zeros by matrix, in the model's order: ``name, count, zeros, sparsity``.

        None where the ledger does not say.
        """
        trial = self.story.trials.get(trial_id)
        return layers_of(self.story.baseline, trial.records if trial else [], epoch)

    def layer_table(self) -> pd.DataFrame | None:
        """Sparsity of each matrix (rows) at each front point (columns), in the front's order."""
        return layer_table({point: self.layers(*point) for point in points_of(self.front)})
