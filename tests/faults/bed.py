"""The test bed of the fault matrix: folders, the sweeps in them, and sweeps without faults."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from sweep.cluster.conductor import Report
from sweep.config.load import begun_with
from sweep.ledger.folder import SweepFolder
from tests.faults.processes import Driver, Sabotage
from tests.faults.verdict import Case, Done, Event, judge, read_events
from tests.harness.stage import Crew, Stage
from tests.harness.sweeps import write_config

SHORT, LONG = 6, 16
"""Trials of a sweep. After ten random trials, a long sweep uses TPE, which learns from results."""


class Bed:
    """A root folder and the address of a Ray cluster (None if a fault needs no Ray)."""

    def __init__(self, root: Path, address: str | None = None) -> None:
        self.root, self.address = root, address
        self._count = itertools.count()

    def sweep(self, name: str, trials: int = SHORT, epoch: float = 0.0, **search: Any) -> Sweep:
        """Make a new folder and a config; a finetune epoch takes ``epoch`` seconds."""
        return Sweep(self, self.root / f"{next(self._count):04d}-{name}", trials, epoch, search)

    @cached_property
    def short(self) -> Sweep:
        """A short sweep without faults."""
        return self._undisturbed(SHORT)

    @cached_property
    def long(self) -> Sweep:
        """A long sweep without faults."""
        return self._undisturbed(LONG)

    def _undisturbed(self, trials: int) -> Sweep:
        sweep = self.sweep("undisturbed", trials)
        done = sweep.run()
        assert done.code == 0, done.text
        return sweep


class Sweep:
    """One sweep: its config file, its folder, and the commands on it."""

    def __init__(
        self, bed: Bed, root: Path, trials: int, epoch: float, search: dict[str, Any]
    ) -> None:
        self.bed, self.root, self.trials = bed, root, trials
        self.config, self.folder = root / "sweep.yaml", root / "sweep"
        self.ledger = self.folder / "ledger.jsonl"
        root.mkdir(parents=True)
        write_config(
            self.config,
            task={"seconds_per_epoch": epoch},
            space={"learning_rate": {"low": 2e-4, "high": 5e-3, "log": True}},
            search={"trials": trials, **search},
        )

    @property
    def undisturbed(self) -> Sweep:
        """The same sweep without faults."""
        return self.bed.short if self.trials == SHORT else self.bed.long

    @property
    def events(self) -> list[Event]:
        """The events of its ledger."""
        return read_events(self.folder)

    @property
    def lines(self) -> list[bytes]:
        """The lines of its ledger."""
        return self.ledger.read_bytes().splitlines(keepends=True)

    def start(self, sabotage: Sabotage | None = None, resume: bool = False) -> Driver:
        """Start a driver: `sweep run`, which also continues a sweep, or `sweep resume`."""
        given = ["resume", self.folder] if resume else ["run", self.config, "--out", self.folder]
        return Driver(self.folder, *given, "--address", self.bed.address, sabotage=sabotage)

    def run(self, sabotage: Sabotage | None = None) -> Done:
        """Run `sweep run` to its end."""
        return self.start(sabotage).end()

    def resume(self, sabotage: Sabotage | None = None) -> Done:
        """Run `sweep resume` to its end."""
        return self.start(sabotage, resume=True).end()

    def here(self, *arrive: Callable[[Report], Report]) -> Crew:
        """Return a driver in this process, without Ray, for the thousands of faults in files.

        ``arrive`` functions change a worker's report on its way.
        """
        return Crew(Stage(self.folder, config=begun_with(SweepFolder(self.folder))), *arrive)

    def resume_here(self) -> Done:
        """Resume with a driver in this process, to the end."""
        self.here().finish()
        return Done(0, "", "")

    def begin_with(self, lines: list[bytes], tail: bytes = b"") -> None:
        """Make a folder with a ledger of these lines and a torn last line."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.ledger.write_bytes(b"".join(lines) + tail)

    def judged(
        self,
        fault: str,
        name: str,
        wrong: str = "",
        go_on: Callable[[], Done] | None = None,
        *,
        faults: int = 1,
        code: int = 0,
        like: Sweep | None = None,
        fixed: bool = True,
        check: Callable[[list[Event]], str] = lambda events: "",
    ) -> Case:
        """Continue the sweep after the fault to its end, and judge it.

        ``wrong`` describes errors found before. ``go_on``, by default `sweep resume`, must end with
        ``code``. If the order of events is ``fixed``, they must equal those of ``like``, by default
        the sweep without faults. ``check`` returns a description of further errors.
        """
        before = self.events
        done = (go_on or self.resume)()
        return judge(
            fault,
            name,
            self.events,
            before=before,
            trials=self.trials,
            expected=(like or self.undisturbed).events if fixed else None,
            faults=faults,
            wrong=wrong or done.wrong(code) or check(self.events),
        )
