"""What an option of `sweep render` may be: it ends up in a batch script or a manifest."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

from sweep.config import ResourcesConfig
from sweep.errors import UsageError


@dataclass(frozen=True)
class Rule:
    """A form that a text must have whole, and the words for it."""

    pattern: str
    words: str


NAME = Rule(r"[a-z]([a-z0-9-]{0,45}[a-z0-9])?", "at most 47 small letters, digits and -, as in DNS")

Word = Annotated[str, Rule(r"[A-Za-z0-9][A-Za-z0-9._,+-]*", "letters, digits and . _ , + -")]
Time = Annotated[
    str,
    Rule(
        r"(\d+-)?\d+(:\d\d){0,2}",
        "minutes, H:MM:SS or D-HH:MM:SS, as Slurm has it, such as 4:00:00",
    ),
]
Name = Annotated[str, NAME]
Quantity = Annotated[
    str, Rule(r"\d+(\.\d+)?(Ki|Mi|Gi|Ti|k|M|G|T)?", "a quantity of Kubernetes, such as 16Gi")
]
Image = Annotated[
    str, Rule(r"[A-Za-z0-9][A-Za-z0-9./:@_-]*", "an image, such as registry.example/prunesweep:1.0")
]
Folder = Annotated[
    str, Rule(r"/[A-Za-z0-9._/-]*[A-Za-z0-9._-]", "an absolute path of letters, digits, . _ / -")
]
Gpu = Annotated[
    str, Rule(r"[a-z0-9.-]+/[A-Za-z0-9._-]+", "a resource of Kubernetes, such as nvidia.com/gpu")
]


def check_options(options: Any) -> None:
    """UsageError where a field of a dataclass does not have the form that its type names."""
    for field, hint in get_type_hints(type(options), include_extras=True).items():
        for kind in (hint, *getattr(hint, "__args__", ())):  # Name, or Name | None
            for rule in getattr(kind, "__metadata__", ()):
                check("--" + field.replace("_", "-"), getattr(options, field), rule)


def check(option: str, value: str | None, rule: Rule) -> None:
    """UsageError where a text is given and does not have the form."""
    if value is not None and not re.fullmatch(rule.pattern, value):
        raise UsageError(f"{option} must be {rule.words}; got {value!r}")


def check_line(option: str, value: str) -> None:
    """UsageError for a text that is not one line: it is written into comments too."""
    if not value.isprintable():
        raise UsageError(f"{option} must be one line of printable characters; got {value!r}")


def gpus_of_a_node(want: ResourcesConfig, asked: int | None) -> int:
    """The GPUs that are asked for, else what one trial takes, in whole ones."""
    return math.ceil(want.gpu) if asked is None else asked


def check_room(want: ResourcesConfig, cpus: int | None, gpus: int) -> None:
    """UsageError where a node has no room for one trial.

    ``cpus`` are the node's; None where that is not known.
    """
    if (cpus is not None and want.cpu > cpus) or want.gpu > gpus:
        raise UsageError(
            f"a trial takes {want.cpu:g} CPUs and {want.gpu:g} GPUs (resources), and a node would "
            f"have {cpus or 'all its'} and {gpus}: give more with --cpus and --gpus"
        )
