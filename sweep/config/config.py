"""The config of a sweep: YAML's plain values, checked.

`SweepConfig` is frozen and round-trips: ``model_validate(config.model_dump(mode="json"))`` equals
``config``, and the dump written as YAML is a config that runs. Reading files and overrides is in
`sweep.config.load`, the wording of errors in `sweep.config.problems`.
"""

from __future__ import annotations

from pydantic import ValidationInfo, model_validator

from sweep.config.checks import section_problems
from sweep.config.search_checks import search_problems
from sweep.config.settings import Settings
from sweep.space.values import Refused


class SweepConfig(Settings):
    """A whole sweep.

    Validated in the context ``{"single_trial": True}`` it may have a search that does not fit its
    space, since one trial has no search.
    """

    @model_validator(mode="after")
    def _sections_agree(self, info: ValidationInfo) -> SweepConfig:
        problems = section_problems(self)
        if not (info.context or {}).get("single_trial"):
            problems += search_problems(self)
        if problems:
            raise Refused(*problems)
        return self
