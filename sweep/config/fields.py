"""Types for the settings of a config, the names that they may have, and the files of a task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationInfo

from sweep.ledger.files import POSSIBLE, is_possible
from sweep.registry import LISTENERS, METRICS, SAMPLERS, TASKS
from sweep.space.params import QUANTIZATIONS
from sweep.space.types import Finite, OneOf, Section
from sweep.space.values import Problem, Refused, closest

SCHEDULERS = ("moasha", "fifo")
"""The schedulers that stop trials early; ``fifo`` stops none."""

LR_SCHEDULES = ("constant", "linear")
"""Schedules of the learning rate. Only ``constant`` does not depend on the horizon."""

FIGURES = (
    "loss",
    "sparsity",
    "model_sparsity",
    "nonzero_params",
    "size_bytes",
    "seconds",
    "train_seconds",
    "eval_seconds",
    "epoch",
)
"""The figures of a record that can be objectives, besides metrics and their drops."""


# ``<metric>_drop`` is how much worse a point is than the dense model.
OBJECTIVES = OneOf(FIGURES, METRICS, lambda: [f"{name}_drop" for name in METRICS])
"""All names of objectives, constraints and references."""


def is_name(raw: object) -> bool:
    """Whether ``raw`` is a text that is not blank."""
    return isinstance(raw, str) and bool(raw.strip())


def possible(name: str) -> str:
    """Return the name of a file or folder. Raises `Refused` if no file system can have it."""
    if not is_possible(name):
        raise Refused(Problem((), "cannot be the name of a file or folder", name, POSSIBLE))
    return name


def _read_columns(raw: object) -> object:
    pair = isinstance(raw, list | tuple) and len(raw) == 2 and all(map(is_name, raw))
    if pair or is_name(raw):
        return raw
    allowed = "the name of a column, or a list of two names"
    raise Refused(Problem((), "must be one or two columns", raw, allowed))


Columns = Annotated[str | tuple[str, str], BeforeValidator(_read_columns)]


def _read_paths(raw: object) -> object:
    names = [raw] if isinstance(raw, str) else raw
    if isinstance(names, list | tuple) and names and all(map(is_name, names)):
        for name in names:
            possible(name)
        return raw
    allowed = "a file, a folder, a glob, or a list of these"
    raise Refused(Problem((), "must be one or more files", raw, allowed))


Paths = Annotated[str | list[str], BeforeValidator(_read_paths)]


MOST_LABELS, _MOST_CHARACTERS = 10_000, 250_000
"""How many labels a file may name, and its size: the dump of the config must be a valid config."""

_OF_LABELS = f"{MOST_LABELS} names and {_MOST_CHARACTERS} characters"


def _read_label_names(raw: object) -> object:
    """Read a list of names, or a file with one name in each line, which may have blank lines."""
    names, allowed = raw, "a list of different names, or a file in UTF-8 with one name in each line"
    if is_name(raw):
        try:
            with open(possible(str(raw)), encoding="utf-8-sig") as file:
                text = file.read(_MOST_CHARACTERS + 1)
        except (OSError, UnicodeError) as error:
            raise Refused(Problem((), f"cannot be read ({error})", raw, allowed)) from None
        names = [line.strip() for line in text.splitlines() if line.strip()]
        if len(text) > _MOST_CHARACTERS or len(names) > MOST_LABELS:
            raise Refused(Problem((), "is too large", raw, f"a file of at most {_OF_LABELS}"))
    if names is None:
        return None
    if isinstance(names, list | tuple):
        names = [name if isinstance(name, str | bool) else str(name) for name in names]
        if all(map(is_name, names)) and len(set(names)) == len(names) > 1:
            return names
    raise Refused(Problem((), "must have a name for each of two or more labels", names, allowed))


_LabelNamesForm = list[str | float] | str | None
LabelNames = Annotated[
    list[str] | None, BeforeValidator(_read_label_names, json_schema_input_type=_LabelNamesForm)
]

Auto = Literal["auto"]

Line = Annotated[str, StringConstraints(pattern=r"\S")]
Place = Annotated[Line, AfterValidator(possible)]
Slug = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=240)]
Characters = Annotated[str, StringConstraints(min_length=1)]

LrSchedule = Annotated[str, OneOf(LR_SCHEDULES)]
Sampler = Annotated[str, OneOf(("auto",), SAMPLERS)]
Scheduler = Annotated[str, OneOf(SCHEDULERS)]
StartMasks = Literal["drop", "keep"]
Quantization = Annotated[str, OneOf(QUANTIZATIONS)]
TaskKind = Annotated[str, OneOf(("auto",), TASKS)]
Metric = Annotated[str, OneOf(METRICS)]
Objective = Annotated[str, OBJECTIVES]

Objectives = Annotated[dict[Objective, Literal["max", "min"]], Field(min_length=1)]
Reference = dict[Objective, Finite]


def _in_order(bounds: dict[str, float]) -> dict[str, float]:
    if len(bounds) == 2 and bounds["min"] > bounds["max"]:
        raise Refused(Problem((), "min is above max", bounds, "min <= max"))
    return bounds


Bounds = Annotated[
    dict[Annotated[str, OneOf(("min", "max"))], Finite],
    Field(min_length=1),
    AfterValidator(_in_order),
]
Constraints = dict[Objective, Bounds]


def _read_listeners(raw: object, info: ValidationInfo) -> object:
    """Convert names without options to a mapping. Refuse unknown names if a user gives them."""
    given = raw
    if isinstance(raw, list | tuple) and all(map(is_name, raw)) and len(set(raw)) == len(raw):
        given = dict.fromkeys(raw)
    if not isinstance(given, Mapping):
        allowed = "a list of different names, or {name: {option: value, ...}, ...}"
        raise Refused(Problem((), "must be a list or a mapping of listeners", raw, allowed))
    if unknown := [name for name in given if info.context and name not in LISTENERS]:
        what, allowed = "is not a listener of any package on this machine", ", ".join(LISTENERS)
        hints = [closest(name, LISTENERS) for name in unknown]
        named = zip(map(str, unknown), hints, strict=True)
        raise Refused(*(Problem((n,), what, allowed=allowed, hint=hint) for n, hint in named))
    return {name: {} if options is None else options for name, options in given.items()}


_Options = dict[Characters, Any]
_ListenersForm = dict[Characters, _Options | None] | list[Characters]
Listeners = Annotated[
    dict[Characters, _Options],
    BeforeValidator(_read_listeners, json_schema_input_type=_ListenersForm),
]
"""Name -> options. Names are checked only in a config that a user gives, because a worker or the
machine of an export may not have the package of a listener.
"""


class Files(Section):
    """Local files per split: parquet, arrow, csv, tsv or JSON, each also with .gz.

    A split is a file, a folder, a glob, or a list of these.
    """

    train: Paths = Field(description="files to finetune on")
    validation: Paths | None = Field(default=None, description="files that the search reads")
    test: Paths | None = Field(default=None, description="files read once, after the search")


def _read_dataset(raw: object) -> object:
    if isinstance(raw, Mapping | Files):
        return Files.model_validate(raw)
    if isinstance(raw, str) and is_name(raw):
        return possible(raw)
    allowed = (
        "a hub id, a folder, digits, closed-form, or {train: FILE, validation: FILE, test: FILE}"
    )
    raise Refused(Problem((), "is not a data set", raw, allowed))


Dataset = Annotated[str | Files, BeforeValidator(_read_dataset)]


def is_path(name: str) -> bool:
    """Whether a name is a path on this or another machine, and not an id of the hub."""
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or Path(name).exists()
