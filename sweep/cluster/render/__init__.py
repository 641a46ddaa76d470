"""Files that run a sweep elsewhere: a batch script for Slurm, a manifest for Kubernetes."""

from __future__ import annotations

from importlib import resources
from typing import Any


def fill(file: str, **values: Any) -> str:
    """The text of a template of this package with these values; a missing value is an error."""
    # The import is here because it takes 0.1 s.
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    text = resources.files(__name__).joinpath(file).read_text(encoding="utf-8")
    return environment.from_string(text).render(values)
