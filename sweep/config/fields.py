"""The types of the config's fields: readers of `sweep.space.values`, in a form that pydantic
takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from sweep.config.readers import Bounds, Keyed, Points
from sweep.space.domains import Domain
from sweep.space.parameters import QUANTIZATIONS
from sweep.space.parse import parse_space, space_schema
from sweep.space.values import Also, Each, Flag, Number, OneOf, Reader, Text, Value

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

START_MASKS = ("drop", "keep")
"""What becomes of the masks that an exported model brings along."""

DIRECTIONS = ("max", "min")
"""Where an objective should go."""


@dataclass(frozen=True)
class Checked:
    """Lets pydantic read a field with one of our readers, so that errors and schema speak alike."""

    reader: Reader

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.reader.read)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: Any) -> dict[str, Any]:
        return self.reader.schema()


_SLUG = Text("letters, digits and . _ - after a letter or digit", r"[A-Za-z0-9][A-Za-z0-9._-]*")
_COUNT = Number(low=1, whole=True)
TEXT = Text()
_SHARE = Number(low=0, high=1, below=True)

Slug = Annotated[str, Checked(_SLUG)]
Line = Annotated[str, Checked(TEXT)]
LineOrNone = Annotated[str | None, Checked(Also(None, TEXT))]
AnyText = Annotated[str, Checked(Text("a text", r"[\s\S]*"))]
Characters = Annotated[str, Checked(Text("a text of one or more characters", r"[\s\S]+"))]
Count = Annotated[int, Checked(_COUNT)]
CountOrNone = Annotated[int | None, Checked(Also(None, _COUNT))]
CountOrAuto = Annotated[int | str, Checked(Also("auto", _COUNT))]
Length = Annotated[int, Checked(Number(low=1, high=8192, whole=True))]
Natural = Annotated[int, Checked(Number(low=0, whole=True))]
Seed = Annotated[int, Checked(Number(low=0, high=2**32 - 1, whole=True))]
Positive = Annotated[float, Checked(Number(low=0, above=True))]
Factor = Annotated[float, Checked(Number(low=1, above=True))]
PositiveOrNone = Annotated[float | None, Checked(Also(None, Number(low=0, above=True)))]
NotNegative = Annotated[float, Checked(Number(low=0))]
Share = Annotated[float, Checked(_SHARE)]
WholeShare = Annotated[float, Checked(Number(low=0, high=1))]
ShareOrNone = Annotated[float | None, Checked(Also(None, _SHARE))]
InnerShare = Annotated[float, Checked(Number(low=0, high=1, above=True, below=True))]
Switch = Annotated[bool, Checked(Flag())]
SwitchOrAuto = Annotated[bool | str, Checked(Also("auto", Flag()))]
LrSchedule = Annotated[str, Checked(OneOf(LR_SCHEDULES))]
Sampler = Annotated[str, Checked(OneOf(SAMPLERS))]
StartMasks = Annotated[str, Checked(OneOf(START_MASKS))]
Quantization = Annotated[str, Checked(OneOf(QUANTIZATIONS))]
WidthOrNone = Annotated[int | None, Checked(Also(None, Number(low=2, high=24, whole=True)))]
NaturalOrNone = Annotated[int | None, Checked(Also(None, Number(low=0, whole=True)))]
Scheduler = Annotated[str, Checked(OneOf(SCHEDULERS))]
ExtraMetric = Annotated[str, Checked(OneOf(EXTRA_METRICS))]
Objectives = Annotated[dict[str, str], Checked(Each(OneOf(METRICS), OneOf(DIRECTIONS)))]
Starts = Annotated[list[dict[str, Value]], Checked(Points())]
Constraints = Annotated[
    dict[str, dict[str, float]],
    Checked(Keyed(dict.fromkeys(METRICS, Bounds()), "{metric: {min: x, max: y}}", empty=True)),
]
Reference = Annotated[
    dict[str, float],
    Checked(Keyed(dict.fromkeys(METRICS, Number()), "{metric: number}", empty=True)),
]


def _plain_space(space: Mapping[str, Domain]) -> dict[str, Any]:
    return {name: domain.plain() for name, domain in space.items()}


Space = Annotated[
    dict[str, Domain],
    PlainValidator(parse_space),
    PlainSerializer(_plain_space),
    WithJsonSchema(space_schema()),
]
