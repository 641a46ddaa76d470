"""Runs a sweep from its config to its end, or continues the sweep of a ledger."""

from __future__ import annotations

import logging
import platform
import shlex
from collections.abc import Sequence
from importlib.metadata import version

from sweep.cluster.baseline import reference_point
from sweep.cluster.conductor import Conductor
from sweep.cluster.interrupts import Abort
from sweep.cluster.listeners import Listener
from sweep.cluster.listeners.fan_out import FanOut, made_of
from sweep.cluster.retention import Retention
from sweep.cluster.session import Session, opened
from sweep.compress.dense.ship import delete_packed
from sweep.config import SweepConfig
from sweep.config.load import check_same
from sweep.config.text import dump_yaml
from sweep.errors import Interrupted, UsageError
from sweep.ledger import events
from sweep.ledger.files import remove_empty
from sweep.ledger.folder import SweepFolder
from sweep.ledger.lines import VERSION
from sweep.ledger.record import dense_event
from sweep.ledger.store import read_text
from sweep.search.replay import Search
from sweep.search.warm import describe, warm_events
from sweep.space.values import one_line
from sweep.version import __version__

logger = logging.getLogger(__name__)

PACKAGES = ("ray", "optuna", "torch", "transformers", "datasets", "pandas")


def run_sweep(
    config: SweepConfig,
    folder: SweepFolder,
    *,
    listeners: Sequence[Listener] = (),
    address: str | None = None,
    trials: int | None = None,
) -> str | None:
    """Begin the sweep in ``folder``, or continue it, and run it to its end.

    ``listeners`` follow its events, and so do the listeners that the config names. ``trials``
    raises the number of trials in all. Returns the budget that was spent, if one was.

    Raises a :class:`~sweep.errors.SweepError`, whose ``exit_code`` a command returns. The ledger
    then holds everything that happened before.
    """
    begun = folder.holds_sweep
    if begun:
        check_same(folder, config)
    fan_out = FanOut([*listeners, *made_of(config.listeners)])
    made = folder.create()
    with opened(config, folder, address, "resume", create=not begun) as session, fan_out:
        try:
            return _search(session, fan_out, trials or 0)
        except Abort as left:
            if isinstance(left.error, Interrupted) and folder.holds_sweep:
                signal = left.error.signal_name
                interrupt: events.Event = {"event": events.INTERRUPT, "signal": signal}
                [interrupt] = session.ledger.append(interrupt)
                fan_out.tell(interrupt)
            raise
        finally:
            session.ledger.close()
            if not folder.holds_sweep:
                session.ledger.discard()
                delete_packed(folder.dense)
                remove_empty(made)


def _search(session: Session, fan_out: FanOut, trials: int) -> str | None:
    """Replay the ledger, and connect to Ray only if trials are left; returns the budget spent."""
    config, folder = session.config, session.folder
    search, keeper = Search(config), Retention(folder.checkpoints, config.objectives)
    conductor = Conductor(search, session.ledger, keeper, config.search.max_failures, fan_out.tell)
    conductor.replay(session.ledger.events)
    fan_out.begin(session.ledger.events)
    conductor.begin()
    check_budget(search, folder, trials)
    search.extend(trials)
    told = [event["event"] for event in session.ledger.events if not events.is_of_confirm(event)]
    warm = [] if events.BASELINE in told else _warm_events(session)
    if events.BASELINE not in told or not conductor.finished:
        with session.connected():
            if events.BASELINE not in told:
                conductor.written(*_first_events(session, warm))
                session.log.begin(folder.log)
            if read_text(folder.config) is None:
                folder.config.write_bytes(dump_yaml(config).encode())
            if told:
                conductor.note({"event": events.RESUME, "trials": search.max_trials})
            _run_trials(session, conductor)
    elif told[-1] == events.FINISH:
        return search.budget.spent
    conductor.note({"event": events.FINISH, "reason": search.why_no_more})
    keeper.close()
    return search.budget.spent


def check_budget(search: Search, folder: SweepFolder, trials: int) -> None:
    """Raise UsageError for more ``trials`` where a budget is spent: they would never begin."""
    if search.budget.spent and trials > search.max_trials:
        warm = f"search.warm_start=[{one_line(str(folder.path))}]"
        again = ["sweep", "run", str(folder.config), f"search.trials={trials}", warm]
        raise UsageError(
            f"no trial can be added: {search.budget.spent}. A sweep keeps its settings. For more "
            f"trials, begin a new sweep that learns from this one: {shlex.join(again)} --out DIR, "
            "with a larger search.budget"
        )


def _warm_events(session: Session) -> list[events.WarmEvent]:
    """The observations of other sweeps that the ledger does not have yet. Each source is logged."""
    have = [event["source"] for event in session.ledger.events if event["event"] == events.WARM]
    found = warm_events(session.config, session.folder.path)
    new = [event for event in found if event["source"] not in have]
    for event in new:
        logger.info("%s", describe(event))
    return new


def _first_events(session: Session, warm: list[events.WarmEvent]) -> Sequence[events.Event]:
    """Prepare the dense baseline, and write those of the first events that the ledger lacks."""
    config, ledger = session.config, session.ledger
    if not ledger.events:
        delete_packed(session.folder.dense)  # left by a failed start, maybe with other settings
    baseline = session.dense.figures()
    reference = reference_point(config, baseline)
    first: events.SweepEvent = {
        "event": events.SWEEP,
        "version": VERSION,
        "name": config.name,
        "config": config.model_dump(mode="json"),
        # prunesweep is not installed where a job brought its source along.
        "versions": {
            "python": platform.python_version(),
            "prunesweep": __version__,
            **{name: version(name) for name in PACKAGES},
        },
        "metric": config.task.primary,
        "metrics": baseline["metrics"],
        "directions": dict(config.objectives),
        "reference_point": reference,
    }
    head = [] if ledger.events else [first]
    event = dense_event(events.BASELINE, baseline, reference_point=reference)
    return ledger.append(*head, *warm, event)


def _run_trials(session: Session, conductor: Conductor) -> None:
    workers = 0

    def tick() -> None:
        nonlocal workers
        if session.capacity.present > workers:
            workers = session.capacity.present
            conductor.note({"event": events.WORKERS, "count": workers})

    session.run(conductor, session.folder.checkpoints, tick)
