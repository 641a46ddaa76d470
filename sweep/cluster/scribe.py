"""The ledger as a driver uses it: where it cannot be written, the session is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sweep.cluster.abort import Abort
from sweep.errors import StorageError
from sweep.ledger.file import Event
from sweep.ledger.open import Journal


class Scribe:
    """Appends to a ledger and waits for the disk.

    What goes wrong is an :class:`~sweep.cluster.abort.Abort`, which passes through Ray's loop.
    """

    def __init__(self, ledger: Journal) -> None:
        self.ledger = ledger

    def write(self, *events: Event) -> list[Event]:
        """Append events, if any; returns them as the ledger has them, with their times."""
        with _or_abort():
            return self.ledger.append(*events) if events else []

    def sync(self) -> None:
        """Return when all that was appended is on the disk."""
        with _or_abort():
            self.ledger.sync()

    @property
    def is_synced(self) -> bool:
        """Whether all that was appended is on the disk."""
        with _or_abort():
            return self.ledger.is_synced


@contextmanager
def _or_abort() -> Iterator[None]:
    try:
        yield
    except StorageError as error:
        raise Abort(error) from error
