"""What an option of `sweep render` may be: it ends up in a batch script or a manifest."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sweep.errors import UsageError


@dataclass(frozen=True)
class Rule:
    """A form that a text must have whole, and the words for it."""

    pattern: str
    words: str


WORD = Rule(r"[A-Za-z0-9][A-Za-z0-9._,+-]*", "letters, digits and . _ , + -")
TIME = Rule(
    r"(\d+-)?\d+(:\d\d){0,2}", "minutes, H:MM:SS or D-HH:MM:SS, as Slurm has it, such as 4:00:00"
)
NAME = Rule(r"[a-z]([a-z0-9-]{0,45}[a-z0-9])?", "at most 47 small letters, digits and -, as in DNS")
QUANTITY = Rule(r"\d+(\.\d+)?(Ki|Mi|Gi|Ti|k|M|G|T)?", "a quantity of Kubernetes, such as 16Gi")
IMAGE = Rule(r"[A-Za-z0-9][A-Za-z0-9./:@_-]*", "an image, such as registry.example/prunesweep:1.0")
PATH = Rule(r"/[A-Za-z0-9._/-]*[A-Za-z0-9._-]", "an absolute path of letters, digits and . _ / -")
GPU = Rule(r"[a-z0-9.-]+/[A-Za-z0-9._-]+", "a resource of Kubernetes, such as nvidia.com/gpu")


def check(option: str, value: str | None, rule: Rule) -> None:
    """UsageError where a text is given and does not have the form."""
    if value is not None and not re.fullmatch(rule.pattern, value):
        raise UsageError(f"{option} must be {rule.words}; got {value!r}")


def check_line(option: str, value: str) -> None:
    """UsageError for a text that is not one line: it is written into comments too."""
    if not value.isprintable():
        raise UsageError(f"{option} must be one line of printable characters; got {value!r}")


def check_room(cpu: float, gpu: float, cpus: int | None, gpus: int) -> None:
    """UsageError where a node has no room for one trial, which takes ``cpu`` and ``gpu``.

    ``cpus`` are the node's; None where that is not known.
    """
    if (cpus is not None and cpu > cpus) or gpu > gpus:
        raise UsageError(
            f"a trial takes {cpu:g} CPUs and {gpu:g} GPUs (resources), and a node would have "
            f"{cpus or 'all its'} and {gpus}: give more with --cpus and --gpus"
        )


def default_gpus(gpu: float) -> int:
    """GPUs of a node where none are asked for: what one trial takes, in whole ones."""
    return int(-(-gpu // 1))


def default_cpus(cpu: float, gpu: float, gpus: int) -> int:
    """CPUs of a node where none are asked for: for as many trials as its GPUs hold, at least 4."""
    trials = int(gpus / gpu + 1e-9) if gpu else 1
    return max(4, int(-(-cpu * trials // 1)))
