"""Faults that are injected from inside a driver's process at an exact event.

Each function runs in the driver's process before its command, and replaces one function that the
driver calls: a system function (`os.write`, the clock), or the interface to the workers. The tested
code (ledger, search, conductor) is not changed.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sweep.cluster.conductor import Conductor, Report
from tests.faults.verdict import OURS

Strike = Callable[[int, bytes], None]

MISSING = "(missing)"
"""Value of a field that :class:`Tampering` removes."""

ZOMBIE = 0.987654321
"""The accuracy in a forged record of a worker that was declared dead."""


def kill_at(line: int, torn: bool, ours: bool = False) -> None:
    """Kill the driver when line ``line`` (from 1) is in the ledger, or half of it if ``torn``.

    With ``ours``, only lines of trial events count.
    """

    def strike(fd: int, text: bytes) -> None:
        _write(fd, text[: len(text) // 2] if torn else text)
        os.kill(os.getpid(), signal.SIGKILL)

    _on_line(line, strike, lambda text: not ours or json.loads(text)["event"] in OURS)


def fill_disk(line: int) -> None:
    """From the ledger's line ``line`` (from 1) on, no file of the driver can grow."""

    def strike(fd: int, text: bytes) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = os.fstat(fd).st_size + len(text) // 2
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

    _on_line(line, strike)


def turn_back_clock(line: int, seconds: float) -> None:
    """Set the clock back by ``seconds`` from the ledger's line ``line`` (0: the start) on."""
    real, late = time.time, [0.0 if line else seconds]

    def strike(fd: int, text: bytes) -> None:
        late[0] = seconds

    time.time = lambda: real() - late[0]
    _on_line(line, strike)


def send_late_reports() -> None:
    """Send late reports of a lost worker: after its loss, and when its trial is retried."""
    lost, handed_out, started = Conductor.lost, Conductor.next, Conductor.started

    def after_lost(
        self: Conductor, trial_id: str, attempt: int, reason: str, preempted: bool
    ) -> None:
        lost(self, trial_id, attempt, reason, preempted)
        _speak(self, trial_id, attempt)

    def after_next(self: Conductor) -> dict[str, Any] | None:
        assignment = handed_out(self)
        if assignment is not None:
            _speak(self, assignment["trial_id"], assignment["attempt"] - 1)
        return assignment

    def after_started(self: Conductor, assignment: Mapping[str, Any]) -> None:
        started(self, assignment)
        _speak(self, assignment["trial_id"], assignment["attempt"] - 1)

    Conductor.lost = after_lost  # type: ignore[method-assign]
    Conductor.next = after_next  # type: ignore[method-assign]
    Conductor.started = after_started  # type: ignore[method-assign]


def _speak(conductor: Conductor, trial_id: str, attempt: int) -> None:
    """Send the last record again, and a next one, under an attempt that is over."""
    records = conductor.work.job(trial_id).records
    if attempt < 1 or not records:
        return
    last = records[max(records)]
    for epoch in (last["epoch"], last["epoch"] + 1):
        late = {**last, "epoch": epoch, "accuracy": ZOMBIE}
        for name in ("event", "trial_id", "attempt", "time", "worker"):
            late.pop(name, None)
        conductor.report(trial_id, attempt, Report(late, worker="zombie:1"))


class Tampering:
    """Changes fields of the workers' records, selected by their number, on their way."""

    def __init__(self, changes: Mapping[int, Mapping[str, Any]]) -> None:
        self.changes, self.count = dict(changes), 0

    def __call__(self, report: Report) -> Report:
        """Return the changed report of a worker."""
        number, self.count = self.count, self.count + 1
        if number not in self.changes or report.figures is None:
            return report
        figures = {**report.figures, **self.changes[number]}
        figures = {name: value for name, value in figures.items() if value != MISSING}
        return replace(report, figures=figures)


def tamper(changes: Mapping[int, Mapping[str, Any]]) -> None:
    """Put a :class:`Tampering` between the workers and the driver."""
    report, tampering = Conductor.report, Tampering(changes)

    def report_tampered(self: Conductor, name: str, attempt: int, told: Report) -> bool:
        return report(self, name, attempt, tampering(told))

    Conductor.report = report_tampered  # type: ignore[method-assign]


_write = os.write


def _on_line(
    number: int, strike: Strike, counts: Callable[[bytes], bool] = lambda text: True
) -> None:
    """Call ``strike`` with the file descriptor and the text of the ``number``-th counted line.

    The call comes before the line is written; lines written together are handled one by one.
    """
    seen = 0

    def write(fd: int, data: Any) -> int:
        nonlocal seen
        if not _is_ledger(fd):
            return _write(fd, data)
        done = 0
        for line in bytes(data).splitlines(keepends=True):
            if line.startswith(b"{") and counts(line):  # ignore the rest of a torn line
                seen += 1
                if seen == number:
                    strike(fd, line)
            written = _write(fd, line)
            done += written
            if written < len(line):
                break
        return done

    os.write = write


def _is_ledger(fd: int) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{fd}").endswith("/ledger.jsonl")
    except OSError:
        return False
