"""A sweep's folder, or address in an object store: what lies where, and whether it may be used."""

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
from sweep.config.load import parse_config
from sweep.config.problems import problems_of
from sweep.config.text import config_diff
from sweep.errors import StorageError, UsageError
from sweep.ledger.address import Address
from sweep.ledger.file import read_events
from sweep.ledger.files import REPORTED, refuse_links
from sweep.ledger.lease import Say
from sweep.ledger.lines import Event
from sweep.ledger.open import Journal, open_ledger
from sweep.ledger.probe import probe
from sweep.ledger.reading import first_event
from sweep.ledger.segments import FOLDER as SEGMENTS
from sweep.ledger.store import Place, read_text

OURS = (
    "config.yaml",
    "trials.csv",
    "records.csv",
    "front.csv",
    "checkpoints",
    "report.html",
    "report.md",
    "driver.log",
)


UNLINKED = (
    "ledger.jsonl",
    "ledger.lock",
    "driver.log",
    "checkpoints",
    "dense",
    "allocations",
    *REPORTED,
)
"""What a driver and its workers write in place, or delete from. They replace whole any other file,
and so a link in its place, too."""


@dataclass(frozen=True)
class SweepFolder:
    """Paths inside a sweep's folder (see DESIGN, contract)."""

    path: Place

    @property
    def ledger(self) -> Place:
        """The truth."""
        return self.path / ("ledger.jsonl" if isinstance(self.path, Path) else SEGMENTS)

    @property
    def config(self) -> Place:
        """The resolved config, runnable as it stands."""
        return self.path / "config.yaml"

    @property
    def log(self) -> Place:
        """What drivers said, with times; for a person to read."""
        return self.path / "driver.log"

    @property
    def checkpoints(self) -> Place:
        """What resume and export need."""
        return self.path / "checkpoints"

    @property
    def dense(self) -> Place:
        """The dense model that the sweep finetuned (:mod:`sweep.compress.dense.ship`)."""
        return self.path / "dense"

    @property
    def retrainings(self) -> Place:
        """Checkpoints of retrainings that `sweep confirm` has under way; gone when it is done."""
        return self.checkpoints / "confirm"

    @property
    def holds_sweep(self) -> bool:
        """Whether a sweep was begun here."""
        if isinstance(self.ledger, Address):
            return first_event(self.ledger) is not None
        return self.ledger.is_file() and self.ledger.stat().st_size > 0

    def saved_config(self) -> dict[str, Any]:
        """The resolved config that the ledger began with.

        Raises :class:`~sweep.errors.UsageError` where this folder is no sweep.
        """
        if isinstance(self.path, Path) and not self.path.is_dir():
            raise UsageError(f"no such folder: {self.path}")
        first = self._first_event()
        if first is None or first.get("event") != "sweep":
            raise UsageError(f"{self.path} is no sweep: it has no {self.ledger.name} with a config")
        config: dict[str, Any] = first["config"]
        return config

    def _first_event(self) -> Event | None:
        if isinstance(self.ledger, Address):
            return first_event(self.ledger)
        events = read_events(self.ledger) if self.holds_sweep else []
        return events[0] if events else None

    def begun_with(self) -> SweepConfig:
        """The config that the ledger began with, checked.

        Raises :class:`~sweep.errors.UsageError` where it is none that this version can run.
        """
        try:
            return SweepConfig.model_validate(self.saved_config())
        except ValidationError as error:
            what = problems_of(error)[0].line
            raise UsageError(f"{self.ledger} began with settings of another kind: {what}") from None

    def open(self, *, create: bool, say: Say = lambda line: None) -> Journal:
        """Become the one driver of the sweep: its ledger, as :func:`open_ledger` opens it.

        Raises :class:`~sweep.errors.StorageError` too where a symbolic link within the folder leads
        elsewhere: driver and workers would write and delete there.
        """
        if isinstance(self.path, Path):
            try:
                refuse_links(self.path, *UNLINKED)
            except OSError as error:
                raise StorageError(str(error)) from error
        return open_ledger(self.ledger, create=create, say=say)

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

    def check_config(self) -> None:
        """Refuse to go on where the config beside the ledger says other settings than that.

        Raises :class:`~sweep.errors.UsageError`. A config that is not there says nothing.
        """
        if (text := read_text(self.config)) is not None:
            self.check_same(parse_config(text, source=str(self.config)))

    def create(self) -> list[Path]:
        """Make the folder, and prove that it can be written before anything costly runs.

        Returns the folders that were made, parents too, innermost first. Raises
        :class:`~sweep.errors.StorageError` where it cannot, and
        :class:`~sweep.errors.UsageError` where it holds files that we would overwrite.
        """
        made, there = self._prove(self.path)
        taken = [name for name in OURS if name in there]
        if taken and not self.holds_sweep:
            raise UsageError(f"{self.path} holds files of something else: {', '.join(taken)}")
        return made

    def _prove(self, path: Place) -> tuple[list[Path], set[str]]:
        """The folders that had to be made, and the names of what is there."""
        if isinstance(path, Address):
            probe(str(path))
            # A sweep's own files need no look, and may be very many.
            there = set() if self.holds_sweep else {n.partition("/")[0] for n in path.names()}
            return [], there
        made = [folder for folder in (path, *path.parents) if not folder.exists()]
        try:
            path.mkdir(parents=True, exist_ok=True)
            there = {name for name in OURS if (path / name).exists()}
            with tempfile.TemporaryFile(dir=path) as trial:
                trial.write(b"x")
                os.fsync(trial.fileno())
        except OSError as error:
            remove_empty(made)
            raise StorageError(
                f"{path} cannot be written: {error.strerror or error}; choose another with --out"
            ) from error
        return made, there


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove those of the folders that are empty, in their order."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
