"""The samplers by name, how much of a sweep each learns from, and their streams of chance."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler

from sweep.errors import UsageError
from sweep.space.domains import Domain

POPULATION = 16
"""Trials in a generation of NSGA-II. Optuna's 50 would leave most of a sweep of 64 random."""

GENERATION = "NSGAIISampler:generation"
PARENTS = "NSGAIISampler:parent:"


@dataclass(frozen=True)
class Sampler:
    """How to ``make`` one from a seed, and the most trials that it is shown.

    ``finished`` (half as many with more than two objectives, where telling good from bad is dearer)
    and ``running`` are bounds; see `sweep.search.window` for which trials those are. ``spread``:
    whether it wants evenly spread points before it learns (`sweep.search.startup`).
    """

    make: Callable[[int], BaseSampler]
    finished: int
    running: int
    spread: bool = False


def _gp(seed: int) -> BaseSampler:
    """Imports torch, which takes seconds: only when it is asked for a proposal."""
    return optuna.samplers.GPSampler(seed=seed, warn_independent_sampling=False)


SAMPLERS: dict[str, Sampler | None] = {
    "ehvi": Sampler(lambda seed: RandomSampler(seed=seed), 0, 0),
    "tpe": Sampler(lambda seed: TPESampler(seed=seed), 200, 64, spread=True),
    "nsga2": Sampler(lambda seed: NSGAIISampler(seed=seed, population_size=POPULATION), 256, 0),
    "gp": Sampler(_gp, 200, 64, spread=True),
    "random": Sampler(lambda seed: RandomSampler(seed=seed), 0, 0),
    "grid": None,
}
"""The grid is ours: no chance, and nothing to learn."""


def check_sampler(name: str) -> None:
    """Raises :class:`~sweep.errors.UsageError` for an unknown name, and for gp without torch."""
    if name not in SAMPLERS:
        raise UsageError(f"unknown sampler {name!r}; allowed: {', '.join(SAMPLERS)}")
    missing = [lib for lib in ("torch", "scipy") if importlib.util.find_spec(lib) is None]
    if name == "gp" and missing:
        raise UsageError(f"the sampler gp needs {' and '.join(missing)}: pip install, or use tpe")


def check_grid(space: Mapping[str, Domain]) -> None:
    """Raises :class:`~sweep.errors.UsageError` for a range that has no end of values."""
    for name, domain in space.items():
        if math.isinf(domain.size):
            what = "a grid needs a step or a list here: a range has no end of values"
            raise UsageError(f"space.{name}: {what}")


def sampler_seed(seed: int, number: int, attempt: int = 0) -> int:
    """A stream of its own for each attempt at each trial's proposal.

    All are apart from that of the trial's training.
    """
    key = (1, attempt) if attempt else (1,)
    return int(np.random.SeedSequence([seed, number], spawn_key=key).generate_state(1)[0])


def first_generation(name: str) -> dict[str, dict[str, int]]:
    """The attributes of a trial that was not proposed by the sampler and shall count for it.

    NSGA-II passes over trials without a generation.
    """
    return {"trial": {GENERATION: 0}} if name == "nsga2" else {}
