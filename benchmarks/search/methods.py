"""The methods by name: ``name`` or ``name:setting=value,...``.

Settings are ``grace`` (grace_period) and ``eta`` (reduction_factor) of methods that stop early;
ours also takes ``margin`` and every other key of a config's ``search``. All other settings have the
defaults of the library: ``ours:tpe`` equals ``search: {sampler: tpe}`` in a config.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml
from optuna.samplers import NSGAIISampler, RandomSampler, TPESampler

from benchmarks.search.clock import Method
from benchmarks.search.ours import Ours
from benchmarks.search.plain_optuna import PlainOptuna
from benchmarks.search.rules import Dominated, RayAsha, UnderRule
from benchmarks.search.syne import SyneMoasha
from benchmarks.search.world import World
from sweep.config import SweepConfig, plan
from sweep.space.domains import Constant, Domain

BASE = "random+fifo"
"""The reference method of the target."""

_PLAIN = SweepConfig.model_validate({"name": "plain", "task": {"dataset": "digits"}})
DEFAULT = f"ours:{plan.sampler(_PLAIN)}"
"""Our method with default settings."""

SHORT = {"grace": "grace_period", "eta": "reduction_factor"}
RAY = {"grace_period": 1, "reduction_factor": 4}
"""Ray's defaults."""
DOMINATED = {"grace_period": 1, "reduction_factor": 3}


@dataclass(frozen=True)
class Task:
    """A problem for a method: ``trials`` as a user would set it, ``most`` as the hard limit."""

    world: World
    seed: int
    trials: int
    most: int

    def config(self, search: dict[str, Any]) -> SweepConfig:
        """Return the sweep's complete config."""
        return SweepConfig.model_validate(
            {
                "name": self.world.table.name,
                "task": {"dataset": "digits"},  # not used: records come from the table
                "space": self.world.space(),
                "search": {"trials": self.trials, "seed": self.seed, **search},
            }
        )

    def space(self, to_the_end: bool) -> dict[str, Domain]:
        """Return the domains; with ``to_the_end`` every trial runs to the table's last epoch."""
        space = dict(self.config({}).space)
        if to_the_end:
            space["finetune_epochs"] = Constant(self.world.table.max_epochs)
        return space


Settings = dict[str, Any]
Maker = Callable[[Task, Settings], Method]


def _fifo(sampler: Callable[..., Any]) -> Maker:
    def make(task: Task, settings: Settings) -> Method:
        _take_no(settings)
        return PlainOptuna(task.space(to_the_end=False), sampler(seed=task.seed))

    return make


def _under(rule: Callable[..., Any], defaults: Settings) -> Maker:
    def make(task: Task, settings: Settings) -> Method:
        study = PlainOptuna(task.space(to_the_end=True), TPESampler(seed=task.seed))
        return UnderRule(study, rule(task.world.table.max_epochs, **defaults | settings))

    return make


def _syne(task: Task, settings: Settings) -> Method:
    return SyneMoasha(
        task.space(to_the_end=True), task.world.table.max_epochs, task.seed, **settings
    )


def _ours(sampler: str) -> Maker:
    def make(task: Task, settings: Settings) -> Method:
        return Ours(task.config({"sampler": sampler, **settings}), task.most)

    return make


MAKERS: dict[str, Maker] = {
    BASE: _fifo(RandomSampler),
    "tpe+fifo": _fifo(TPESampler),
    "nsga2+fifo": _fifo(NSGAIISampler),
    "ray-asha+tpe": _under(RayAsha, RAY),
    "syne-moasha": _syne,
    "dominated+tpe": _under(Dominated, DOMINATED),
    **{f"ours:{name}": _ours(name) for name in ("ehvi", "tpe", "nsga2", "random", "gp")},
}


def is_ours(name: str) -> bool:
    """Whether a method, with its settings, is ours."""
    return name.startswith("ours:")


def parse(spec: str) -> tuple[str, Settings]:
    """Parse a maker's name and settings; ValueError for an unknown name or invalid settings."""
    head, _, tail = spec.rpartition(":") if "=" in spec else (spec, "", "")
    if head not in MAKERS:
        raise ValueError(f"unknown method {head!r}; known: {', '.join(MAKERS)}")
    settings: Settings = {}
    for part in tail.split(",") if tail else []:
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{spec}: {part!r} must have the form setting=value")
        settings[SHORT.get(key, key)] = yaml.safe_load(value)
    return head, settings


def make_method(spec: str, task: Task) -> Method:
    """Make a new method; ValueError if ``spec`` or one of its settings is unknown."""
    name, settings = parse(spec)
    try:
        return MAKERS[name](task, settings)
    except TypeError as error:
        raise ValueError(f"{spec}: {error}") from error


def _take_no(settings: Settings) -> None:
    if settings:
        raise TypeError(f"this method stops no trials, so it has no {', '.join(settings)}")
