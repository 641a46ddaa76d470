"""What every driver does, for `sweep run` and `sweep confirm` alike.

It opens the ledger, heeds signals, connects to Ray and lets Tune run what a conductor hands out.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sweep.cluster.baseline import Dense
from sweep.cluster.capacity import Capacity
from sweep.cluster.conductor import Conductor
from sweep.cluster.connect import connected
from sweep.cluster.interrupts import Abort, Heed, cause, signals
from sweep.cluster.log import FILE_ONLY, DriverLog, driver_log
from sweep.cluster.preflight import preflight
from sweep.config import SweepConfig
from sweep.errors import ClusterError, Interrupted, SweepError
from sweep.ledger.folder import SweepFolder
from sweep.ledger.journal import Journal
from sweep.ledger.lease import driver_name
from sweep.ledger.segments import Fenced
from sweep.ledger.store import Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Session:
    """A driver at work on a sweep, the only one. ``again`` is the command that goes on with it."""

    config: SweepConfig
    folder: SweepFolder
    ledger: Journal
    log: DriverLog
    heed: Heed
    address: str | None
    again: str

    @contextmanager
    def connected(self) -> Iterator[Cluster]:
        """Ray for the time of the block.

        Raises :class:`~sweep.errors.ClusterError` where Ray cannot be reached or a node of it is
        unfit, and :class:`~sweep.errors.UsageError` where it has no room for a trial.
        """
        with connected(self.address):
            self.heed()
            if self.address:
                preflight(self.config, str(self.folder.path.absolute()), self.heed)
            dense = Dense(self.config, self.folder.dense, self.heed)
            yield Cluster(self, Capacity(self.config), dense)


@dataclass(frozen=True)
class Cluster:
    """What a session finds on a Ray cluster: room for trials, and a dense model if it asks."""

    session: Session
    capacity: Capacity
    dense: Dense

    def run(self, conductor: Conductor, checkpoints: Store, tick: Callable[[], None]) -> None:
        """Let workers do all that the conductor hands out, with checkpoints below a place.

        ``tick`` is called several times a second. Raises :class:`~sweep.errors.ClusterError` where
        Ray Tune gives up, and :class:`~sweep.cluster.interrupts.Abort` on a signal.
        """
        from sweep.cluster.tune import run_through_tune  # imports Ray, once that is set up

        session, capacity = self.session, self.capacity

        def on_tick() -> None:
            session.heed()
            tick()
            conductor.tidy()

        try:
            run_through_tune(
                session.config,
                checkpoints,
                session.folder.dense,
                conductor,
                lambda: capacity.limit,
                on_tick,
                self.dense.placed() if capacity.spans_machines else [],
            )
        except ClusterError as error:
            raise ClusterError(f"{error}: {session.again}") from error


@contextmanager
def opened(
    config: SweepConfig, folder: SweepFolder, address: str | None, verb: str, create: bool = False
) -> Iterator[Session]:
    """Become the driver of the sweep in a folder, for the time of the block.

    ``address`` is that of a Ray cluster (None: that of RAY_ADDRESS, or Ray on this machine alone),
    ``verb`` the command that goes on with the sweep, ``create`` whether it begins. Where the block
    is left by an :class:`~sweep.cluster.interrupts.Abort`, its error is raised.
    """
    again = f"sweep {verb} {folder.path}"
    where = address or os.environ.get("RAY_ADDRESS")
    with driver_log() as log, signals() as heed, folder.open(create=create) as ledger:
        logger.info("driver: %s; to go on: %s", driver_name(), again, extra=FILE_ONLY)
        if ledger.events:
            log.begin(folder.log)
        try:
            yield Session(config, folder, ledger, log, heed, where, again)
        except (Abort, SystemExit) as left:
            error = cause(left)
            logger.error("%s", error, extra=FILE_ONLY)
            if isinstance(error, Interrupted | Fenced):  # who was fenced has nothing to go on with
                raise error from None
            how = f"what was done is kept; to go on: {again}"
            raise type(error)(f"{error}; {how}") from None
        except SweepError as error:
            logger.error("%s", error, extra=FILE_ONLY)
            raise
