"""Two models on the same examples: they differ in the examples that only one of them answers right.

In this module ``only_a`` and ``only_b`` are the numbers of examples that only model a, or only
model b, answers right; ``examples`` is the number of all examples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.certainty.statistics import quantile
from sweep.pareto import BoolArray

RESAMPLES, LEVEL = 10_000, 0.95


def mcnemar(only_a: int, only_b: int) -> float:
    """Two-sided p-value of the exact McNemar test (1947) that both are right equally often.

    Under that hypothesis, ``only_a`` of ``only_a + only_b`` is binomial with probability one half.
    The p-value is 1 if both numbers are 0.

    >>> print(f"{mcnemar(2, 10):.4f}")
    0.0386
    """
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))


def paired_bootstrap(
    only_a: int, only_b: int, examples: int, generator: np.random.Generator
) -> tuple[float, float]:
    """95 % percentile interval of accuracy(a) - accuracy(b) over resampled examples; in [-1, 1].

    This is the paired bootstrap (Efron and Tibshirani, 1993, section 13.3). An example counts as
    +1, -1 or 0, so drawing the three numbers at once is equivalent to drawing single examples.
    """
    shares = np.array([only_a, only_b, examples - only_a - only_b]) / examples
    drawn = generator.multinomial(examples, shares, size=RESAMPLES)
    differences = (drawn[:, 0] - drawn[:, 1]) / examples
    low, high = np.quantile(differences, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def tango_low(only_a: float, only_b: float, examples: float, level: float = 0.95) -> float:
    """One-sided lower bound of accuracy(a) - accuracy(b), in [-1, 1]: Tango's score bound (1998).

    It is the smallest difference that the score test does not reject at ``level``. Unlike the bound
    of a bootstrap, it is not 0 if a and b have the same answers. The numbers may be means over
    several seeds.

    >>> print(f"{tango_low(0, 0, 100):.4f} {tango_low(30, 20, 1000):.4f}")
    -0.0263 -0.0017
    """
    z = quantile(2 * level - 1)
    low, high = -1.0, (only_a - only_b) / examples
    # Bisection: the root finders of scipy evaluate the ends, where the statistic may be undefined.
    while low < (middle := (low + high) / 2) < high:
        if _score(only_a, only_b, examples, middle) > z:
            low = middle
        else:
            high = middle
    return middle


def _score(a: float, b: float, n: float, difference: float) -> float:
    """Tango's statistic of the hypothesis that the difference is ``difference``."""
    # The maximum-likelihood share of examples that only b answers right, given the difference.
    half = -a - b + (2 * n - a + b) * difference
    root = math.sqrt(max(half * half + 8 * n * b * difference * (1 - difference), 0.0))
    only_b = max((root - half) / (4 * n), 0.0)
    variance = n * (2 * only_b + difference * (1 - difference))
    gap = a - b - n * difference
    return gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap)


@dataclass(frozen=True)
class Paired:
    """Two models compared on the same examples."""

    a: str
    b: str
    split: str
    """The examples: validation | test."""
    examples: int
    only_a: int
    """The number of examples that only a answers right."""
    only_b: int
    difference: float
    """accuracy(a) - accuracy(b), a share."""
    low: float
    """The lower end of its 95 % interval, by the paired bootstrap."""
    high: float
    p_value: float
    """McNemar's exact test that they are equally accurate; not corrected for other comparisons."""

    @property
    def text(self) -> str:
        """The comparison in a sentence."""
        side = "more" if self.difference >= 0 else "less"
        return (
            f"On {self.examples:,} {self.split} examples {self.a} is "
            f"{100 * abs(self.difference):.2f} points {side} accurate than {self.b} (95 % interval "
            f"of the difference {100 * self.low:+.2f} to {100 * self.high:+.2f}, McNemar p = "
            f"{self.p_value:.3g}; {self.only_a:,} examples are answered right by {self.a} only, "
            f"{self.only_b:,} by {self.b} only)."
        )


def discordant(a: BoolArray, b: BoolArray) -> tuple[int, int]:
    """The numbers of examples that only a, and only b, answers right.

    >>> discordant(np.array([True, True, False]), np.array([True, False, False]))
    (1, 0)
    """
    return int((a & ~b).sum()), int((b & ~a).sum())


def compare(
    a: tuple[str, BoolArray],
    b: tuple[str, BoolArray],
    split: str,
    generator: np.random.Generator,
) -> Paired:
    """Compare two models, each given as its name and its answers, shape (examples,).

    Raises ``ValueError`` if the numbers of examples differ or are 0.
    """
    examples = len(a[1])
    if examples != len(b[1]) or not examples:
        raise ValueError(f"{a[0]} and {b[0]} answered {examples} and {len(b[1])} examples")
    only_a, only_b = discordant(a[1], b[1])
    low, high = paired_bootstrap(only_a, only_b, examples, generator)
    return Paired(
        a=a[0],
        b=b[0],
        split=split,
        examples=examples,
        only_a=only_a,
        only_b=only_b,
        difference=(only_a - only_b) / examples,
        low=low,
        high=high,
        p_value=mcnemar(only_a, only_b),
    )
