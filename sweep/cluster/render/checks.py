"""Checks of the options of `sweep render`, which are written into a batch script or a manifest."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from sweep.errors import UsageError

if TYPE_CHECKING:
    from sweep.config.sections import ResourcesConfig


@dataclass(frozen=True)
class Rule:
    """A pattern that the whole text must match, and its description in error messages."""

    pattern: str
    words: str


WORD = Rule(r"[A-Za-z0-9][A-Za-z0-9._,+-]*", "letters, digits and . _ , + -")
TIME = Rule(
    r"(\d+-)?\d+(:\d\d){0,2}", "a time for Slurm: minutes, H:MM:SS or D-HH:MM:SS, such as 4:00:00"
)
NAME = Rule(r"[a-z]([a-z0-9-]{0,45}[a-z0-9])?", "at most 47 lower-case letters, digits and -")
QUANTITY = Rule(r"\d+(\.\d+)?(Ki|Mi|Gi|Ti|k|M|G|T)?", "a quantity for Kubernetes, such as 16Gi")
IMAGE = Rule(r"[A-Za-z0-9][A-Za-z0-9./:@_-]*", "an image, such as registry.example/prunesweep:1.0")
FOLDER = Rule(r"/[A-Za-z0-9._/-]*[A-Za-z0-9._-]", "an absolute path of letters, digits, . _ / -")
GPU = Rule(r"[a-z0-9.-]+/[A-Za-z0-9._-]+", "a resource for Kubernetes, such as nvidia.com/gpu")

Gpus = Annotated[
    int | None, typer.Option(min=0, help="GPUs of a node (default: what one trial takes)")
]


def check_options(options: Any) -> None:
    """Raise UsageError if a field of a dataclass breaks a rule in its type annotation."""
    for field, hint in get_type_hints(type(options), include_extras=True).items():
        for rule in getattr(hint, "__metadata__", ()):
            if isinstance(rule, Rule):
                check("--" + field.replace("_", "-"), getattr(options, field), rule)


def check(option: str, value: str | None, rule: Rule) -> None:
    """Raise UsageError if a text is given and breaks the rule."""
    if value is not None and not re.fullmatch(rule.pattern, value):
        raise UsageError(f"{option} must be {rule.words}; got {value!r}")


def check_line(option: str, value: str) -> None:
    """Raise UsageError for a text of several lines: it is written into comments too."""
    if not value.isprintable():
        raise UsageError(f"{option} must be one line of printable characters; got {value!r}")


def gpus_of_node(want: ResourcesConfig, cpus: int | None, gpus: int | None) -> int:
    """The GPUs of a node, by default those of one trial. UsageError if one trial does not fit.

    ``cpus`` is the number of the node's CPUs; None if it is not known.
    """
    gpus = math.ceil(want.gpu) if gpus is None else gpus
    if (cpus is not None and want.cpu > cpus) or want.gpu > gpus:
        raise UsageError(
            f"a trial needs {want.cpu:g} CPUs and {want.gpu:g} GPUs (resources), but a node would "
            f"have {cpus or 'all its'} CPUs and {gpus} GPUs: ask for more with --cpus and --gpus"
        )
    return gpus
