"""The log of a driver: messages go to the terminal, and with times to ``driver.log``.

Every module logs to the logger of its own name, below the logger "sweep". Only this module attaches
handlers.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sweep.errors import StorageError
from sweep.ledger.store import Store
from sweep.printable import printable

LOGGER = logging.getLogger("sweep")
LOGGER.setLevel(logging.INFO)

FILE_ONLY = {"terminal": False}
"""The ``extra`` of a message for ``driver.log`` only: the progress display shows the same."""


class _Formatter(logging.Formatter):
    """Formats messages without control characters and passwords."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


class _Terminal(logging.Handler):
    """Prints messages to the ``sys.stderr`` of the moment, which tests and displays replace."""

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "terminal", True):
            print(self.format(record), file=sys.stderr, flush=True)


_terminal = _Terminal()
_terminal.setFormatter(_Formatter())


def log_to_terminal() -> None:
    """Print log messages to standard error from now on. Commands call it; a second call is safe."""
    LOGGER.addHandler(_terminal)


class DriverLog(logging.Handler):
    """Keeps messages in memory until it knows the file, and then writes them.

    In a folder each message is appended at once. An object in a store cannot be appended to: there
    the messages are written when the log is closed, after those of earlier drivers. A log that
    cannot be written does not stop the sweep: the ledger reports the same storage problem.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(
            _Formatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%S%z")
        )
        self._place: Store | None = None
        self._lines: list[str] = []

    def begin(self, place: Store) -> None:
        """Write the earlier messages to this file, and all later ones."""
        self._place = place
        self._append()

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record) + "\n")
        self._append()

    def close(self) -> None:
        if self._lines and self._place is not None:
            with suppress(StorageError):
                before = self._place.read_bytes() or b""
                self._place.write_bytes(before + self._taken().encode())
        super().close()

    def _append(self) -> None:
        path = None if self._place is None else self._place.local
        if path is not None:
            with suppress(OSError), path.open("a", encoding="utf-8") as file:
                file.write(self._taken())

    def _taken(self) -> str:
        text, self._lines = "".join(self._lines), []
        return text


@contextmanager
def driver_log() -> Iterator[DriverLog]:
    """A log that receives all messages of the block."""
    log = DriverLog()
    LOGGER.addHandler(log)
    try:
        yield log
    finally:
        LOGGER.removeHandler(log)
        log.close()
