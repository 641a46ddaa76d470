"""A sweep's ledger, of whichever kind: a file in a folder, segments in an object store."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Protocol, Self

from sweep.ledger import file as files
from sweep.ledger import reading
from sweep.ledger.address import Address
from sweep.ledger.lease import Say
from sweep.ledger.lines import Event
from sweep.ledger.objects import SegmentLedger
from sweep.ledger.store import Place


class Journal(Protocol):
    """What both kinds of ledger offer a driver; :class:`sweep.ledger.file.Ledger` says what
    it means.
    """

    events: list[Any]

    def append(self, *events: Any) -> list[Any]: ...

    def sync(self) -> None: ...

    @property
    def is_synced(self) -> bool: ...

    def close(self) -> None: ...

    def discard(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def open_ledger(path: Place, *, create: bool, say: Say = lambda line: None) -> Journal:
    """Become the one writer of a ledger, as :meth:`sweep.ledger.file.Ledger.open` says.

    ``say`` is told what is waited for.
    """
    if isinstance(path, Address):
        return SegmentLedger.open(path, create=create, say=say)
    return files.Ledger.open(path, create=create)


def read_events(path: Place) -> list[Event]:
    """The events of a ledger, for readers, as :func:`sweep.ledger.file.read_events` says."""
    return reading.read_events(path) if isinstance(path, Address) else files.read_events(path)
