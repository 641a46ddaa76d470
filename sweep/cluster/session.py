"""The part of a driver that `sweep run` and `sweep confirm` share.

A driver opens the ledger, obeys signals, connects to Ray, and lets Ray Tune run the jobs that a
conductor hands out.
"""

from __future__ import annotations

import logging
import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sweep.cluster.baseline import Dense
from sweep.cluster.capacity import Capacity
from sweep.cluster.conductor import Conductor
from sweep.cluster.connect import cluster_at, connected
from sweep.cluster.interrupts import Abort, CheckSignals, signals
from sweep.cluster.log import FILE_ONLY, DriverLog, driver_log
from sweep.cluster.preflight import preflight
from sweep.config import SweepConfig
from sweep.errors import Interrupted, SweepError
from sweep.ledger.folder import SweepFolder
from sweep.ledger.journal import Journal
from sweep.ledger.lease import driver_name
from sweep.ledger.segments import Fenced
from sweep.ledger.store import Store

logger = logging.getLogger(__name__)


@dataclass
class Session:
    """The only driver of a sweep, at work.

    While it is :meth:`connected`, it has the capacity for trials, and the dense model.
    """

    config: SweepConfig
    folder: SweepFolder
    ledger: Journal
    log: DriverLog
    check_signals: CheckSignals
    address: str | None
    capacity: Capacity = field(init=False)
    dense: Dense = field(init=False)

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Connect to Ray for the time of the block.

        Raises :class:`~sweep.errors.ClusterError` where Ray cannot be reached or one of its nodes
        cannot run trials, and :class:`~sweep.errors.UsageError` where no node has the resources
        that a trial needs.
        """
        try:
            with connected(self.address):
                self.check_signals()
                if self.address:
                    preflight(self.config, str(self.folder.path.absolute()), self.check_signals)
                self.dense = Dense(self.config, self.folder.dense, self.check_signals)
                self.capacity = Capacity(self.config)
                yield
        except SystemExit:  # while Ray starts, its own handler answers SIGTERM
            raise Abort(Interrupted("SIGTERM", signal.SIGTERM)) from None

    def run(self, conductor: Conductor, checkpoints: Store, tick: Callable[[], None]) -> None:
        """Let workers run all jobs of the conductor, with their checkpoints in a folder.

        ``tick`` is called several times a second. Raises :class:`~sweep.cluster.interrupts.Abort`
        on a signal, and where Ray Tune ends too early.
        """
        from sweep.cluster.tune import run_through_tune  # imports Ray, once that is set up

        def on_tick() -> None:
            self.check_signals()
            tick()
            conductor.tidy()

        run_through_tune(self.dense, self.capacity, checkpoints, conductor, on_tick)


@contextmanager
def opened(
    config: SweepConfig, folder: SweepFolder, address: str | None, verb: str, create: bool = False
) -> Iterator[Session]:
    """Become the driver of the sweep in a folder, for the time of the block.

    ``address`` is as for :func:`~sweep.cluster.connect.cluster_at`. ``verb`` is the command that
    continues the sweep. ``create`` says whether the sweep is new. If the block raises
    :class:`~sweep.cluster.interrupts.Abort`, its error is raised.
    """
    again = f"sweep {verb} {shlex.quote(str(folder.path))}"
    with driver_log() as log, signals() as check_signals, folder.open(create=create) as ledger:
        logger.info("driver: %s; to continue: %s", driver_name(), again, extra=FILE_ONLY)
        if ledger.events:
            log.begin(folder.log)
        try:
            yield Session(config, folder, ledger, log, check_signals, cluster_at(address))
        except Abort as left:
            error = left.error
            logger.error("%s", error, extra=FILE_ONLY)
            if isinstance(error, Interrupted) and not folder.holds_sweep:
                error.args = (f"{error} before the sweep began; nothing was saved",)
            elif not isinstance(error, Fenced):  # a fenced driver has nothing to continue
                error.args = (f"{error}; all finished work is saved; to continue: {again}",)
            raise error from None
        except SweepError as error:
            logger.error("%s", error, extra=FILE_ONLY)
            raise
