"""Checks between the search, the space and the objectives of a config."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from math import isinf
from typing import Any

from sweep.config import plan
from sweep.config.sections import Settings
from sweep.space.active import complete, fixed, identity
from sweep.space.conditions import Condition, plain_when
from sweep.space.domains import Domain, samples
from sweep.space.params import FIXED, Params, is_learned
from sweep.space.values import Problem, one_line, show

NO_WORST = ("loss", "seconds", "train_seconds", "eval_seconds")
"""Figures whose worst value is unknown before a sweep runs (`sweep.cluster.baseline`)."""


def search_problems(config: Settings) -> list[Problem]:
    """All problems between the search, the space and the objectives."""
    return [
        *_grace_problems(config),
        *_grid_problems(config),
        *_ramp_problems(config),
        *_ehvi_problems(config),
        *_start_problems(config),
        *_plateau_problems(config),
        *_warm_problems(config),
    ]


def _grace_problems(config: Settings) -> Iterator[Problem]:
    search, most = config.search, config.max_epochs
    if search.scheduler != "fifo" and 0 < most < search.grace_period:
        yield Problem(
            ("search", "grace_period"),
            f"must be at most {most}, the end of space.finetune_epochs",
            search.grace_period,
            f"an integer from 0 to {most}, or search.scheduler: fifo",
            depends=("search.scheduler", "space.finetune_epochs"),
        )


def _grid_problems(config: Settings) -> Iterator[Problem]:
    what, allowed = "the grid sampler needs a step or a list here", "{low, high, step} or a list"
    for name, domain in config.space.items():
        if config.search.sampler == "grid" and isinf(domain.size):
            where, depends = ("space", name), ("search.sampler",)
            yield Problem(where, what, domain.plain(), allowed, depends=depends)


def _ehvi_problems(config: Settings) -> Iterator[Problem]:
    if config.search.sampler == "ehvi" and not plan.fits_ehvi(config):
        what = "the sampler ehvi needs the objectives sparsity and a metric, and no constraints"
        depends = ("objectives", "search.constraints")
        yield Problem(("search", "sampler"), what, "ehvi", "auto, or another", depends=depends)


def _start_problems(config: Settings) -> Iterator[Problem]:
    starts, at = config.search.starts, ("search", "starts")
    for index, start in enumerate(starts):
        for problem in _point_problems(config, start):
            yield problem.under(*at, str(index))
    identities = [identity(start) for start in starts]
    for index, start in enumerate(starts):
        if identities[index] in identities[index + 1 :]:
            what = "equals another starting point"
            yield Problem((*at, str(index)), what, start, "different points")
            break
    if not any(_grid_problems(config)) and len(starts) > plan.trials(config):
        what = f"has more points than the sweep has trials, {plan.trials(config)}"
        depends = ("search.trials", "search.sampler", "space")
        yield Problem(at, what, len(starts), depends=depends)


def _point_problems(config: Settings, start: dict[str, Any]) -> Iterator[Problem]:
    """Values that are not in the space, and values of inactive parameters."""
    space = config.space
    if outside := [name for name, value in start.items() if not space[name].contains(value)]:
        for name in outside:
            allowed, depends = one_line(space[name].plain()), (f"space.{name}",)
            yield Problem((name,), "is not in the space", start[name], allowed, depends=depends)
        return
    params = complete(space, start, lambda name: space[name].nth(0))
    for name, value in start.items():
        only = fixed(name, params)
        if only is not None and value != only:
            what, depends = f"must be {only:g} with this {FIXED[name][0]}", (f"space.{name}",)
            yield Problem((name,), what, value, f"{only:g}", depends=depends)
        elif name not in params:
            what = f"is inactive, because {show(plain_when(space[name].when))} does not hold"
            yield Problem((name,), what, value, depends=("space",))


def _plateau_problems(config: Settings) -> Iterator[Problem]:
    given = config.search.reference
    what = "needs a hypervolume, and therefore the worst value of each objective"
    for name in config.objectives:
        if config.search.budget.plateau and name in NO_WORST and name not in given:
            where = ("search", "budget", "plateau")
            allowed = f"with search.reference: {{{name}: a number}}, or without objective {name}"
            depends = ("objectives", "search.reference")
            yield Problem(where, what, allowed=allowed, depends=depends)


def _warm_problems(config: Settings) -> Iterator[Problem]:
    counted = Counter(path.rstrip("/") for path in config.search.warm_start)
    for path in (path for path, count in counted.items() if count > 1):
        yield Problem(("search", "warm_start"), "lists a folder twice", path, "different folders")


def _ramp_problems(config: Settings) -> Iterator[Problem]:
    """A method that needs a ramp, in a space where trials may have no ramp."""
    space, methods = config.space, config.space["method"]
    for method in filter(is_learned, methods.grid()):
        if any(_lacks_ramp(space, {**given, "method": method}) for given in _short_ramps(space)):
            yield Problem(
                ("space", "method"),
                f"{method} scores changes in training and needs a ramp, but trials may have none",
                methods.plain(),
                "with ramp_epochs and finetune_epochs of 1 or more and granularity element "
                f"(only for this method: {{values: [...], when: {{method: {method}}}}}), "
                "or {values: [...], when: {ramp_epochs: {low: 1}}}",
                depends=("space.ramp_epochs", "space.finetune_epochs", "space.granularity"),
            )


def _short_ramps(space: Mapping[str, Domain]) -> Iterator[dict[str, Any]]:
    """Settings of one parameter, each of which may leave a trial without a ramp."""
    yield {}
    tests = [Condition("ramp_epochs", low=1), Condition("finetune_epochs", low=1)]
    tests += [Condition("granularity", ("element",)), *space["ramp_epochs"].when]
    for test in tests:
        failing = (v for v in samples(space[test.parent], [test]) if not test.holds(v))
        yield from ({test.parent: value} for value in failing)


def _lacks_ramp(space: Mapping[str, Domain], given: Mapping[str, Any]) -> bool:
    """Whether a trial with these values has no ramp. The other params take their first values."""
    params = Params(**complete(space, given, lambda name: space[name].nth(0)))
    return params.method == given["method"] and params.ramp_epochs == 0
