"""Two models on the same examples: only the examples that one alone gets right tell them apart.

Throughout, ``only_a`` and ``only_b`` are numbers of examples that a alone, b alone gets right, and
``examples`` of all examples, those included.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.certainty.answers import BoolArray
from analysis.certainty.statistics import quantile, wilson

RESAMPLES, LEVEL = 10_000, 0.95


def mcnemar(only_a: int, only_b: int) -> float:
    """p-value of the exact McNemar test (1947) that both are right equally often; two-sided.

    Of the examples that tell a and b apart, a's share is then that of fair coin tosses. 1 where
    nothing tells them apart.

    >>> print(f"{mcnemar(2, 10):.4f}")
    0.0386
    """
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))


def paired_bootstrap(
    only_a: int, only_b: int, examples: int, generator: np.random.Generator
) -> tuple[float, float]:
    """95 % percentile interval of accuracy(a) - accuracy(b) under resampled examples; in [-1, 1].

    The paired bootstrap (Efron and Tibshirani, 1993, section 13.3). An example counts as +1, -1 or
    0, so drawing the three numbers at once is the same as drawing the examples one by one.
    """
    shares = np.array([only_a, only_b, examples - only_a - only_b]) / examples
    drawn = generator.multinomial(examples, shares, size=RESAMPLES)
    differences = (drawn[:, 0] - drawn[:, 1]) / examples
    low, high = np.quantile(differences, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def tango_low(only_a: float, only_b: float, examples: float, level: float = 0.95) -> float:
    """One-sided lower bound of accuracy(a) - accuracy(b), in [-1, 1]: Tango's score bound (1998).

    The least difference that the score test does not reject at ``level``. Unlike a bootstrap it
    does not turn to 0 when the examples at hand happen not to tell a and b apart. The numbers may
    be means over several seeds.

    >>> print(f"{tango_low(0, 0, 100):.4f} {tango_low(30, 20, 1000):.4f}")
    -0.0263 -0.0017
    """
    z = quantile(2 * level - 1)
    low, high = -1.0, (only_a - only_b) / examples
    # By halves: the root finders of scipy ask for the ends, where the statistic may not be defined.
    while low < (middle := (low + high) / 2) < high:
        if _score(only_a, only_b, examples, middle) > z:
            low = middle
        else:
            high = middle
    return middle


def _score(a: float, b: float, n: float, difference: float) -> float:
    """Tango's statistic of the hypothesis that the difference is ``difference``."""
    # The likeliest share of examples that b alone gets right, given the difference.
    half = -a - b + (2 * n - a + b) * difference
    root = math.sqrt(max(half * half + 8 * n * b * difference * (1 - difference), 0.0))
    only_b = max((root - half) / (4 * n), 0.0)
    variance = n * (2 * only_b + difference * (1 - difference))
    gap = a - b - n * difference
    return gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap)


def unpaired_low(
    correct_a: float, examples_a: float, correct_b: float, examples_b: float, level: float = 0.95
) -> float:
    """One-sided lower bound of accuracy(a) - accuracy(b) where answers are not known one by one.

    Newcombe's (1998) method 10, from two Wilson intervals: as if a and b had been given different
    examples, which is safe, and wider than pairs for models that err alike.

    >>> print(f"{unpaired_low(890, 1000, 900, 1000):.4f}")
    -0.0326
    """
    low, _ = wilson(correct_a, examples_a, 2 * level - 1)
    _, high = wilson(correct_b, examples_b, 2 * level - 1)
    a, b = correct_a / examples_a, correct_b / examples_b
    return a - b - math.hypot(a - float(low), float(high) - b)


@dataclass(frozen=True)
class Paired:
    """Two models compared on the same examples."""

    a: str
    b: str
    split: str
    """The examples: validation | test."""
    examples: int
    only_a: int
    """Examples that a gets right and b wrong."""
    only_b: int
    difference: float
    """accuracy(a) - accuracy(b), a share."""
    low: float
    """Its 95 % interval by the paired bootstrap."""
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
            f"{self.p_value:.3g}; {self.only_a:,} examples only {self.a} gets right, "
            f"{self.only_b:,} only {self.b})."
        )


def discordant(a: BoolArray, b: BoolArray) -> tuple[int, int]:
    """Numbers of examples that a alone and b alone gets right.

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
    """Compare two models, each a name and its answers, shape (examples,), to the same examples.

    Raises ``ValueError`` for different numbers of examples, or none.
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
