"""Building blocks for the types of parameters and settings: numbers, names and mappings.

A number may also be the text of a number, because YAML 1.1 reads 1e-3 as a text. Booleans are not
numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    PlainSerializer,
    create_model,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from sweep.space.values import Problem, Refused, as_number


class OneOf:
    """A text that is one of the names in ``sources``, like a literal whose names can grow.

    A source is a tuple, a registry (`sweep.registry`) to which packages add names, or a function.
    """

    def __init__(self, *sources: Collection[str] | Callable[[], Collection[str]]) -> None:
        self._sources = sources

    @property
    def options(self) -> tuple[str, ...]:
        """All names that are known now."""
        sources = (source() if callable(source) else source for source in self._sources)
        return tuple(name for source in sources for name in source)

    def check(self, raw: object) -> str:
        """``raw`` if it is one of the names. Otherwise raises the error of pydantic's literal."""
        if isinstance(raw, str) and raw in self.options:
            return raw
        expected = ", ".join(map(repr, self.options))
        raise PydanticKnownError("literal_error", {"expected": expected})

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"enum": list(self.options), "type": "string"}


def _reader(most: float, other_type: Any, too_large: Any) -> BeforeValidator:
    """Reads a number, with these types of errors. ``most``: the largest integer."""

    def read(raw: object) -> int | float:
        number = as_number(raw)
        if number is None:
            raise PydanticKnownError(other_type)
        if isinstance(number, int) and abs(number) > most:
            raise PydanticKnownError(too_large)
        return number

    return BeforeValidator(read)


_INTEGER = _reader(2**63 - 1, "int_type", "int_parsing_size")
_NUMBER = _reader(sys.float_info.max, "float_type", "finite_number")

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

Switch = Annotated[bool, Field(strict=True)]


class Section(BaseModel):
    """A frozen mapping with known keys. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def given(self) -> dict[str, Any]:
        """The values that were given, without defaults, in the order of the fields."""
        fields = type(self).model_fields
        return {name: getattr(self, name) for name in fields if name in self.model_fields_set}


class NotEmpty(Section):
    """A section with at least one key."""

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if not self.given:
            keys = ", ".join(type(self).model_fields)
            raise Refused(Problem((), "must not be empty", {}, f"a mapping of any of {keys}"))
        return self


def model_of(name: str, base: type[Section], types: Mapping[str, Any]) -> Any:
    """A model with these keys, each of which is optional unless its field says otherwise."""
    fields = {key: kind if isinstance(kind, tuple) else (kind, None) for key, kind in types.items()}
    return create_model(name, __base__=base, **fields)  # type: ignore[call-overload]


def read_as(
    kind: Any, convert: Callable[[Any], Any], plain: Callable[[Any], Any] = lambda value: value
) -> GetPydanticSchema:
    """A type that is validated as ``kind``, then converted, and serialized with ``plain``."""
    whole = Annotated[kind, AfterValidator(convert), PlainSerializer(plain)]
    return GetPydanticSchema(lambda _, handler: handler(whole))
