"""A Gaussian process over params and epochs: what an accuracy is likely to be, and how surely.

Rasmussen and Williams (2006), chapter 2. Matern 5/2 over the numbers, a constant factor for each
choice that differs. The hyperparameters are found by a short walk over fixed steps of the marginal
likelihood (chapter 5), without a start of chance or state: the same data, the same model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

Array = NDArray[np.float64]

STEPS = (0.5, 2.0, 0.71, 1.41)
"""Factors by which the walk tries to change a length scale, each once."""

VARIANCE_STEPS = (0.4, 2.5)
ALIKE_STEPS = (0.4, 1.5)


@dataclass(frozen=True)
class Inputs:
    """n points: ``numbers`` (n, d) in [0, 1], ``choices`` (n, c) as indices."""

    numbers: Array
    choices: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.numbers)

    def join(self, other: Inputs) -> Inputs:
        """These and then the others."""
        return Inputs(
            np.vstack([self.numbers, other.numbers]), np.vstack([self.choices, other.choices])
        )


@dataclass(frozen=True)
class Shape:
    """``lengths`` (d,) of the numbers; ``alike`` (c,), the correlation over a differing choice."""

    lengths: Array
    alike: Array
    variance: float


class Surrogate:
    """The posterior given values (n,) at inputs, each with a noise variance (n,)."""

    def __init__(self, inputs: Inputs, values: Array, noise: Array, shape: Shape) -> None:
        self._inputs, self._values, self._noise = inputs, values, noise
        self._mean = float(values.mean())
        self._apart = _Apart.of(inputs, inputs)
        self._condition(shape)

    def _condition(self, shape: Shape) -> float:
        """Take ``shape``; returns the log marginal likelihood, up to a constant."""
        covariance = self._apart.covariance(shape)
        covariance[np.diag_indices_from(covariance)] += self._noise + 1e-9
        self.shape, self._root = shape, np.linalg.cholesky(covariance)
        self._weights = solve_triangular(self._root, self._values - self._mean, lower=True)
        fit, size = self._weights @ self._weights, np.log(np.diag(self._root)).sum()
        return float(-0.5 * fit - size)

    def fit(self) -> None:
        """Walk over the hyperparameters, one after the other, uphill."""
        best, found = self._condition(self.shape), self.shape
        for part, index, factor in _walk(found):
            changed = _changed(found, part, index, factor)
            likelihood = self._condition(changed)
            if likelihood > best:
                best, found = likelihood, changed
        self._condition(found)

    def believe(self, inputs: Inputs, noise: float) -> tuple[Surrogate, Array]:
        """As if what it expects at ``inputs`` had come true there; and those expectations.

        The kriging believer of Ginsbourger et al. (2010): for trials that are still running.
        """
        expected, _ = self.predict(inputs)
        believed = Surrogate.__new__(Surrogate)
        believed._inputs = self._inputs.join(inputs)
        believed._values = np.concatenate([self._values, expected])
        believed._noise = np.concatenate([self._noise, np.full(len(inputs), noise)])
        believed._mean = self._mean
        believed._apart = _Apart.of(believed._inputs, believed._inputs)
        believed._condition(self.shape)
        return believed, expected

    def predict(self, inputs: Inputs) -> tuple[Array, Array]:
        """Mean and standard deviation at m points, each (m,); without the noise of a record."""
        across = _Apart.of(self._inputs, inputs).covariance(self.shape)
        pulled = solve_triangular(self._root, across, lower=True)
        variance = self.shape.variance - np.einsum("ij,ij->j", pulled, pulled)
        return self._mean + pulled.T @ self._weights, np.sqrt(np.maximum(variance, 1e-10))


@dataclass(frozen=True)
class _Apart:
    """Squared differences of the numbers (d, n, m) and whether the choices differ (c, n, m)."""

    squares: Array
    differ: NDArray[np.bool_]

    @classmethod
    def of(cls, one: Inputs, other: Inputs) -> _Apart:
        numbers = one.numbers.T[:, :, None] - other.numbers.T[:, None, :]
        return cls(numbers**2, one.choices.T[:, :, None] != other.choices.T[:, None, :])

    def covariance(self, shape: Shape) -> Array:
        scaled = np.tensordot(shape.lengths**-2, self.squares, axes=1)
        r = np.sqrt(5 * scaled)
        found: Array = shape.variance * (1 + r + r * r / 3) * np.exp(-r)
        for differs, alike in zip(self.differ, shape.alike, strict=True):
            found *= 1 - (1 - alike) * differs
        return found


def _walk(shape: Shape) -> list[tuple[str, int, float]]:
    lengths = [("lengths", i, f) for i in range(len(shape.lengths)) for f in STEPS]
    alike = [("alike", i, f) for i in range(len(shape.alike)) for f in ALIKE_STEPS]
    return [*lengths, *alike, *(("variance", 0, f) for f in VARIANCE_STEPS)]


def _changed(shape: Shape, part: str, index: int, factor: float) -> Shape:
    if part == "variance":
        return replace(shape, variance=shape.variance * factor)
    values = getattr(shape, part).copy()
    values[index] *= factor
    if part == "alike":
        values[index] = min(values[index], 0.98)
    return replace(shape, **{part: values})
