"""Builds a space from its form in a config."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from sweep.config import SweepConfig
from sweep.config.load import config_problems
from sweep.errors import ConfigError
from sweep.registry import CRITERIA, STRUCTURES
from sweep.space.domains import Domain
from sweep.space.params import is_learned

METHODS = tuple(CRITERIA.builtin)
LEARNED = tuple(filter(is_learned, METHODS))
GRANULARITIES = tuple(STRUCTURES.builtin)


def space_of(raw: Any) -> dict[str, Domain]:
    """Return the space of a config with this section; ConfigError lists all its problems."""
    plain = {"name": "a", "task": {"dataset": "digits"}, "space": raw}
    try:
        return SweepConfig.model_validate(plain, context={"single_trial": True}).space
    except ValidationError as error:
        raise ConfigError([problem.line for problem in config_problems(error)]) from None
