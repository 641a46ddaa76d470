"""The config of a sweep, and the checks between its sections.

`SweepConfig` is frozen and round-trips: ``model_validate(config.model_dump(mode="json"))`` equals
``config``, and the dump written as YAML is a valid config. `sweep.config.load` reads files and
overrides, and `sweep.space.explain` words the errors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import reduce
from math import isinf
from typing import Any

from pydantic import ValidationInfo, model_validator

from sweep.config import plan
from sweep.config.fields import FIGURES
from sweep.config.sections import CLOSED_FORM, EMBEDDED, Settings
from sweep.registry import CRITERIA, METRICS, TASKS
from sweep.space.active import complete, fixed, identity
from sweep.space.domains import Condition, Constant, Domain, plain_when, samples
from sweep.space.params import FIXED, Params, is_learned, needs_data
from sweep.space.values import Problem, Refused, one_line, show

NO_WORST = ("loss", "seconds", "train_seconds", "eval_seconds")
"""Figures whose worst value is unknown before a sweep runs (`sweep.cluster.baseline`)."""

MOST_STARTS = 500

_WITH_HEAD = ("classification", EMBEDDED)


class SweepConfig(Settings):
    """The config of a whole sweep.

    With the validation context ``{"single_trial": True}``, its search need not fit its space,
    because a single trial has no search.
    """

    @model_validator(mode="after")
    def _sections_agree(self, info: ValidationInfo) -> SweepConfig:
        problems = [
            *_task_problems(self),
            *_unused_problems(self),
            *_metric_problems(self),
            *_resource_problems(self),
            *_distill_problems(self),
            *_quantization_problems(self),
        ]
        if not (info.context or {}).get("single_trial"):
            problems += [
                *_grace_problems(self),
                *_grid_problems(self),
                *_ramp_problems(self),
                *_ehvi_problems(self),
                *_starts_problems(self),
                *_plateau_problems(self),
                *_warm_problems(self),
            ]
        if problems:
            raise Refused(*problems)
        return self


def _task_problems(config: Settings) -> Iterator[Problem]:
    """Problems between the model and the task."""
    dataset, task, built_in = config.task.dataset, config.task, (EMBEDDED, CLOSED_FORM)
    depends = ("task.dataset",)
    if config.model is None and task.name == "classification":
        what = f"is required unless task.dataset is {' or '.join(built_in)}"
        yield Problem(("model",), what, None, "a hub id or a folder", depends=depends)
    names = {task.name, dataset if isinstance(dataset, str) else None}
    if task.name in TASKS.builtin and len(names & set(built_in)) == 1 < len(names):
        what = f"cannot be used with task.dataset {show(dataset)}"
        yield Problem(("task", "kind"), what, task.kind, "auto", depends=depends)
    methods = config.space["method"]
    asked = [name for name in methods.grid() if needs_data(str(name))]
    if dataset == CLOSED_FORM and asked:
        what = f"{asked[0]} needs data, but task.dataset {dataset} has none"
        allowed = ", ".join(name for name in CRITERIA if not needs_data(name))
        yield Problem(("space", "method"), what, methods.plain(), allowed, depends=depends)


def _unused_problems(config: Settings) -> Iterator[Problem]:
    """Settings that have no effect without something else, and are not at their defaults."""
    task, model, chosen = config.task, config.model, config.baseline.quantization
    is_named = isinstance(task.dataset, str) and task.dataset not in (EMBEDDED, CLOSED_FORM)
    rules = {
        "model": (task.dataset != CLOSED_FORM, f"a task.dataset other than {CLOSED_FORM}"),
        "task.subset": (is_named, "a hub data set"),
        "task.label_names": (task.name not in (EMBEDDED, CLOSED_FORM), "a task of texts"),
        "task.options": (task.name not in TASKS.builtin, "a task of another package"),
        "task.seconds_per_epoch": (task.dataset == CLOSED_FORM, f"task.dataset {CLOSED_FORM}"),
        "baseline.new_head": (model and task.name in _WITH_HEAD, "a model with a classifier"),
        "pruning.start_masks": (model, "a model that has masks: a folder of `sweep export`"),
    }
    if chosen:
        fixed_only = (chosen.scheme == "fixed", f"the scheme fixed; {chosen.scheme} has 8 bits")
        rules |= {f"baseline.quantization.{name}": fixed_only for name in ("width", "frac_width")}
    for path, (is_met, needs) in rules.items():
        *above, name = path.split(".")
        section: Any = reduce(getattr, above, config)
        value, default = getattr(section, name), type(section).model_fields[name].default
        if not is_met and value != default:
            depends = ("task.dataset", "task.kind", "model", "baseline.quantization.scheme")
            yield Problem((*above, name), f"needs {needs}", value, one_line(default), "", depends)


def _resource_problems(config: Settings) -> Iterator[Problem]:
    """Ray allocates a share of one GPU, or a whole number of GPUs."""
    gpu = config.resources.gpu
    if gpu > 1 and gpu != int(gpu):
        allowed = "a share of one GPU, from 0 to 1, or a whole number of GPUs"
        yield Problem(("resources", "gpu"), "must be whole above 1", gpu, allowed)


def _metric_problems(config: Settings) -> Iterator[Problem]:
    """Objectives and constraints on figures that records will not have."""
    asked: list[tuple[str, ...]] = [("objectives", name) for name in config.objectives]
    asked += [("search", "constraints", name) for name in config.search.constraints]
    for where in asked:
        name, task = where[-1], config.task
        if name in FIGURES or name in task.all_metrics:
            continue
        if name in METRICS:
            what = f"records have no {name} unless task.metrics lists it"
            allowed, depends = f"with task.metrics: [{name}]", ("task.metrics",)
            yield Problem(where, what, allowed=allowed, depends=depends)
        elif name.endswith("_drop") and name != f"{task.primary}_drop":
            what = f"records have no {name}, because the primary metric is {task.primary}"
            allowed = f"{task.primary}_drop, or task.metric: {name.removesuffix('_drop')}"
            yield Problem(where, what, allowed=allowed, depends=("task.metric", "task.kind"))


def _quantization_problems(config: Settings) -> Iterator[Problem]:
    chosen, at = config.baseline.quantization, ("baseline", "quantization")
    if chosen and chosen.scheme == "fixed" and chosen.widths[1] > chosen.widths[0]:
        width, frac_width = chosen.widths
        what, allowed = f"must be at most the width, {width}", f"an integer from 0 to {width}"
        depends = ("baseline.quantization.width",)
        yield Problem((*at, "frac_width"), what, frac_width, allowed, depends=depends)


def _distill_problems(config: Settings) -> Iterator[Problem]:
    """A temperature in a sweep without distillation."""
    temperature = config.space["distill_temperature"]
    if temperature != Constant(None) and not plan.may_distill(config):
        yield Problem(
            ("space", "distill_temperature"),
            "has no effect, because no trial is distilled",
            temperature.plain(),
            "with space.distill_weight (or recover.distill.weight) above 0",
            depends=("space.distill_weight", "recover.distill"),
        )


# Checks between the search, the space and the objectives.


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


def _starts_problems(config: Settings) -> Iterator[Problem]:
    starts, at = config.search.starts, ("search", "starts")
    if len(starts) > MOST_STARTS:
        yield Problem(at, "has too many points", len(starts), f"at most {MOST_STARTS} points")
        return
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
