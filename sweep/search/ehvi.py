"""Our own sampler: expected hypervolume improvement per epoch, where sparsity is known beforehand.

General samplers model all objectives from the params. Here one of the two, sparsity, *is* a param,
and every record of every trial tells what the other one, accuracy, is after so many epochs. So one
Gaussian process (`sweep.search.surrogate`) over params and epoch learns accuracy from all records,
and for a candidate of sparsity s with the accuracy N(mu, sd^2) the expected growth of the
hypervolume (Emmerich et al. 2006) is a sum in closed form over the steps of the front's staircase:

    sum over steps [lo, hi) at accuracy f of (min(s, hi) - lo) * E[max(0, N(mu, sd^2) - f)]

The front's steps are the posterior means at what was observed, not the lucky values. The score of a
candidate is that growth divided by its cost, ``OVERHEAD`` + its epochs (as in cost-aware Bayesian
optimisation, Snoek et al. 2012), so few epochs are asked for until more are likely to pay. Running
trials count as if they had come out as expected (a kriging believer), so that a thousand workers
do not all ask for the same.

A proposal looks at no more than :data:`SEEN` records (the front so far, the newest) and
:data:`BELIEVED` running trials, so its time is bounded. Until :data:`SPREAD` trials have a record,
trials come from the even spread of `sweep.search.startup`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np
from scipy.special import ndtr
from scipy.stats import qmc
from threadpoolctl import ThreadpoolController

from sweep.ledger.record import figure
from sweep.search.samplers import Window
from sweep.search.startup import spread_shares, value_at
from sweep.search.surrogate import Array, Encoding, Shape, Spot, Surrogate
from sweep.space.active import active, order
from sweep.space.domains import Constant, Domain, Int
from sweep.space.params import FIDELITY
from sweep.space.params import Params as Whole

ACCURACY = {"accuracy": 1.0, "accuracy_drop": -1.0}
"""The objectives that it models, with the sign that makes more better."""

SPREAD = 8
SEEN = 80
BELIEVED = 32
CANDIDATES, NEIGHBOURS = 128, 64
REACHES = (0.1, 0.03, 0.01)
"""How far neighbours lie off, as a share of each range (a standard deviation)."""

OVERHEAD = 15.0
"""What a trial costs beside its epochs, in epochs: pruning, evaluations, a worker's turn.

More than the clock says: chosen, like ``REACHES``, by the epochs that replayed searches needed
(`benchmarks.search`; docs/results.md has what was tried).
"""

STARTUP_POWER = 3.0
"""Before anything is known, e epochs are asked for with odds of (OVERHEAD + e)^-STARTUP_POWER."""

NOISE = 2.0
"""Variance of a record over the binomial one of its examples: seeds differ too."""

Params = dict[str, Any]


class Ehvi:
    """A fold over trials and their records; :meth:`propose` changes nothing.

    ``objectives``: accuracy (max) or accuracy_drop (min), and sparsity (max).
    """

    def __init__(self, space: Mapping[str, Domain], objectives: Mapping[str, str]) -> None:
        self._space, self._names = dict(space), order(space)
        self._accuracy = next(name for name in ACCURACY if name in objectives)
        self._epochs = _epochs(space[FIDELITY])
        self._encoding = Encoding(space, max(self._epochs))
        self._running: dict[int, Params] = {}
        self._reported: set[int] = set()
        self._places: set[tuple[int, int]] = set()  # trial, epoch
        self._records: list[tuple[Spot, float, float, float]] = []  # accuracy, sparsity, noise
        self._window = Window(dict.fromkeys(("accuracy", "sparsity"), "max"), SEEN, 0)
        self._libraries = ThreadpoolController()

    @property
    def is_ready(self) -> bool:
        """Whether enough trials have a record."""
        return len(self._reported) >= SPREAD

    def begin(self, number: int, params: Params) -> None:
        """A trial is running."""
        self._running[number] = params

    def end(self, number: int) -> None:
        """A trial is over."""
        self._running.pop(number, None)

    def observe(self, trial: int, params: Params, record: Mapping[str, Any]) -> None:
        """Take in a record of a trial, once; one without finite objectives is passed by.

        A record without an epoch is that after the last one.
        """
        value, sparsity = figure(record, self._accuracy), figure(record, "sparsity")
        place = trial, int(record.get("epoch", _last(params)))
        if place in self._places or value is None or sparsity is None:
            return
        value *= ACCURACY[self._accuracy]
        share = min(max(float(record.get("accuracy", 0.5)), 0.05), 0.95)
        noise = NOISE * share * (1 - share) / max(int(record.get("examples", 100)), 1)
        self._window.end(len(self._records), [value, sparsity], feasible=True)
        self._records.append(((params, place[1]), value, sparsity, noise))
        self._places.add(place)
        self._reported.add(trial)

    def spread(self, seed: int, number: int) -> Params:
        """One of 16 evenly spread points, before anything is known; few epochs are likelier."""
        shares = spread_shares(self._space, seed, number)
        odds = np.cumsum((OVERHEAD + np.array(self._epochs)) ** -STARTUP_POWER)
        place = int(np.searchsorted(odds / odds[-1], shares.get(FIDELITY, 0.0), "right"))
        return self._at(self._epochs[place], shares)

    def propose(self, seed: int) -> Params:
        """The params of a new trial; the same for the same records, running trials and seed."""
        # On matrices this small BLAS threads bring nothing: on two cores they made a proposal four
        # times as long, and took the cores of those who train.
        with self._libraries.limit(limits=1, user_api="blas"):
            return self._propose(seed)

    def _propose(self, seed: int) -> Params:
        shown = self._window.places()
        seen = self._records if shown is None else [self._records[place] for place in shown]
        spots, sparsity = [one[0] for one in seen], np.array([one[2] for one in seen])
        values, noise = np.array([one[1] for one in seen]), np.array([one[3] for one in seen])
        places = self._encoding.inputs(spots)
        model = Surrogate(places, values, noise, self._shape(values))
        model.fit()
        means, _ = model.predict(places)
        running = list(islice(reversed(self._running.values()), BELIEVED))
        heights, widths = [means], [sparsity]
        if running:
            expected = self._encoding.inputs([(params, _last(params)) for params in running])
            model, believed = model.believe(expected, float(noise.mean()))
            heights.append(believed)
            widths.append(np.array([_sparsity(params) for params in running]))
        steps = staircase(np.concatenate(heights), np.concatenate(widths), float(values.min()))
        best = [spots[i][0] for i in _best(means, sparsity)]
        return self._choose(self._candidates(best, seed), model, steps)

    def _choose(self, found: list[Params], model: Surrogate, steps: Array) -> Params:
        mean, deviation = model.predict(self._encoding.inputs([(p, _last(p)) for p in found]))
        sparsity = np.array([_sparsity(params) for params in found])
        cost = OVERHEAD + np.array([_last(params) for params in found])
        return found[int(np.argmax(improvement(mean, deviation, sparsity, steps) / cost))]

    def _shape(self, values: Array) -> Shape:
        """Where the walk over hyperparameters begins."""
        names = self._encoding.numbers
        lengths = {"sparsity": 0.3, FIDELITY: 0.7}
        return Shape(
            lengths=np.array([lengths.get(name, 0.5) for name in names]),
            alike=np.full(len(self._encoding.choices), 0.6),
            variance=max(float(values.var()), 1e-3),
        )

    def _candidates(self, best: list[Mapping[str, Any]], seed: int) -> list[Params]:
        """Params spread over the space, and neighbours of the best ones seen."""
        names = [n for n in self._names if not isinstance(self._space[n], Constant)]
        count = CANDIDATES + NEIGHBOURS
        even = qmc.Sobol(max(len(names), 1), scramble=True, rng=seed).random_base2(
            math.ceil(math.log2(count))
        )
        random = np.random.default_rng([seed, 1])
        reach = random.choice(REACHES, size=(NEIGHBOURS, 1))
        moves = reach * random.normal(size=(NEIGHBOURS, max(len(names), 1)))
        found = [self._at(*self._place(names, row)) for row in even[:CANDIDATES]]
        for index, (row, move) in enumerate(zip(even[CANDIDATES:count], moves, strict=True)):
            near = best[index % len(best)]
            moved = dict(zip(names, move, strict=False))
            found.append(self._at(*self._place(names, row), near, moved))
        return found

    def _place(self, names: list[str], row: Array) -> tuple[int, dict[str, float]]:
        """Epochs, and a share of each parameter's range."""
        shares = dict(zip(names, row.tolist(), strict=False))
        return self._epochs[int(shares.get(FIDELITY, 0.0) * len(self._epochs))], shares

    def _at(
        self,
        epochs: int,
        shares: Mapping[str, float],
        near: Mapping[str, Any] | None = None,
        moves: Mapping[str, float] | None = None,
    ) -> Params:
        """The params at a place of the unit cube, or by a move from others."""

        def value(name: str, found: Mapping[str, Any]) -> Any:
            domain = self._space[name]
            if name == FIDELITY:
                return epochs
            if near is None or moves is None or near.get(name) is None:
                return value_at(domain, shares[name])
            place = self._encoding.share(name, near[name])
            if place is None:  # a choice stays what it is
                return near[name]
            return value_at(domain, min(max(place + moves[name], 0.0), 1 - 1e-9))

        return active(self._space, self._names, value)


def staircase(heights: Array, widths: Array, floor: float) -> Array:
    """The upper edge of points (height, width in [0, 1]) as steps (k, 3): from, to, height.

    Beyond the widest point, and nowhere lower than it, lies ``floor``.
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
    total: Array = (reach * gain).sum(axis=1)
    return total


def _best(heights: Array, widths: Array) -> list[int]:
    """The places of the points that no other one has below and left of it."""
    below = (heights[:, None] < heights) & (widths[:, None] <= widths)
    return np.flatnonzero(~below.any(axis=1)).tolist()


def _epochs(domain: Domain) -> list[int]:
    """The numbers of epochs that a proposal may have: the most, and halves of it down to 1.

    A trial of e epochs shows all that one of fewer does, so there is no need for every number.
    """
    if isinstance(domain, Int):
        low, high, step = domain.low, domain.high, domain.step
        wanted = [low + max(high // 2**k - low, 0) // step * step for k in range(high.bit_length())]
        return sorted({epochs for epochs in wanted if epochs > 0} or {high})
    return sorted(int(value) for value in domain.grid())


def _last(params: Mapping[str, Any]) -> int:
    return int(params.get(FIDELITY, Whole().finetune_epochs))


def _sparsity(params: Mapping[str, Any]) -> float:
    return float(params.get("sparsity", Whole().sparsity))
