"""``task.dataset``: the name of a data set, a folder, or files per split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from sweep.config import fields
from sweep.space.types import Section
from sweep.space.values import Problem, Refused


class Files(Section):
    """Local files per split: parquet, arrow, csv, tsv or JSON, each also with .gz.

    A split is a file, a folder, a glob, or a list of these.
    """

    train: fields.Paths = Field(description="files to finetune on")
    validation: fields.Paths | None = Field(default=None, description="files that the search reads")
    test: fields.Paths | None = Field(default=None, description="files read once, after the search")

    @property
    def paths(self) -> dict[str, str]:
        """Setting -> path, a glob or a folder included."""
        found = {}
        for split in type(self).model_fields:
            entry = getattr(self, split) or []
            for i, path in enumerate([entry] if isinstance(entry, str) else entry):
                found[split if isinstance(entry, str) else f"{split}[{i}]"] = path
        return found


def _read_dataset(raw: object) -> object:
    if isinstance(raw, Mapping | Files):
        return Files.model_validate(raw)
    if isinstance(raw, str) and fields.is_name(raw):
        return fields.possible(raw)
    allowed = (
        "a hub id, a folder, digits, closed-form, or {train: FILE, validation: FILE, test: FILE}"
    )
    raise Refused(Problem((), "is not a data set", raw, allowed))


Dataset = Annotated[str | Files, BeforeValidator(_read_dataset)]


def is_path(name: str) -> bool:
    """Whether a name is a path on this or another machine, and not an id of the hub."""
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or Path(name).exists()
