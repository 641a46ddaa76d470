"""The types of the config's own fields, and the names that a config may use."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from sweep.space.params import QUANTIZATIONS
from sweep.space.types import Finite, OneOf
from sweep.space.values import Problem, Refused

# Light names: nothing heavy is imported to check a config. The tables that implement them lie next
# to their code, and a test holds that each table has exactly these names.

SAMPLERS = ("auto", "ehvi", "tpe", "nsga2", "gp", "random", "grid")
"""What proposes params; ``auto`` is ehvi where the objectives allow that, else tpe."""

SCHEDULERS = ("moasha", "fifo")
"""What stops trials early; ``fifo`` stops none."""

LR_SCHEDULES = ("constant", "linear")
"""How a learning rate moves over the steps; only ``constant`` does not depend on the horizon."""

EXTRA_METRICS = ("f1", "matthews")
"""The figures that a record has only where ``task.metrics`` asks for them."""

METRICS = (
    "accuracy",
    "loss",
    "sparsity",
    "model_sparsity",
    "nonzero_params",
    "size_bytes",
    "accuracy_drop",
    "seconds",
    "train_seconds",
    "eval_seconds",
    "epoch",
    *EXTRA_METRICS,
)
"""The figures of a record that can be an objective."""


def is_name(raw: object) -> bool:
    """Whether it is a text that is not blank."""
    return isinstance(raw, str) and bool(raw.strip())


def _read_columns(raw: object) -> object:
    pair = isinstance(raw, list | tuple) and len(raw) == 2 and all(map(is_name, raw))
    if pair or is_name(raw):
        return raw
    allowed = "the name of a column, or a list of two names"
    raise Refused(Problem((), "must be one column or two", raw, allowed))


Columns = Annotated[str | tuple[str, str], BeforeValidator(_read_columns)]

Auto = Literal["auto"]

Line = Annotated[str, StringConstraints(pattern=r"\S")]
Slug = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Characters = Annotated[str, StringConstraints(min_length=1)]

LrSchedule = Annotated[str, OneOf(LR_SCHEDULES)]
Sampler = Annotated[str, OneOf(SAMPLERS)]
Scheduler = Annotated[str, OneOf(SCHEDULERS)]
StartMasks = Literal["drop", "keep"]
Quantization = Annotated[str, OneOf(QUANTIZATIONS)]
Metric = Annotated[str, OneOf(METRICS)]
ExtraMetric = Annotated[str, OneOf(EXTRA_METRICS)]

Objectives = Annotated[dict[Metric, Literal["max", "min"]], Field(min_length=1)]
Reference = dict[Metric, Finite]


def _in_order(bounds: dict[str, float]) -> dict[str, float]:
    if len(bounds) == 2 and bounds["min"] > bounds["max"]:
        raise Refused(Problem((), "min is above max", bounds, "min <= max"))
    return bounds


Bounds = Annotated[
    dict[Annotated[str, OneOf(("min", "max"))], Finite],
    Field(min_length=1),
    AfterValidator(_in_order),
]
Constraints = dict[Metric, Bounds]
