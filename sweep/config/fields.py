"""The types of the config's fields: pydantic's constraints, and the names that a config may use.

Numbers may also be texts of numbers, since YAML 1.1 leaves 1e-3 a text; booleans are no numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from sweep.space.domains import Domain
from sweep.space.params import QUANTIZATIONS
from sweep.space.parse import parse_points, parse_space
from sweep.space.schema import points_schema, space_schema
from sweep.space.values import Problem, Refused, Value, as_number

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


@dataclass(frozen=True)
class OneOf:
    """A text that is one of a few names: pydantic's literal, of names that a table has."""

    options: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return core_schema.literal_schema(list(self.options))


def one_of(names: Sequence[str]) -> str:
    """Names in words.

    >>> one_of(["a", "b", "c"])
    'a, b or c'
    """
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _number(raw: object) -> int | float:
    number = as_number(raw)
    if number is None:
        raise PydanticKnownError("float_type")
    return number


def _integer(raw: object) -> int | float:
    number = as_number(raw)
    if number is None:
        raise PydanticKnownError("int_type")
    if isinstance(number, int) and abs(number) >= 2**63:
        raise PydanticKnownError("int_parsing_size")
    return number


_INTEGER = BeforeValidator(_integer)
_NUMBER = BeforeValidator(_number)

Natural = Annotated[int, Field(ge=0), _INTEGER]
Count = Annotated[int, Field(ge=1), _INTEGER]
Length = Annotated[int, Field(ge=1, le=8192), _INTEGER]
Width = Annotated[int, Field(ge=2, le=24), _INTEGER]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1), _INTEGER]

Finite = Annotated[float, Field(allow_inf_nan=False), _NUMBER]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), _NUMBER]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), _NUMBER]
Factor = Annotated[float, Field(gt=1, allow_inf_nan=False), _NUMBER]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False), _NUMBER]
WholeShare = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), _NUMBER]
InnerShare = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False), _NUMBER]


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

Switch = Annotated[bool, Field(strict=True)]
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


def _plain_space(space: Mapping[str, Domain]) -> dict[str, Any]:
    return {name: domain.plain() for name, domain in space.items()}


Space = Annotated[
    dict[str, Domain],
    PlainValidator(parse_space),
    PlainSerializer(_plain_space),
    WithJsonSchema(space_schema()),
]
Starts = Annotated[
    list[dict[str, Value]], PlainValidator(parse_points), WithJsonSchema(points_schema())
]
