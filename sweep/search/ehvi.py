"""Our own sampler: expected hypervolume improvement per epoch, where one objective is known.

General samplers model all objectives from the params. Here one of the two, sparsity, *is* a param,
and every record of every trial says what the other one, a metric with a standard error, is after so
many epochs. So one Gaussian process (`sweep.search.surrogate`) over params and epoch learns the
metric from all records. For a candidate with the sparsity s and the metric N(mu, sd^2), the
expected growth of the hypervolume (Emmerich et al. 2006) is a sum in closed form over the steps of
the front's staircase:

    sum over steps [lo, hi) at metric f of (min(s, hi) - lo) * E[max(0, N(mu, sd^2) - f)]

The front's steps are posterior means, since observed values on a front are too good by selection.
The score of a candidate is that growth divided by its cost, ``OVERHEAD`` + its epochs (as in
cost-aware Bayesian optimisation, Snoek et al. 2012). So trials of few epochs are proposed until
longer ones promise more. Running trials count as observed at their predicted values (a kriging
believer), so that a thousand workers do not get the same proposal.

A proposal uses no more than :data:`SEEN` records (the front so far, the newest) and
:data:`BELIEVED` running trials, so its time is bounded. Within these bounds it depends on the set
of records, and not on the order in which they came. Until :data:`SPREAD` trials have a record,
trials come from the even spread of `sweep.search.startup`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from threading import Lock
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.stats import qmc
from threadpoolctl import ThreadpoolController

from sweep.ledger.record import figure, standard_error
from sweep.search.samplers import TRIES, Window, sampler_seed
from sweep.search.startup import spread_shares, value_at
from sweep.search.surrogate import Array, Encoding, Surrogate, improvement, staircase
from sweep.space.active import active, order
from sweep.space.domains import Constant, Domain, Int
from sweep.space.params import FIDELITY
from sweep.space.params import Params as Whole

Params = dict[str, Any]


Known = Mapping[str, Callable[[Mapping[str, Any]], float]]
"""The objective that is known beforehand -> a function of a trial's params, values in [0, 1]."""

KNOWN: Known = {"sparsity": lambda params: float(params.get("sparsity", Whole.sparsity))}

SPREAD = 8
SEEN = 80
BELIEVED = 32
CANDIDATES, NEIGHBOURS = 128, 64
REACHES = (0.1, 0.03, 0.01)
"""The standard deviations of the moves to neighbours, as shares of each range."""

OVERHEAD = 15.0
"""The cost of a trial beside its epochs, in epochs: pruning, evaluations, waiting for a worker.

It is more than the measured time. Like ``REACHES`` it was chosen by the number of epochs that
replayed searches needed (`benchmarks.search`; docs/results.md has the other values).
"""

STARTUP_POWER = 3.0
"""Without observations, e epochs are proposed with odds of (OVERHEAD + e)^-STARTUP_POWER."""

NOISE = 2.0
"""The variance of a value, divided by the square of its standard error: seeds differ as well."""

UNKNOWN_NOISE = 0.01
"""Where no record has a standard error: the variance of one, as a share of that of all values."""

LEAST_NOISE = 0.19
"""No record is taken to be less noisy than this share of the variance of the noisiest one seen.

A share of 0.95 of many examples has 0.19 times the variance of a share of 0.5. A share of 1 would
have none.
"""

LIMITED = Lock()
"""The limit of BLAS threads is one of the process: two threads would restore each other's."""


@dataclass(frozen=True)
class _Seen:
    """A record: the metric (more is better), the known objective, the metric's standard error."""

    trial: int
    epoch: int
    params: Mapping[str, Any]
    value: float
    known: float
    error: float | None


class Ehvi:
    """A fold over trials and their records. :meth:`propose` changes nothing.

    ``objectives``: a metric, or its drop, and the one that is ``known``. ``every_epoch``: propose
    every number of epochs, because only the last record of a trial counts.
    """

    def __init__(
        self,
        space: Mapping[str, Domain],
        objectives: Mapping[str, str],
        known: Known = KNOWN,
        every_epoch: bool = False,
    ) -> None:
        self._space, self._names = dict(space), order(space)
        self._known, self._value_of = next(iter(known.items()))
        self._metric = next(name for name in objectives if name != self._known)
        self._sign = 1.0 if objectives[self._metric] == "max" else -1.0
        self._is_low_better = objectives.get(self._known) == "min"
        self._epochs = _epochs(space[FIDELITY], every_epoch)
        self._encoding = Encoding(space, max(self._epochs))
        self.running: dict[int, Params] = {}
        """The params of running trials, by number."""
        self._records: dict[tuple[int, int], _Seen] = {}  # by trial and epoch
        self._window = Window(dict.fromkeys(("metric", "known"), "max"), SEEN, 0)
        self._libraries = ThreadpoolController()

    @property
    def is_ready(self) -> bool:
        """Whether enough trials have a record."""
        return len({trial for trial, _ in self._records}) >= SPREAD

    def begin(self, number: int, params: Params) -> None:
        """A trial is running."""
        self.running[number] = params

    def end(self, number: int) -> None:
        """A trial is over."""
        self.running.pop(number, None)

    def observe(self, trial: int, params: Params, record: Mapping[str, Any]) -> None:
        """Add a record of a trial, once. A record without finite objectives is ignored.

        A record without an epoch is that of the last epoch. Where the known objective is missing,
        it is computed from the params.
        """
        value = figure(record, self._metric)
        known = figure({self._known: self._value_of(params), **record}, self._known)
        place = trial, int(record.get("epoch", _last(params)))
        if place in self._records or value is None or known is None:
            return
        value, width = value * self._sign, 1 - known if self._is_low_better else known
        error = standard_error(record, self._metric)
        self._window.end(len(self._records), [value, width], feasible=True)
        self._records[place] = _Seen(*place, params, value, width, error)

    def proposals(self, seed: int, number: int) -> Iterator[Params]:
        """Proposals for trial ``number`` of a search with this seed, the best one first."""
        for attempt in range(TRIES):
            if self.is_ready:
                yield self.propose(sampler_seed(seed, number, attempt))
            else:
                yield self.spread(sampler_seed(seed, number // 16, attempt), number % 16)

    def spread(self, seed: int, number: int) -> Params:
        """One of 16 evenly spread points, without a model; few epochs are more likely."""
        shares = spread_shares(self._space, seed, number)
        odds = np.cumsum((OVERHEAD + np.array(self._epochs)) ** -STARTUP_POWER)
        place = int(np.searchsorted(odds / odds[-1], shares.get(FIDELITY, 0.0), "right"))
        return self._at(self._epochs[place], shares)

    def propose(self, seed: int) -> Params:
        """The params of a new trial; the same for the same records, running trials and seed."""
        # BLAS threads do not help with matrices this small: on two cores a proposal took four times
        # as long, and the threads used the cores of training workers.
        with LIMITED, self._libraries.limit(limits=1, user_api="blas"):
            records = list(self._records.values())
            shown = [records[place] for place in self._window.places(len(records))]
            seen = sorted(shown, key=lambda one: (one.trial, one.epoch))
            known = np.array([one.known for one in seen])
            values, noise = _standardised(seen)
            places = self._encoding.points([(one.params, one.epoch) for one in seen])
            model = Surrogate(places, values, noise, self._encoding.shape())
            model.fit()
            means, _ = model.predict(places)
            running = list(islice(reversed(self.running.values()), BELIEVED))
            heights, widths = [means], [known]
            if running:
                expected = self._encoding.points([(params, _last(params)) for params in running])
                model, believed = model.believe(expected, float(noise.mean()))
                heights.append(believed)
                widths.append(self._widths(running))
            steps = staircase(np.concatenate(heights), np.concatenate(widths), float(values.min()))
            best = [seen[i].params for i in _best(means, known)]
            return self._choose(self._candidates(best, seed), model, steps)

    def _choose(self, found: list[Params], model: Surrogate, steps: Array) -> Params:
        mean, deviation = model.predict(self._encoding.points([(p, _last(p)) for p in found]))
        cost = OVERHEAD + np.array([_last(params) for params in found])
        gain = improvement(mean, deviation, self._widths(found), steps)
        return found[int(np.argmax(gain / cost))]

    def _widths(self, found: list[Params]) -> Array:
        values = np.array([self._value_of(params) for params in found])
        return 1 - values if self._is_low_better else values

    def _candidates(self, best: list[Mapping[str, Any]], seed: int) -> list[Params]:
        """Params spread over the space, and neighbours of the best ones so far."""
        names = [n for n in self._names if not isinstance(self._space[n], Constant)]
        count = CANDIDATES + NEIGHBOURS
        width = max(len(names), 1)
        even = qmc.Sobol(width, scramble=True, rng=seed).random_base2(math.ceil(math.log2(count)))
        random = np.random.default_rng([seed, 1])
        reach = random.choice(REACHES, size=(NEIGHBOURS, 1))
        moves = reach * random.normal(size=(NEIGHBOURS, width))
        rows, moved = (
            [dict(zip(names, row, strict=False)) for row in found.tolist()]
            for found in (even[:count], moves)
        )
        spread = [self._at(self._nth(row), row) for row in rows[:CANDIDATES]]
        return spread + [
            self._at(self._nth(row), row, near, move)
            for row, near, move in zip(rows[CANDIDATES:], cycle(best), moved, strict=False)
        ]

    def _nth(self, shares: Mapping[str, float]) -> int:
        return self._epochs[int(shares.get(FIDELITY, 0.0) * len(self._epochs))]

    def _at(
        self,
        epochs: int,
        shares: Mapping[str, float],
        near: Mapping[str, Any] = MappingProxyType({}),
        moves: Mapping[str, float] = MappingProxyType({}),
    ) -> Params:
        """The params at a position of the unit cube, or after a move from other params."""

        def value(name: str, found: Mapping[str, Any]) -> Any:
            domain = self._space[name]
            if name == FIDELITY:
                return epochs
            if near.get(name) is None:
                return value_at(domain, shares[name])
            place = self._encoding.share(name, near[name])
            if place is None:  # a choice stays what it is
                return near[name]
            return value_at(domain, min(max(place + moves[name], 0.0), 1 - 1e-9))

        return active(self._space, self._names, value)


def _best(heights: Array, widths: Array) -> list[int]:
    """The places of the nondominated points."""
    below = (heights[:, None] < heights) & (widths[:, None] <= widths)
    return np.flatnonzero(~below.any(axis=1)).tolist()


def _epochs(domain: Domain, every: bool) -> list[int]:
    """The numbers of epochs of a proposal: ``every`` one, or the largest, its half, and so on to 1.

    A trial of e epochs has the records of all shorter ones, unless only the last one counts.
    """
    if isinstance(domain, Int) and not every:
        low, high, step = domain.low, domain.high, domain.step
        wanted = [low + max(high // 2**k - low, 0) // step * step for k in range(high.bit_length())]
        return sorted({epochs for epochs in wanted if epochs > 0} or {high})
    return sorted(int(value) for value in domain.grid())


def _standardised(seen: Sequence[_Seen]) -> tuple[Array, Array]:
    """The values of records, (n,), in units of their deviation, and their variances as noise, (n,).

    A record without a standard error is taken to be as noisy as the noisiest of the others.
    """
    values = np.array([one.value for one in seen])
    errors = np.array([one.error for one in seen], dtype=float)  # None becomes NaN
    variances = np.where(np.isnan(errors), np.inf, errors**2)
    most = max(variances[np.isfinite(variances)], default=UNKNOWN_NOISE * float(values.var()))
    noise = NOISE * np.clip(variances, LEAST_NOISE * most, most)
    scale = math.sqrt(max(float(values.var()), float(noise.max()))) or 1.0
    return values / scale, noise / scale**2


def _last(params: Mapping[str, Any]) -> int:
    return int(params.get(FIDELITY, Whole.finetune_epochs))
