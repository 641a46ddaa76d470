"""Rounding to a grid: hand-computed values, and properties that hold for all values."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sweep.compress.quantize.scheme import Scheme, fixed, int8, int8_scales

SCHEMES = [Scheme("fixed"), Scheme("fixed", 4, 4), Scheme("fixed", 24, 12), Scheme("int8")]
every_scheme = pytest.mark.parametrize("scheme", SCHEMES, ids=str)


def numbers(seed: int = 0, scale: float = 3.0) -> Tensor:
    return torch.randn(16, 33, generator=torch.Generator().manual_seed(seed)) * scale


def test_fixed_gives_hand_computed_values() -> None:
    """Four bits, one after the point: -4, -3.5, ..., 3.5; ties go to the even multiple."""
    given = [0.0, 0.2, 0.25, 0.26, 0.75, -0.25, -0.74, 3.4, 9.0, -4.0, -9.0]
    found = [0.0, 0.0, 0.0, 0.5, 1.0, 0.0, -0.5, 3.5, 3.5, -4.0, -4.0]
    assert fixed(torch.tensor(given), 4, 1).tolist() == found
    assert Scheme("fixed", 4, 1).bias(torch.tensor(given)).tolist() == found
    usual = fixed(torch.linspace(-20, 20, 100_001)).unique().tolist()  # as in the tutorial
    assert (len(usual), usual[0], usual[-1]) == (256, -8.0, 7.9375)
    assert {b - a for a, b in pairwise(usual)} == {1 / 16}


def test_int8_gives_hand_computed_values() -> None:
    """The largest value of a row becomes 127 steps; each row has its own step."""
    rows = torch.tensor([[254.0, -3.1, 0.9, -254.0], [0.0, 1.27, -0.012, 0.005]])
    step = torch.tensor(0.01).bfloat16().item()
    assert int8_scales(rows).flatten().tolist() == [2.0, step]
    expected = torch.tensor([[254.0, -4.0, 0.0, -254.0], [0.0, 127 * step, -step, 0.0]])
    assert torch.equal(int8(rows), expected)
    assert torch.equal(Scheme("int8").value(rows[1]), expected[1])  # independent of other rows
    assert Scheme("int8").bias(rows) is rows  # a bias stays a float


@every_scheme
def test_rounding_is_idempotent(scheme: Scheme) -> None:
    for seed, size in enumerate((1e-30, 1e-3, 0.05, 1.0, 70.0, 1e30)):
        once = scheme.value(numbers(seed, size))
        assert torch.equal(scheme.value(once), once)


@given(st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=1, max_size=40))
def test_the_error_of_int8_is_at_most_half_a_step(row: list[float]) -> None:
    x = torch.tensor(row)
    scale = int8_scales(x).double()
    steps = int8(x).double() / scale
    assert torch.equal(steps, steps.round()) and float(steps.abs().max()) <= 127
    # The largest grid value may lie 1 part in 512 below the largest input: a quarter of a step.
    assert bool(((int8(x).double() - x.double()).abs() <= 0.5001 * scale).all())


@given(st.integers(2, 24), st.data())
def test_fixed_gives_the_nearest_value_on_the_grid(width: int, data: st.DataObject) -> None:
    frac_width = data.draw(st.integers(0, width))
    x = data.draw(st.floats(-1e4, 1e4, width=32))
    found = fixed(torch.tensor([x]), width, frac_width).double().item()
    step, end = 2.0**-frac_width, 2.0 ** (width - 1 - frac_width)
    nearest = min(max(x, -end), end - step)
    assert (found / step).is_integer() and -end <= found <= end - step
    assert abs(found - nearest) <= step / 2


@every_scheme
def test_zero_stays_zero_and_no_sign_changes(scheme: Scheme) -> None:
    x = numbers() * (numbers(1) > 0)
    found = scheme.value(x)
    assert bool((found[x == 0] == 0).all()) and bool((found * x >= 0).all())
    assert not bool(scheme.value(torch.zeros(3, 4)).any())


@every_scheme
def test_the_gradient_passes_straight_through(scheme: Scheme) -> None:
    """The gradient of sum(value(x) * c) is c, also where x is outside the range of the grid."""
    x, c = numbers(scale=9.0).requires_grad_(), numbers(3)
    (scheme.value(x) * c).sum().backward()
    assert x.grad is not None and torch.equal(x.grad, c)
    with torch.no_grad():
        without = scheme.value(x)
    assert torch.equal(without, scheme.value(x))


def test_nan_and_infinity_do_not_become_finite() -> None:
    assert fixed(torch.tensor([float("nan")])).isnan().all()
    assert int8(torch.tensor([1.0, float("nan")])).isnan().all()
    assert int8(torch.tensor([1.0, float("inf")])).isnan().any()


def test_half_precision_is_rounded_in_full_precision() -> None:
    x = numbers().bfloat16()
    assert fixed(x).dtype == torch.bfloat16
    assert torch.equal(fixed(x).float(), fixed(x.float()))  # 8 bits fit
