"""Sweeps for other schedulers of machines, as files that these take: Slurm and Kubernetes."""

from __future__ import annotations

from importlib import resources
from typing import Any


def fill(file: str, **values: Any) -> str:
    """A template of this package, filled in; a value that it names and is not given is an error."""
    # Here, since it takes a tenth of a second to import.
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
