"""A sweep's folder: what lies where, and whether it may be used."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sweep.config import SweepConfig
from sweep.config_io import config_diff
from sweep.config_problems import problems_of
from sweep.errors import StorageError, UsageError
from sweep.ledger import read_events

OURS = (
    "config.yaml",
    "trials.csv",
    "records.csv",
    "front.csv",
    "checkpoints",
    "report.html",
    "report.md",
)


@dataclass(frozen=True)
class SweepFolder:
    """Paths inside a sweep's folder (see DESIGN, contract)."""

    path: Path

    @property
    def ledger(self) -> Path:
        """The truth."""
        return self.path / "ledger.jsonl"

    @property
    def config(self) -> Path:
        """The resolved config, runnable as it stands."""
        return self.path / "config.yaml"

    @property
    def checkpoints(self) -> Path:
        """What resume and export need."""
        return self.path / "checkpoints"

    @property
    def retrainings(self) -> Path:
        """Checkpoints of retrainings that `sweep confirm` has under way; gone when it is done."""
        return self.checkpoints / "confirm"

    @property
    def holds_sweep(self) -> bool:
        """Whether a sweep was begun here."""
        return self.ledger.is_file() and self.ledger.stat().st_size > 0

    def saved_config(self) -> dict[str, Any]:
        """The resolved config that the ledger began with.

        Raises :class:`~sweep.errors.UsageError` where this folder is no sweep.
        """
        if not self.path.is_dir():
            raise UsageError(f"no such folder: {self.path}")
        events = read_events(self.ledger) if self.holds_sweep else []
        if not events or events[0].get("event") != "sweep":
            raise UsageError(f"{self.path} is no sweep: it has no {self.ledger.name} with a config")
        config: dict[str, Any] = events[0]["config"]
        return config

    def begun_with(self) -> SweepConfig:
        """The config that the ledger began with, checked.

        Raises :class:`~sweep.errors.UsageError` where it is none that this version can run.
        """
        try:
            return SweepConfig.model_validate(self.saved_config())
        except ValidationError as error:
            what = problems_of(error)[0].line
            raise UsageError(f"{self.ledger} began with settings of another kind: {what}") from None

    def check_same(self, config: SweepConfig) -> None:
        """Refuse to go on with other settings than the sweep was begun with.

        Raises :class:`~sweep.errors.UsageError` with the differences.
        """
        # As this version reads it: a setting that came since has its default.
        begun = self.begun_with().model_dump(mode="json")
        if changes := config_diff(begun, config.model_dump(mode="json")):
            raise UsageError(
                f"{self.path} holds another sweep; its settings differ:\n"
                + "\n".join(f"  {line}" for line in changes)
                + "\nchoose another folder with --out, or go on with the old one: "
                + f"sweep resume {self.path}"
            )

    def create(self) -> list[Path]:
        """Make the folder, and prove that it can be written before anything costly runs.

        Returns the folders that were made, parents too, innermost first. Raises
        :class:`~sweep.errors.StorageError` where it cannot, and
        :class:`~sweep.errors.UsageError` where it holds files that we would overwrite.
        """
        made = [path for path in (self.path, *self.path.parents) if not path.exists()]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            taken = [name for name in OURS if (self.path / name).exists()]
            with tempfile.TemporaryFile(dir=self.path) as probe:
                probe.write(b"x")
                os.fsync(probe.fileno())
        except OSError as error:
            remove_empty(made)
            raise StorageError(
                f"{self.path} cannot be written: {error.strerror or error}; "
                "choose another with --out"
            ) from error
        if taken and not self.holds_sweep:
            raise UsageError(f"{self.path} holds files of something else: {', '.join(taken)}")
        return made


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove those of the folders that are empty, in their order."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
