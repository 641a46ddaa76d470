"""How the sections of a config fit together: what no section can see by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import isinf
from typing import TYPE_CHECKING, Any

from sweep.config import plan
from sweep.space.active import complete, fixed, identity
from sweep.space.conditions import Condition
from sweep.space.domains import Choice, Constant, Domain, samples
from sweep.space.parameters import DATA_METHODS, EXTRA_METRICS, FIXED, LEARNED, METHODS
from sweep.space.params import Params
from sweep.space.values import Problem, show
from sweep.space.yaml import one_line

if TYPE_CHECKING:
    from sweep.config.sections import RecoverConfig
    from sweep.config.settings import SweepConfig

NO_WORST = ("loss", "seconds", "train_seconds", "eval_seconds")
"""Metrics whose worst value nobody knows before a sweep runs (`sweep.cluster.baseline`)."""

TEMPERATURE = 2.0
"""Of distillation, where ``recover.distill`` is null and the space gives none."""


def task_problems(config: SweepConfig, built_in: Sequence[str]) -> list[Problem]:
    """What does not fit between model and task; ``built_in`` are the tasks that need neither."""
    dataset, task = config.task.dataset, config.task
    problems = []
    if config.model is None and dataset not in built_in:
        what = f"is required unless task.dataset is {' or '.join(built_in)}"
        allowed = "a hub id or a folder"
        problems.append(Problem(("model",), what, None, allowed, depends=("task.dataset",)))
    if task.subset is not None and (not isinstance(dataset, str) or dataset in built_in):
        what = "is for a hub data set only"
        problems.append(
            Problem(("task", "subset"), what, task.subset, "null", depends=("task.dataset",))
        )
    return problems


def formula_problems(config: SweepConfig, is_formula: bool) -> list[Problem]:
    """A formula has no model, and nothing else can be told what time an epoch takes."""
    task, depends, problems = config.task, ("task.dataset",), []
    if is_formula and config.model is not None:
        what = f"is not used by task.dataset {task.dataset}"
        problems.append(Problem(("model",), what, config.model, "null", depends=depends))
    asked = [name for name in config.space["method"].grid() if name in DATA_METHODS]
    if is_formula and asked:
        what = f"{asked[0]} looks at data, and task.dataset {task.dataset} has none"
        allowed = ", ".join(name for name in METHODS if name not in DATA_METHODS)
        raw = config.space["method"].plain()
        problems.append(Problem(("space", "method"), what, raw, allowed, depends=depends))
    if not is_formula and task.seconds_per_epoch > 0:
        where, what = ("task", "seconds_per_epoch"), "is for task.dataset closed-form only"
        problems.append(Problem(where, what, task.seconds_per_epoch, "0", depends=depends))
    return problems


def resource_problems(config: SweepConfig) -> list[Problem]:
    """More than one GPU cannot be had in fractions: Ray gives shares of one GPU, or whole ones."""
    gpu = config.resources.gpu
    if gpu <= 1 or gpu == int(gpu):
        return []
    allowed = "a share of one GPU, from 0 to 1, or a whole number of GPUs"
    return [Problem(("resources", "gpu"), "is neither a share nor whole", gpu, allowed)]


def metric_problems(config: SweepConfig) -> list[Problem]:
    """Objectives and constraints on figures that no record would have."""
    asked: list[tuple[tuple[str, ...], str]]
    asked = [(("objectives", name), name) for name in config.objectives]
    asked += [(("search", "constraints", name), name) for name in config.search.constraints]
    return [
        Problem(
            where,
            f"no record has {name} unless task.metrics asks for it",
            allowed=f"with task.metrics: [{name}]",
            depends=("task.metrics",),
        )
        for where, name in asked
        if name in EXTRA_METRICS and name not in config.task.metrics
    ]


def start_problems(config: SweepConfig) -> list[Problem]:
    """Masks to keep of a model that has none: a fresh one."""
    if config.pruning.start_masks != "keep" or config.model is not None:
        return []
    what, allowed = "needs a model that has masks", "drop, or model: a folder of `sweep export`"
    return [Problem(("pruning", "start_masks"), what, "keep", allowed, depends=("model",))]


def quantization_problems(config: SweepConfig) -> list[Problem]:
    """Widths that do not go together, or that another scheme has no use for."""
    chosen, at = config.baseline.quantization, ("baseline", "quantization")
    if chosen is None:
        return []
    if chosen.scheme != "fixed":
        what = f"is for the scheme fixed; {chosen.scheme} has 8 bits and finds its scales"
        given = {"width": chosen.width, "frac_width": chosen.frac_width}
        depends = (".".join((*at, "scheme")),)
        return [
            Problem((*at, name), what, value, "null", depends=depends)
            for name, value in given.items()
            if value is not None
        ]
    width, frac_width = chosen.widths
    if frac_width <= width:
        return []
    what, allowed = f"is above the width, {width}", f"an integer from 0 to {width}"
    depends = (".".join((*at, "width")),)
    return [Problem((*at, "frac_width"), what, frac_width, allowed, depends=depends)]


def search_problems(config: SweepConfig) -> list[Problem]:
    """What does not fit between the search, the space and the objectives."""
    return [
        *_grace_problems(config),
        *_grid_problems(config),
        *_ramp_problems(config),
        *_ehvi_problems(config),
        *_start_problems(config),
        *_plateau_problems(config),
        *_warm_problems(config),
    ]


def _grace_problems(config: SweepConfig) -> list[Problem]:
    search, most = config.search, config.max_epochs
    if search.scheduler == "fifo" or not 0 < most < search.grace_period:
        return []
    return [
        Problem(
            ("search", "grace_period"),
            f"no trial gets there: space.finetune_epochs ends at {most}",
            search.grace_period,
            f"an integer from 0 to {most}, or search.scheduler: fifo",
            depends=("search.scheduler", "space.finetune_epochs"),
        )
    ]


def _grid_problems(config: SweepConfig) -> list[Problem]:
    if config.search.sampler != "grid":
        return []
    what, allowed = "the grid sampler needs a step or a list here", "{low, high, step} or a list"
    return [
        Problem(("space", name), what, domain.plain(), allowed, depends=("search.sampler",))
        for name, domain in config.space.items()
        if isinf(domain.size)
    ]


def _ehvi_problems(config: SweepConfig) -> list[Problem]:
    if config.search.sampler != "ehvi" or plan.fits_ehvi(config):
        return []
    what = "the sampler ehvi weighs accuracy (or accuracy_drop) against sparsity, unconstrained"
    depends = ("objectives", "search.constraints")
    return [Problem(("search", "sampler"), what, "ehvi", "auto, or another", depends=depends)]


def _start_problems(config: SweepConfig) -> list[Problem]:
    starts, problems = config.search.starts, []
    for index, start in enumerate(starts):
        at = ("search", "starts", str(index))
        problems += [problem.under(*at) for problem in _point_problems(config, start)]
    seen = Counter(identity(start) for start in starts)
    for index, start in enumerate(starts):
        if seen[identity(start)] > 1:
            what = "is one of several equal starting points"
            problems.append(Problem(("search", "starts", str(index)), what, start, "each once"))
            break
    if not _grid_problems(config) and len(starts) > plan.trials(config):
        what = f"are more than the {plan.trials(config)} trials of the sweep"
        depends = ("search.trials", "search.sampler", "space")
        problems.append(Problem(("search", "starts"), what, len(starts), depends=depends))
    return problems


def _point_problems(config: SweepConfig, start: dict[str, Any]) -> list[Problem]:
    """Values that the space does not have, and values of parameters that are not there."""
    space, problems = config.space, []
    for name, value in start.items():
        if not space[name].contains(value):
            allowed, depends = one_line(space[name].plain()), (f"space.{name}",)
            problems.append(
                Problem((name,), "is not in the space", value, allowed, depends=depends)
            )
    there = {} if problems else complete(space, start, lambda name: space[name].nth(0))
    for name in start if not problems else ():
        only = fixed(name, there)
        if only is not None and start[name] != only:
            what, depends = f"is {only:g} under this {FIXED[name][0]}", (f"space.{name}",)
            problems.append(Problem((name,), what, start[name], f"{only:g}", depends=depends))
        elif name not in there:
            conditions = {c.parent: c.plain() for c in space[name].when}
            what = f"is not there: {show(conditions)} does not hold"
            problems.append(Problem((name,), what, start[name], depends=("space",)))
    return problems


def _plateau_problems(config: SweepConfig) -> list[Problem]:
    if config.search.budget.plateau is None:
        return []
    given = config.search.reference
    lacking = [name for name in config.objectives if name in NO_WORST and name not in given]
    what = "needs a hypervolume, and so the worst value of each objective beforehand"
    return [
        Problem(
            ("search", "budget", "plateau"),
            what,
            allowed=f"with search.reference: {{{name}: a number}}, or without objective {name}",
            depends=("objectives", "search.reference"),
        )
        for name in lacking
    ]


def _warm_problems(config: SweepConfig) -> list[Problem]:
    counted = Counter(path.rstrip("/") for path in config.search.warm_start)
    return [
        Problem(("search", "warm_start"), "has a folder more than once", path, "each once")
        for path, count in counted.items()
        if count > 1
    ]


def distilled(recover: RecoverConfig, params: Params) -> tuple[float, float]:
    """(weight in [0, 1], temperature > 0) of a trial's distillation; weight 0: none."""
    settings = recover.distill
    weight = 0.0 if settings is None else settings.weight
    temperature = TEMPERATURE if settings is None else settings.temperature
    return (
        weight if params.distill_weight is None else params.distill_weight,
        temperature if params.distill_temperature is None else params.distill_temperature,
    )


def may_distill(config: SweepConfig) -> bool:
    """Whether any trial of a sweep can ask for the teacher's logits."""
    domain = config.space["distill_weight"]
    if config.max_epochs == 0:
        return False
    usual, _ = distilled(config.recover, Params())
    if isinstance(domain, Constant):
        return bool(usual if domain.value is None else domain.value)
    most = max(map(float, domain.values)) if isinstance(domain, Choice) else domain.high
    return most > 0 or (bool(domain.when) and usual > 0)


def _ramp_problems(config: SweepConfig) -> list[Problem]:
    """A method that learns from training, in a space whose trials may have no ramp for it."""
    space = config.space
    for method in set(space["method"].grid()).intersection(LEARNED):
        if any(_lacks_ramp(space, {**given, "method": method}) for given in _short_ramps(space)):
            return [_no_ramp(method, space["method"])]
    return []


def _no_ramp(method: str, domain: Domain) -> Problem:
    return Problem(
        ("space", "method"),
        f"{method} prunes by what training did, so it needs a ramp, and trials may have none",
        domain.plain(),
        "with ramp_epochs and finetune_epochs of 1 or more and granularity element "
        f"(for it alone: {{values: [...], when: {{method: {method}}}}}), "
        "or {values: [...], when: {ramp_epochs: {low: 1}}}",
        depends=("space.ramp_epochs", "space.finetune_epochs", "space.granularity"),
    )


def _short_ramps(space: Mapping[str, Domain]) -> Iterator[dict[str, Any]]:
    """Values, each of which may leave a trial no ramp."""
    yield {}
    tests = [Condition("ramp_epochs", low=1), Condition("finetune_epochs", low=1)]
    tests += [Condition("granularity", ("element",)), *space["ramp_epochs"].when]
    for test in tests:
        failing = (v for v in samples(space[test.parent], [test]) if not test.holds(v))
        yield from ({test.parent: value} for value in failing)


def _lacks_ramp(space: Mapping[str, Domain], given: Mapping[str, Any]) -> bool:
    """Whether there is a trial with these values (or, at worst, another one) that has no ramp."""
    params = Params(**complete(space, given, lambda name: space[name].nth(0)))
    return params.method == given["method"] and params.ramp_epochs == 0


def distill_problems(config: SweepConfig) -> list[Problem]:
    """A temperature where nothing is distilled."""
    temperature = config.space["distill_temperature"]
    if temperature == Constant(None) or may_distill(config):
        return []
    return [
        Problem(
            ("space", "distill_temperature"),
            "changes nothing: no trial is distilled",
            temperature.plain(),
            "with space.distill_weight (or recover.distill.weight) above 0",
            depends=("space.distill_weight", "recover.distill"),
        )
    ]
