"""Checks of the options of `sweep render`, which are written into a batch script or a manifest."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

from sweep.config import ResourcesConfig
from sweep.errors import UsageError


@dataclass(frozen=True)
class Rule:
    """A pattern that the whole text must match, and its description in error messages."""

    pattern: str
    words: str


NAME = Rule(r"[a-z]([a-z0-9-]{0,45}[a-z0-9])?", "at most 47 lower-case letters, digits and -")

Word = Annotated[str, Rule(r"[A-Za-z0-9][A-Za-z0-9._,+-]*", "letters, digits and . _ , + -")]
Time = Annotated[
    str,
    Rule(
        r"(\d+-)?\d+(:\d\d){0,2}",
        "a time for Slurm: minutes, H:MM:SS or D-HH:MM:SS, such as 4:00:00",
    ),
]
Name = Annotated[str, NAME]
Quantity = Annotated[
    str, Rule(r"\d+(\.\d+)?(Ki|Mi|Gi|Ti|k|M|G|T)?", "a quantity for Kubernetes, such as 16Gi")
]
Image = Annotated[
    str, Rule(r"[A-Za-z0-9][A-Za-z0-9./:@_-]*", "an image, such as registry.example/prunesweep:1.0")
]
Folder = Annotated[
    str, Rule(r"/[A-Za-z0-9._/-]*[A-Za-z0-9._-]", "an absolute path of letters, digits, . _ / -")
]
Gpu = Annotated[
    str, Rule(r"[a-z0-9.-]+/[A-Za-z0-9._-]+", "a resource for Kubernetes, such as nvidia.com/gpu")
]


def check_options(options: Any) -> None:
    """Raise UsageError if a field of a dataclass breaks a rule in its type annotation."""
    for field, hint in get_type_hints(type(options), include_extras=True).items():
        for kind in (hint, *getattr(hint, "__args__", ())):  # Name, or Name | None
            for rule in getattr(kind, "__metadata__", ()):
                check("--" + field.replace("_", "-"), getattr(options, field), rule)


def check(option: str, value: str | None, rule: Rule) -> None:
    """Raise UsageError if a text is given and breaks the rule."""
    if value is not None and not re.fullmatch(rule.pattern, value):
        raise UsageError(f"{option} must be {rule.words}; got {value!r}")


def check_line(option: str, value: str) -> None:
    """Raise UsageError for a text of several lines: it is written into comments too."""
    if not value.isprintable():
        raise UsageError(f"{option} must be one line of printable characters; got {value!r}")


def gpus_of_a_node(want: ResourcesConfig, asked: int | None) -> int:
    """The GPUs of a node: the number asked for, or else those of one trial, rounded up."""
    return math.ceil(want.gpu) if asked is None else asked


def check_room(want: ResourcesConfig, cpus: int | None, gpus: int) -> None:
    """Raise UsageError if one trial does not fit on a node.

    ``cpus`` is the number of the node's CPUs; None if it is not known.
    """
    if (cpus is not None and want.cpu > cpus) or want.gpu > gpus:
        raise UsageError(
            f"a trial needs {want.cpu:g} CPUs and {want.gpu:g} GPUs (resources), but a node would "
            f"have {cpus or 'all its'} CPUs and {gpus} GPUs: ask for more with --cpus and --gpus"
        )
