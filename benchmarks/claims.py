"""How often is "certain at 95 %" false, and how often is it said where it is true?

    python -m benchmarks.claims [--worlds 2000] [--examples 1821] [--seed 0]

A world is a confirmed front: the answers of a dense model on test, and those of 5 or 14 points,
each retrained under 1 or 3 seeds. A point answers 3 % of the examples differently from dense, and
its true drop is known. The answers become records of a ledger, and the functions of the report
(`analysis.certainty.verdicts`: ``to_dense``, ``certain``) say which points are certain to be less
than one point below dense. A claim is *false* if the point is in truth at least that far below.

- *beyond*: the true drop of all points is 1.1 points. *mixed*: the denser half is as good as dense,
  the others are beyond. *any order*: the same, but the points that are beyond are drawn.
- *at the margin*: the true drop is exactly one point, the hardest case. All claims depend on the
  first point, so the last line has the probability for one point instead (computed, not drawn).
- *equal*: all points are as good as dense; the power is the share with any claim.
- *alike*: the share of the differing answers that all points and seeds have in common.
- *effect*: the standard deviation of the true drop over seeds, in points. The drop of a point is
  then the mean over seeds. With one seed a claim is about the one retrained model; the row *one
  seed* has the share of false ones if it is read as a claim about the settings, and is not in the
  last line.

The last column has the earlier rule: one test at 5 % for each point. The last line has the largest
share of false claims of points that are beyond, and the smallest power.
"""

from __future__ import annotations

import argparse
import base64
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import multinomial

from analysis.certainty.paired import tango_low
from analysis.certainty.verdicts import MARGIN, certain, to_dense
from sweep.ledger.metric import PrimaryMetric

ACCURACY = 0.9
"""Of the dense model."""
DISCORDANT = 0.03
"""The share of examples that a point answers differently from dense."""

BEYOND = 1.1 * MARGIN
"""The drop of a point that is beyond the margin."""


@dataclass(frozen=True)
class Front:
    """What the worlds of a row have in common. ``drops``, shape (points,), are shares."""

    name: str
    drops: NDArray[np.float64]
    seeds: int
    alike: float = 0.0
    effect: float = 0.0
    is_shuffled: bool = False


@dataclass(frozen=True)
class Found:
    """Shares of the worlds: with a false claim, with any claim, with a claim for the sparsest."""

    false: float
    any: float
    sparsest: float
    false_alone: float
    """With a false claim if each point has a test of its own."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.claims")
    parser.add_argument("--worlds", type=int, default=2000, help="of each row")
    parser.add_argument("--examples", type=int, default=1821, help="of the test split")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print("world         points seeds alike effect   false claimed sparsest | false, one test each")
    worst, least = 0.0, 1.0
    for front in fronts():
        found = shares(front, given.worlds, given.examples, np.random.default_rng(given.seed))
        print(
            f"{front.name:13} {len(front.drops):6} {front.seeds:5} {front.alike:5} "
            f"{100 * front.effect:6.1f} {found.false:7.1%} {found.any:7.1%} {found.sparsest:8.1%} "
            f"| {found.false_alone:.1%}",
            flush=True,
        )
        if front.name == "equal":
            least = min(least, found.any)
        elif front.name in ("beyond", "mixed", "any order"):
            worst = max(worst, found.false)
    exact = false_alone(given.examples)
    print(f"false_claims_at_most={worst:.3f} of_one_point={exact:.4f} power_at_least={least:.3f}")


def fronts() -> Iterator[Front]:
    """The rows of the table; the last ones are those of the power."""
    kinds = ((1, 0.0, 0.0), (3, 0.0, 0.0), (3, 0.5, 0.0), (3, 1.0, 0.0), (3, 0.5, 0.005))
    for points, (seeds, alike, effect) in product((5, 14), kinds):
        half = np.where(np.arange(points) < points // 2, 0.0, BEYOND)
        rest = seeds, alike, effect
        yield Front("beyond", np.full(points, BEYOND), *rest)
        yield Front("mixed", half, *rest)
        yield Front("any order", half, *rest, is_shuffled=True)
    yield Front("one seed", np.full(5, MARGIN), 1, 0.5, 0.005)
    for seeds, alike, effect in kinds:
        yield Front("at the margin", np.full(5, MARGIN), seeds, alike, effect)
    for seeds, alike, effect in kinds[:4]:
        yield Front("equal", np.zeros(5), seeds, alike, effect)


def shares(front: Front, worlds: int, examples: int, draw: np.random.Generator) -> Found:
    """What the report would say of so many fronts."""
    metric, sparsity = PrimaryMetric(), np.linspace(0.3, 0.95, len(front.drops))
    everywhere = np.ones(len(sparsity), dtype=np.bool_)
    rows = []
    for _ in range(worlds):
        drops = draw.permutation(front.drops) if front.is_shuffled else front.drops
        dense = draw.random(examples) < ACCURACY
        theirs = record(dense)
        points = retrained(front, drops, dense, draw)
        against = [to_dense([*map(record, answers)], theirs, metric) for answers in points]
        most_drop = np.array([-one.low for one in against])
        sure = certain(most_drop, sparsity, everywhere, MARGIN)
        is_false, alone = drops >= MARGIN, most_drop < MARGIN
        rows.append((any(sure & is_false), any(sure), sure[-1], any(alone & is_false)))
    return Found(*np.mean(rows, axis=0).tolist())


def retrained(
    front: Front, drops: NDArray[np.float64], dense: NDArray[np.bool_], draw: np.random.Generator
) -> Iterator[NDArray[np.bool_]]:
    """The answers of each point, shape (seeds, examples).

    Each example has a chance to be lost, if dense answers it right, or else to be won.
    """
    common, is_common = draw.random(len(dense)), draw.random(len(dense)) < front.alike
    for drop in drops:
        chance = np.where(is_common, common, draw.random((front.seeds, len(dense))))
        drop_of_seed = draw.normal(drop, front.effect, (front.seeds, 1))
        discordant = np.maximum(DISCORDANT, np.abs(drop_of_seed))
        lost = (discordant + drop_of_seed) / 2 / ACCURACY
        won = (discordant - drop_of_seed) / 2 / (1 - ACCURACY)
        yield np.where(dense, chance >= lost, chance < won)


def false_alone(examples: int) -> float:
    """The probability of a claim for one point that is exactly at the margin, under one seed."""
    shares = (DISCORDANT - MARGIN) / 2, (DISCORDANT + MARGIN) / 2
    won, lost = (np.arange(math.ceil(examples * p + 9 * (examples * p) ** 0.5)) for p in shares)
    pairs = [(a, b) for a in won for b in lost if a + b <= examples]
    passed = [(a, b, examples - a - b) for a, b in pairs if tango_low(a, b, examples) > -MARGIN]
    return float(multinomial(examples, [*shares, 1 - DISCORDANT]).pmf(passed).sum())


def record(answers: NDArray[np.bool_]) -> Any:
    """The event of a model with these answers, as in a ledger."""
    packed = base64.b64encode(np.packbits(answers).tobytes()).decode("ascii")
    figures = {"correct": int(answers.sum()), "examples": len(answers), "correct_bits": packed}
    return figures | {"accuracy": float(answers.mean())}


if __name__ == "__main__":
    main()
