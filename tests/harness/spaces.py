"""A space as a config has it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from sweep.config import SweepConfig
from sweep.config.problems import problems_of
from sweep.errors import ConfigError
from sweep.space.domains import Domain


def space_of(raw: Any) -> dict[str, Domain]:
    """The space of a config that says this; ConfigError with all that is wrong with it."""
    plain = {"name": "a", "task": {"dataset": "digits"}, "space": raw}
    try:
        return SweepConfig.model_validate(plain, context={"single_trial": True}).space
    except ValidationError as error:
        raise ConfigError([problem.line for problem in problems_of(error)]) from None
