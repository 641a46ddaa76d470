"""A Gaussian process over params and epochs, which predicts a metric and its uncertainty.

:class:`Encoding` turns params and epochs into points. :class:`Surrogate` is the process over points
(Rasmussen and Williams 2006, chapter 2), with a Matern 5/2 kernel over numbers, and a constant
factor for each choice that differs. The hyperparameters are found by coordinate search on the
marginal likelihood (chapter 5), with fixed steps and without a random start, so the same data give
the same model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import ndtr

from sweep.space.domains import Choice, Constant, Domain
from sweep.space.params import FIDELITY

Array = NDArray[np.float64]

UNKNOWN = -1
"""The index of a choice that is inactive."""

SPARSITIES = ("sparsity", "activation_sparsity")

STEPS = {"lengths": (0.5, 2.0, 0.71, 1.41), "alike": (0.4, 1.5), "variance": (0.4, 2.5)}
"""Factors by which the search tries to change each hyperparameter, each once."""


class Encoding:
    """The searched parameters of a space, and the epoch, as numbers in [0, 1] and choices.

    A log range is linear on its log scale. A sparsity s becomes log(1 / (1 - s)), the log of the
    factor by which the weights shrink: metrics fall steeply near the sparse end, and on this scale
    0.97 and 0.99 are as far apart as 0.5 and 0.83. An epoch becomes log(1 + epoch), since the first
    epochs matter most. An inactive parameter takes the middle of its range.
    """

    def __init__(self, space: Mapping[str, Domain], most_epochs: int) -> None:
        searched = {
            name: domain
            for name, domain in space.items()
            if not isinstance(domain, Constant) and name not in (FIDELITY, "seed")
        }
        self._choices = {
            name: {value: index for index, value in enumerate(domain.values)}
            for name, domain in searched.items()
            if isinstance(domain, Choice) and any(isinstance(v, str) for v in domain.values)
        }
        self._ends = {n: _ends(d) for n, d in searched.items() if n not in self._choices}
        self._ranges = {n for n, d in searched.items() if not isinstance(d, Choice)}
        self._most = math.log1p(max(most_epochs, 1))

    def shape(self) -> Shape:
        """The initial hyperparameters, for values of variance 1."""
        lengths = {"sparsity": 0.3, FIDELITY: 0.7}
        return Shape(
            lengths=np.array([lengths.get(name, 0.5) for name in (*self._ends, FIDELITY)]),
            alike=np.full(len(self._choices), 0.6),
            variance=np.ones(1),
        )

    def points(self, evaluations: Sequence[tuple[Mapping[str, Any], int]]) -> Array:
        """n evaluations, each of params after a finetune epoch, as n points (n, d + c).

        A point has d numbers in [0, 1], then c choices as indices.
        """
        return np.array([self._row(*one) for one in evaluations], dtype=float)

    def share(self, name: str, value: float) -> float | None:
        """The position of a value in its range, in [0, 1]; None for a parameter without a range."""
        return _share(float(value), *self._ends[name]) if name in self._ranges else None

    def _row(self, params: Mapping[str, Any], epoch: int) -> list[float]:
        numbers = [
            0.5 if params.get(name) is None else self._coordinate(name, float(params[name]))
            for name in self._ends
        ]
        choices = [
            known.get(params.get(name, ""), UNKNOWN) for name, known in self._choices.items()
        ]
        return [*numbers, math.log1p(epoch) / self._most, *choices]

    def _coordinate(self, name: str, value: float) -> float:
        low, high, log = self._ends[name]
        if name in SPARSITIES:
            value, low, high = (-math.log1p(-share) for share in (value, low, high))
        return _share(value, low, high, log and name not in SPARSITIES)


@dataclass(frozen=True)
class Shape:
    """The hyperparameters, each in (0, inf), ``alike`` below 1.

    ``lengths`` (d,) of the numbers; ``alike`` (c,), the correlation of two different choices;
    ``variance`` (1,).
    """

    lengths: Array
    alike: Array
    variance: Array

    def changed(self, part: str, index: int, factor: float) -> Shape:
        """The same but for one hyperparameter."""
        values = getattr(self, part).copy()
        values[index] *= factor
        if part == "alike":
            values[index] = min(values[index], 0.98)
        return replace(self, **{part: values})


class Surrogate:
    """The posterior given values (n,) at points (n, d + c), each with a noise variance (n,).

    ``mean`` is the prior mean; by default the mean of the values.
    """

    def __init__(
        self,
        points: Array,
        values: Array,
        noise: Array,
        shape: Shape,
        mean: float | None = None,
    ) -> None:
        self._points, self._values, self._noise = points, values, noise
        self._mean = float(values.mean()) if mean is None else mean
        self._apart = _distances(points, points, shape)
        self._condition(shape)

    def _condition(self, shape: Shape) -> float:
        """Set the hyperparameters; returns the log marginal likelihood, up to a constant."""
        covariance = _covariance(*self._apart, shape)
        covariance[np.diag_indices_from(covariance)] += self._noise + 1e-9
        self.shape, self._root = shape, np.linalg.cholesky(covariance)
        self._weights = solve_triangular(self._root, self._values - self._mean, lower=True)
        fit, size = self._weights @ self._weights, np.log(np.diag(self._root)).sum()
        return float(-0.5 * fit - size)

    def fit(self) -> None:
        """Change one hyperparameter after another wherever this raises the likelihood."""
        best, found = self._condition(self.shape), self.shape
        for part, factors in STEPS.items():
            for index, factor in product(range(len(getattr(found, part))), factors):
                changed = found.changed(part, index, factor)
                likelihood = self._condition(changed)
                if likelihood > best:
                    best, found = likelihood, changed
        self._condition(found)

    def believe(self, points: Array, noise: float) -> tuple[Surrogate, Array]:
        """The process with its own predictions at ``points`` as observations; and the predictions.

        The kriging believer of Ginsbourger et al. (2010), for trials that are still running.
        """
        expected, _ = self.predict(points)
        values = np.concatenate([self._values, expected])
        noises = np.concatenate([self._noise, np.full(len(points), noise)])
        joined = np.vstack([self._points, points])
        return Surrogate(joined, values, noises, self.shape, self._mean), expected

    def predict(self, points: Array) -> tuple[Array, Array]:
        """Mean and standard deviation at m points, each (m,); without the noise of a record."""
        across = _covariance(*_distances(self._points, points, self.shape), self.shape)
        pulled = solve_triangular(self._root, across, lower=True)
        variance = self.shape.variance - np.einsum("ij,ij->j", pulled, pulled)
        return self._mean + pulled.T @ self._weights, np.sqrt(np.maximum(variance, 1e-10))


def staircase(heights: Array, widths: Array, floor: float) -> Array:
    """The front of points (height, width in [0, 1]) as steps, shape (k, 3): from, to, height.

    ``floor`` is the least height of a step, and the height beyond the widest point.
    """
    by_width = np.argsort(widths, kind="stable")
    ends = widths[by_width]
    tops = np.maximum.accumulate(heights[by_width][::-1])[::-1]
    starts = np.concatenate([[0.0], ends])
    return np.column_stack(
        [starts, np.append(ends, 1.0), np.maximum(np.append(tops, floor), floor)]
    )


def improvement(mean: Array, deviation: Array, width: Array, steps: Array) -> Array:
    """Expected growth of the area under the :func:`staircase` by each of m points, (m,)."""
    low, high, height = steps.T
    reach = np.clip(np.minimum(width[:, None], high) - low, 0, None)
    z = (mean[:, None] - height) / deviation[:, None]
    density = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    gain = deviation[:, None] * (z * ndtr(z) + density)
    return np.asarray((reach * gain).sum(axis=1))


def _distances(one: Array, other: Array, shape: Shape) -> tuple[Array, NDArray[np.bool_]]:
    """Squared differences of the numbers (d, n, m), and whether the choices differ (c, n, m)."""
    apart, count = one.T[:, :, None] - other.T[:, None, :], len(shape.lengths)
    return apart[:count] ** 2, apart[count:] != 0


def _covariance(squares: Array, differ: NDArray[np.bool_], shape: Shape) -> Array:
    r = np.sqrt(5 * np.tensordot(shape.lengths**-2, squares, axes=1))
    found: Array = shape.variance * (1 + r + r * r / 3) * np.exp(-r)
    for differs, alike in zip(differ, shape.alike, strict=True):
        found *= 1 - (1 - alike) * differs
    return found


def _ends(domain: Domain) -> tuple[float, float, bool]:
    """Lowest, highest, whether on a log scale."""
    if isinstance(domain, Choice):
        values = [float(value) for value in domain.values]
        return min(values), max(values), False
    assert not isinstance(domain, Constant)
    return float(domain.low), float(domain.high), domain.log


def _share(value: float, low: float, high: float, log: bool) -> float:
    if low == high:
        return 0.5
    if log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return (value - low) / (high - low)
