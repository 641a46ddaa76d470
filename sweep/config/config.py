"""The config of a sweep, and the checks between its sections.

`SweepConfig` is frozen and round-trips: ``model_validate(config.model_dump(mode="json"))`` equals
``config``, and the dump written as YAML is a valid config. `sweep.config.load` reads files and
overrides, and `sweep.space.explain` words the errors.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationInfo, model_validator

from sweep.config import plan
from sweep.config.fields import FIGURES
from sweep.config.search_checks import search_problems
from sweep.config.sections import CLOSED_FORM, EMBEDDED, Settings
from sweep.registry import CRITERIA, LISTENERS, METRICS, TASKS
from sweep.space.domains import Constant
from sweep.space.params import needs_data
from sweep.space.values import Problem, Refused, closest, show


class SweepConfig(Settings):
    """The config of a whole sweep.

    With the validation context ``{"single_trial": True}``, its search need not fit its space,
    because a single trial has no search.
    """

    @model_validator(mode="after")
    def _sections_agree(self, info: ValidationInfo) -> SweepConfig:
        problems = [
            *_task_problems(self),
            *_formula_problems(self),
            *_metric_problems(self),
            *_resource_problems(self),
            *_start_problems(self),
            *_distill_problems(self),
            *_quantization_problems(self),
        ]
        if info.context:  # a config that a user gives
            problems += _listener_problems(self)
        if not (info.context or {}).get("single_trial"):
            problems += search_problems(self)
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
    if task.options and task.name in TASKS.builtin:
        what = f"is not used by the task {task.name}"
        yield Problem(("task", "options"), what, task.options, "{}", depends=("task.kind",))
    if task.subset is not None and (not isinstance(dataset, str) or dataset in built_in):
        what = "can only be set for a hub data set"
        yield Problem(("task", "subset"), what, task.subset, "null", depends=depends)


def _formula_problems(config: Settings) -> Iterator[Problem]:
    """A formula has no model and no data, and only a formula can set the time of an epoch."""
    task, depends = config.task, ("task.dataset",)
    if task.dataset != CLOSED_FORM:
        if task.seconds_per_epoch > 0:
            where, what = (
                ("task", "seconds_per_epoch"),
                "can only be set for task.dataset closed-form",
            )
            yield Problem(where, what, task.seconds_per_epoch, "0", depends=depends)
        return
    if config.model is not None:
        what = f"is not used by task.dataset {task.dataset}"
        yield Problem(("model",), what, config.model, "null", depends=depends)
    methods = config.space["method"]
    if asked := [name for name in methods.grid() if needs_data(str(name))]:
        what = f"{asked[0]} needs data, but task.dataset {task.dataset} has none"
        allowed = ", ".join(name for name in CRITERIA if not needs_data(name))
        yield Problem(("space", "method"), what, methods.plain(), allowed, depends=depends)


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


def _start_problems(config: Settings) -> Iterator[Problem]:
    """A fresh model has no masks to keep."""
    if config.pruning.start_masks == "keep" and config.model is None:
        where, allowed = ("pruning", "start_masks"), "drop, or model: a folder of `sweep export`"
        yield Problem(where, "needs a model that has masks", "keep", allowed, depends=("model",))


def _listener_problems(config: Settings) -> Iterator[Problem]:
    """Listeners that are not registered on this machine."""
    for name in config.listeners:
        if name not in LISTENERS:
            names, where = list(LISTENERS), ("listeners", name)
            what = "is not a listener of any package on this machine"
            yield Problem(where, what, allowed=", ".join(names), hint=closest(name, names))


def _quantization_problems(config: Settings) -> Iterator[Problem]:
    """Widths that contradict each other, or that the scheme does not have."""
    chosen, at = config.baseline.quantization, ("baseline", "quantization")
    if chosen is None:
        return
    if chosen.scheme != "fixed":
        what = f"can only be set for the scheme fixed; {chosen.scheme} always has 8 bits"
        for name, value in (("width", chosen.width), ("frac_width", chosen.frac_width)):
            if value is not None:
                depends = ("baseline.quantization.scheme",)
                yield Problem((*at, name), what, value, "null", depends=depends)
        return
    width, frac_width = chosen.widths
    if frac_width > width:
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
