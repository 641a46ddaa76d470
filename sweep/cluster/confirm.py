"""`sweep confirm` retrains points of a sweep under fresh seeds and evaluates them on test."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sweep.cluster.conductor import Conductor
from sweep.cluster.listeners import Listener
from sweep.cluster.listeners.fan_out import FanOut, made_of
from sweep.cluster.retention import RetrainingRetention
from sweep.cluster.session import Session, opened
from sweep.config import SweepConfig
from sweep.errors import UsageError
from sweep.ledger import events
from sweep.ledger.folder import SweepFolder
from sweep.ledger.metric import PrimaryMetric
from sweep.ledger.record import dense_event, figure
from sweep.search.replay import Search
from sweep.search.rounds import Confirmation, choose

logger = logging.getLogger(__name__)


def run_confirm(
    config: SweepConfig,
    folder: SweepFolder,
    *,
    seeds: int,
    runners_up: int,
    listeners: Sequence[Listener] = (),
    address: str | None = None,
) -> Confirmation:
    """Confirm the sweep in ``folder``, or continue a confirmation; returns the finished one.

    ``listeners`` follow its events, and so do the listeners that the config names.

    Every point of the front, and the ``runners_up`` points nearest to it, then has figures under
    ``seeds`` seeds, except where a retraining failed. Raises a :class:`~sweep.errors.SweepError`,
    whose ``exit_code`` a command returns. The ledger then holds everything that happened before.
    """
    fan_out = FanOut([*listeners, *made_of(config.listeners)])
    with opened(config, folder, address, "confirm") as session, fan_out:
        confirmation = Confirmation().replay(session.ledger.events)
        begun = confirmation.next_round(_points(session, runners_up), seeds, config.search.seed)
        fan_out.begin(session.ledger.events)
        _confirm(session, confirmation, begun, fan_out)
    return confirmation


def _confirm(
    session: Session, confirmation: Confirmation, begun: events.ConfirmEvent | None, fan_out: FanOut
) -> None:
    """Connect to Ray only if there is something to do."""
    config, folder = session.config, session.folder
    metric = PrimaryMetric.of(session.ledger.events[0])
    keeper = RetrainingRetention(folder.retrainings)

    def listen(event: events.Event) -> None:
        _log_progress(confirmation, metric, event)
        fan_out.tell(event)

    conductor = Conductor(confirmation, session.ledger, keeper, config.search.max_failures, listen)
    if begun or confirmation.unfinished():
        with session.connected():
            first: list[events.Event] = [begun] if begun else []
            if not confirmation.has_baseline:
                figures = session.dense.figures("test")
                first.append(dense_event(events.CONFIRM_BASELINE, figures, split="test"))
            conductor.begin(*first)
            jobs = confirmation.unfinished()
            seeds, epochs = {job.seed for job in jobs}, sum(max(job.wanted) for job in jobs)
            plan = "retrainings: %d; fresh seeds: %d; epochs in all: %d"
            logger.info(plan, len(jobs), len(seeds), epochs)
            session.run(conductor, folder.retrainings, lambda: None)
    if event := confirmation.finish_event():
        conductor.note(event)
    keeper.close()


def _points(session: Session, runners_up: int) -> list[events.Point]:
    """The points to confirm. Raises :class:`~sweep.errors.UsageError` where there is no front."""
    search = Search(session.config).replay(session.ledger.events)
    params = {name: trial.params for name, trial in search.trials.items()}
    points = choose(session.config, search.records, params, runners_up, search.metric)
    if not points:
        raise UsageError(
            f"{session.folder.path} has no front yet: no trial has a finished evaluation"
        )
    if left := len(search.unfinished()):
        logger.info("%d trials have not ended, so the front may still change", left)
    return points


def _log_progress(confirmation: Confirmation, metric: PrimaryMetric, event: events.Event) -> None:
    """Log the figures, losses and failures of retrainings."""
    if event["event"] == events.CONFIRM_RECORD:
        head = f"{confirmation.done}/{confirmation.planned} {_name(event)} epoch {event['epoch']}"
        values = figure(event, metric.name), figure(event, metric.validation)
        logger.info("%s: %s %.4f on test, %.4f on validation", head, metric.name, *values)
    elif event["event"] == events.CONFIRM_LOST:
        logger.warning("%s lost its worker (%s)", _name(event), event["reason"])
    elif event["event"] == events.CONFIRM_END and event["error"]:
        logger.warning("%s failed: %s", _name(event), event["error"])


def _name(event: events.ReadEvent) -> str:
    return f"{event['trial_id']} seed {event['seed']}"
