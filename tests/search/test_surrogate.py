"""The Gaussian process against its textbook formulas, computed another way."""

from __future__ import annotations

import numpy as np
import pytest

from sweep.search.surrogate import Shape, Surrogate

SHAPE = Shape(lengths=np.array([0.3, 0.7]), alike=np.array([0.5]), variance=np.array([2.0]))


def points(count: int, seed: int) -> np.ndarray:
    """Two numbers and a choice each."""
    random = np.random.default_rng(seed)
    return np.hstack([random.random((count, 2)), random.integers(0, 2, (count, 1))])


def kernel(one: np.ndarray, other: np.ndarray, shape: Shape = SHAPE) -> np.ndarray:
    """Matern 5/2 pair by pair."""
    found = np.empty((len(one), len(other)))
    for i in range(len(one)):
        for j in range(len(other)):
            r = np.linalg.norm((one[i, :2] - other[j, :2]) / shape.lengths) * 5**0.5
            alike = shape.alike[0] if one[i, 2] != other[j, 2] else 1.0
            found[i, j] = shape.variance[0] * (1 + r + r**2 / 3) * np.exp(-r) * alike
    return found


def model(count: int = 12, noise: float = 0.01) -> tuple[Surrogate, np.ndarray, np.ndarray]:
    inputs = points(count, 0)
    values = np.sin(4 * inputs[:, 0]) + 0.3 * inputs[:, 2]
    return Surrogate(inputs, values, np.full(count, noise), SHAPE), inputs, values


def test_the_posterior_is_that_of_the_matrix_formulas() -> None:
    surrogate, inputs, values = model()
    new = points(5, 1)
    inverse = np.linalg.inv(kernel(inputs, inputs) + (0.01 + 1e-9) * np.eye(len(inputs)))
    across = kernel(inputs, new)
    mean, deviation = surrogate.predict(new)
    assert mean == pytest.approx(values.mean() + across.T @ inverse @ (values - values.mean()))
    variance = np.diag(kernel(new, new) - across.T @ inverse @ across)
    assert deviation == pytest.approx(np.sqrt(variance))


def test_a_fit_never_makes_the_data_less_likely() -> None:
    surrogate, inputs, values = model()
    centred = values - values.mean()

    def likelihood(shape: Shape) -> float:
        covariance = kernel(inputs, inputs, shape) + (0.01 + 1e-9) * np.eye(len(inputs))
        _, size = np.linalg.slogdet(covariance)
        return float(-0.5 * (centred @ np.linalg.solve(covariance, centred) + size))

    before = likelihood(surrogate.shape)
    surrogate.fit()
    assert likelihood(surrogate.shape) > before


def test_a_belief_changes_no_mean_and_lowers_the_deviation_there() -> None:
    surrogate, _, _ = model()
    running, elsewhere = points(3, 2), points(40, 3)
    expected, unsure = surrogate.predict(running)
    believed, predicted = surrogate.believe(running, noise=1e-4)
    assert predicted == pytest.approx(expected)
    mean, surer = believed.predict(running)
    assert mean == pytest.approx(expected, abs=1e-6)
    assert (surer < unsure).all()
    assert believed.predict(elsewhere)[0] == pytest.approx(surrogate.predict(elsewhere)[0])
