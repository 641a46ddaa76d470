"""A sweep's driver loop without Ray: the real conductor, search, ledger, trials and checkpoints.

For faults that lie in files alone, of which there are thousands.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sweep.cluster.conductor import Conductor, Report
from sweep.cluster.retention import Retention
from sweep.cluster.worker import records
from sweep.compress.open import open_bench
from sweep.config.saved import begun_with
from sweep.ledger.events import FINISH, Event
from sweep.ledger.folder import SweepFolder
from sweep.ledger.journal import Journal
from sweep.search.replay import Search


def go_on(
    path: Path,
    *,
    leave: Callable[[Event], bool] = lambda event: False,
    arrive: Callable[[Report], Report] = lambda report: report,
) -> None:
    """Go on with the sweep in ``path``, which has begun, to its end.

    ``leave``: the driver is gone after the first event of which this is true. ``arrive``: what
    happens to a worker's report on its way.
    """
    folder = SweepFolder(path)
    heard: list[Event] = []
    with folder.open(create=False) as ledger:
        conductor = _conductor(folder, ledger, heard.append)
        conductor.replay(ledger.events)
        conductor.begin()
        while not conductor.finished:
            if not _work(conductor, folder, arrive, lambda: any(map(leave, heard))):
                return
        conductor.note({"event": FINISH, "reason": None})


def _conductor(folder: SweepFolder, ledger: Journal, listen: Callable[[Event], None]) -> Conductor:
    config = begun_with(folder)
    retention = Retention(folder.checkpoints, config.objectives)
    failures = config.search.max_failures
    return Conductor(Search(config), ledger, retention, failures, listen)


def _work(
    conductor: Conductor,
    folder: SweepFolder,
    arrive: Callable[[Report], Report],
    is_gone: Callable[[], bool],
) -> bool:
    """One worker and one assignment; False if the driver was gone before its end."""
    assignment = conductor.next()
    assert assignment is not None, "nothing to hand out, and not finished"
    conductor.started(assignment)
    for record in records(open_bench(begun_with(folder)), folder.checkpoints, assignment):
        report = arrive(Report(record.to_dict(), worker="here:1"))
        over = conductor.report(assignment["trial_id"], assignment["attempt"], report)
        if is_gone():
            return False
        if over:
            return True
    raise AssertionError("a trial has no more records, and is not over")
