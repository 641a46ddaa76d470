"""Faults of a sweep's folder: a full disk, a changed config, a second driver."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable
from functools import partial

from tests.faults import sabotage
from tests.faults.bed import Bed
from tests.faults.kills import KILLED
from tests.faults.processes import Driver, worker_pid
from tests.faults.verdict import Case, Done, Event, of_kind


def driver_full(bed: Bed, share: float) -> Case:
    """Limit the driver's file size (RLIMIT_FSIZE) from some event on."""
    sweep, line = bed.sweep("full"), max(2, round(share * len(bed.short.events)))
    done = sweep.run(partial(sabotage.fill_disk, line))
    wrong = done.wrong(6, "cannot write", f"sweep resume {sweep.folder}")
    return sweep.judged("disk full", f"driver, at event {line}", wrong)


def worker_full(bed: Bed) -> Case:
    """Limit a worker's file size at a checkpoint."""
    sweep = bed.sweep("full", epoch=0.3)
    driver = sweep.start()
    record = driver.wait_for(lambda: next(iter(of_kind(driver.events, "record")), None))
    if record is not None:
        room = (16, resource.RLIM_INFINITY)
        resource.prlimit(worker_pid(record), resource.RLIMIT_FSIZE, room)
    said = ("cannot write checkpoint", f"sweep resume {sweep.folder}")
    return sweep.judged("disk full", "worker, at a checkpoint", driver.end().wrong(6, *said))


EDITS: dict[str, tuple[Callable[[str], str], str]] = {
    "another seed": (lambda text: text.replace("seed: 3", "seed: 4"), "search.seed: 3 -> 4"),
    "another space": (lambda text: text.replace("high: 0.95", "high: 0.9"), "space.sparsity"),
    "another objective": (lambda text: text.replace("sparsity: max", "loss: min"), "objectives"),
    "a setting gone": (lambda text: text.replace("margin: 0", "# gone"), "search.margin"),
    "an unknown setting": (lambda text: text + "surprise: 1\n", "surprise"),
    "no YAML": (lambda text: text + "search: [\n", "config.yaml"),
    "nothing": (lambda text: "", "config.yaml"),
}
"""Edits of a sweep's config.yaml, and the text that the refusal must contain."""


def config_changed(bed: Bed) -> Case:
    """Edit config.yaml between a kill and `sweep resume`: the edit is refused, nothing is lost."""
    sweep = bed.sweep("config")
    line = len(bed.short.events) // 2
    wrong = sweep.run(partial(sabotage.kill_at, line, torn=False)).wrong(KILLED)
    before, config = sweep.ledger.read_bytes(), sweep.folder / "config.yaml"
    text = config.read_text()
    for name, (edit, word) in EDITS.items():
        config.write_text(edit(text))
        refused = sweep.resume().wrong(2, "error: ", word)
        if edit(text) == text or sweep.ledger.read_bytes() != before:
            refused = f"{name}: the edit or the refusal did not do what it says"
        wrong = wrong or refused
    config.unlink()

    def told(events: list[Event]) -> str:
        back = config.read_text() == text
        return "" if back else "a deleted config.yaml was not written again"

    fault, name = "config changed before resume", ", ".join([*EDITS, "file gone"])
    return sweep.judged(fault, name, wrong, faults=len(EDITS) + 1, check=told)


def two_drivers(bed: Bed) -> Case:
    """Start a second driver on the folder of a running or a suspended driver."""
    sweep = bed.sweep("two", epoch=1.5)
    driver = sweep.start()
    driver.wait_for(lambda: of_kind(driver.events, "record") or None)
    holder = f"in use by another driver: pid {driver.pid}"
    wrong = sweep.resume().wrong(2, holder) or sweep.run().wrong(2, holder)
    wrong = wrong or Driver(sweep.folder, "status", sweep.folder).end().wrong(0, "running")
    (sweep.folder / "ledger.lock").unlink()  # as `git clean` or rsync --delete would
    wrong = wrong or sweep.resume().wrong(2, "in use by another driver: an unknown process")
    driver.signal(signal.SIGSTOP)
    wrong = wrong or sweep.resume().wrong(2, "in use by another driver")

    def go_on() -> Done:
        driver.signal(signal.SIGCONT)
        return driver.end()

    name = "resume, run, resume without ledger.lock, resume while the first is stopped"
    return sweep.judged("two drivers on one folder", name, wrong, go_on, faults=4)
