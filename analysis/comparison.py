"""Several sweeps side by side: the hypervolume and cost of each, and how their configs differ."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analysis.questions import most
from analysis.results import Results
from analysis.tables.columns import frame, of
from analysis.tables.front import objectives
from analysis.tables.html import section, table_html
from sweep.ledger.metric import PrimaryMetric
from sweep.pareto import FloatArray

COST = (
    of("text", "name", "folder", "state")
    | of("float", "hypervolume", "hypervolume_share")
    | of("int", "front_points", "trials", "evaluations", "epochs", "epochs_saved")
    | of("float", "seconds", "utilisation")
)


class Incomparable(ValueError):
    """The sweeps cannot be compared; the message says in what they differ."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Sweeps with the same primary metric, objectives and reference point.

    Raises :class:`Incomparable` where one of these differs, ``ValueError`` for no sweep at all.
    """

    results: list[Results]

    def __post_init__(self) -> None:
        if not self.results:
            raise ValueError("a comparison needs at least one sweep")
        for other in self.results[1:]:
            _check(self.results[0], other)

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(self.names)}>"

    def __len__(self) -> int:
        return len(self.results)

    def _repr_html_(self) -> str:
        tables = map(table_html, (self.table, self.config_differences))
        return section(f"{len(self)} sweeps", "compared", *tables)

    @property
    def metric(self) -> PrimaryMetric:
        """What the trials are judged by, the same in all."""
        return self.results[0].metric

    @property
    def metrics(self) -> dict[str, PrimaryMetric]:
        """All metrics that were measured in some sweep, by name."""
        return {name: found for each in self.results for name, found in each.metrics.items()}

    @property
    def directions(self) -> dict[str, str]:
        """Objective -> "max" or "min", the same in all."""
        return self.results[0].directions

    @property
    def names(self) -> list[str]:
        """A unique name for each sweep: its own, with the folder if several sweeps share it."""
        names = [results.name for results in self.results]
        shared = {name for name, count in Counter(names).items() if count > 1}
        longer = [
            f"{name} ({results.folder})" if name in shared else name
            for name, results in zip(names, self.results, strict=True)
        ]
        used = ["setting", *longer]  # the first is the name of a column of config_differences
        turns = [1 + used[: place + 1].count(name) for place, name in enumerate(longer)]
        pairs = zip(longer, turns, strict=True)
        return [name if turn == 1 else f"{name} #{turn}" for name, turn in pairs]

    @property
    def named(self) -> list[tuple[str, Results]]:
        """The sweeps with their unique names."""
        return list(zip(self.names, self.results, strict=True))

    @property
    def table(self) -> pd.DataFrame:
        """One row per sweep: hypervolume, cost and front.

        ``hypervolume_share`` is the hypervolume divided by the largest one.
        """
        rows = [_row(name, results) for name, results in self.named]
        largest = max((row["hypervolume"] or 0.0 for row in rows), default=0.0)
        for row in rows:
            known = largest > 0 and row["hypervolume"] is not None
            row["hypervolume_share"] = row["hypervolume"] / largest if known else None
        best, dense = f"best_{self.metric.name}", self.metric.baseline
        return frame(rows, COST | of("float", best, dense) | of("bool", "confirmed"))

    @property
    def config_differences(self) -> pd.DataFrame:
        """One row per setting that is not the same in all sweeps.

        Columns: ``setting``, and one per sweep with the value as JSON text, missing where a sweep
        does not have the setting.
        """
        flat = [dict(_flat(results.config)) for results in self.results]
        settings = list(dict.fromkeys(key for config in flat for key in config))
        rows = [
            {"setting": key, **{n: c.get(key) for n, c in zip(self.names, flat, strict=True)}}
            for key in settings
            if key != "name" and len({config.get(key) for config in flat}) > 1
        ]
        return frame(rows, of("text", "setting", *self.names))

    def attainment(self, level: float) -> FloatArray:
        """Corners (k, 2), in the order of ``directions``, of what ``level`` of the fronts attain.

        See :func:`attainment`. Raises ``ValueError`` unless there are exactly two objectives.
        """
        fronts = [objectives(results.front, self.directions) for results in self.results]
        return attainment(fronts, level, list(self.directions.values()))


def _check(one: Results, other: Results) -> None:
    if _judged_by(one.metric) != _judged_by(other.metric):
        raise Incomparable(
            f"{one.folder} and {other.folder} have different primary metrics "
            f"({_judged_by(one.metric)}; {_judged_by(other.metric)}): their fronts do not compare"
        )
    if one.directions != other.directions:
        raise Incomparable(
            f"{one.folder} and {other.folder} have different objectives ({_words(one.directions)}; "
            f"{_words(other.directions)}): their fronts do not compare"
        )
    a, b = one.reference_point, other.reference_point
    for name in a.keys() & b.keys() & one.directions.keys():
        if not math.isclose(a[name], b[name], rel_tol=1e-9, abs_tol=1e-12):
            raise Incomparable(
                f"{one.folder} and {other.folder} measure hypervolume from different reference "
                f"points ({name} {a[name]:g}; {name} {b[name]:g}): set search.reference in both"
            )


def _judged_by(metric: PrimaryMetric) -> str:
    return f"{metric.name} {metric.direction}{metric.unit and f', {metric.unit}'}"


def _words(directions: dict[str, str]) -> str:
    return ", ".join(f"{name} {way}" for name, way in directions.items())


def _row(name: str, results: Results) -> dict[str, Any]:
    front, cost, metric = results.front, results.cost, results.metric
    best = most(front, metric.name, largest=metric.direction == "max")
    return {
        "name": name,
        "folder": str(results.folder),
        "state": results.state,
        "hypervolume": results.hypervolume,
        "front_points": len(front),
        "trials": len(results.trials),
        "evaluations": len(results.candidates),
        "epochs": cost.epochs_spent,
        "epochs_saved": cost.epochs_saved,
        "seconds": cost.wall_seconds,
        "utilisation": cost.utilisation,
        f"best_{metric.name}": None if best is None else best[metric.name],
        metric.baseline: (results.baseline or {}).get(metric.name),
        "confirmed": results.confirmed,
    }


def _flat(config: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """The dotted path of each setting, and its value as JSON."""
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", json.dumps(value, default=str)


def attainment(fronts: Sequence[ArrayLike], level: float, directions: Sequence[str]) -> FloatArray:
    """The corners of the surface that at least ``level`` of the fronts attain, shape (k, 2).

    ``fronts`` has an array (n, 2) for each sweep; ``level`` is in (0, 1]: 0.5 gives the median
    surface, 0.25 the surface that the best quarter of the fronts reaches. A front attains a goal if
    one of its points is at least as good in both objectives. The corners are non-dominated and
    ordered by the first objective; there are none if too few fronts have a point. This is the
    empirical attainment function of Grunert da Fonseca, Fonseca and Hall (2001), from moocore.
    Raises ``ValueError`` for another level or other directions.

    >>> one, two = [[0.9, 0.5], [0.8, 0.7]], [[0.85, 0.6]]
    >>> attainment([one, two], 1.0, ["max", "max"])
    array([[0.8 , 0.6 ],
           [0.85, 0.5 ]])
    """
    import moocore

    if not 0 < level <= 1:
        raise ValueError(f"level must be in (0, 1], got {level}")
    if len(directions) != 2 or not set(directions) <= {"max", "min"}:
        raise ValueError(f"attainment needs two directions of 'max' or 'min', got {directions}")
    signs = np.array([-1.0 if way == "max" else 1.0 for way in directions])
    costs = [np.asarray(front, dtype=np.float64).reshape(-1, 2) * signs for front in fronts]
    costs = [front for front in costs if len(front)]
    needed = math.ceil(level * len(fronts) - 1e-9)
    if not costs or len(costs) < needed:
        return np.empty((0, 2))
    sets = np.repeat(np.arange(len(costs)), [len(front) for front in costs])
    share = 100 * (needed - 0.5) / len(costs)  # minus half a front: rounding cannot change it
    corners = moocore.eaf(np.concatenate(costs), sets=sets, percentiles=[share])[:, :2]
    found: FloatArray = np.unique(corners, axis=0) * signs + 0.0
    return found[np.argsort(found[:, 0])]
