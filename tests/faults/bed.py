"""The bed that faults are injected on: folders, the sweeps in them, and the same undisturbed."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from tests.faults.processes import Driver, Sabotage
from tests.faults.verdict import Case, Done, Event, judge, read_events
from tests.harness.sweeps import write_config

Thunk = Callable[[], Case]

SHORT, LONG = 6, 16
"""Trials of a sweep; after its first ten a long one is TPE's, which learns from what it is told."""


def one_case(fault: Callable[..., Case]) -> Callable[..., Iterator[Thunk]]:
    """A fault of a single case."""

    def cases(*given: Any, **how: Any) -> Iterator[Thunk]:
        yield partial(fault, *given, **how)

    return cases


class Bed:
    """A root folder, and the address of a Ray cluster (None where a fault needs no Ray)."""

    def __init__(self, root: Path, address: str | None = None) -> None:
        self.root, self.address = root, address
        self._count = itertools.count()

    def sweep(self, name: str, trials: int = SHORT, epoch: float = 0.0, **search: Any) -> Sweep:
        """A new folder and a config: ``epoch`` is what a finetune epoch takes, in seconds."""
        return Sweep(self, self.root / f"{next(self._count):04d}-{name}", trials, epoch, search)

    @cached_property
    def short_sweep(self) -> Sweep:
        """A short sweep, undisturbed."""
        return self._undisturbed("short", SHORT)

    @cached_property
    def long_sweep(self) -> Sweep:
        """A long sweep, undisturbed."""
        return self._undisturbed("long", LONG)

    @property
    def short(self) -> list[Event]:
        """The events of :attr:`short_sweep`."""
        return self.short_sweep.events

    @property
    def long(self) -> list[Event]:
        """The events of :attr:`long_sweep`."""
        return self.long_sweep.events

    def _undisturbed(self, name: str, trials: int) -> Sweep:
        sweep = self.sweep(name, trials)
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
        root.mkdir(parents=True)
        write_config(
            self.config,
            task={"seconds_per_epoch": epoch},
            space={"learning_rate": {"low": 2e-4, "high": 5e-3, "log": True}},
            search={"trials": trials, **search},
        )

    @property
    def events(self) -> list[Event]:
        """What its ledger holds."""
        return read_events(self.folder)

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.jsonl"

    def start(self, sabotage: Sabotage | None = None, resume: bool = False) -> Driver:
        """A driver on it: `sweep run`, which goes on with a sweep too, or `sweep resume`."""
        given = ["resume", self.folder] if resume else ["run", self.config, "--out", self.folder]
        return Driver(self.folder, *given, "--address", self.bed.address, sabotage=sabotage)

    def run(self, sabotage: Sabotage | None = None) -> Done:
        """`sweep run`, to its end."""
        return self.start(sabotage).end()

    def resume(self, sabotage: Sabotage | None = None) -> Done:
        """`sweep resume`, to its end."""
        return self.start(sabotage, resume=True).end()

    def begin_with(self, lines: list[bytes], tail: bytes = b"") -> None:
        """A folder that holds a ledger of these lines, and a torn tail."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.ledger.write_bytes(b"".join(lines) + tail)

    def judge(self, fault: str, name: str, **how: Any) -> Case:
        """See :func:`tests.faults.verdict.judge`."""
        return judge(fault, name, self.folder, trials=self.trials, **how)

    def survive(
        self,
        fault: str,
        name: str,
        disturb: Callable[[], str],
        go_on: Callable[[], Done] | None = None,
    ) -> Case:
        """Disturb a short sweep, go on with it, and judge it by the undisturbed one.

        ``disturb`` returns what was wrong already; ``go_on`` is `sweep resume` unless given.
        """
        wrong = disturb()
        before = self.events
        done = (go_on or self.resume)()
        wrong = wrong or done.wrong(0)
        return self.judge(fault, name, before=before, expected=self.bed.short, wrong=wrong)
