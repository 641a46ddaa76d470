"""Where the log of a driver goes: to the terminal as it is, and to ``driver.log`` with times.

Every module logs to the logger of its own name, all of which lie below "sweep". Handlers are
attached here alone.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sweep.errors import StorageError
from sweep.ledger.store import Store, read_text

LOGGER = logging.getLogger("sweep")

FILE_ONLY = {"terminal": False}
"""The ``extra`` of a message that a terminal does not show: the progress display shows it there."""


class _Terminal(logging.Handler):
    """Prints messages to standard error, wherever that leads at the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "terminal", True):
            print(self.format(record), file=sys.stderr, flush=True)


_terminal = _Terminal()


def log_to_terminal() -> None:
    """Print what is logged to standard error from now on. For commands; twice is fine."""
    LOGGER.setLevel(logging.INFO)
    LOGGER.addHandler(_terminal)


class DriverLog(logging.Handler):
    """Keeps messages, and writes them once it knows where to.

    In a folder each is appended at once. An object cannot be appended to: at an address they are
    put when the log is closed, after those of earlier drivers. A log that cannot be written is no
    reason to stop: the ledger says what is wrong.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(
            logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%S%z")
        )
        self._place: Store | None = None
        self._lines: list[str] = []

    def begin(self, place: Store) -> None:
        """Write to this file: what was logged before, and what will be."""
        self._place = place
        self._append()

    def emit(self, record: logging.LogRecord) -> None:
        """Take one message."""
        self._lines.append(self.format(record) + "\n")
        self._append()

    def close(self) -> None:
        """Write what is not written yet."""
        if self._lines and self._place is not None:
            with suppress(StorageError):
                text = (read_text(self._place) or "") + self._taken()
                self._place.write_bytes(text.encode())
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
    """A log that hears all messages of the block."""
    log, level = DriverLog(), LOGGER.level
    LOGGER.setLevel(level or logging.INFO)
    LOGGER.addHandler(log)
    try:
        yield log
    finally:
        LOGGER.removeHandler(log)
        LOGGER.setLevel(level)
        log.close()
